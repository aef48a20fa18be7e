"""Said at random and carried at random: a home with other models holds what a slow, obvious reading of the videos says it must.

Also where the import is killed in between: whoever imports again finds every correction once.
"""

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.corrections import Anchor, in_force
from meetbefore_assets.identities.queries import assigned_faces, people_table
from meetbefore_assets.identities.stored_corrections import read_corrections
from meetbefore_assets.review import make_corrections
from meetbefore_assets.review.export_corrections import export_corrections
from meetbefore_assets.review.import_corrections import import_corrections
from meetbefore_assets_tests.support.carried import CAST, DAYS, copied, home_of_cast, seen_in, truth_of_names
from meetbefore_assets_tests.support.fakes import SQUARE_PX
from meetbefore_assets_tests.support.project import StepsAlone

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[StepsAlone, StepsAlone]:
    root = tmp_path_factory.mktemp("random")
    return home_of_cast(root / "said"), home_of_cast(root / "other", models=2, settings=["sampling.interval_s=2"])


def say_at_random(home: Home, rng: np.random.Generator, count: int) -> None:
    """Corrections of people and faces as they come, some of which are refused or taken back."""
    people = people_table(home)["person_id"].to_list()
    truth = {person: Counter(rows["who"]).most_common(1)[0][0] for (person,), rows in seen_in(home).group_by("person_id")}
    faces = assigned_faces(home)["face_id"].to_list()
    for _ in range(count):
        first, second = (str(one) for one in rng.choice(people, 2, replace=False))
        face = str(rng.choice(faces))
        ways = (
            lambda first=first: make_corrections.name_person(home, first, f"Person {truth[first]}"),
            lambda first=first: make_corrections.set_role(home, first, str(rng.choice(["companion", "ignored", "none"]))),
            lambda first=first, second=second: make_corrections.not_same(home, first, second),
            lambda first=first, second=second: make_corrections.unsure(home, first, second),
            lambda face=face: make_corrections.portrait(home, face),
            lambda face=face: make_corrections.not_a_face(home, [face]),
            lambda: make_corrections.undo(home),
        )
        try:
            ways[int(rng.integers(len(ways)))]()
        except UsageError:
            continue  # as it comes: it makes no sense now


def is_looked_at(at: Anchor, home: Home) -> bool:
    """Whether somebody is in the square of a place when its second is looked at: read from the cast, second by second."""
    day = next(day for day in DAYS if at.video_id.startswith(Path(day).stem))
    second, square = round(at.time_s), round(at.x1 / SQUARE_PX)
    return second % round(home.settings().sampling.interval_s) == 0 and square < len(CAST[day][second])


def is_near(at: Anchor, home: Home) -> bool:
    """Whether the person of a place is looked at there, in this second or in another one of the same appearance."""
    day = next(day for day in DAYS if at.video_id.startswith(Path(day).stem))
    square, who = round(at.x1 / SQUARE_PX), CAST[day][round(at.time_s)][round(at.x1 / SQUARE_PX)]
    seconds = [second for second, seen in enumerate(CAST[day]) if square < len(seen) and seen[square] == who]
    appearance = {second for second in seconds if all(between in seconds for between in range(*sorted((second, round(at.time_s)))))}
    return any(second % round(home.settings().sampling.interval_s) == 0 for second in appearance)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_on_record_is_what_a_slow_reading_of_the_videos_says(
    archives: tuple[StepsAlone, StepsAlone], tmp_path: Path, seed: int
) -> None:
    said = copied(archives[0], tmp_path / "said").home
    say_at_random(said, np.random.default_rng(seed), 15)
    other = copied(archives[1], tmp_path / "other", models=2)
    done = import_corrections(other.home, export_corrections(said)[0])
    expected = []
    for one in in_force(read_corrections(said)):
        found = is_looked_at if one.kind in ("portrait", "not-a-face") else is_near
        if all(not side or any(found(at, other.home) for at in side) for _, side in one.sides):
            expected.append((one.created_at, one.kind, one.text))
    assert [(one.created_at, one.kind, one.text) for one in read_corrections(other.home)] == expected
    assert len(done.left_out) == len(in_force(read_corrections(said))) - len(expected)
    other.match()
    assert {name: f"Person {who}" for name, who in truth_of_names(other.home).items()} == {
        name: name for name in truth_of_names(other.home)
    }
    nobody = {(at.video_id, at.time_s, at.x1) for one in done.new if one.kind == "not-a-face" for at in one.here}
    assert nobody.isdisjoint(assigned_faces(other.home).select("video_id", pl.col("time_s").round(3), "x1").iter_rows())


IMPORTER = """
import sys
from pathlib import Path
from meetbefore_assets.review import import_corrections as importing
from meetbefore_assets_tests.support.fakes import fake_home
write, fatal, done = importing.write_correction, int(sys.argv[3]), 0
def and_tell(home, one):
    global done
    if done == fatal:
        print("now", flush=True)
        sys.stdin.read()
    write(home, one)
    done += 1
importing.write_correction = and_tell
importing.import_corrections(fake_home(Path(sys.argv[1]), "squares-2", "colours-100"), Path(sys.argv[2]).read_bytes())
"""


def test_killed_in_the_middle_and_called_again_nothing_is_lost_and_nothing_is_there_twice(
    archives: tuple[StepsAlone, StepsAlone], tmp_path: Path
) -> None:
    said = copied(archives[0], tmp_path / "said").home
    say_at_random(said, np.random.default_rng(7), 20)
    data, _ = export_corrections(said)
    (tmp_path / "mine.json").write_bytes(data)
    whole, killed = (copied(archives[1], tmp_path / name, models=2).home for name in ("whole", "killed"))
    expected = import_corrections(whole, data)
    assert len(expected.new) > 4
    for after in (1, 2):
        words = [sys.executable, "-c", IMPORTER, str(killed.folder), str(tmp_path / "mine.json"), str(after)]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout
            assert child.stdout.readline() == "now\n"
            child.send_signal(signal.SIGKILL)
    assert len(read_corrections(killed)) == 3, "one, and two more"
    done = import_corrections(killed, data)
    assert (done.before, len(done.new)) == (3, len(expected.new) - 3)
    assert read_corrections(killed) == read_corrections(whole)
