"""What adding one clip, naming one person and trying one threshold cost in archives of several sizes.

usage: python -m benchmarks.archive VIDEO [--videos 2000 20000] [--faces 12] [--turns 3] [--keep DIR]

Makes up the record of archives (files of a few bytes that are never opened, tables with made-up faces of people who are seen now and
then), brings them up to date, and measures in each of them and in an empty home: one more VIDEO, from its file to its tracks (command,
worker process and Dagster run included), and separately matching and all that follows; the first `run` with nothing to do, which looks at
everything, and later ones; a name; another threshold. Each in its own process, as for a user. Prints the median CPU seconds of all
processes of a command together, and the growth exponent between the two largest archives.
"""

import argparse
import math
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.process_time import spend
from meetbefore_assets.core.model_packs import default_threshold
from meetbefore_assets.core.ports import F32, WHOLE, Stamp
from meetbefore_assets.core.schema.faces import DETECTIONS, EMBEDDINGS, FRAMES, TRACKS
from meetbefore_assets.core.schema.recordings import VIDEOS
from meetbefore_assets.core.schema.table import Table, check
from meetbefore_assets.encounters.make_tables import make_encounter_scores, make_people
from meetbefore_assets.faces.models.opencv_imaging import OpenCvImaging
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
from meetbefore_assets.recordings import identifiers
from meetbefore_assets.recordings.intake import import_recordings, known_videos

SECONDS, SEEN_S = 600, 4
BLOB = b"\x89" * 2_000
CROP = OpenCvImaging().encode_crop(np.random.default_rng(2).integers(0, 256, (112, 112, 3), np.uint8))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--videos", type=int, nargs="+", default=[2_000, 20_000])
    parser.add_argument("--faces", type=int, default=12, help="faces a made-up video")
    parser.add_argument("--turns", type=int, default=3, help="how often runs, names and thresholds are repeated")
    parser.add_argument("--keep", type=Path, help="make the homes here, and leave them")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="meetbefore-archive-"))
    found: dict[int, dict[str, float]] = {}
    try:
        for videos in (0, *sorted(arguments.videos)):
            home_folder = folder / f"home-{videos}"
            if videos:
                make_up(home_folder, videos, arguments.faces)
                bring_in_step(home_folder)
                timed("run that looks at everything", "run", "--home", home_folder)
            found[videos] = asked(arguments.video, home_folder, arguments.turns)
        print_table(found)
    finally:
        if not arguments.keep:
            shutil.rmtree(folder)


def asked(video: Path, home_folder: Path, turns: int) -> dict[str, float]:
    """Measured action -> CPU seconds."""
    found = {"file to tracks": timed("file to tracks", home_folder, video, module="benchmarks.archive_video")}
    found["matching and after"] = timed("matching and after", "run", "--home", home_folder)
    found["nothing to do, at first"] = timed("nothing to do, at first", "run", "--home", home_folder)
    person = open_home(home_folder).store.get("people", WHOLE)["person_id"][0]
    for turn in range(turns):
        for question, words in {
            "nothing to do": ("run",),
            "a name": ("name", person, f"Anna {turn}"),
            "another threshold": ("run", "--set", f"matching.threshold={0.41 + turn / 1000:.3f}"),
        }.items():
            if question == "nothing to do" and turn:
                timed("nothing to do, at first", "run", "--home", home_folder)
            found[f"{question} {turn}"] = timed(question, *words, "--home", home_folder)
    return found | {
        question: statistics.median(found.pop(f"{question} {turn}") for turn in range(turns))
        for question in ("nothing to do", "a name", "another threshold")
    }


def print_table(found: dict[int, dict[str, float]]) -> None:
    """Print one row per action, one column per archive, and the growth exponent between the two largest archives."""
    sizes = list(found)
    print(f"{'CPU seconds':26s}" + "".join(f"{size or 'empty':>10}" for size in sizes) + f"{'exponent':>10s}")
    for question in found[0]:
        values = [found[size][question] for size in sizes]
        low, high = sizes[-2:]
        grows = f"{math.log(values[-1] / values[-2]) / math.log(high / low):10.2f}" if low else ""
        print(f"{question:26s}" + "".join(f"{value:10.2f}" for value in values) + grows)


def bring_in_step(home_folder: Path) -> None:
    """Match, score and publish by calling the steps directly: Dagster's events of thousands of partitions are not measured here."""
    home = open_home(home_folder)
    for step in (build_face_index, decide_threshold, match, make_encounter_scores, make_people, publish):
        started = time.perf_counter()
        step(home)
        print(f"{step.__name__:40s} {time.perf_counter() - started:7.1f} s", flush=True)


def decide_threshold(home: Home) -> None:
    """Write the matching policy, as the asset matching_policy does."""
    pack = home.model_pack()
    store_calibration(home, usable_tracks(home, pack.recogniser_id), default_threshold(pack.recogniser, "auto"))


def timed(what: str, *words: object, module: str = "meetbefore_assets") -> float:
    """Run a command in its own process, print its cost, and return its CPU seconds."""
    spent = spend(["-m", module, *map(str, words)])
    print(f"{what:40s} {spent.clock_s:7.1f} s, {spent.cpu_s:7.1f} CPU s, exit {spent.code}: {spent.last}", flush=True)
    return spent.cpu_s


def make_up(home_folder: Path, videos: int, faces: int, people: int = 0, regular: float = 0.0, *, first: int = 0) -> None:
    """Make a home whose videos are all processed and not yet matched.

    Args:
        home_folder: to be made.
        videos: how many, of ten minutes each.
        faces: a video.
        people: how many there are; 0: as many as are seen three times each.
        regular: share of the tracks that are of one and the same person.
        first: number of the first one; those before it are there already.
    """
    folder = home_folder / "videos"
    folder.mkdir(parents=True, mode=0o700, exist_ok=bool(first))
    begin = np.datetime64("2024-01-01T06:00:00")
    for number in range(first, first + videos):
        name = str(begin + np.timedelta64(number * 5, "h")).translate({ord(c): None for c in "-:T"})
        (folder / f"DJI_{name}_{number % 9999:04d}_D.MP4").write_bytes(f"made up {number}".encode())
    home = open_home(home_folder, settings_file.load(home_folder))
    import_recordings(home, [folder])
    rng = np.random.default_rng(1)
    looks: F32 = rng.normal(size=(people or max(10, videos * faces // SEEN_S // 3), 128)).astype(np.float32)
    models = home.models()
    made = set(home.store.keys("tracks"))
    for video_id, known in known_videos(home).items():
        if video_id in made:
            continue
        steps = versions.expected_versions(known.content_hash, versions.parameters(home.settings(), models), "")
        _write(home, video_id, known.content_hash, known.uris[0], steps, _faces(rng, video_id, known.content_hash, faces, looks, regular))


def _faces(
    rng: np.random.Generator, video_id: str, content_hash: str, count: int, people: F32, regular: float = 0.0
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for start in range(0, count, SEEN_S):
        person = people[0 if regular and rng.random() < regular else int(rng.integers(len(people)))]
        first_s = int(rng.integers(SECONDS - SEEN_S))
        for second in range(first_s, first_s + SEEN_S):
            vector = person + rng.normal(scale=0.7, size=128).astype(np.float32)
            box = {"x1": 10.0 + start, "y1": 10.0, "x2": 60.0 + start, "y2": 70.0}
            place = {"video_id": video_id, "frame_id": identifiers.frame_id(content_hash, second), "pts": second, "time_s": float(second)}
            scores = dict.fromkeys(("det_score", "sharpness", "frontality", "quality"), 0.8)
            raw = {"model": "", "vector": vector / np.linalg.norm(vector), "raw_norm": 11.0, "label": start // SEEN_S}
            face = {"face_id": identifiers.face_id(content_hash, second, start), "crop": CROP, "thumbnail": BLOB, "landmarks": [0.0] * 10}
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
