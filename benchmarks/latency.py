"""The commands people wait for (one more clip, a name, another threshold, a run with nothing to do), timed in pairs for two programs.

usage: python -m benchmarks.latency CLIP [--before CHECKOUT] [--home DIR] [--turns 5] [--only NAME]... [--no-bytecode]

Takes CLIP into an empty home, and then asks what people ask: `run` again, `people`, `name`, `show`, another threshold. All in processes
of their own; the processor's time is that of all processes of a command together. `floor` is decoding and models alone: the steps
detections and embeddings of the same clip, models loaded. --before runs everything with another checkout as well, in turns, so that a
machine whose pace varies is fair to both. --home asks of a copy of a processed home instead (videos are not worked on then).

Python keeps what it compiled beside the modules, unless PYTHONDONTWRITEBYTECODE forbids it, as containers often do. Both are measured
with it kept in a temporary folder, or with --no-bytecode without.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.process_time import Spent, spend
from benchmarks.speed_methods import Ours, machine

CODE_LOCATION = ["-m", "dagster", "definitions", "validate", "-m", "meetbefore_assets.definitions", "--log-level", "error"]
HERE = Path(__file__).resolve().parents[1]
Ask = Callable[[Path, Path, dict[str, str]], Spent]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--before", type=Path, help="checkout to compare with")
    parser.add_argument("--home", type=Path, help="processed home, of which copies are asked")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--only", action="append", choices=[*QUESTIONS, "floor"], help="may be given again")
    parser.add_argument("--no-bytecode", action="store_true")
    parser.add_argument("--floor", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.floor:
        print(floor(arguments.clip))
        return
    programs = {"before": arguments.before, "after": HERE} if arguments.before else {"after": HERE}
    with tempfile.TemporaryDirectory(prefix="meetbefore-latency-") as folder:
        found = measured(Path(folder), programs, arguments)
    print(f"{machine()}; medians of {arguments.turns}; bytecode {'not ' if arguments.no_bytecode else ''}kept")
    print_table(found, list(programs))


def measured(folder: Path, programs: dict[str, Path], arguments: argparse.Namespace) -> dict[tuple[str, str], list[Spent]]:
    """(action, program) -> cost of each turn."""
    found: dict[tuple[str, str], list[Spent]] = {}
    only = set(arguments.only or [*QUESTIONS, "floor"]) - ({"clip", "floor"} if arguments.home else set())
    for turn in range(-1, arguments.turns):  # the first is not counted: it compiles
        if turn < 0 and arguments.no_bytecode:
            continue
        for name, program in programs.items():
            kept = {"PYTHONPYCACHEPREFIX": str(folder / f"bytecode-{name}"), "PYTHONDONTWRITEBYTECODE": ""}
            variables = {"PYTHONDONTWRITEBYTECODE": "1"} if arguments.no_bytecode else kept
            home = folder / f"home-{name}"
            shutil.rmtree(home, ignore_errors=True)
            if arguments.home:
                shutil.copytree(arguments.home, home)
                QUESTIONS["nothing"](program, home, variables)  # what another program would do anew is not what is asked
            for question, ask in (QUESTIONS | {"clip": clip_into(arguments.clip, folder)}).items():
                if question not in only and not (question == "clip" and not arguments.home):
                    continue
                spent = ask(program, home, variables)
                if turn >= 0 and question in only:
                    found.setdefault((question, name), []).append(spent)
                print(
                    f"  {question:12s} {name:6s} {spent.cpu_s:6.2f} CPU s {spent.clock_s:6.1f} s, exit {spent.code}: {spent.last}",
                    file=sys.stderr,
                )
            if turn >= 0 and "floor" in only:
                told = (
                    spend(["-m", "benchmarks.latency", str(arguments.clip), "--floor"], environment=variables) if name == "after" else None
                )
                if told is not None:
                    found.setdefault(("floor", name), []).append(Spent(float(told.last), told.clock_s, told.code, ""))
    return found


def print_table(found: dict[tuple[str, str], list[Spent]], programs: list[str]) -> None:
    """Print one line per action: median CPU seconds, median wall-clock seconds, and the ratio."""
    print(f"{'':14s}" + "".join(f"{name + ', CPU s':>16s}{'clock s':>10s}" for name in programs) + f"{'CPU ratio':>12s}")
    for question in dict.fromkeys(question for question, _ in found):
        cells, cpu = "", []
        for name in programs:
            turns = found.get((question, name))
            cpu += [statistics.median(turn.cpu_s for turn in turns)] if turns else []
            cells += f"{cpu[-1]:16.2f}{statistics.median(turn.clock_s for turn in turns):10.1f}" if turns else " " * 26
        print(f"{question:14s}{cells}" + (f"{cpu[1] / cpu[0]:12.2f}" if len(cpu) == 2 else ""))


def floor(clip: Path) -> float:
    """CPU seconds for decoding a clip and running the models on it."""
    with tempfile.TemporaryDirectory(prefix="meetbefore-floor-") as folder:
        ours = Ours(Path(folder), "sface", os.cpu_count() or 1)
        ours.run(clip)
        return ours.parts["detections"] + ours.parts["embeddings"]


# ---- what people ask; each in a home that the one before left


def clip_into(clip: Path, folder: Path) -> Ask:
    """Process the clip from its own folder into an empty home, and publish."""
    own = folder / "recordings"
    own.mkdir(exist_ok=True)
    if not (own / clip.name).exists():
        shutil.copyfile(clip, own / clip.name)
    return lambda program, home, variables: _meetbefore(program, variables, "run", own, "--home", home)


def _meetbefore(program: Path, variables: dict[str, str], *words: object) -> Spent:
    return spend(["-m", "meetbefore_assets", *map(str, words)], program=program, environment=variables)


def _name(program: Path, home: Path, variables: dict[str, str]) -> Spent:
    return _meetbefore(program, variables, "name", _first(home), f"Anna {time.monotonic_ns()}", "--home", home)


def _first(home: Path) -> str:
    """The id of some person in the home."""
    import polars as pl

    return str(pl.read_parquet(home / "record" / "people" / "_all.parquet")["person_id"][0])


def _threshold(program: Path, home: Path, variables: dict[str, str]) -> Spent:
    return _meetbefore(
        program, variables, "run", "--home", home, "--set", f"matching.threshold={0.41 + time.monotonic_ns() % 7 / 1000:.3f}"
    )


def _code_location(program: Path, home: Path, variables: dict[str, str]) -> Spent:
    dagster = home / "dagster"
    return spend(CODE_LOCATION, program=program, environment={**variables, "MEETBEFORE_HOME": str(home), "DAGSTER_HOME": str(dagster)})


QUESTIONS: dict[str, Ask] = {
    "clip": lambda *_words: Spent(0, 0, 0, ""),
    "nothing": lambda program, home, variables: _meetbefore(program, variables, "run", "--home", home),
    "nothing again": lambda program, home, variables: _meetbefore(program, variables, "run", "--home", home),
    "people": lambda program, home, variables: _meetbefore(program, variables, "people", "--all", "--home", home),
    "name": _name,
    "show": lambda program, home, variables: _meetbefore(program, variables, "show", _first(home), "--home", home),
    "threshold": _threshold,
    "code location": _code_location,
}


if __name__ == "__main__":
    main()
