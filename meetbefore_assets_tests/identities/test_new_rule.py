"""A home that was matched by cosines is matched by evidence: names stay, and what changed is counted and told once."""

from pathlib import Path

import pytest

from meetbefore_assets.encounters.make_tables import make_encounter_scores, make_people
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.match import COSINES, EVIDENCE, is_matched, last_match, match
from meetbefore_assets.identities.queries import assigned_faces, people_table
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets.review.make_corrections import merge, name_person, not_same
from meetbefore_assets_tests.support.fakes import MEASURED, fake_home, write_video

CASTS = ([[1], [2, 3], [4]], [[2], [1], [5, 1]], [[3], [], [4], [6]], [[1, 2], [6], [3]])


@pytest.fixture
def corrected(tmp_path: Path) -> Home:
    """Matched by cosines, with two names and a merge."""
    home = fake_home(tmp_path / "home")
    for day, cast in enumerate(CASTS, start=3):
        write_video(tmp_path / "videos", f"DJI_202503{day:02d}080000_0001_D.mp4", cast)
    for video in import_recordings(home, [tmp_path / "videos"]).present:
        for make in STAGES.values():
            make(home, video)
    decide(home)
    people = people_table(home)["person_id"].to_list()
    name_person(home, people[0], "Ann")
    name_person(home, people[1], "Bob")
    decide(home)
    merge(home, people[3], people[4])
    decide(home)
    return home


def decide(home: Home) -> None:
    match(home)
    make_encounter_scores(home)
    make_people(home)


def bearers(home: Home) -> dict[str, set[str]]:
    named = people_table(home).drop_nulls("name")
    faces = assigned_faces(home)
    return {name: set(faces.filter(faces["person_id"] == person)["face_id"]) for person, name in named.select("person_id", "name").rows()}


def test_every_name_stays_and_the_change_is_counted_once(corrected: Home) -> None:
    last = last_match(corrected)
    assert last is not None
    assert (last.rule, last.has_new_rule) == (COSINES, False)
    before, faces = bearers(corrected), assigned_faces(corrected).select("face_id", "track_id")
    assert set(before) == {"Ann", "Bob"}
    home = fake_home(corrected.folder, evidence=MEASURED)
    assert not is_matched(home)
    decide(home)
    last = last_match(home)
    assert last is not None
    assert (last.rule, last.has_new_rule, last.names_moved) == (EVIDENCE, True, 0)
    assert bearers(home) == before
    assert assigned_faces(home).select("face_id", "track_id").equals(faces)
    assert match(home).was_in_step
    not_same(home, *people_table(home)["person_id"][:2])
    decide(home)
    last = last_match(home)
    assert last is not None
    assert (last.rule, last.has_new_rule) == (EVIDENCE, False)
