"use strict";
(() => {
  const root = document.documentElement;
  const wanted = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
  const recall = (key) => { try { return localStorage.getItem("meetbefore-" + key); } catch { return null; } };
  const remember = (key, value) => { try { localStorage.setItem("meetbefore-" + key, value); } catch { /* some browsers keep nothing for files */ } };
  const dark = matchMedia("(prefers-color-scheme: dark)");

  let language = wanted.get("lang") || recall("lang") || navigator.language || "en";
  const setLanguage = (to) => {
    language = to.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
    root.lang = language;
    const title = document.querySelector("title");
    if (title) title.textContent = language === "en" ? title.dataset.en : title.dataset.zh;
    const button = document.getElementById("language");
    if (button) {
      button.textContent = language === "en" ? "中文" : "English";
      button.dataset.to = language === "en" ? "zh-CN" : "en";
    }
  };

  let chosen = wanted.get("theme") || recall("theme");
  const setTheme = () => { root.dataset.theme = chosen === "dark" || chosen === "light" ? chosen : dark.matches ? "dark" : "light"; };
  setTheme();
  setLanguage(language);
  dark.addEventListener("change", setTheme);

  // A button beside each command, where the browser lets something be copied.
  const addButtons = (element) => {
    const button = document.getElementById("copy");
    if (!navigator.clipboard || !button) return;
    for (const code of element.querySelectorAll("code")) {
      if (code.nextElementSibling?.classList.contains("copy")) continue;
      code.after(button.content.cloneNode(true));
      const made = code.nextElementSibling;
      made.addEventListener("click", async () => {
        await navigator.clipboard.writeText(code.textContent);
        made.dataset.done = "";
        document.getElementById("said").textContent = made.querySelector(`.after [lang="${language}"]`).textContent;
        setTimeout(() => { delete made.dataset.done; document.getElementById("said").textContent = ""; }, 2000);
      });
    }
  };

  // Where scripts run, noscript holds mere text: timelines far down become elements when they are opened.
  const layOut = (details) => {
    const late = details.querySelector("noscript");
    if (late) {
      details.insertAdjacentHTML("beforeend", late.textContent);
      late.remove();
    }
    addButtons(details);
  };
  document.addEventListener("toggle", (event) => { if (event.target.open) layOut(event.target); }, true);

  const openTarget = () => {
    const target = location.hash.startsWith("#p-") && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target) target.querySelector("details").open = true;
  };

  document.addEventListener("DOMContentLoaded", () => {
    setLanguage(language);
    document.querySelectorAll(".tools, .find").forEach((element) => { element.hidden = false; });
    document.getElementById("language").addEventListener("click", (event) => {
      setLanguage(event.currentTarget.dataset.to);
      remember("lang", language);
    });
    document.getElementById("theme").addEventListener("click", () => {
      chosen = root.dataset.theme === "dark" ? "light" : "dark";
      setTheme();
      remember("theme", chosen);
    });

    const cards = [...document.querySelectorAll(".card")];
    const find = document.getElementById("find");
    if (find) find.addEventListener("input", () => {
      const text = find.value.trim().toLowerCase();
      let shown = 0;
      for (const card of cards) {
        card.hidden = !card.dataset.find.includes(text);
        shown += !card.hidden;
      }
      document.getElementById("found").textContent = text ? shown + " / " + cards.length : "";
    });

    const all = [...document.querySelectorAll(".card details")];
    const unfold = document.getElementById("unfold");
    if (unfold) unfold.addEventListener("click", () => {
      const open = unfold.parentElement.toggleAttribute("data-open");
      all.forEach((details) => { details.open = open; });
    });
    let closed = [];
    addEventListener("beforeprint", () => {
      closed = all.length <= 200 ? all.filter((details) => !details.open) : [];
      closed.forEach((details) => { details.open = true; });
    });
    addEventListener("afterprint", () => closed.forEach((details) => { details.open = false; }));
    addEventListener("hashchange", openTarget);
    openTarget();
  });
})();
