"""What one of each costs on this machine; each is measured in a process of its own, for `benchmarks.scale_model`.

usage: python -m benchmarks.scale_units videos|dagster|partitions|listing|deciding|requests FOLDER SIZE

Prints one line of JSON. SIZE: seconds of the clips; videos; names; videos; videos.
"""

import json
import logging
import os
import shutil
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.archive import decide_threshold, make_up
from benchmarks.clips import ClipKind, make_clip
from benchmarks.speed_methods import STEPS, Ours
from meetbefore_assets import instance, settings
from meetbefore_assets.adapters.store_parquet import ParquetStore
from meetbefore_assets.partitions import PARTITIONS_NAME
from meetbefore_assets.report.page import write_report
from meetbefore_assets.steps.indexing import build_index
from meetbefore_assets.steps.intake import known_videos, take_in
from meetbefore_assets.steps.matching import match
from meetbefore_assets.steps.publishing import publish
from meetbefore_assets.steps.scoring import rank, score
from meetbefore_assets.wiring import build_workbench
from meetbefore_assets.workbench import Workbench
from meetbefore_assets.worker import Task, _Executor

Found = dict[str, Any]
FACES_IN_VIDEO = 60
TURNS = 2


def cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds of this process and its threads."""
    before = time.process_time()
    work()
    return time.process_time() - before


def clock_s(work: Callable[[], object]) -> float:
    """Seconds by the clock."""
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    return path.stat().st_size if path.is_file() else sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def videos(folder: Path, seconds: int) -> Found:
    """The way of one video, on one thread: CPU seconds a moment and a face, bytes on record."""
    found: Found = {"decode_s": {}, "detect_s": {}}
    for size in ("4K", "1080p"):
        clip = make_clip(ClipKind(size=size, seconds=seconds if size == "1080p" else seconds // 2), folder / "clips", None)
        home = folder / f"home-{size}"
        ours = Ours(home, "sface", 1)
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
        found |= _on_record(ours._bench, ours.take_in(clip))
        shutil.rmtree(home)
    return found


def _looking(ours: Ours, clip: Path) -> tuple[float, float]:
    """CPU seconds of decoding the planned moments, and of searching them."""
    bench, pictures = ours._bench, list[Any]()

    def decode() -> None:
        with bench.tools.open_video(str(clip), False) as reader:
            pictures.extend(reader.pictures(bench.store.get("frames", ours.take_in(clip), ["pts"])["pts"].to_numpy()))

    def detect() -> None:
        for picture in pictures:
            ours.detector.detect(picture.image, min_score=0.4, max_side=bench.settings().detection.max_side)

    decode_s = cpu_s(decode)
    detect()
    return decode_s, cpu_s(detect)


def _on_record(bench: Workbench, video_id: str) -> Found:
    """Bytes of a video whatever its length, of a moment, of a face and of a track: those of an empty table, and the rest by its rows."""
    store, empty = bench.store, ParquetStore(bench.home / "empty")
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
        "video_bytes": fixed + size_of(bench.home / "previews"),
        "moment_bytes": by_row["frames"],
        "face_bytes": by_row["detections"] + by_row["embeddings"],
        "track_bytes": by_row["tracks"],
    }


def dagster(folder: Path, count: int) -> Found:
    """Dagster around the runs of some videos: CPU seconds, bytes and rows a run."""
    source = make_clip(ClipKind(seconds=2, faces=1), folder / "clips", None)
    clips = [folder / "short" / f"2025030708{number:02d}05.mp4" for number in range(count + 1)]
    clips[0].parent.mkdir(exist_ok=True)
    for number, clip in enumerate(clips):
        # A box that players pass over tells copies apart, or they would be one recording.
        clip.write_bytes(source.read_bytes() + (12).to_bytes(4, "big") + b"free" + number.to_bytes(4, "big"))
    ours = Ours(folder / "alone", "sface", 1)
    for clip in clips:
        ours.take_in(clip)
    ours.run(clips[0])
    alone_s = cpu_s(lambda: [ours.run(clip) for clip in clips[1:]])
    home = folder / "home"
    executor = _Executor(home, 1, lambda *_: None)
    bench = build_workbench(home)
    take_in(bench, [clips[0].parent])
    ids = list(known_videos(bench))
    with instance.opened(home) as opened:
        instance.add_partitions(opened, ids)

    def process(video_ids: list[str]) -> None:
        for video_id in video_ids:
            outcome = executor.execute(Task("process_video", video_id, STEPS))
            assert outcome.is_success, outcome.message

    process(ids[:1])
    bytes_before, rows_before = size_of(home / "dagster"), _rows(home / "dagster")
    with_s = cpu_s(lambda: process(ids[1:]))
    return {
        "run_s": (with_s - alone_s) / count,
        "run_bytes": (size_of(home / "dagster") - bytes_before) / count,
        "run_rows": (_rows(home / "dagster") - rows_before) / count,
    }


def _rows(folder: Path) -> int:
    """Rows of all of Dagster's databases."""
    total = 0
    for path in folder.rglob("*.db"):
        with sqlite3.connect(path) as database:
            names = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
            total += sum(database.execute(f'select count(*) from "{name}"').fetchone()[0] for name in names)
    return total


def partitions(folder: Path, count: int) -> Found:
    """So many partitions in an instance of Dagster: seconds by the clock to add and to read them, bytes."""
    keys = [f"DJI_{number:014d}_0001_D-{number:08x}" for number in range(count)]
    with instance.opened(folder / "home") as opened:
        before = size_of(folder / "home")
        add_s = clock_s(lambda: opened.add_dynamic_partitions(PARTITIONS_NAME, keys))
        read_s = min(clock_s(lambda: opened.get_dynamic_partitions(PARTITIONS_NAME)) for _ in range(3))
        one_more_s = clock_s(lambda: instance.add_partitions(opened, ["one more"]))
    return {"add_s": add_s, "read_s": read_s, "one_more_s": one_more_s, "bytes": size_of(folder / "home") - before}


def listing(folder: Path, count: int) -> Found:
    """So many files in one folder of the record: seconds by the clock to list them."""
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
    """A made-up archive of so many videos: CPU seconds of every step over all of it, and bytes."""
    home = folder / "home"
    make_up(home, count, FACES_IN_VIDEO)
    bench = build_workbench(home)
    steps = {step.__name__: cpu_s(lambda step=step: step(bench)) for step in _STEPS}  # type: ignore[misc]
    faces = count * FACES_IN_VIDEO
    return {"faces": faces, "steps": steps, "database": size_of(home / "meetbefore.duckdb"), "page": size_of(home / "report.html")}


_STEPS = (build_index, decide_threshold, match, score, rank, publish, write_report)


def requests(folder: Path, count: int) -> Found:
    """The record in an object store: requests for a video from its file to its tracks, and for a video in a matching run."""
    from meetbefore_assets_tests import s3

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
    make_up(folder / "many", count, 8)
    seen.methods.clear()
    bench = build_workbench(folder / "many", settings.load(folder / "many"))
    for step in _STEPS[:-2]:
        step(bench)
    return {"a video": a_video, "matching": {method: number / count for method, number in seen.methods.items()}}


class _Requests(logging.Handler):
    """Counts what the server is asked for, by method."""

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
