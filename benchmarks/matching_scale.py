"""Matching of ten thousand, a hundred thousand and a million tracks: seconds, memory and quality.

usage: python -m benchmarks.matching_scale [TRACKS]... [--dim 128] [--home DIR] [--stages build,video,threshold]

Made-up people, whose cosines are distributed as SFace's were measured: strangers' 0.104 ± 0.087, one person's 1% 0.35, 5% 0.45, median
0.66, 95% 0.80. Most are seen once or twice (geometric, 2.5 tracks on the average), one companion has 0.2% of all tracks. 500 tracks
make a video, two faces are in each frame. A record with their tracks is written to a folder that goes away afterwards (to DIR with
--home, where it stays), and then, each in a process of its own and with `matching.threshold = auto`:

* build: everything is compared, and grouped;
* video: one more video of 500 tracks comes, its edges are found, everything is grouped again;
* threshold: another threshold, 0.02 higher, groups the stored edges.

Each line shows seconds by the clock and of the processor, the most memory the process held, the threshold, pairwise F,
precision and recall, and the size of the largest group against that of the person seen most. It ends where groups are known:
naming people by their earliest face and writing every face's row is not part of it.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from meetbefore_assets.core.ports import F32, I64, Stamp
from meetbefore_assets.core.schema.faces import TRACKS
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.face_index import build_face_index
from meetbefore_assets.identities.grouping_input import group, read_grouping_input
from meetbefore_assets.identities.policy import policy, usable_tracks
from meetbefore_assets.open_home import open_home

IN_VIDEO = 500
STRANGER_MEAN = 0.104
# Real vectors fill fewer dimensions than they have: 0.83 of 128 gives strangers the spread that was measured.
ROOM = 0.83
BLOCK = 50_000
STAGES = ("build", "video", "threshold")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tracks", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--home", type=Path, help="keep the record here; stages that are asked for later find it")
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--one", choices=STAGES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(STAGE[arguments.one](open_home(arguments.home))))
        return
    print(f"{'tracks':>9} {'dim':>4} {'stage':9} {'clock s':>8} {'cpu s':>7} {'GB':>5}  at    F      precision recall  largest / true")
    for tracks in arguments.tracks:
        with tempfile.TemporaryDirectory() as folder:
            home_folder = arguments.home or Path(folder)
            if not (home_folder / "truth.npy").exists():
                write_record(open_home(home_folder), tracks, arguments.dim)
            for stage in arguments.stages.split(","):
                print_line(home_folder, tracks, arguments.dim, stage)


def print_line(home_folder: Path, tracks: int, dim: int, stage: str) -> None:
    """Run one stage in its own process and print its line."""
    command = [sys.executable, "-m", "benchmarks.matching_scale", "--one", stage, "--home", str(home_folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    cost = f"{found['clock_s']:8.1f} {found['cpu_s']:7.1f} {found['peak_gb']:5.1f}"
    right = f"{found['threshold']:.2f}  {found['f']:.4f} {found['precision']:.4f}    {found['recall']:.4f}"
    largest = f"{found['largest']:,} / {found['true_largest']:,}"
    print(f"{tracks:9,} {dim:4} {stage:9} {cost}  {right}  {largest}   {found['steps']}", flush=True)


# ---- made-up people


def people_of(tracks: int, rng: np.random.Generator) -> I64:
    """Who each track shows, in random order; the companion is person 0."""
    counts = np.concatenate([[max(1, tracks // 500)], rng.geometric(1 / 2.5, tracks)])
    return rng.permutation(np.repeat(np.arange(len(counts)), counts)[:tracks])


def vectors_of(person: I64, dim: int, rng: np.random.Generator) -> F32:
    """(n, dim) unit vectors: the sum of a part common to all, a part of the person, and noise."""
    used = round(ROOM * dim)
    centre = _unit(rng.standard_normal((int(person.max()) + 1, used), np.float32))
    likeness = np.clip(0.93 - rng.gamma(2.0, 0.075, len(person)), 0.05, 0.99).astype(np.float32)[:, None]
    basis = np.linalg.qr(rng.standard_normal((dim, dim)))[0].astype(np.float32)
    vectors = np.empty((len(person), dim), np.float32)
    for at in range(0, len(person), BLOCK):
        here = slice(at, at + BLOCK)
        own = _unit(rng.standard_normal((len(person[here]), used), np.float32))
        mixed = _unit(likeness[here] * centre[person[here]] + np.sqrt(1 - likeness[here] ** 2) * own)
        vectors[here] = np.sqrt(STRANGER_MEAN) * basis[0] + np.sqrt(1 - STRANGER_MEAN) * mixed @ basis[1 : used + 1]
    return _unit(vectors)


def _unit(rows: F32) -> F32:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def write_record(home: Home, tracks: int, dim: int) -> None:
    """Write the tracks of all videos, and set aside one further video with 500 tracks."""
    rng = np.random.default_rng(7)
    person = people_of(tracks + IN_VIDEO, rng)
    vectors = vectors_of(person, dim, rng)
    model = home.model_pack().recogniser_id
    for number, rows in enumerate(_videos(len(person))):
        table = _table(f"video-{number:06d}", rows, person, vectors[rows], model)
        asset = "tracks" if rows[-1] < tracks else "tracks_to_come"
        home.store.put(asset, f"video-{number:06d}", table, Stamp(f"v{number}", {}, {"model": model}, table.height))
    np.save(home.folder / "truth.npy", person)


def _videos(count: int) -> Iterator[I64]:
    return (np.arange(at, min(at + IN_VIDEO, count)) for at in range(0, count, IN_VIDEO))


def _table(video_id: str, rows: I64, person: I64, vectors: F32, model: str) -> pl.DataFrame:
    """Cannot-link table: any two tracks share a frame unless they show the same person."""
    moments = (rows - rows[0]) // 2 * 2
    is_twice = (rows % 2 == 1) & (person[rows] == person[rows - rows % 2])
    names = [f"{row:09d}" for row in rows]
    content = {
        "track_id": names,
        "video_id": [video_id] * len(rows),
        "first_time_s": moments.astype(float),
        "last_time_s": moments.astype(float),
        "faces": np.ones(len(rows), np.int64),
        "quality": np.ones(len(rows), np.float32),
        "model": [model] * len(rows),
        "vector": list(vectors),
        "face_ids": [[name] for name in names],
        "frame_pts": [[int(moment)] for moment in moments + is_twice],
    }
    return pl.DataFrame(content, schema=TRACKS.dtypes)


# ---- what is measured


def build(home: Home) -> dict[str, object]:
    settings_file.apply(home.folder, ["matching.threshold=auto"])
    return _measured(home)


def video(home: Home) -> dict[str, object]:
    settings_file.apply(home.folder, ["matching.threshold=auto"])
    for key in home.store.keys("tracks_to_come"):
        stamp = home.store.stamp("tracks_to_come", key)
        assert stamp is not None
        home.store.put("tracks", key, home.store.get("tracks_to_come", key), stamp)
    return _measured(home)


def threshold(home: Home) -> dict[str, object]:
    settings_file.apply(home.folder, [f"matching.threshold={policy(home).threshold + 0.02:.2f}"])
    return _measured(home)


STAGE = {"build": build, "video": video, "threshold": threshold}


def _measured(home: Home) -> dict[str, object]:
    """Match the recorded tracks; returns groups and costs."""
    clock, processor = [time.perf_counter()], time.process_time()
    indexed = build_face_index(home)
    clock.append(time.perf_counter())
    decided = policy(home)
    given = read_grouping_input(home, sorted(usable_tracks(home, decided.recogniser_id)))
    clock.append(time.perf_counter())
    labels = group(given, decided.threshold)
    clock.append(time.perf_counter())
    seconds = dict(zip(("compare", "read", "group"), np.round(np.diff(clock), 1).tolist(), strict=True))
    truth = np.load(home.folder / "truth.npy")[given.tracks["track_id"].cast(pl.Int64).to_numpy()]
    return {
        "clock_s": clock[-1] - clock[0],
        "cpu_s": time.process_time() - processor,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "threshold": decided.threshold,
        **scores(truth, labels),
        "steps": {**seconds, "found": indexed.new_edges, "edges": len(given.graph.edges.pairs)},
    }


def scores(truth: I64, found: I64) -> dict[str, float]:
    """Pairwise F, precision and recall, and the largest group against the largest true one."""
    cells = np.unique(truth * (int(found.max()) + 1) + found, return_counts=True)[1]
    right, claimed, true = (_pairs(sizes) for sizes in (cells, np.bincount(found), np.bincount(truth)))
    precision, recall = right / max(claimed, 1), right / max(true, 1)
    f = 2 * precision * recall / max(precision + recall, 1e-12)
    largest, true_largest = int(np.bincount(found).max()), int(np.bincount(truth).max())
    return {"f": f, "precision": precision, "recall": recall, "largest": largest, "true_largest": true_largest}


def _pairs(sizes: I64) -> float:
    return float((sizes.astype(np.float64) * (sizes - 1) / 2).sum())


if __name__ == "__main__":
    main()
