"""Makes the picture of the README: the app's page of one person, of a small archive, as headless Chromium shows it.

usage: uv run python docs/pictures/make_pictures.py [--chromium /usr/bin/chromium]

The one face that is clear is Eileen Collins's (scikit-image's astronaut: NASA, public domain). Everybody else in the demo's photographs
is blurred. Look at the pictures before you commit them.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import sync_playwright

from meetbefore_assets.demo.cast import plan
from meetbefore_assets.demo.compare import compare
from meetbefore_assets.demo.footage import write_clips
from meetbefore_assets.identities.queries import assigned_faces
from meetbefore_assets.open_home import open_home
from meetbefore_assets.publishing.exports.tables import assignment_rows

FOLDER = Path(__file__).parent
# The broken one has nothing to show.
CLIPS = tuple(clip for clip in plan() if not clip.is_broken)
WIDTH, HEIGHT, SCALE = 1180, 700, 1.6
QUALITY = 82
BLUR = "img {{ filter: blur(9px) }} {own} {{ filter: none }}"


def main() -> None:
    """Make every picture anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home_folder = Path(folder) / "home"
        person_id = _process(home_folder)
        faces = assigned_faces(open_home(home_folder))
        own = ", ".join(f'img[src*="{face}"]' for face in faces.filter(faces["person_id"] == person_id)["face_id"])
        for locale, picture in (("en-GB", "app.webp"), ("zh-CN", "app.zh-CN.webp")):
            with _app(home_folder) as address:
                _save(_screenshot(address, f"/person/{person_id}", locale, BLUR.format(own=own), options.chromium), FOLDER / picture)


def _process(home_folder: Path) -> str:
    """Process the clips, and name the astronaut; returns her id."""
    archive = write_clips(home_folder / "videos", CLIPS)
    _meetbefore("run", "--set", "time.zone='Europe/Berlin'", home_folder=home_folder)
    people = {person.label: person.ids[0][0] for person in compare(archive, assignment_rows(open_home(home_folder))).people}
    # Seen most, and blurred like everybody else: no part of the ranking.
    _meetbefore("role", people["companion"], "ignored", home_folder=home_folder)
    _meetbefore("name", people["astronaut"], "Eileen", home_folder=home_folder)
    return people["astronaut"]


def _meetbefore(*words: object, home_folder: Path) -> None:
    command = [sys.executable, "-m", "meetbefore_assets", *map(str, words), "--home", str(home_folder)]
    subprocess.run(command, check=True, env={**os.environ, "NO_COLOR": "1"})


@contextmanager
def _app(home_folder: Path) -> Iterator[str]:
    """The app over a home; gives the address that lets a browser in."""
    command = [sys.executable, "-m", "meetbefore_assets", "app", "--no-browser", "--home", str(home_folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"}) as process:
        assert process.stdout
        address = next(found.group() for line in process.stdout if (found := re.search(r"http://\S+token=\S+", line)))
        try:
            yield address
        finally:
            process.send_signal(signal.SIGINT)


def _screenshot(address: str, path: str, locale: str, style: str, chromium: str) -> bytes:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        # The app's pages take no style but their own.
        context = browser.new_context(
            viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SCALE, locale=locale, bypass_csp=True, color_scheme="light"
        )
        view = context.new_page()
        view.goto(address)
        view.goto(f"{address.partition('/enter')[0]}{path}", wait_until="networkidle")
        view.add_style_tag(content=style)
        view.wait_for_timeout(500)
        picture = view.screenshot()
        browser.close()
    return picture


def _save(picture: bytes, path: Path) -> None:
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    cv2.imwrite(str(path), pixels, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
