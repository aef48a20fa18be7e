"""Attacks on corrections: damaged files, killed commands, and commands during runs."""

import random
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.attacks.attack import Attack, Outcome
from benchmarks.attacks.forgetting import WAIT_S, filled_home, meetbefore
from benchmarks.crash import ROOT, kill_all, run_command, start
from meetbefore_assets.identities.queries import people_table
from meetbefore_assets.identities.stored_corrections import read_corrections
from meetbefore_assets.open_home import open_home

NAMES = ("Ann", "Bob", "Cat")
KILLS = 10


def _named(folder: Path) -> tuple[Path, list[str]]:
    """Make a home in which a few people are named; returns it and their ids."""
    home_folder = filled_home(folder)
    people = people_table(open_home(home_folder))["person_id"].head(len(NAMES)).to_list()
    for person_id, name in zip(people, NAMES, strict=False):
        meetbefore("name", person_id, name, "--home", home_folder)
    return home_folder, people


def _names(home_folder: Path) -> set[str]:
    return set(people_table(open_home(home_folder))["name"].drop_nulls())


def tear_corrections(folder: Path) -> Outcome:
    """Truncate one copy of one correction, then both copies of another, then name somebody else."""
    home_folder, people = _named(folder)
    said = read_corrections(open_home(home_folder))
    files = [
        [home_folder / "record" / kind / f"{one.correction_id}.parquet" for kind in ("corrections", "corrections_copy")] for one in said
    ]
    files[0][0].write_bytes(b"PAR1 torn")
    one_torn = meetbefore("name", people[-1], "Dunyazad", "--home", home_folder)
    names = _names(home_folder)
    is_mended = files[0][0].read_bytes() == files[0][1].read_bytes()
    for path in files[1]:
        path.write_bytes(b"PAR1 torn")
    both_torn = meetbefore("name", people[0], "Anna", "--home", home_folder)
    told = "".join(both_torn.stdout.split())
    is_named = all("".join(str(path).split()) in told for path in files[1])
    held = (
        one_torn.returncode == both_torn.returncode == 0
        and names >= {"Ann", "Dunyazad"}
        and is_mended
        and is_named
        and "lost unless you restore" in " ".join(both_torn.stdout.split())
        and "Anna" in _names(home_folder)
    )
    printed = f"One file torn: names {sorted(names)}, mended: {is_mended}. Both of another: {both_torn.stdout.strip()}"
    return Outcome(printed.replace(str(home_folder), "HOME"), held)


def tear_forgotten_faces(folder: Path) -> Outcome:
    """Forget somebody, truncate one copy of the forgotten places, then both, and process their video again."""
    home_folder, people = _named(folder)
    meetbefore("forget", people[0], "--yes", "--home", home_folder)
    store = open_home(home_folder).store
    video_id = store.keys("forgotten_faces")[0]
    before = store.get("detections", video_id, ["face_id"])
    copies = [home_folder / "record" / kind / f"{video_id}.parquet" for kind in ("forgotten_faces", "forgotten_faces_copy")]
    copies[0].write_bytes(b"PAR1 torn")
    for asset in ("detections", "embeddings", "tracks"):
        store.drop(asset, video_id)
    one_torn = meetbefore("run", "--home", home_folder)
    is_same = open_home(home_folder).store.get("detections", video_id, ["face_id"]).equals(before)
    for path in copies:
        path.write_bytes(b"PAR1 torn")
    for asset in ("detections", "embeddings", "tracks"):
        open_home(home_folder).store.drop(asset, video_id)
    both_torn = meetbefore("run", "--home", home_folder)
    after = open_home(home_folder)
    is_away = after.store.stamp("detections", video_id) is None
    held = one_torn.returncode == 0 and is_same and both_torn.returncode == 1 and is_away and "is left as it is" in both_torn.stdout
    said = [line.strip() for line in both_torn.stdout.splitlines() if "left as it is" in line]
    printed = f"One copy torn: exit {one_torn.returncode}, same faces: {is_same}. Both: exit {both_torn.returncode}, {' '.join(said)}"
    return Outcome(printed.replace(str(home_folder), "HOME"), held)


def name_beside_runs(folder: Path) -> Outcome:
    """Name people while two runs take the same new videos in."""
    home_folder, people = _named(folder)
    command = [*run_command(folder / "clips", home_folder), "--set", "sampling.interval_s=1"]
    runs = [start(command, home_folder) for _ in range(2)]
    done: list[subprocess.CompletedProcess[str]] = []
    while any(process.poll() is None for process in runs) and len(done) < 20:
        done.append(meetbefore("name", people[0], f"Ann {len(done)}", "--home", home_folder))
    ends = [process.wait(timeout=WAIT_S) for process in runs]
    meetbefore("run", "--home", home_folder)
    codes = [one.returncode for one in done]
    beside = sum("on record" in one.stdout for one in done)
    names = _names(home_folder)
    held = not any(codes) and not any(ends) and f"Ann {len(done) - 1}" in names
    trouble = " ".join((one.stderr or one.stdout).strip() for one in done if one.returncode)
    return Outcome(f"{len(done)} names beside two runs: exits {codes}, {beside} said 'on record'; runs {ends}. {trouble}", held)


def kill_and_name_again(folder: Path) -> Outcome:
    """Kill `name` ten times at random moments and repeat the same command until it finishes."""
    home_folder, people = _named(folder)
    before = len(read_corrections(open_home(home_folder)))
    # The least met of them: names move the threshold of so few faces, and who is of one video cannot fall apart meanwhile.
    again = NAMES[-1] + "a"
    command = [sys.executable, "-m", "meetbefore_assets", "name", people[-1], again, "--home", str(home_folder)]
    begun = time.monotonic()
    undisturbed = [sys.executable, "-m", "meetbefore_assets", "name", people[1], NAMES[1] + "by", "--home", str(home_folder)]
    subprocess.run(undisturbed, cwd=ROOT, capture_output=True, check=True)
    whole_s, dice = time.monotonic() - begun, random.Random(1)
    for _ in range(KILLS):
        process = start(command, home_folder)
        time.sleep(dice.uniform(0.3, 1.0) * whole_s)
        kill_all(process)
    done = meetbefore(*command[3:])
    said = read_corrections(open_home(home_folder))[before:]
    same = [one for one in said if one.text == again]
    held = done.returncode == 0 and len(same) == 1 and again in _names(home_folder)
    told = (done.stderr or done.stdout).strip()
    return Outcome(f"{KILLS} kills over {whole_s:.1f} s, then exit {done.returncode}: {len(same)} correction. {told}", held)


ATTACKS = [
    Attack("4", "tear a file in record/corrections, then both files of another correction", tear_corrections),
    Attack("5", "tear a file in record/forgotten_faces, then both, and process the video again", tear_forgotten_faces),
    Attack("14", "`name` again and again beside two `run`s", name_beside_runs),
    Attack("15", "`name` killed ten times, and given again", kill_and_name_again),
]
