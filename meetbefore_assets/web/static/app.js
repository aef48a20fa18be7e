// Keys, selection and updates in place. Every page works without it: all that is done here is done by forms and links, too.
"use strict";
(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const main = () => one("#main");
  const isShown = (element) => element.checkVisibility({ visibilityProperty: true });
  const isField = (element) => element.matches("input:not([type=checkbox], [type=radio]), select, textarea");
  let isBusy = false;
  document.documentElement.classList.add("has-script");

  // --- Pages are swapped in place: what was typed, looked at and loaded stays.
  const preloaded = new Map();

  const keepImages = (fresh) => {
    const kept = new Map([...preloaded, ...all("img", main()).map((image) => [image.src, image])]);
    for (const image of all("img", fresh)) {
      const old = kept.get(image.src);
      if (!old || !old.complete || !old.naturalWidth) continue;
      kept.delete(image.src);
      [...old.attributes].forEach(({ name }) => { if (name !== "src") old.removeAttribute(name); });
      [...image.attributes].forEach(({ name, value }) => { if (name !== "src") old.setAttribute(name, value); });
      image.replaceWith(old);
    }
  };

  const placeOfFocus = () => {
    const at = document.activeElement;
    if (!main().contains(at) || at === main()) return null;
    const item = at.closest(".item");
    const items = item ? all(".item", main()) : [];
    return { id: at.id, isField: isField(at), key: at.dataset.key, inItem: item && (at.matches(".go") ? ".go" : ".pick input"), index: items.indexOf(item), person: item?.dataset.person };
  };

  const restoreFocus = (before) => {
    if (!before) return;
    const items = all(".item", main());
    const item = before.inItem && (items.find((each) => each.dataset.person && each.dataset.person === before.person) ?? items[Math.min(before.index, items.length - 1)]);
    const to = (before.id && document.getElementById(before.id)) || (item && one(before.inItem, item)) || main();
    to.focus({ preventScroll: true });
  };

  // A field that one types in or drags stays where it is in the page, or the mouse would lose it: all around it is renewed.
  const renewAround = (field, renewed) => {
    const ways = [field, renewed].map((each) => { const way = [each]; while (way.at(-1).id !== "main") way.push(way.at(-1).parentElement); return way; });
    const [kept, fresh] = ways;
    if (kept.length !== fresh.length || kept.some((each, place) => each.tagName !== fresh[place].tagName)) return false;
    if (renewed.ariaValueText) field.ariaValueText = renewed.ariaValueText;
    for (let place = 0; place + 1 < kept.length; place += 1) {
      const parent = kept[place + 1], siblings = [...fresh[place + 1].childNodes], middle = siblings.indexOf(fresh[place]);
      for (const { name, value } of fresh[place + 1].attributes) parent.setAttribute(name, value);
      for (const old of [...parent.childNodes]) if (old !== kept[place]) old.remove();
      kept[place].before(...siblings.slice(0, middle));
      kept[place].after(...siblings.slice(middle + 1));
    }
    return true;
  };

  const swap = (html, address, { isNewPage }) => {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    const next = one("#main", fresh);
    if (!next) { say(html.slice(0, 300), true); return; } // a refusal, or trouble of the server
    const focused = placeOfFocus(), typing = document.activeElement;
    keepImages(next);
    const renewed = !isNewPage && focused?.isField && focused.id && typing.form?.matches(".filters") && one(`#${CSS.escape(focused.id)}`, next);
    if (!renewed || !renewAround(typing, renewed)) main().replaceWith(next);
    for (const selector of ["#pending", ".bar", "#undo-latest"]) one(selector).replaceWith(one(selector, fresh));
    document.title = fresh.title;
    document.body.dataset.page = fresh.body.dataset.page;
    one("#fresh").hidden = true;
    if (isNewPage) { scrollTo(0, 0); main().focus({ preventScroll: true }); }
    else restoreFocus(focused);
    begin();
  };

  // What one does goes before what is looked at again by itself: that is thrown away where something was done meanwhile.
  let doings = 0;
  const load = async (address, options = {}, { push = "push" } = {}) => {
    if (isBusy) return;
    isBusy = true;
    doings += 1;
    main().setAttribute("aria-busy", "true");
    try {
      const response = await fetch(address, { ...options, headers: { Accept: "text/html" } });
      if (response.status === 401 || response.status === 403) { location.reload(); return; }
      const html = await response.text();
      const before = new URL(location.href), after = new URL(response.redirected || !options.method ? response.url : location.href);
      if (push === "push" && after.href !== before.href) history.pushState(null, "", after);
      else if (push === "replace") history.replaceState(null, "", after);
      swap(html, after.href, { isNewPage: before.pathname !== after.pathname || (one("form[data-next]") !== null && options.method === "POST") });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      say(document.body.dataset.offline, true);
    } finally {
      isBusy = false;
      main().removeAttribute("aria-busy");
    }
  };

  const lookAgain = async (isAsked) => {
    const before = doings;
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    const html = await response.text();
    if (response.ok && before === doings && (isAsked || !isAtWork())) swap(html, location.href, { isNewPage: false });
  };
  const isAtWork = () => isField(document.activeElement) || one(".pick input:checked") || one(":popover-open");

  const say = (text, isTrouble) => {
    const pending = one("#pending");
    if (pending.textContent !== text) pending.textContent = text; // or it would be read aloud again
    pending.hidden = !text;
    pending.classList.toggle("trouble", isTrouble);
  };

  const fieldsOf = (form, submitter) => {
    const fields = new URLSearchParams(new FormData(form, submitter?.form === form ? submitter : null));
    if (form.method === "get") for (const [name, value] of [...fields]) if (!value) fields.delete(name);
    return fields;
  };

  const send = (form, submitter, push = "push") => {
    const fields = fieldsOf(form, submitter);
    // `form.action` would be a field of that name.
    const address = new URL(form.getAttribute("action"), location.href);
    if (form.method === "get") { address.search = fields; return load(address, {}, { push }); }
    return load(address, { method: "POST", body: fields }, { push: "replace" });
  };

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-live]")) return;
    event.preventDefault();
    send(event.target, event.submitter);
  });
  addEventListener("popstate", () => load(location.href, {}, { push: "none" }));

  // Filters work as one chooses.
  let waiting = 0;
  const filter = (form, push, after_ms) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => (isBusy ? filter(form, push, 60) : send(form.isConnected ? form : one(".filters"), null, push)), after_ms);
  };
  // While a slider is dragged, one threshold is asked for at a time: where it is when the last one is there. What it passed by is left out.
  let isSliding = false, hasMoved = false;
  const slide = async (form) => {
    hasMoved = true;
    if (isSliding) return;
    isSliding = true;
    while (hasMoved && form.isConnected) {
      if (isBusy) { await new Promise((done) => setTimeout(done, 20)); continue; }
      hasMoved = false;
      await send(form, null, "replace");
    }
    isSliding = false;
  };
  const LETTERS_MS = 180; // after so long without another letter
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form?.matches(".filters") && !["search", "range"].includes(event.target.type)) filter(form, "push", 0);
    if (event.target.matches(".pick input, .only input")) selectionChanged();
  });
  document.addEventListener("input", (event) => {
    const { form, type } = event.target;
    if (!form?.matches(".filters")) return;
    if (type === "range") slide(form);
    else if (type === "search") filter(form, "replace", LETTERS_MS);
  });

  // --- Changes by others, and what is being processed.
  const look = async () => {
    if (!document.hidden && !isBusy) {
      try {
        const response = await fetch(document.body.dataset.state);
        if (response.status === 401) { location.reload(); return; }
        const state = await response.json();
        if (!isBusy) {
          say(state.pending, state.is_trouble);
          one("#pending").classList.toggle("busy", state.is_busy);
          if (state.version !== main().dataset.version && !main().querySelector("[data-still]")) {
            if (isAtWork()) one("#fresh").hidden = false;
            else await lookAgain(false);
          }
        }
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        say(document.body.dataset.offline, true);
      }
    }
    setTimeout(look, 1500);
  };
  one("#show-fresh").addEventListener("click", () => lookAgain(true));

  // --- Selecting: boxes, shift-click, a box drawn with the mouse.
  const boxes = () => all(".picks .pick input");
  let last = null;
  const selectionChanged = () => {
    const chosen = boxes().filter((box) => box.checked);
    for (const output of all("output.selected")) output.textContent = output.dataset.text.replace("#", chosen.length);
    const tracks = one(".only input")?.checked ? new Set() : new Set(chosen.map((box) => box.closest(".item").dataset.track).filter(Boolean));
    for (const face of all(".face")) face.classList.toggle("along", tracks.has(face.dataset.track) && !one(".pick input", face).checked);
  };
  const pick = (box, isRange) => {
    const known = boxes();
    if (isRange && last && known.includes(last)) {
      const [from, to] = [known.indexOf(last), known.indexOf(box)].sort((a, b) => a - b);
      known.slice(from, to + 1).forEach((each) => { each.checked = true; });
    } else box.checked = !box.checked;
    last = box;
    selectionChanged();
  };
  document.addEventListener("click", (event) => {
    const item = event.target.closest(".picks .item");
    if (!item || event.ctrlKey || event.metaKey) return;
    const box = one(".pick input", item);
    if (event.target === box) {
      if (!event.shiftKey) { last = box; return; }
      box.checked = !box.checked; // pick turns it, or fills the range
      pick(box, true);
      return;
    }
    // While some are selected, a click on a picture selects as well.
    if (event.target.closest(".go, .portrait, .shot") && one(".pick input:checked") && !event.target.closest(".pick")) {
      if (event.detail === 0) return; // Enter opens
      event.preventDefault();
      pick(box, event.shiftKey);
    }
  });
  document.addEventListener("reset", () => setTimeout(selectionChanged));

  let band = null;
  document.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType !== "mouse" || !one(".picks")) return;
    if (!event.target.closest("main") || event.target.closest(".item, a, button, input, select, label, summary, .actions, .panel:not(.faces-panel)")) return;
    band = { x: event.pageX, y: event.pageY, element: null, before: new Set(event.shiftKey ? boxes().filter((box) => box.checked) : []) };
  });
  document.addEventListener("pointermove", (event) => {
    if (!band) return;
    const [left, right] = [band.x, event.pageX].sort((a, b) => a - b), [top, bottom] = [band.y, event.pageY].sort((a, b) => a - b);
    if (!band.element) {
      if (Math.max(right - left, bottom - top) < 8) return;
      band.element = document.body.appendChild(Object.assign(document.createElement("div"), { className: "band" }));
      getSelection().removeAllRanges();
    }
    event.preventDefault();
    Object.assign(band.element.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
    for (const box of boxes()) {
      const place = box.closest(".item").getBoundingClientRect();
      const isInside = place.left + scrollX < right && place.right + scrollX > left && place.top + scrollY < bottom && place.bottom + scrollY > top;
      box.checked = isInside || band.before.has(box);
    }
    selectionChanged();
  });
  document.addEventListener("selectstart", (event) => { if (band?.element) event.preventDefault(); });
  addEventListener("pointerup", () => { band?.element?.remove(); band = null; });

  // --- Keys.
  const go = (list, key) => {
    const items = all(".item .go", list);
    if (!items.length) return;
    const now = items.findIndex((item) => item.closest(".item").contains(document.activeElement));
    const row = all(".item", list);
    const columns = list.dataset.arrows === "grid" ? Math.max(1, row.findIndex((item) => item.offsetTop > row[0].offsetTop)) : 1;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    const to = now < 0 ? 0 : now + steps[key];
    if (to < 0 || to >= items.length) return;
    items[to].focus({ preventScroll: true });
    items[to].closest(".item").scrollIntoView({ block: "nearest" });
  };
  const press = (key) => {
    const button = all(`[data-key~="${CSS.escape(key)}"]`).find(isShown);
    button?.click();
    return Boolean(button);
  };
  const actOnFocused = (key) => {
    const box = document.activeElement.closest(".picks .item")?.querySelector(".pick input");
    if (!box || one(".pick input:checked")) return false;
    box.checked = true;
    selectionChanged();
    return press(key);
  };
  const special = {
    "/": () => { const find = one("#find"); if (!find) { location.assign(one(".brand").href + "#find"); return; } find.focus(); find.select(); },
    "?": () => one("#keys").togglePopover(),
    z: () => one("#undo-latest").requestSubmit(),
    x: () => { const box = document.activeElement.closest(".picks .item")?.querySelector(".pick input"); if (box) pick(box, false); },
    n: () => {
      const person = document.activeElement.closest(".item")?.dataset.person;
      if (one("#name")) { one("#name").focus(); one("#name").select(); }
      else if (person) location.assign(`${one(`.item[data-person="${CSS.escape(person)}"] .go`).href}#name`);
    },
    " ": () => one("#play, #play-scenes")?.click(),
    Escape: () => { if (one("#player") || one(".frames")) history.back(); },
  };
  document.addEventListener("keydown", (event) => {
    const at = event.target, key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (isField(at)) { if (key === "Escape") at.blur(); return; }
    if (one(":popover-open") && key !== "?") return;
    if (key === " " && at.matches("button, a, summary, input, video")) return;
    if (key.startsWith("Arrow") && at.matches("video, input[type=radio]")) return;
    if (isBusy && key !== "?" && key.length === 1) { event.preventDefault(); return; }
    const list = (at.closest("[data-arrows]") ?? one("[data-arrows]"));
    if (press(key) || (["m", "i", "c", "s", "f"].includes(key) && actOnFocused(key))) event.preventDefault();
    else if (special[key]) { if (key !== "Escape") event.preventDefault(); special[key](); }
    else if (key.startsWith("Arrow") && list) { event.preventDefault(); go(list, key); }
  });

  // --- The moment: boxes while it plays, frames where it cannot.
  const beginMoment = () => {
    const player = one("#player"), video = player && one("video", player);
    if (!video) return;
    const { begins, ends, time } = Object.fromEntries(Object.entries(player.dataset).map(([name, value]) => [name, Number(value)]));
    const marks = all(".box", player);
    // What is played is the recording, or a clip of it that begins where one would begin to play.
    const sources = all("source", video), isClip = () => video.currentSrc.includes("/media/clip/"), zero = () => (isClip() ? begins : 0);
    const draw = () => {
      const now = video.currentTime + zero();
      marks.forEach((box) => box.classList.toggle("seen", Number(box.dataset.from) <= now + 0.02 && now < Number(box.dataset.to)));
    };
    const follow = () => { draw(); if (video.isConnected) video.requestVideoFrameCallback?.(follow); };
    const tell = () => { one("#converted").hidden = false; };
    const giveUp = () => { player.hidden = true; one("#converted").hidden = true; one("#cannot-play").hidden = false; };
    const ready = () => {
      if (!video.videoWidth && !isClip()) { sources[0].remove(); video.load(); return; } // only its sound can be played
      if (isClip()) tell();
      if (video.paused) video.currentTime = time - zero();
      draw();
    };
    video.addEventListener("error", giveUp);
    sources[0].addEventListener("error", tell);
    sources.at(-1).addEventListener("error", giveUp);
    video.addEventListener("loadedmetadata", ready);
    for (const name of ["timeupdate", "seeked"]) video.addEventListener(name, draw);
    video.requestVideoFrameCallback?.(follow);
    if (isClip()) tell();
    if (video.error || video.networkState === HTMLMediaElement.NETWORK_NO_SOURCE) giveUp();
    else if (video.readyState >= 1) ready();
    const play = one("#play");
    play.hidden = false;
    play.addEventListener("click", () => {
      if (!video.paused) { video.pause(); return; }
      if (!player.dataset.played || video.currentTime + zero() >= ends - 0.05) video.currentTime = begins - zero();
      player.dataset.played = "yes";
      video.play();
    });
    for (const frame of all("[data-seek]")) frame.addEventListener("click", () => { if (!player.hidden) { video.pause(); video.currentTime = Number(frame.dataset.seek) - zero(); } });
  };

  // --- Review: the next question's faces are loaded while one looks at this one.
  const beginReview = () => {
    preloaded.clear();
    for (const source of (one("#preload")?.dataset.images ?? "").split(" ").filter(Boolean)) {
      const image = Object.assign(new Image(), { src: source });
      preloaded.set(image.src, image);
    }
    const button = one("#play-scenes");
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", () => {
      for (const scene of all(".scene")) {
        const playing = one("video", scene);
        if (playing) { playing.remove(); one("img", scene).hidden = false; continue; }
        const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, loop: true, src: scene.dataset.video });
        video.addEventListener("error", () => { video.remove(); one("img", scene).hidden = false; });
        video.addEventListener("playing", () => { one("img", scene).hidden = true; });
        scene.append(video);
        video.play().catch(() => video.remove());
      }
    });
  };

  // --- A file of corrections is sent in a form as every other, in base64; without script the page names the command.
  const PIECE = 32766; // a multiple of three, so that pieces in base64 join

  const sendFile = async (form, file) => {
    const state = one("#import-state");
    if (file.size > Number(form.dataset.most)) {
      state.textContent = form.dataset.large;
      return;
    }
    state.textContent = form.dataset.waiting;
    const bytes = new Uint8Array(await file.arrayBuffer()), parts = [];
    for (let at = 0; at < bytes.length; at += PIECE) parts.push(btoa(String.fromCharCode(...bytes.subarray(at, at + PIECE))));
    form.elements.file.value = parts.join("").replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    form.submit();
  };

  document.addEventListener("click", (event) => { if (event.target.id === "import") one("#import-file").click(); });
  document.addEventListener("change", ({ target }) => { if (target.id === "import-file" && target.files[0]) sendFile(target.form, target.files[0]); });

  const begin = () => {
    last = null;
    selectionChanged();
    beginMoment();
    beginReview();
    for (const image of all("img")) image.addEventListener("error", () => image.classList.add("broken"), { once: true });
    if (location.hash === "#name" || location.hash === "#find") one(location.hash)?.focus();
  };
  begin();
  setTimeout(look, 1500);
})();
