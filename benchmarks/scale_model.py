"""The cost of an archive of 1 to 1,000,000 hours, from unit costs measured on this machine. docs/scale.md is written from it.

usage: python -m benchmarks.scale_model [--quick] [--keep DIR] [--units FILE]

Measures, each in a process of its own: clips of 1080p and 4K on one thread, runs of Dagster, partitions of Dagster, files in one
folder, matching (benchmarks.matching_scale), scores, database and page of made-up archives, and requests of an object store (an S3
server on this machine). Then prints the units and the tables of docs/scale.md (benchmarks.scale_arithmetic). --quick: small
simulations, in some minutes, whose figures are rough. --units: where the units are kept; what is in it is not measured again.
"""

import argparse
import datetime as dt
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.matching_scale import write_record
from benchmarks.scale_arithmetic import GB, Footage, Totals, Units, hours_until, lost, threshold, totals
from benchmarks.speed_methods import machine
from meetbefore_assets.open_home import open_home

HOURS = (1, 100, 10_000, 1_000_000)
CORES = (2, 16, 128)


@dataclass(frozen=True)
class Sizes:
    """Sizes of the simulations."""

    seconds: int
    runs: int
    partitions: tuple[int, ...]
    names: int
    tracks: tuple[int, int]
    videos: tuple[int, int]
    remote: tuple[int, int]


FULL = Sizes(20, 10, (10_000, 100_000, 1_000_000), 1_000_000, (10_000, 40_000), (10, 50), (20, 40))
QUICK = Sizes(6, 2, (1_000, 10_000), 20_000, (1_000, 4_000), (10, 40), (20, 30))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", type=Path, help="make the clips here, and leave them")
    parser.add_argument("--units", type=Path)
    arguments = parser.parse_args()
    report(measured(QUICK if arguments.quick else FULL, arguments.keep, Answers(arguments.units)))


# ---- measuring


class Answers:
    """Measured values, kept in a file as they come, so that nothing is measured twice."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else {}

    def ask(self, name: str, module: str, *words: object) -> dict[str, Any]:
        """Measure in a separate process, which prints its result as JSON."""
        return self.know(name, lambda: _answer(module, *words))

    def know(self, name: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The measured value of that name, measured now if missing."""
        if name not in self._known:
            print(f"… {name}", file=sys.stderr, flush=True)
            self._known[name] = measure()
            if self._path:
                self._path.write_text(json.dumps(self._known, indent=1), encoding="utf-8")
        answer: dict[str, Any] = self._known[name]
        return answer


def _answer(module: str, *words: object) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", module, *map(str, words)], stdout=subprocess.PIPE, text=True, check=True)
    # Servers that were started may have the last word.
    found: dict[str, Any] = json.loads(next(line for line in reversed(done.stdout.splitlines()) if line.startswith("{")))
    return found


def measured(sizes: Sizes, keep: Path | None, answers: Answers) -> dict[str, Any]:
    """The unit costs, and how Dagster and a folder cope with many names."""
    folder = Path(tempfile.mkdtemp(prefix="meetbefore-scale-"))
    clips = keep.absolute() if keep else folder / "clips"
    clips.mkdir(parents=True, exist_ok=True)
    try:
        return _measured(sizes, folder, clips, answers)
    finally:
        shutil.rmtree(folder)


def this_machine() -> dict[str, Any]:
    """Description of this machine; `busy` is its load average over five minutes."""
    return {"machine": machine(), "date": f"{dt.datetime.now(dt.UTC):%Y-%m-%d}", "busy": psutil.getloadavg()[1]}


def _measured(sizes: Sizes, folder: Path, clips: Path, answers: Answers) -> dict[str, Any]:
    def ask(what: str, size: int) -> dict[str, Any]:
        mine = Path(tempfile.mkdtemp(prefix=f"{what}-", dir=folder))
        (mine / "clips").symlink_to(clips)
        return answers.ask(f"{what} {size}", "benchmarks.scale_units", what, mine, size)

    about = answers.know("about", this_machine)
    videos, dagster = ask("videos", sizes.seconds), ask("dagster", sizes.runs)
    listing, few, more = ask("listing", sizes.names), *(ask("requests", videos) for videos in sizes.remote)
    small, large = (ask("deciding", count) for count in sizes.videos)
    matching = [_matching(folder, count, answers) for count in sizes.tracks]
    many = {count: ask("partitions", count) for count in sizes.partitions}
    biggest = many[max(many)]
    units = {
        **videos,
        **dagster,
        **_deciding(small, large),
        **_comparing(matching, sizes.tracks),
        "key_bytes": biggest["bytes"] / max(many),
        "key_s": biggest["read_s"] / max(many),
        "list_name_s": listing["list_s"] / sizes.names,
        "video_requests": sum(more["a video"].values()),
        **_requests(few, more, sizes.remote),
    }
    return {
        "about": about,
        "sizes": asdict(sizes),
        "units": units,
        "partitions": many,
        "listing": listing,
        "requests": more,
        "matching": matching,
    }


def _matching(folder: Path, tracks: int, answers: Answers) -> dict[str, Any]:
    """Cost of comparing and grouping so many made-up tracks; bytes of the edges on disk."""

    def measure() -> dict[str, Any]:
        home_folder = folder / f"tracks-{tracks}"
        write_record(open_home(home_folder), tracks, 128)
        found = {stage: _answer("benchmarks.matching_scale", "--one", stage, "--home", home_folder) for stage in ("build", "threshold")}
        index = sum(file.stat().st_size for file in (home_folder / "index").rglob("*.parquet"))
        shutil.rmtree(home_folder)
        return {**found, "edge_bytes": index / max(1, found["build"]["steps"]["edges"])}

    return answers.know(f"matching {tracks}", measure)


def _comparing(found: list[dict[str, Any]], tracks: tuple[int, int]) -> dict[str, float]:
    """Cost per pair, per edge, and memory per track; the fixed cost of both sizes cancels out."""
    few, many = tracks
    compare_s = [one["build"]["cpu_s"] - one["threshold"]["cpu_s"] for one in found]
    edges = [one["build"]["steps"]["edges"] for one in found]
    grouped_s = [one["threshold"]["cpu_s"] for one in found]
    memory = [one["threshold"]["peak_gb"] * 2**30 for one in found]
    track_bytes = max(0.0, memory[1] - memory[0]) / (many - few)
    return {
        "pair_s": max(0.0, compare_s[1] - compare_s[0]) * 2 / (many**2 - few**2),
        "match_edge_s": max(0.0, grouped_s[1] - grouped_s[0]) / (edges[1] - edges[0]),
        "edges": edges[1] / many,
        "edge_bytes": found[1]["edge_bytes"],
        "match_track_bytes": track_bytes,
        "match_base_bytes": memory[0] - few * track_bytes,
    }


def _deciding(small: dict[str, Any], large: dict[str, Any]) -> dict[str, float]:
    """Cost per face, from two archives with four faces per track."""
    faces = large["faces"] - small["faces"]

    def each(*steps: str) -> float:
        return max(0.0, sum(large["steps"][step] - small["steps"][step] for step in steps)) / faces

    return {
        "match_track_s": 4 * each("match"),
        "score_face_s": each("score", "rank"),
        "publish_face_s": each("publish"),
        "page_face_s": each("write_report"),
        "published_bytes": (large["database"] - small["database"]) / faces,
        "page_bytes": (large["page"] - small["page"]) / faces,
    }


def _requests(few: dict[str, Any], more: dict[str, Any], videos: tuple[int, int]) -> dict[str, float]:
    """Requests of a matching run in an object store: the part per video, and the rest."""
    made = [sum(one["matching"].values()) for one in (few, more)]
    each = max(0.0, made[1] - made[0]) / (videos[1] - videos[0])
    return {"match_requests": each, "match_base_requests": max(0.0, made[0] - each * videos[0])}


# ---- printing


def report(found: dict[str, Any]) -> None:
    """The units and the tables, as Markdown."""
    units, about = Units(**found["units"]), found["about"]
    print(f"{about['date']}, {about['machine']}; {about['busy']:.1f} processes wanted its cores\n")
    print("| unit | |\n|---|---|")
    for name, value in asdict(units).items():
        print(f"| {name} | {', '.join(f'{k}: {_short(v)}' for k, v in value.items()) if isinstance(value, dict) else _short(value)} |")
    made, videos = found["requests"], found["sizes"]["remote"][1]
    print(f"\nrequests of a video {made['a video']}, of matching {videos} videos {made['matching']}")
    for size in ("1080p", "4K"):
        cost_table(units, size)
    grouping_table(units)
    limits_table(units)
    print("\n| names | added, s | read, s | one more, s | MB | page of an asset, s |\n|---|---|---|---|---|---|")
    for count, one in found["partitions"].items():
        row = (one["add_s"], one["read_s"], one["one_more_s"], one["bytes"] / 1e6, one["page_s"])
        print(f"| {int(count):,} | {' | '.join(map(_short, row))} |")
    print(f"\nlisting {found['sizes']['names']:,} files of one folder: {found['listing']['list_s']:.2f} s")


def cost_table(units: Units, size: str) -> None:
    """Table of the cost by hours of footage."""
    print(f"\n| {size} | {' | '.join(f'{hours:,} h' for hours in HOURS)} |\n|---|{'---|' * len(HOURS)}")
    columns = [totals(units, Footage(hours, size)) for hours in HOURS]
    rows: list[tuple[str, list[str]]] = [
        ("videos of 10 min", [f"{one.counts.videos:,.0f}" for one in columns]),
        ("faces", [f"{one.counts.faces:,.0f}" for one in columns]),
        ("tracks", [f"{one.counts.tracks:,.0f}" for one in columns]),
        *((f"{part}, CPU h", [_hours(one.cpu_s[part]) for one in columns]) for part in columns[0].cpu_s),
        ("the way of the videos, CPU h", [_hours(one.videos_cpu_s()) for one in columns]),
        ("comparing as they come, CPU h", [_hours(one.compare_s) for one in columns]),
        ("comparing all at once, CPU h", [_hours(one.compare_at_once_s) for one in columns]),
        ("one matching run with what follows, h on a core", [_hours(one.one_match_s) for one in columns]),
        ("its memory, GB", [_short(one.match_memory_bytes / GB) for one in columns]),
        ("threshold for so many tracks", [f"{threshold(one.counts.tracks):.2f}" for one in columns]),
        ("pairs of one person below it", [f"{lost(threshold(one.counts.tracks)):.0%}" for one in columns]),
        *((f"by the clock on {cores} cores, h", [_hours(one.wall_s(cores)) for one in columns]) for cores in CORES),
        *((f"{part}, GB", [_short(one.disk_bytes[part] / GB) for one in columns]) for part in columns[0].disk_bytes),
        ("all that is kept, GB", [_short(one.disk() / GB) for one in columns]),
        ("requests for the videos", [_short(one.requests) for one in columns]),
        ("requests of a matching run", [_short(one.one_match_requests) for one in columns]),
        ("rows in Dagster's databases", [_short(one.dagster_rows) for one in columns]),
        ("reading the names of all partitions, s", [_short(one.keys_s) for one in columns]),
        ("listing a table's folder, s", [_short(one.list_s) for one in columns]),
    ]
    for name, cells in rows:
        print(f"| {name} | {' | '.join(cells)} |")


GROUPS = {"a video (10 min)": 1.0, "a camera's day (4 h)": 24.0, "a camera's week": 168.0, "a camera's month": 720.0}


def grouping_table(units: Units) -> None:
    """Table of the number of partitions if several files form one."""
    print("\n| a partition is | partitions at 10,000 h | at 1,000,000 h | rows at 1,000,000 h | CPU h of Dagster | 100,000 partitions at |")
    print("|---|---|---|---|---|---|")
    for name, videos in GROUPS.items():
        footage = Footage(1, videos_in_partition=videos)
        few, many = (totals(units, Footage(hours, videos_in_partition=videos)) for hours in (10_000, 1_000_000))
        end = hours_until(units, footage, lambda found: found.counts.partitions > 100_000)
        cells = (few.counts.partitions, many.counts.partitions, many.dagster_rows, many.cpu_s["Dagster"] / 3600, end)
        print(f"| {name} | {' | '.join(map(_short, cells))} h |")


def limits_table(units: Units) -> None:
    """Table of the hours at which each part reaches its limit, at 10 minutes per file and half a face per sampled frame."""

    def week_of(cores: int, found: Totals) -> bool:
        return found.compare_s > 7 * 86_400 * cores

    limits = {
        "100,000 partitions (what Dagster's manual advises)": lambda found: found.counts.partitions > 100_000,
        "reading the names of all partitions takes 10 s": lambda found: found.keys_s > 10,
        "1,000,000 files in each folder of the record": lambda found: found.counts.videos > 1_000_000,
        "Dagster's SQLite files hold 100 GB": lambda found: found.disk_bytes["Dagster"] > 100 * GB,
        "the page has 100 MB": lambda found: found.disk_bytes["page"] > 0.1 * GB,
        "the DuckDB file has 100 GB": lambda found: found.disk_bytes["database"] > 100 * GB,
        "a matching run takes an hour of one core": lambda found: found.one_match_s > 3600,
        "a matching run takes a day of one core": lambda found: found.one_match_s > 86_400,
        "a matching run takes 64 GB of memory": lambda found: found.match_memory_bytes > 64 * GB,
        "a matching run takes 512 GB of memory": lambda found: found.match_memory_bytes > 512 * GB,
        "140,000 tracks: more at once are compared through cells": lambda found: found.counts.tracks > 140_000,
        "exact comparing takes a week of 16 cores": lambda found: week_of(16, found),
        "a matching run asks an object store 1,000,000 times": lambda found: found.one_match_requests > 1e6,
    }
    print("\n| limit | hours of footage |\n|---|---|")
    rows = sorted(((hours_until(units, Footage(1), is_beyond), name) for name, is_beyond in limits.items()))
    for hours, name in rows:
        print(f"| {name} | {_short(hours)} |")


def _hours(seconds: float) -> str:
    return _short(seconds / 3600)


def _short(value: float) -> str:
    """Format a number with two significant figures."""
    if value == 0:
        return "0"
    if value >= 100:
        digits = len(f"{value:.0f}") - 2
        return f"{round(value, -digits):,.0f}"
    return f"{value:.2g}"


if __name__ == "__main__":
    main()
