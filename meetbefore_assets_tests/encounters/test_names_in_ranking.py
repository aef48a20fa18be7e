"""A name or a role changes the ranking alone: who is who is not decided again, and the table is the one that is made from nothing."""

from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.encounters import make_tables
from meetbefore_assets.encounters.make_tables import is_scored, make_people
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.queries import people_table
from meetbefore_assets.identities.stored_corrections import deciding_version, shown_version
from meetbefore_assets.review import make_corrections
from meetbefore_assets_tests.support.record import Record, Seen, dji


@pytest.fixture
def home(tmp_path: Path) -> Home:
    record = Record(tmp_path)
    for day in (1, 5, 9):
        record.video(dji(day), [Seen("ann", [1.0, 2.0]), Seen("ben", [30.0])] if day > 1 else [Seen("ann", [1.0])])
    made = record.finish()
    make_people(made)
    return made


def anew(home: Home) -> None:
    """Have the ranking made from nothing."""
    home.store.drop("chance", WHOLE)


@pytest.fixture
def ranked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes every time that people are ranked from their encounters."""
    times, rank = list[str](), make_tables._rank
    monkeypatch.setattr(make_tables, "_rank", lambda home, videos, version: (times.append(version), rank(home, videos, version))[1])
    return times


def test_names_and_roles_are_put_into_the_ranking_that_is_there(home: Home, ranked: list[str]) -> None:
    before = deciding_version(home)
    make_corrections.name_person(home, "ann", "Anna")
    make_corrections.name_person(home, "ben", "Ben")
    make_corrections.set_role(home, "ben", "companion")
    make_corrections.name_person(home, "ben", "Benno")
    assert not is_scored(home)
    quick = make_people(home)
    assert (ranked, deciding_version(home) == before, is_scored(home)) == ([], True, True)
    assert {row["person_id"]: (row["name"], row["role"]) for row in quick.to_dicts()} == {
        "ann": ("Anna", None),
        "ben": ("Benno", "companion"),
    }
    anew(home)
    assert_frame_equal(make_people(home), quick)
    assert len(ranked) == 1


def test_what_is_undone_goes_again_and_what_is_undone_twice_comes_back(home: Home, ranked: list[str]) -> None:
    before = deciding_version(home)
    make_corrections.name_person(home, "ann", "Anna")
    undo, _ = make_corrections.undo(home)
    make_people(home)
    assert people_table(home)["name"].to_list() == [None, None]
    make_corrections.undo(home, undo.correction_id)
    make_people(home)
    assert sorted(people_table(home)["name"].drop_nulls()) == ["Anna"]
    assert (ranked, deciding_version(home) == before) == ([], True)


def test_a_portrait_is_chosen_among_all_faces_so_the_ranking_is_made_anew(home: Home, ranked: list[str]) -> None:
    best = dict(people_table(home).select("person_id", "best_face_id").rows())
    make_corrections.portrait(home, "v0001-ann-1")
    assert dict(make_people(home).select("person_id", "best_face_id").rows()) == best | {"ann": "v0001-ann-1"}
    make_corrections.undo(home)
    assert dict(make_people(home).select("person_id", "best_face_id").rows()) == best
    assert len(ranked) == 2


def test_what_groups_people_is_no_matter_of_names(home: Home) -> None:
    before = deciding_version(home), shown_version(home)
    make_corrections.unsure(home, "ann", "ben")
    assert (deciding_version(home), shown_version(home)) == before
