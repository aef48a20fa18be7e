// Sends a file of corrections. Listens at the document, since parts of the page are replaced while one works.
"use strict";
(() => {
  const PIECE = 32766; // a multiple of three, so that pieces in base64 join

  async function send(form, file) {
    const state = document.getElementById("import-state");
    if (file.size > Number(form.dataset.most)) {
      state.textContent = form.dataset.large;
      return;
    }
    state.textContent = form.dataset.waiting;
    const bytes = new Uint8Array(await file.arrayBuffer());
    const parts = [];
    for (let at = 0; at < bytes.length; at += PIECE) parts.push(btoa(String.fromCharCode(...bytes.subarray(at, at + PIECE))));
    form.elements.file.value = parts.join("").replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    form.submit();
  }

  document.addEventListener("click", (event) => {
    if (event.target.id === "import") document.getElementById("import-file").click();
  });
  document.addEventListener("change", (event) => {
    if (event.target.id === "import-file" && event.target.files[0]) send(event.target.form, event.target.files[0]);
  });
})();
