// The run in progress is looked at every second; a field that is filled in chooses what it belongs to. Both pages work without it.
"use strict";
(() => {
  const EVERY_MS = 1000;

  const look = async () => {
    const place = document.getElementById("run-place");
    if (place && !document.hidden) {
      try {
        const response = await fetch(place.dataset.address);
        const fresh = response.ok && new DOMParser().parseFromString(await response.text(), "text/html").getElementById("run");
        const now = document.getElementById("run");
        if (fresh && now && place.isConnected && fresh.outerHTML !== now.outerHTML) {
          for (const button of document.querySelectorAll('form[action$="/videos/process"] button')) button.disabled = fresh.dataset.going === "yes";
          now.replaceWith(fresh);
        }
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // the server is away: the page says so
      }
    }
    setTimeout(look, EVERY_MS);
  };
  setTimeout(look, EVERY_MS);

  document.addEventListener("input", (event) => {
    const chosen = event.target.dataset.chooses;
    const radio = chosen && event.target.form.querySelector(`input[type=radio][value="${CSS.escape(chosen)}"]`);
    if (radio) radio.checked = true;
  });
})();
