"""Whoever answers may be killed at any moment: what was confirmed is on record, once; two who answer at once lose nothing."""

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from meetbefore_assets.identities.queries import people_table
from meetbefore_assets.identities.stored_corrections import read_corrections
from meetbefore_assets_tests.support.fakes import write_video
from meetbefore_assets_tests.support.project import StepsAlone

pytestmark = pytest.mark.slow

# Names and roles of everybody, again and again, each confirmed on a line of its own.
TALKER = """
import sys
from pathlib import Path
from meetbefore_assets.review.live_identities import LiveIdentities
from meetbefore_assets_tests.support.fakes import fake_home
live, who = LiveIdentities(fake_home(Path(sys.argv[1]))), sys.argv[2]
print("ready", flush=True)
for number in range(1000):
    people = sorted(live.view().people["person_id"])
    person = people[number % len(people)]
    one = live.role(person, "companion" if number % 2 else "ignored") if who == "roles" else live.name(person, f"{who}{number}")
    print(one.correction_id, flush=True)
"""


@pytest.fixture
def project(tmp_path: Path) -> StepsAlone:
    made = StepsAlone(tmp_path)
    rng = np.random.default_rng(3)
    for day in range(3):
        cast = [[int(who) for who in rng.choice(np.arange(1, 6), size=int(rng.integers(0, 3)), replace=False)] for _ in range(6)]
        write_video(made.videos, f"DJI_202503{day + 3:02d}080000_000{day}_D.mp4", cast)
    made.process()
    made.match()
    return made


def talker(project: StepsAlone, who: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", TALKER, str(project.folder), who], stdout=subprocess.PIPE, text=True)


def confirmed(child: "subprocess.Popen[str]", count: int) -> list[str]:
    assert child.stdout is not None
    lines = [child.stdout.readline().strip() for _ in range(count)]
    assert all(lines), "it ended before"
    return lines


def test_killed_after_each_tenth_answer_none_is_lost_and_none_is_there_twice(project: StepsAlone) -> None:
    told: list[str] = []
    for turn in range(2):
        with talker(project, f"N{turn}x") as child:
            told += confirmed(child, 11)[1:]
            child.send_signal(signal.SIGKILL)
    said = [one.correction_id for one in read_corrections(project.home)]
    assert set(told) <= set(said)
    assert len(said) <= len(told) + 2, "at most one more a turn: on record, and killed before it was told"
    texts = Counter(one.text for one in read_corrections(project.home))
    assert max(texts.values()) == 1
    project.match()
    assert people_table(project.home)["name"].null_count() == 0


def test_two_who_answer_at_once_lose_nothing(project: StepsAlone) -> None:
    with talker(project, "A") as first, talker(project, "roles") as second:
        told = [*confirmed(first, 16)[1:], *confirmed(second, 16)[1:]]
        for child in (first, second):
            child.send_signal(signal.SIGKILL)
    said = read_corrections(project.home)
    assert set(told) <= {one.correction_id for one in said}
    names = Counter(one.text for one in said if one.kind == "name")
    assert max(names.values()) == 1, "none twice"
    moments = [one.created_at for one in said]
    assert moments == sorted(set(moments)), "each was said after the one before"
