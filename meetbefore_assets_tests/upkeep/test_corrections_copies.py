"""Weekly copies: what was said is in a file beside the record, of which eight are kept; the forgotten are in none."""

import datetime as dt
import stat
from pathlib import Path

import pytest

from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.corrections_file import read_file
from meetbefore_assets.review import make_corrections
from meetbefore_assets.upkeep.corrections_copies import MOST_COPIES, copies, write_copy
from meetbefore_assets_tests.support.carried import ANN, BOB, CAT, MONDAY, TUESDAY, copied, home_of_cast, person_of
from meetbefore_assets_tests.support.project import StepsAlone
from meetbefore_assets_tests.support.traces import traces

pytestmark = pytest.mark.slow

FIRST = dt.date(2025, 6, 1)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> StepsAlone:
    return home_of_cast(tmp_path_factory.mktemp("copies"), [MONDAY, TUESDAY])


@pytest.fixture
def home(archive: StepsAlone, tmp_path: Path) -> Home:
    return copied(archive, tmp_path).home


def week(number: int) -> dt.date:
    return FIRST + dt.timedelta(weeks=number)


def test_a_copy_is_written_when_something_was_said_since(home: Home) -> None:
    assert write_copy(home, week(0)) is None, "nothing was said yet"
    make_corrections.name_person(home, person_of(home, ANN), "Ann")
    path = write_copy(home, week(1))
    assert path == home.folder / "corrections" / "2025-06-08.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.correction.text for one in read_file(path.read_bytes()).carried] == ["Ann"]
    assert write_copy(home, week(2)) is None
    make_corrections.undo(home)
    assert write_copy(home, week(3)) is not None, "what was taken back is news too"
    assert [len(read_file(path.read_bytes()).carried) for path in copies(home)] == [1, 0]


def test_the_oldest_go(home: Home) -> None:
    for number in range(MOST_COPIES + 2):
        make_corrections.name_person(home, person_of(home, ANN), f"Ann {number}")
        write_copy(home, week(number))
    assert [path.stem for path in copies(home)] == [str(week(number)) for number in range(2, MOST_COPIES + 2)]


def test_forget_takes_people_out_of_every_copy_and_leaves_the_others(home: Home) -> None:
    make_corrections.name_person(home, person_of(home, ANN), "Scheherazade")
    write_copy(home, week(0))
    make_corrections.name_person(home, person_of(home, BOB), "Bob")
    make_corrections.not_same(home, person_of(home, ANN), person_of(home, CAT))
    write_copy(home, week(1))
    make_corrections.undo(home)
    write_copy(home, week(2))
    (home.folder / "corrections" / ".2025-06-29.json.1.abc.tmp").write_text("Scheherazade, half written")
    damaged = home.folder / "corrections" / "2025-06-30.json"
    damaged.write_text('{"format": "Scheherazade')
    forget.forget_people(home, [person_of(home, ANN)])
    assert traces(home.folder, [b"Scheherazade"]) == set()
    assert [[one.correction.text for one in read_file(path.read_bytes()).carried] for path in copies(home)] == [["Bob"], ["Bob"]]
    assert {stat.S_IMODE(path.stat().st_mode) for path in copies(home)} == {0o600}
    assert not damaged.exists()


def test_a_forgotten_recording_is_in_no_copy(home: Home) -> None:
    make_corrections.name_person(home, person_of(home, BOB), "Bob")
    write_copy(home, week(0))
    monday = forget.find_one_video(home, MONDAY)
    forget.forget_videos(home, [monday])
    assert traces(home.folder, [monday.encode()]) == set()
    [path] = copies(home)
    assert [one.correction.text for one in read_file(path.read_bytes()).carried] == ["Bob"]


def test_who_is_untouched_by_what_is_forgotten_keeps_the_very_file(home: Home) -> None:
    make_corrections.name_person(home, person_of(home, BOB), "Bob")
    path = write_copy(home, week(0))
    assert path
    before = path.read_bytes(), path.stat().st_mtime_ns
    forget.forget_people(home, [person_of(home, CAT)])
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
