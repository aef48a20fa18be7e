"""Unit costs on this machine, each measured in its own process, for `benchmarks.scale_model`.

usage: python -m benchmarks.scale_units videos|dagster|partitions|listing|deciding|requests FOLDER SIZE

Prints one line of JSON. SIZE: seconds of the clips; videos; names; videos; videos.
"""

import json
import logging
import os
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.archive import decide_threshold, make_up
from benchmarks.clips import ClipKind, make_clip
from benchmarks.scale_dagster import dagster, partitions
from benchmarks.scale_timing import Found, clock_s, cpu_s, size_of
from benchmarks.speed_methods import STEPS, Ours
from meetbefore_assets.encounters.make_tables import make_encounter_scores, make_people
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.face_index import build_face_index
from meetbefore_assets.identities.match import match
from meetbefore_assets.open_home import open_home
from meetbefore_assets.publishing.database import publish
from meetbefore_assets.publishing.page.render import write_report
from meetbefore_assets.storage.record_parquet import ParquetStore

FACES_IN_VIDEO = 60
TURNS = 2


def videos(folder: Path, seconds: int) -> Found:
    """Process one video on one thread: CPU seconds per sampled frame and per face, bytes on record."""
    found: Found = {"decode_s": {}, "detect_s": {}}
    for size in ("4K", "1080p"):
        clip = make_clip(ClipKind(size=size, seconds=seconds if size == "1080p" else seconds // 2), folder / "clips", None)
        home_folder = folder / f"home-{size}"
        ours = Ours(home_folder, "sface", 1)
        turns = []
        for _ in range(1 + TURNS):  # the first warms up
            faces, moments = ours.run(clip)
            turns.append(dict(ours.parts))
        parts = {step: min(turn[step] for turn in turns[1:]) for step in STEPS}
        decode_s, detect_s = _looking(ours, clip)
        found["decode_s"][size], found["detect_s"][size] = decode_s / moments, detect_s / moments
        found |= {
            "video_s": parts["videos"] + parts["frames"],
            "face_s": max(0.0, parts["detections"] - decode_s - detect_s) / faces,
            "embed_s": parts["embeddings"] / faces,
            "track_s": parts["tracks"] / faces,
        }
        found |= _on_record(ours._home, ours.take_in(clip))
        shutil.rmtree(home_folder)
    return found


def _looking(ours: Ours, clip: Path) -> tuple[float, float]:
    """CPU seconds of decoding the sampled frames, and of detecting faces in them."""
    home, pictures = ours._home, list[Any]()

    def decode() -> None:
        with home.adapters.recordings.open_video(str(clip), False) as reader:
            pictures.extend(reader.pictures(home.store.get("frames", ours.take_in(clip), ["pts"])["pts"].to_numpy()))

    def detect() -> None:
        for picture in pictures:
            ours.detector.detect(picture.image, min_score=0.4, max_side=home.settings().detection.max_side)

    decode_s = cpu_s(decode)
    detect()
    return decode_s, cpu_s(detect)


def _on_record(home: Home, video_id: str) -> Found:
    """Bytes on record per video, per sampled frame, per face and per track: the size of empty tables, and the rest divided by rows."""
    store, empty = home.store, ParquetStore(home.folder / "empty")
    assert isinstance(store, ParquetStore)
    fixed, by_row = 0.0, {}
    for asset in ("sources", *STEPS):
        table, stamp = store.get(asset, video_id), store.stamp(asset, video_id)
        assert stamp is not None
        whole = size_of(Path(store.path(asset, video_id)))
        empty.put(asset, video_id, table.head(0), stamp)
        base = size_of(Path(empty.path(asset, video_id)))
        fixed += whole if asset in ("sources", "videos") else base
        by_row[asset] = (whole - base) / max(1, table.height)
    return {
        "video_bytes": fixed + size_of(home.folder / "previews"),
        "moment_bytes": by_row["frames"],
        "face_bytes": by_row["detections"] + by_row["embeddings"],
        "track_bytes": by_row["tracks"],
    }


def listing(folder: Path, count: int) -> Found:
    """Wall-clock seconds to list so many files in one folder of the record."""
    names = folder / "record" / "tracks"
    names.mkdir(parents=True)
    for number in range(count):
        os.close(os.open(names / f"DJI_{number:014d}_0001_D-{number:08x}.parquet", os.O_WRONLY | os.O_CREAT))
    store = ParquetStore(folder / "record")
    seconds = min(clock_s(lambda: store.keys("tracks")) for _ in range(3))
    assert len(store.keys("tracks")) == count
    shutil.rmtree(names)
    return {"list_s": seconds}


def deciding(folder: Path, count: int) -> Found:
    """CPU seconds of every step over a made-up archive of so many videos, and bytes."""
    home_folder = folder / "home"
    make_up(home_folder, count, FACES_IN_VIDEO)
    home = open_home(home_folder)
    steps = {step.__name__: cpu_s(lambda step=step: step(home)) for step in _STEPS}  # type: ignore[misc]
    faces = count * FACES_IN_VIDEO
    return {
        "faces": faces,
        "steps": steps,
        "database": size_of(home_folder / "meetbefore.duckdb"),
        "page": size_of(home_folder / "report.html"),
    }


_STEPS = (build_face_index, decide_threshold, match, make_encounter_scores, make_people, publish, write_report)


def requests(folder: Path, count: int) -> Found:
    """Requests to an object store: for one video from file to tracks, for matching so many videos, and after one more."""
    from meetbefore_assets_tests.support import s3

    logger, seen = logging.getLogger("werkzeug"), _Requests()
    logger.setLevel(logging.INFO)
    logger.addHandler(seen)
    logger.propagate = False
    first, second = (make_clip(ClipKind(seconds=seconds, faces=1), folder / "clips", None) for seconds in (1, 2))
    os.environ["MEETBEFORE_STORE"] = f"{s3.new_bucket()}/one"
    ours = Ours(folder / "one", "sface", 1)
    ours.run(first)
    seen.methods.clear()
    ours.run(second)
    a_video = dict(seen.methods)
    os.environ["MEETBEFORE_STORE"] = f"{s3.new_bucket()}/many"
    matching = []
    for first, videos in ((0, count), (count, 1)):
        make_up(folder / "many", videos, 8, first=first)
        seen.methods.clear()
        home = open_home(folder / "many", settings_file.load(folder / "many"))
        for step in _STEPS[:-2]:
            step(home)
        matching.append(dict(seen.methods))
    return {"a video": a_video, "matching": matching[0], "after one more": matching[1]}


class _Requests(logging.Handler):
    """Counts requests by method."""

    def __init__(self) -> None:
        super().__init__()
        self.methods: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        words = record.getMessage().partition('"')[2].split()
        if words and words[0].lstrip("\x1b[0123456789m") in ("GET", "PUT", "HEAD", "POST", "DELETE"):
            self.methods[words[0].lstrip("\x1b[0123456789m")] += 1


if __name__ == "__main__":
    print(
        json.dumps(
            {f.__name__: f for f in (videos, dagster, partitions, listing, deciding, requests)}[sys.argv[1]](
                Path(sys.argv[2]), int(sys.argv[3])
            )
        )
    )
