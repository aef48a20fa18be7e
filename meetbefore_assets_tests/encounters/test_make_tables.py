"""What scoring does with what the user said."""

from pathlib import Path

import polars as pl
import pytest

from meetbefore_assets.encounters.make_tables import make_people
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.queries import people_table
from meetbefore_assets.review.make_corrections import set_role
from meetbefore_assets_tests.support.record import Record, Seen, dji


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Ann is met on five days (a companion, by the numbers), Bob on two."""
    record = Record(tmp_path / "home")
    for day in range(3, 8):
        record.video(dji(day), [Seen("ann", [100.0]), *([Seen("bob", [2.0])] if day < 5 else [])])
    return record.finish()


@pytest.mark.parametrize("role", ["me", "companion", "ignored"])
def test_a_role_changes_no_score_and_no_rank(home: Home, role: str) -> None:
    before = people_table(home)
    set_role(home, "ann", role)
    after = make_people(home)
    assert after["role"].to_list() == [role, None]
    assert after.drop("role").equals(before.drop("role"))


def test_a_proposed_companion_keeps_the_score_of_the_encounters(home: Home) -> None:
    people = people_table(home)
    scores = home.store.scan("encounter_scores", [key for key in home.store.keys("encounter_scores") if key != "_all"])
    assert people["person_id"].to_list() == ["ann", "bob"]
    assert people["score"].to_list() == [scores.filter(pl.col("person_id") == who)["score"].max() for who in ("ann", "bob")]
    assert people["proposed_role"].to_list() == ["companion", None]


def test_company_and_habits_are_on_record(home: Home) -> None:
    first = home.store.get("encounter_scores", "v0000")
    assert dict(first.select("person_id", "seen_with").rows()) == {"ann": [], "bob": []}
    people = people_table(home)
    assert people["usual_hour"].to_list() == [pytest.approx(8, abs=0.05)] * 2
    assert people["weekday_share"].to_list() == [0.2, 0.5]
