// Sends a photograph that is chosen, dropped or pasted; large ones are made smaller first, those that the browser cannot read go as they are.
"use strict";
(() => {
  const MOST_SIDE = 2048, QUALITY = 0.92;
  const form = document.getElementById("whois"), input = document.getElementById("photograph");

  async function smaller(file) {
    try {
      const bitmap = await createImageBitmap(file);
      const scale = Math.min(1, MOST_SIDE / Math.max(bitmap.width, bitmap.height));
      const canvas = document.createElement("canvas");
      canvas.width = Math.round(bitmap.width * scale);
      canvas.height = Math.round(bitmap.height * scale);
      canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      return await new Promise((done) => canvas.toBlob((blob) => done(blob || file), "image/jpeg", QUALITY));
    } catch {
      return file;
    }
  }

  async function send(file) {
    if (!file) return;
    form.setAttribute("aria-busy", "true");
    form.querySelector(".quiet").textContent = form.dataset.waiting;
    const bytes = new Uint8Array(await (await smaller(file)).arrayBuffer());
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    form.elements.picture.value = btoa(text);
    form.submit();
  }

  input.addEventListener("change", () => send(input.files[0]));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    send(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => send([...event.clipboardData.files][0]));
})();
