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

  document.addEventListener("toggle", (event) => { if (event.target.open && !event.target.matches(".once")) addButtons(event.target); }, true);

  // People far down are packed until somebody comes near, looks for them or follows a link.
  const CARD_REM = 13;
  const FEW = 20; // people whom one finds by looking
  const unpacking = new Map();
  let looked = "";
  let isUnfolded = false;
  const wantedLines = (holder) => holder.dataset.find.split("\n").filter((line) => line.includes(looked)).length;
  const sift = (cards) => cards.forEach((card) => { card.hidden = !card.dataset.find.includes(looked); });
  const unpack = (holder) => {
    if (!unpacking.has(holder)) unpacking.set(holder, (async () => {
      const bytes = Uint8Array.from(atob(holder.querySelector("script").textContent), (letter) => letter.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      holder.innerHTML = await new Response(stream).text();
      holder.style.minHeight = "";
      holder.dataset.done = "";
      sift(holder.querySelectorAll(".card"));
      if (isUnfolded) holder.querySelectorAll(".card details").forEach((details) => { details.open = true; });
    })());
    return unpacking.get(holder);
  };
  const packed = () => [...document.querySelectorAll(".late:not([data-done])")];
  const makeRoom = (holder) => {
    const lines = wantedLines(holder);
    holder.hidden = !lines;
    holder.style.minHeight = lines * CARD_REM + "rem";
    return lines;
  };

  const openTarget = async () => {
    if (!location.hash.startsWith("#p-")) return;
    const id = decodeURIComponent(location.hash.slice(1));
    const holder = packed().find((one) => one.dataset.find.split("\n").some((line) => line.split(" ").at(-1) === id.slice(2)));
    if (holder) await unpack(holder);
    const target = document.getElementById(id);
    if (!target) return;
    for (let around = target; around; around = around.parentElement?.closest("details")) (around === target ? target.querySelector("details") : around).open = true;
    target.scrollIntoView();
  };

  document.addEventListener("DOMContentLoaded", () => {
    setLanguage(language);
    document.querySelectorAll(".tools").forEach((element) => { element.hidden = false; });
    document.getElementById("language").addEventListener("click", (event) => {
      setLanguage(event.currentTarget.dataset.to);
      remember("lang", language);
    });
    document.getElementById("theme").addEventListener("click", () => {
      chosen = root.dataset.theme === "dark" ? "light" : "dark";
      setTheme();
      remember("theme", chosen);
    });

    const near = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) { near.unobserve(entry.target); unpack(entry.target); }
    }, { rootMargin: "1500px" });
    for (const holder of packed()) { makeRoom(holder); near.observe(holder); }
    const total = document.querySelectorAll(".card").length + packed().reduce((sum, holder) => sum + wantedLines(holder), 0);

    const find = document.getElementById("find");
    if (find && total > FEW) find.parentElement.hidden = false;
    if (find) find.addEventListener("input", () => {
      looked = find.value.trim().toLowerCase();
      sift(document.querySelectorAll(".card"));
      const waiting = packed().reduce((sum, holder) => sum + makeRoom(holder), 0);
      const shown = waiting + document.querySelectorAll(".card:not([hidden])").length;
      const once = document.querySelector(".once");
      if (once && looked && once.querySelector(".card:not([hidden])")) once.open = true;
      document.getElementById("found").textContent = looked ? shown + " / " + total : "";
    });

    document.querySelectorAll(".card details[open], .how").forEach(addButtons);
    const details = () => [...document.querySelectorAll(".card:not(.tile) details, .once")];
    const unfold = document.getElementById("unfold");
    if (unfold) unfold.addEventListener("click", () => {
      isUnfolded = unfold.parentElement.toggleAttribute("data-open");
      details().forEach((one) => { one.open = isUnfolded; });
    });
    let closed = [];
    addEventListener("beforeprint", () => {
      closed = details().length <= 200 ? details().filter((one) => !one.open) : [];
      closed.forEach((one) => { one.open = true; });
    });
    addEventListener("afterprint", () => closed.forEach((one) => { one.open = false; }));
    addEventListener("hashchange", openTarget);
    openTarget();
  });
})();
