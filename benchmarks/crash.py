"""Kill -9 at random moments, resume, and compare with an undisturbed home.

    python -m benchmarks.crash --kills 100 --daemon-kills 10

A round begins with an empty home; `meetbefore run` (or `dagster dev`) is killed with all its children after a random time and
started again, until it comes through. Then every content table of the published database must equal that of the undisturbed home,
and the next round begins, until there were as many kills as asked for.
"""

import argparse
import atexit
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import psutil

from meetbefore_assets.core.schema.lists import published_tables
from meetbefore_assets.demo.footage import write_clips
from meetbefore_assets.encounters.make_tables import is_scored
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.match import is_matched
from meetbefore_assets.open_home import open_home
from meetbefore_assets.publishing.database import is_published
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets.running import instance_folder
from meetbefore_assets_tests.demo.test_footage import CLIPS, shortened
from meetbefore_assets_tests.test_crash import rounds as rounds_of_steps

ROOT = Path(__file__).resolve().parents[1]
LONGEST_S = 600.0


def content(home_folder: Path) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect(str(home_folder / "meetbefore.duckdb"), read_only=True) as reader:
        names = [table.name for table in published_tables() if not table.is_history]
        return {name: reader.execute(f"select * from {name} order by all").fetchall() for name in names}


def kill_all(process: subprocess.Popen[bytes]) -> int:
    """Kill a process with all its descendants; returns their number."""
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
        for member in (psutil.Process(process.pid), *family):
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        psutil.wait_procs(family, timeout=10)
        process.wait()
        return len(family) + 1
    process.wait()
    return 1


def start(command: list[str], home_folder: Path) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "NO_COLOR": "1", "MEETBEFORE_HOME": str(home_folder), "DAGSTER_HOME": str(home_folder / "dagster")}
    log = (home_folder.parent / f"{home_folder.name}.log").open("ab")
    process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=ROOT)
    atexit.register(kill_all, process)
    return process


def run_command(clips: Path, home_folder: Path) -> list[str]:
    return [sys.executable, "-m", "meetbefore_assets", "run", str(clips), "--home", str(home_folder)]


def prepare(home_folder: Path, clips: Path) -> None:
    """Make an empty home whose settings name the clips."""
    shutil.rmtree(home_folder, ignore_errors=True)
    settings_file.apply(home_folder, [f"sources=['{clips}']", "time.zone='UTC'", "upkeep.watch_s=2"])
    instance_folder.prepare(home_folder)


def stage(home_folder: Path) -> str:
    """How far a home is processed: the last table that exists."""
    order = ("sources", "videos", "frames", "detections", "embeddings", "tracks", "identity_assignments", "encounter_scores", "people")
    there = [name for name in order if list((home_folder / "record" / name).glob("[!.]*.parquet"))]
    return "published" if (home_folder / "meetbefore.duckdb").exists() and there[-1:] == ["people"] else there[-1] if there else "nothing"


def is_done(home_folder: Path) -> bool:
    """Whether everything is processed, matched and published."""
    home = open_home(home_folder)
    statuses = all_statuses(home)
    return (
        bool(statuses)
        and not any(status.todo for status in statuses)
        and is_matched(home)
        and is_scored(home)
        and is_published(home)
        and bool(home.store.keys("people"))
    )


def attempts_of_run(clips: Path, home_folder: Path, longest_s: float, dice: random.Random) -> Iterator[bool]:
    """Start `run` again and again; yields True for each that was killed and stops after one that finished."""
    while True:
        process = start(run_command(clips, home_folder), home_folder)
        try:
            code = process.wait(timeout=dice.uniform(0.0, longest_s))
        except subprocess.TimeoutExpired:
            kill_all(process)
            yield True
            continue
        if code:
            raise SystemExit(f"run ended with {code}; see {home_folder}.log")
        return


def attempts_of_daemon(home_folder: Path, longest_s: float, dice: random.Random) -> Iterator[bool]:
    """Start `dagster dev` again and again, each on its own port."""
    while True:
        process = start([sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(dice.randint(20000, 40000))], home_folder)
        deadline = time.monotonic() + dice.uniform(5.0, longest_s)
        while time.monotonic() < deadline and not is_done(home_folder):
            time.sleep(0.5)
        done = is_done(home_folder)
        kill_all(process)
        yield True  # killed it was in any case, also when it had nothing to do any more
        if done:
            return


def rounds(kills: int, begin: Callable[[], Iterator[bool]], home_folder: Path, clips: Path, expected: object) -> Counter[str]:
    """Play rounds until there were `kills` kills; returns the stages that they hit."""
    hits: Counter[str] = Counter()
    number = 0
    while hits.total() < kills:
        number += 1
        prepare(home_folder, clips)
        for _ in begin():
            hits[stage(home_folder)] += 1
            print(f"  kill {hits.total()} of {kills}: {stage(home_folder)}", flush=True)
            if hits.total() >= kills:
                break
        process = start(run_command(clips, home_folder), home_folder)
        if process.wait(timeout=LONGEST_S):
            raise SystemExit(f"the last run of a round failed; see {home_folder}.log")
        found = content(home_folder)
        if found != expected:
            wrong = [name for name in found if found[name] != expected[name]]  # type: ignore[index]
            raise SystemExit(f"round {number}: other content in {', '.join(wrong)}; the home is kept at {home_folder}")
        litter = [path for path in home_folder.rglob("*.tmp") if path.is_file()]
        print(f"  round {number}: content equal; {len(litter)} temporary files of killed processes left for the weekly upkeep", flush=True)
    return hits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="of meetbefore run")
    parser.add_argument("--daemon-kills", type=int, default=10, help="of dagster dev")
    parser.add_argument("--steps-kills", type=int, default=100, help="of a process that takes all steps with fake models")
    parser.add_argument("--clips", type=int, default=3, help="videos of 3 s")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
    dice = random.Random(chosen.seed)
    if chosen.steps_kills:
        with tempfile.TemporaryDirectory(prefix="meetbefore-crash-steps-") as folder:
            number = rounds_of_steps(Path(folder), chosen.steps_kills, chosen.seed)
        print(f"all steps, fake models: {chosen.steps_kills} kills, content equal after each of {number} rounds", flush=True)
    if not chosen.kills + chosen.daemon_kills:
        return
    with tempfile.TemporaryDirectory(prefix="meetbefore-crash-", ignore_cleanup_errors=True) as folder:
        clips, calm, home_folder = (Path(folder) / name for name in ("clips", "calm", "killed"))
        write_clips(clips, tuple(shortened(clip, 3) for clip in CLIPS[: chosen.clips]))
        prepare(calm, clips)
        begun = time.monotonic()
        if start(run_command(clips, calm), calm).wait(timeout=LONGEST_S):
            raise SystemExit(f"the undisturbed run failed: {Path(f'{calm}.log').read_text()}")
        longest_s = time.monotonic() - begun
        expected = content(calm)
        print(f"undisturbed: {longest_s:.1f} s, {sum(map(len, expected.values()))} rows; kills fall between 0 and that", flush=True)
        hits = rounds(chosen.kills, lambda: attempts_of_run(clips, home_folder, longest_s, dice), home_folder, clips, expected)
        print(f"run: {hits.total()} kills, content equal after every round. Where they fell: {dict(hits)}")
        hits = rounds(chosen.daemon_kills, lambda: attempts_of_daemon(home_folder, 3 * longest_s, dice), home_folder, clips, expected)
        print(f"dagster dev: {hits.total()} kills, content equal after every round. Where they fell: {dict(hits)}")


if __name__ == "__main__":
    main()
