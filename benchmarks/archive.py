"""What a large archive costs: a `run` that finds nothing to do, and one more video.

usage: python -m benchmarks.archive VIDEO [--videos 2000] [--faces 60] [--keep DIR]

Makes up the record of an archive (files of a few bytes that are never opened, tables with made-up faces of people who are seen now and
then), brings it in step, and prints seconds by the clock and of the processor for: a `run` that finds nothing to do; one that takes
VIDEO in as well, from its file to its tracks (command, worker process and Dagster run included) and, apart from that, matching and all
that comes after; and the same VIDEO in an empty home. All in processes of their own, as a user would.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from meetbefore_assets.core.model_packs import default_threshold
from meetbefore_assets.core.ports import F32, Stamp
from meetbefore_assets.core.schema.faces import DETECTIONS, EMBEDDINGS, FRAMES, TRACKS
from meetbefore_assets.core.schema.recordings import VIDEOS
from meetbefore_assets.core.schema.table import Table, check
from meetbefore_assets.encounters.make_tables import make_encounter_scores, make_people
from meetbefore_assets.faces.tracks import track_rows
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record import versions
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.calibration import store_calibration
from meetbefore_assets.identities.face_index import build_face_index
from meetbefore_assets.identities.match import match
from meetbefore_assets.identities.policy import usable_tracks
from meetbefore_assets.open_home import open_home
from meetbefore_assets.publishing.database import publish
from meetbefore_assets.publishing.page.render import write_report
from meetbefore_assets.recordings import identifiers
from meetbefore_assets.recordings.intake import import_recordings, known_videos

SECONDS, SEEN_S = 600, 4
BLOB = b"\x89" * 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--videos", type=int, default=2_000)
    parser.add_argument("--faces", type=int, default=60, help="faces a made-up video")
    parser.add_argument("--keep", type=Path, help="make the homes here, and leave them")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="meetbefore-archive-"))
    try:
        large, empty = folder / "large", folder / "empty"
        make_up(large, arguments.videos, arguments.faces)
        print(f"{arguments.videos} videos, {arguments.faces} faces each")
        bring_in_step(large)
        timed("run that finds nothing to do", "run", "--home", large)
        timed("and once more", "run", "--home", large)
        more, same = (one_more(arguments.video, home_folder) for home_folder in (large, empty))
        print(f"one more video in the archive / in an empty home, file to tracks: {more / same:.2f} of the processor's time")
    finally:
        if not arguments.keep:
            shutil.rmtree(folder)


def bring_in_step(home_folder: Path) -> None:
    """Match, score and publish by the steps alone: Dagster's events of thousands of partitions are not what is measured."""
    home = open_home(home_folder)
    for step in (build_face_index, decide_threshold, match, make_encounter_scores, make_people, publish, write_report):
        started = time.perf_counter()
        step(home)
        print(f"{step.__name__:40s} {time.perf_counter() - started:7.1f} s", flush=True)


def decide_threshold(home: Home) -> None:
    """What the asset matching_policy puts on record."""
    pack = home.found_pack()
    store_calibration(home, usable_tracks(home, pack.recogniser_id), default_threshold(pack.recogniser, "auto"))


def one_more(video: Path, home_folder: Path) -> float:
    """Take one more video in; returns seconds of the processor from its file to its tracks."""
    name = f"one more video, {home_folder.name}: "
    cpu_s = timed(f"{name}file to tracks", home_folder, video, module="benchmarks.archive_video")
    timed(f"{name}matching and after", "run", "--home", home_folder)
    return cpu_s


def timed(what: str, *words: object, module: str = "meetbefore_assets") -> float:
    """Run a command in a process of its own and print what it took; returns seconds of the processor."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", module, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"}, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    last = (done.stdout.strip().splitlines() or [""])[-1]
    print(f"{what:40s} {time.perf_counter() - started:7.1f} s, {cpu_s:7.1f} CPU s, exit {done.returncode}: {last}", flush=True)
    return cpu_s


def make_up(home_folder: Path, videos: int, faces: int) -> None:
    """A home whose videos are all processed, and nothing is matched."""
    folder = home_folder / "videos"
    folder.mkdir(parents=True, mode=0o700)
    begin = np.datetime64("2024-01-01T06:00:00")
    for number in range(videos):
        name = str(begin + np.timedelta64(number * 5, "h")).translate({ord(c): None for c in "-:T"})
        (folder / f"DJI_{name}_{number % 9999:04d}_D.MP4").write_bytes(f"made up {number}".encode())
    home = open_home(home_folder, settings_file.load(home_folder))
    import_recordings(home, [folder])
    rng = np.random.default_rng(1)
    people: F32 = rng.normal(size=(max(10, videos * faces // SEEN_S // 3), 128)).astype(np.float32)
    models = home.models()
    for video_id, known in known_videos(home).items():
        steps = versions.expected_versions(known.content_hash, versions.parameters(home.settings(), models), "")
        _write(home, video_id, known.content_hash, known.uris[0], steps, _faces(rng, video_id, known.content_hash, faces, people))


def _faces(rng: np.random.Generator, video_id: str, content_hash: str, count: int, people: F32) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for start in range(0, count, SEEN_S):
        person = people[int(rng.integers(len(people)))]
        first_s = int(rng.integers(SECONDS - SEEN_S))
        for second in range(first_s, first_s + SEEN_S):
            vector = person + rng.normal(scale=0.7, size=128).astype(np.float32)
            box = {"x1": 10.0 + start, "y1": 10.0, "x2": 60.0 + start, "y2": 70.0}
            place = {"video_id": video_id, "frame_id": identifiers.frame_id(content_hash, second), "pts": second, "time_s": float(second)}
            scores = dict.fromkeys(("det_score", "sharpness", "frontality", "quality"), 0.8)
            raw = {"model": "", "vector": vector / np.linalg.norm(vector), "raw_norm": 11.0, "label": start // SEEN_S}
            face = {"face_id": identifiers.face_id(content_hash, second, start), "crop": BLOB, "thumbnail": BLOB, "landmarks": [0.0] * 10}
            rows.append({**place, **box, **scores, **raw, **face})
    return rows


def _write(
    home: Home, video_id: str, content_hash: str, uri: str, steps: Mapping[str, versions.TableVersion], rows: list[dict[str, object]]
) -> None:
    model = home.models().recogniser_id
    facts = {"video_id": video_id, "file_name": Path(uri).name, "uri": uri, "content_hash": content_hash, "duration_s": float(SECONDS)}
    shape = {"width": 1920, "height": 1080, "rotation_deg": 0, "fps": 30.0, "codec": "h264", "container": "mp4"}
    frames = [
        {"video_id": video_id, "frame_id": identifiers.frame_id(content_hash, at), "pts": at, "time_s": float(at), "is_keyframe": True}
        for at in range(SECONDS)
    ]
    faces = [{**row, "model": model} for row in rows]
    tables: list[tuple[Table, list[dict[str, object]]]] = [
        (VIDEOS, [{**facts, **shape, "tags": "{}", "sidecar_start": ""}]),
        (FRAMES, frames),
        (DETECTIONS, [{name: row[name] for name in DETECTIONS.dtypes} for row in faces]),
        (EMBEDDINGS, [{name: row[name] for name in EMBEDDINGS.dtypes} for row in faces]),
    ]
    for table, content in tables:
        _put(home, table, video_id, steps, check(table, table.frame(content)), model)
    frame = pl.DataFrame(faces)
    labels = frame["label"].to_numpy().astype(np.int64)
    _put(home, TRACKS, video_id, steps, check(TRACKS, TRACKS.frame(track_rows(video_id, frame, labels))), model)


def _put(home: Home, table: Table, video_id: str, steps: Mapping[str, versions.TableVersion], frame: pl.DataFrame, model: str) -> None:
    step = steps[table.name]
    home.store.put(table.name, video_id, frame, Stamp(step.data_version, step.inputs, {"model": model}, frame.height))


if __name__ == "__main__":
    main()
