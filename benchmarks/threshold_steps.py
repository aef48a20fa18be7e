"""How long the page of the threshold takes to follow the slider, in a real browser.

usage: python -m benchmarks.threshold_steps HOME [--first 0.30] [--last 0.55] [--limit SECONDS]

Works on a copy of the home, which must be matched. Opens the page in Chromium without a window and drags the slider with the mouse as a
person does, step by step: each next step follows when the page shows the figures of the last. Prints the median and the worst of the
seconds from the browser's input event to those figures. Then it drags over all steps without a stop, and prints the seconds from the last
event to the last figures, and how many thresholds the browser asked for. The dragging begins as soon as the page is shown: the server is
still working out the curve then.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from benchmarks.app_client import App
from meetbefore_assets.open_home import open_home
from meetbefore_assets.web.pages.threshold import LEAST, MOST, STEP
from meetbefore_assets_tests.support.browser import chromium, looking

if TYPE_CHECKING:
    from playwright.sync_api import Page

# A person moves the mouse on after so long, seconds.
PACE_S = 0.03
# Notes when the browser told of a step, and when the page shows its figures: `seen[value]` are milliseconds between the two.
WATCH = """() => {
  const told = {}; window.seen = {};
  addEventListener("input", (event) => { if (event.target.id === "at") told[Number(event.target.value)] = performance.now(); }, true);
  const look = () => {
    const at = Number(document.querySelector("output[for=at]")?.textContent);
    if (told[at] !== undefined && window.seen[at] === undefined) window.seen[at] = performance.now() - told[at];
    requestAnimationFrame(look);
  };
  look();
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--first", type=float, default=0.30)
    parser.add_argument("--last", type=float, default=0.55)
    parser.add_argument("--limit", type=float, default=0.0, help="most seconds of a step; more is told, and the exit code is 1")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="meetbefore-threshold-") as folder:
        home_folder = Path(folder) / "home"
        shutil.copytree(arguments.home, home_folder, symlinks=True)
        store = open_home(home_folder).store
        print(f"{store.scan('tracks', store.keys('tracks'), ['track_id']).height:,} tracks")
        count = round((arguments.last - arguments.first) / STEP)
        worst = measure(home_folder, [round(arguments.first + number * STEP, 2) for number in range(count + 1)])
    if arguments.limit and worst > arguments.limit:
        raise SystemExit(f"a step took {worst:.2f} s; expected {arguments.limit:g} s at most")


def measure(home_folder: Path, steps: list[float]) -> float:
    """Drag over the steps with stops, and then, of a page that was opened anew, without; returns the worst seconds of one step."""
    with App(home_folder) as app, chromium() as browser, looking(browser, app.address("/people"), storage_state=app.for_browser()) as look:
        begun = time.perf_counter()
        look.page.set_default_timeout(120_000)
        open_page(look.page)
        print(f"page opened for the first time after {time.perf_counter() - begun:.2f} s")
        seconds = [grab(look.page, steps[0]), *(step(look.page, at) for at in steps[1:])]
        look.page.mouse.up()
        told = f"{len(seconds)} steps, each waited for: {statistics.median(seconds):.2f} s median, {max(seconds):.2f} s worst"
        print(told, "at", f"{steps[seconds.index(max(seconds))]:.2f}")
        open_page(look.page)
        last, asked = drag(look.page, steps)
        print(f"dragged over all without a stop: the last shown after {last:.2f} s, {asked} of {len(steps)} asked for")
        if look.trouble:
            raise SystemExit("\n".join(look.trouble))
    return max(*seconds, last)


def open_page(page: "Page") -> None:
    page.goto(urljoin(page.url, "/threshold"))
    page.wait_for_selector("#at")
    page.evaluate(WATCH)


def grab(page: "Page", at: float) -> float:
    """Press the mouse on the slider where a value is; seconds from the input event to its figures."""
    page.mouse.move(*place(page, at))
    page.mouse.down()
    return shown_after(page, at)


def step(page: "Page", at: float) -> float:
    """Move the mouse to a value; seconds from the input event to its figures."""
    page.mouse.move(*place(page, at))
    return shown_after(page, at)


def drag(page: "Page", steps: list[float]) -> tuple[float, int]:
    """Seconds from the last input event of a drag to its figures, and how many pages were asked for."""
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url) if "/threshold?at=" in sent.url else None)
    places = [place(page, at) for at in steps]
    grab(page, steps[0])
    for one in places[1:]:
        page.mouse.move(*one)
        time.sleep(PACE_S)
    last = shown_after(page, steps[-1])
    page.mouse.up()
    return last, len(asked)


def shown_after(page: "Page", at: float) -> float:
    """Seconds from the input event of a value to its figures."""
    page.wait_for_function("at => window.seen[at] !== undefined", arg=at)
    return float(page.evaluate("at => window.seen[at]", at)) / 1000


def place(page: "Page", at: float) -> tuple[float, float]:
    """Where on the screen the middle of the slider's knob is at a value, pixels; a knob is as wide as the slider is high."""
    box = page.locator("#at").bounding_box()
    if box is None:
        raise SystemExit("the slider is not seen")
    knob = box["height"]
    return box["x"] + knob / 2 + (at - LEAST) / (MOST - LEAST) * (box["width"] - knob), box["y"] + knob / 2


if __name__ == "__main__":
    main()
