// Looks at a page of meetbefore in Chromium, as people would.
//
// usage: node benchmarks/page_browser.cjs --modules DIR [--chromium PATH] [--out DIR] [--load] PAGE.html
//
// DIR is a folder in which `npm install playwright-core axe-core` was run. At 1280 and 390 pixels, light and dark, English and
// Chinese: console errors, requests of anything but the page itself, sideways scrolling, findings of axe-core (serious and critical
// ones make the exit code 1), what the keyboard reaches. --out keeps screenshots. --load measures how fast a large page opens.
"use strict";
const path = require("node:path");
const fs = require("node:fs");
const { parseArgs } = require("node:util");
const { pathToFileURL } = require("node:url");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    modules: { type: "string", default: "." },
    chromium: { type: "string", default: "/usr/bin/chromium" },
    out: { type: "string" },
    load: { type: "boolean", default: false },
  },
});
const wanted = (name) => require(path.resolve(values.modules, "node_modules", name));
const { chromium } = wanted("playwright-core");
const page_url = pathToFileURL(path.resolve(positionals[0])).href;
const problems = [];

const open = async (browser, { width, theme, language }) => {
  const page = await browser.newPage({ viewport: { width, height: 900 }, hasTouch: width < 600 });
  const where = `${width} ${theme} ${language}`;
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) problems.push(`${where}: console: ${message.text()}`); });
  page.on("pageerror", (error) => problems.push(`${where}: error: ${error.message}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith("data:") && !url.startsWith(page_url)) problems.push(`${where}: request: ${url.slice(0, 100)}`);
  });
  await page.goto(`${page_url}#lang=${language}&theme=${theme}`);
  return [page, where];
};

// Cards out of sight are laid out late: scroll through, so that everything was there once.
const unfold = (page, cards) => page.evaluate(async (most) => {
  const all = [...document.querySelectorAll(".card details")];
  all.slice(0, most).forEach((details) => { details.open = true; });
  document.querySelectorAll(".card").forEach((card) => { card.style.contentVisibility = "visible"; });
  document.querySelectorAll("img").forEach((image) => { image.loading = "eager"; });
  await new Promise((done) => setTimeout(done, 300));
}, cards);

const look = async (browser, view) => {
  const [page, where] = await open(browser, view);
  await unfold(page, 3);
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (sideways > 0) problems.push(`${where}: scrolls sideways by ${sideways} px`);
  if (values.out) {
    fs.mkdirSync(values.out, { recursive: true });
    const name = `${path.basename(positionals[0], ".html")}-${view.width}-${view.theme}-${view.language}.png`;
    await page.screenshot({ path: path.join(values.out, name), fullPage: true });
  }
  await page.evaluate(fs.readFileSync(path.resolve(values.modules, "node_modules/axe-core/axe.min.js"), "utf8"));
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  for (const one of found.violations) {
    const text = `${where}: axe ${one.impact}: ${one.id} (${one.nodes.length}): ${one.nodes[0].html.slice(0, 160)}`;
    if (["serious", "critical"].includes(one.impact)) problems.push(text);
    else console.log(text);
  }
  console.log(`${where}: ${found.violations.length} findings of axe-core ${found.testEngine.version}, ${found.passes.length} rules kept`);
  await page.close();
};

// Only the keyboard: skip link, language, search, a card's timeline, a copy button.
const walk = async (browser) => {
  const [page, where] = await open(browser, { width: 1280, theme: "light", language: "en" });
  const reached = [];
  for (let step = 0; step < 40; step += 1) {
    await page.keyboard.press("Tab");
    const name = await page.evaluate(() => {
      const at = document.activeElement;
      const box = at.getBoundingClientRect();
      const seen = getComputedStyle(at).outlineStyle !== "none" && box.width > 0;
      return `${at.id || at.className || at.tagName.toLowerCase()}${seen ? "" : " (unseen)"}`;
    });
    if (name.startsWith("summary")) { await page.keyboard.press("Enter"); await page.waitForTimeout(50); }
    reached.push(name);
  }
  for (const name of ["skip", "language", "theme", "find", "unfold", "summary", "copy"]) {
    if (!reached.includes(name)) problems.push(`${where}: the keyboard does not reach ${name}: ${reached.join(", ")}`);
  }
  console.log(`keyboard: ${reached.slice(0, 14).join(", ")}, …`);
  await page.close();
};

// The buttons: language, theme, search, copying a command.
const press = async (browser) => {
  const [page, where] = await open(browser, { width: 390, theme: "light", language: "en" });
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const must = (what, is) => { if (!is) problems.push(`${where}: ${what}`); };
  await page.click("#language");
  must("the language does not change", await page.evaluate(() => document.documentElement.lang === "zh-CN" && /[\u4e00-\u9fff]/.test(document.title)));
  await page.click("#language");
  await page.click("#theme");
  must("the theme does not change", await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme === "dark"));
  const command = page.locator(".card details[open] code").first();
  await page.locator(".card details[open] .copy").first().click();
  must("the command is not copied", (await page.evaluate(() => navigator.clipboard.readText())) === (await command.textContent()));
  must("copying is not said", (await page.textContent("#said")) === "Copied");
  const id = await page.evaluate(() => [...document.querySelectorAll(".card")].at(-1).id);
  await page.fill("#find", id.slice(2));
  must("the search does not find one card", (await page.locator(".card:visible").count()) === 1);
  await page.fill("#find", "");
  await page.evaluate((to) => { location.hash = to; }, id);
  await page.waitForTimeout(200);
  must("a link does not open its person", await page.evaluate((to) => document.getElementById(to).querySelector("details").open, id));
  console.log("buttons, search and links: tried");
  await page.close();
};

const timed = async (what, act) => {
  const begun = performance.now();
  const result = await act();
  console.log(`${what}: ${((performance.now() - begun) / 1000).toFixed(2)} s${result === undefined ? "" : ` (${result})`}`);
};

const load = async (browser) => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.on("console", (message) => { if (message.type() === "error") problems.push(message.text()); });
  await timed("opened, first screen drawn", async () => {
    await page.goto(page_url, { waitUntil: "commit", timeout: 120000 });
    await page.waitForSelector(".card img");
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  });
  await timed("whole page parsed and laid out", async () => {
    await page.waitForLoadState("load", { timeout: 120000 });
    return page.evaluate(() => {
      const images = [...document.images];
      const decoded = images.filter((image) => image.complete && image.naturalWidth).length;
      const mb = performance.memory ? `${(performance.memory.usedJSHeapSize / 1e6).toFixed(0)} MB of JS heap, ` : "";
      return `${mb}${document.querySelectorAll("*").length} elements, ${decoded} of ${images.length} pictures loaded`;
    });
  });
  await timed("jump to the last section", () => page.evaluate(async () => {
    location.hash = "#left";
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  }));
  await timed("search for one person", async () => {
    await page.fill("#find", await page.evaluate(() => [...document.querySelectorAll(".card")].at(-1).id.slice(2)));
    return page.textContent("#found");
  });
  await timed("open the last person's timeline", () => page.evaluate(async () => {
    const details = [...document.querySelectorAll(".card")].at(-1).querySelector("details");
    details.open = true;
    await new Promise((done) => setTimeout(done, 0));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return `${details.querySelectorAll(".meetings > li").length} encounters`;
  }));
  await page.close();
};

(async () => {
  const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"];
  const browser = await chromium.launch({ executablePath: values.chromium, args });
  if (values.load) await load(browser);
  else {
    for (const width of [1280, 390]) for (const theme of ["light", "dark"]) for (const language of ["en", "zh-CN"]) {
      await look(browser, { width, theme, language });
    }
    await walk(browser);
    await press(browser);
  }
  await browser.close();
  problems.forEach((text) => console.log(`PROBLEM ${text}`));
  console.log(problems.length ? `${problems.length} problems` : "no problem found");
  process.exitCode = problems.length ? 1 : 0;
})().catch((error) => {
  console.error(`the page could not be tried: ${error.message}`);
  process.exit(2);
});
