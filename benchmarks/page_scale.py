"""The static page of a large archive: seconds to make it, its size, and seconds until a browser shows it.

usage: python -m benchmarks.page_scale [--people N] [--faces N] [--folder DIR] [--modules DIR]

Makes a record of people who are all met again (two encounters or more, five on average), with JPEGs of the size that real
thumbnails have (3.5 kB), scores it and writes the page. With --modules (a folder in which `npm install playwright-core` was run)
Chromium opens it: see benchmarks/page_browser.cjs for what the numbers mean.
"""

import argparse
import base64
import datetime as dt
import gzip
import itertools
import re
import resource
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from meetbefore_assets.publishing.page.render import write_report
from meetbefore_assets_tests.support.record import Record, Seen

VIDEOS = 600
START = dt.datetime(2022, 1, 3, 7)
THUMBNAILS, SIDE_PX, NOISE, QUALITY = 64, 160, 5, 85


def thumbnails(rng: np.random.Generator) -> list[bytes]:
    """Made-up thumbnails, smooth colours with a little noise: as large as faces, and as costly to decode."""
    made = []
    for _ in range(THUMBNAILS):
        coarse = rng.integers(40, 215, (7, 7, 3), dtype=np.uint8)
        smooth = cv2.resize(coarse, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC).astype(np.int16)
        noisy = np.clip(smooth + rng.normal(0, NOISE, smooth.shape), 0, 255).astype(np.uint8)
        made.append(cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes())
    return made


def sightings(people: int, faces: int, rng: np.random.Generator) -> dict[int, list[Seen]]:
    """Video -> who is seen in it when. Everybody is in at least two videos, most in few, some in many."""
    videos_of = np.minimum(2 + rng.geometric(0.25, people) - 1, 40)
    parts = [(person, int(video)) for person in range(people) for video in rng.choice(VIDEOS, videos_of[person], replace=False)]
    lengths = 1 + rng.multinomial(faces - len(parts), np.full(len(parts), 1 / len(parts)))
    seen: dict[int, list[Seen]] = defaultdict(list)
    for (person, video), length in zip(parts, lengths, strict=True):
        begins = int(rng.integers(0, 1200))
        other = f"p{int(rng.integers(people)):010d}"
        seen[video].append(Seen(f"p{person:010d}", range(begins, begins + int(length)), other))
    return seen


class Album(Record):
    """A record that deals the thumbnails out in turn, so that neighbours differ and compression gains nothing."""

    _turn = itertools.cycle(thumbnails(np.random.default_rng(8)))

    @property
    def picture(self) -> bytes:
        return next(self._turn)

    @picture.setter
    def picture(self, _given: bytes) -> None: ...


def fill(home_folder: Path, people: int, faces: int) -> Record:
    record = Album(home_folder)
    seen = sightings(people, faces, np.random.default_rng(7))
    for video in range(VIDEOS):
        moment = START + dt.timedelta(hours=31 * video)
        record.video(f"DJI_{moment:%Y%m%d%H%M%S}_{video:04d}_D.MP4", seen[video])
    return record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=5_000)
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="where to leave the record and the page")
    parser.add_argument("--modules", type=Path, help="folder with node_modules/playwright-core")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = wanted.folder or Path(scratch)
        begun = time.perf_counter()
        home = fill(folder / "home", wanted.people, wanted.faces).finish()
        filled = time.perf_counter()
        written = write_report(home, folder / "page.html")
        done = time.perf_counter()
        plain = (folder / "page.html").read_text(encoding="utf-8")
        packed = re.findall(r'text/plain">([^<]+)<', plain)
        packs = [gzip.decompress(base64.b64decode(pack)).decode() for pack in packed]
        pictures = [data for text in (plain, *packs) for data in re.findall(r"base64,([A-Za-z0-9+/=]+)", text)]
        pictures_mb = sum(map(len, pictures)) / 1e6
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"record of {wanted.people:,} people and {wanted.faces:,} faces: made and scored in {filled - begun:.0f} s")
        print(f"page of {written.people:,} people: {written.size_bytes / 1e6:.1f} MB in {done - filled:.1f} s, peak {peak_mb:,.0f} MB")
        text_mb = (len(plain) - sum(map(len, packed)) + sum(map(len, packs))) / 1e6 - pictures_mb
        print(f"{len(pictures):,} pictures are {pictures_mb:.1f} MB, text {text_mb:.0f} MB before it is packed ({len(packs)} packs)")
        if wanted.modules:
            script = Path(__file__).with_name("page_browser.cjs")
            subprocess.run(["node", script, "--modules", wanted.modules, "--load", folder / "page.html"], check=True)


if __name__ == "__main__":
    main()
