"""How soon a correction is visible in a large archive, and whether corrections survive a kill -9 of the app.

usage: python -m benchmarks.answers [HOME] [--videos 2000] [--faces 50] [--people 5000] [--keep DIR]
       python -m benchmarks.answers HOME --kill 10 [--rounds 5]

Without HOME it makes up a record of so many videos, faces a video and people, of whom one has a fiftieth of all tracks, and brings it in
step. Prints seconds by the clock and of the processor from what people say to the view that shows it (people, faces, encounters), to the
next question, and the memory of the process. HOME is changed: give a copy.

With --kill a process of its own answers the questions of HOME one by one, and is killed (SIGKILL) just after every so many answers;
prints how many of the answers that were confirmed are on record, and how many twice.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from benchmarks.archive import bring_in_step, make_up
from meetbefore_assets.identities.stored_corrections import read_corrections
from meetbefore_assets.open_home import open_home
from meetbefore_assets.review.live_identities import ANSWERS, LiveIdentities

Result = TypeVar("Result")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path, nargs="?")
    parser.add_argument("--videos", type=int, default=2_000)
    parser.add_argument("--faces", type=int, default=50, help="faces a made-up video")
    parser.add_argument("--people", type=int, default=5_000)
    parser.add_argument("--keep", type=Path, help="make the home here, and leave it")
    parser.add_argument("--kill", type=int, help="kill the process that answers after so many answers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--answer", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.answer:
        answer_all(arguments.home)
    elif arguments.kill:
        kill_after(arguments.home, arguments.kill, arguments.rounds)
    else:
        folder = arguments.keep or Path(tempfile.mkdtemp(prefix="meetbefore-answers-"))
        try:
            home_folder = arguments.home or folder / "home"
            if not arguments.home:
                make_up(home_folder, arguments.videos, arguments.faces, arguments.people, 0.02)
                bring_in_step(home_folder)
            measure(home_folder)
        finally:
            if not arguments.keep:
                shutil.rmtree(folder)


def measure(home_folder: Path) -> None:
    """Make one correction of each kind and time it until it is visible."""
    live = timed("load", lambda: LiveIdentities(open_home(home_folder)))
    view = live.view()
    print(f"{view.people.height:,} people, {view.faces.height:,} faces, {view.decided.given.tracks.height:,} tracks")
    timed("first view: people, faces, encounters", lambda: see(live))
    timed("first question", lambda: live.view().questions(2))
    people = view.people.sort("faces", "person_id", descending=True)["person_id"].to_list()
    few, most = people[len(people) // 2 :], people[0]
    live.merge(few[:2])  # libraries that are loaded when they are needed first
    see(live)
    words: dict[str, Callable[[], object]] = {
        "merge of two people": lambda: live.merge(few[2:4]),
        "merge of five people": lambda: live.merge(few[4:9]),
        "merge with the person who has most faces": lambda: live.merge([most, few[9]]),
        "name": lambda: live.name(few[10], f"Anna {time.time():.0f}"),
        "not a face": lambda: live.not_a_face(live.view().faces_of(few[11])["face_id"].to_list()[:1]),
        "split off the person who has most faces": lambda: live.split(most, live.view().faces_of(most)["face_id"].to_list()[:1]),
        "undo": live.undo,
    }
    for what, say in words.items():
        timed(f"{what}: on record and seen", lambda say=say: (say(), see(live)))  # type: ignore[misc]
        timed("  the next questions", lambda: live.view().questions(2))
    timed(f"the worst-fitting of {live.view().faces_of(most).height:,} faces", lambda: live.fit(most))


def see(live: LiveIdentities) -> None:
    """Compute what the app's pages show."""
    view = live.view()
    if not all(table.height for table in (view.people, view.faces, view.encounters)):
        raise ValueError("there is nobody to be seen, expected an archive with people")


def timed(what: str, work: Callable[[], Result]) -> Result:
    """Call a function; print its seconds and the memory of this process."""
    started, cpu = time.perf_counter(), time.process_time()
    result = work()
    wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    print(f"{what:60s} {wall_s:7.2f} s {cpu_s:7.2f} CPU s {memory_mb():7.0f} MB", flush=True)
    return result


def memory_mb() -> float:
    """Resident memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def answer_all(home_folder: Path) -> None:
    """Answer review questions until none is left; print the id of each confirmed correction."""
    live, number = LiveIdentities(open_home(home_folder)), 0
    while queue := live.view().questions(1).questions:
        said = live.answer(queue[0].question_id, ANSWERS[number % 2 + 1])
        number += 1
        print(said.correction_id, flush=True)


def kill_after(home_folder: Path, answers: int, rounds: int) -> None:
    """Kill the answering process after every so many confirmed answers; print what is on record."""
    confirmed: list[str] = []
    before = len(read_corrections(open_home(home_folder)))
    for number in range(1, rounds + 1):
        command = [sys.executable, "-m", "benchmarks.answers", str(home_folder), "--answer"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            told = [line.strip() for line, _ in zip(child.stdout or (), range(answers), strict=False)]
            child.send_signal(signal.SIGKILL)
        confirmed += told
        print(f"round {number}: killed after {len(told)} answers")
    said = read_corrections(open_home(home_folder))
    ids = {one.correction_id for one in said}
    content = Counter((one.kind, one.text, frozenset(one.here), frozenset(one.there), frozenset(one.to)) for one in said)
    lost, twice = len(set(confirmed) - ids), sum(count - 1 for count in content.values())
    print(f"{len(confirmed)} answers confirmed, {len(said) - before} on record, {lost} lost, {twice} twice")
    sys.exit(1 if lost or twice else 0)


if __name__ == "__main__":
    main()
