"""The words for a move, no face, a portrait, many merged at once and "I cannot tell": said once, they hold whatever happens to a home."""

import datetime as dt
import io
import re
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from meetbefore_assets.cli.terminal.corrections import print_corrections
from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.corrections import Anchor, Correction
from meetbefore_assets.identities.match import is_matched
from meetbefore_assets.identities.queries import assigned_faces, people_table
from meetbefore_assets.identities.stored_corrections import read_corrections, write_correction
from meetbefore_assets.recordings.intake import known_videos
from meetbefore_assets.review import make_corrections
from meetbefore_assets.upkeep.checks import every_face_once
from meetbefore_assets_tests.review.test_make_corrections import (
    ANN,
    BOB,
    CAT,
    MONDAY,
    TUESDAY,
    ann,
    cat,
    face_at,
    person_at,
    refused,
    upheavals,
)
from meetbefore_assets_tests.support.fakes import write_video
from meetbefore_assets_tests.support.project import StepsAlone

pytestmark = pytest.mark.slow

Project = StepsAlone
YEAR = dt.datetime(2025, 1, 1)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Ann and Bob on two days, in one picture on Monday; Cat on both, always alone."""
    made = Project(tmp_path)
    write_video(made.videos, MONDAY, [[ANN, BOB], [ANN], [], [], [], [], [CAT], [CAT]])
    write_video(made.videos, TUESDAY, [[ANN], [ANN], [], [], [], [], [BOB], [], [], [], [], [CAT]])
    made.process()
    made.match()
    return made


def people(project: Project) -> int:
    return people_table(project.home).height


def seen_at(project: Project, name: str, time_s: float) -> int:
    """How many faces belong to somebody in a picture."""
    return assigned_faces(project.home).filter((pl.col("file_name") == name) & (pl.col("time_s") == time_s)).height


def test_what_is_no_face_belongs_to_nobody_whatever_happens(project: Project) -> None:
    wheel = face_at(project, TUESDAY, 0.0)
    make_corrections.not_a_face(project.home, [wheel])
    project.match()
    for what in upheavals(project):
        assert seen_at(project, TUESDAY, 0.0) == 0, what
        assert seen_at(project, TUESDAY, 1.0) == 1, f"{what}: just this face, not its track"
        assert every_face_once(project.home).findings == [], what


def test_a_person_without_a_face_left_is_in_no_table(project: Project) -> None:
    gone = cat(project)
    faces = assigned_faces(project.home).filter(pl.col("person_id") == gone)["face_id"].to_list()
    before = people(project)
    make_corrections.not_a_face(project.home, faces)
    project.match()
    assert people(project) == before - 1
    home, videos = project.home, sorted(known_videos(project.home))
    tables = [home.store.scan("encounter_scores", videos), home.store.get("people", WHOLE), home.store.get("chance", WHOLE)]
    assert all(gone not in table["person_id"].to_list() for table in tables)
    assert gone not in {other for row in tables[0]["seen_with"] for other in row}
    make_corrections.undo(project.home)
    project.match()
    assert people(project) == before
    assert cat(project) == gone


def test_all_faces_of_an_archive_can_be_none(project: Project) -> None:
    make_corrections.not_a_face(project.home, assigned_faces(project.home)["face_id"].to_list())
    project.match()
    assert people(project) == 0
    with refused("is no face of anybody"):
        make_corrections.not_a_face(project.home, ["f0"])
    make_corrections.undo(project.home)
    project.match()
    assert people(project) == 3


def test_no_video_is_needed_to_say_that_something_is_no_face_or_to_take_it_back(project: Project) -> None:
    for path in project.videos.iterdir():
        path.unlink()
    before = assigned_faces(project.home)
    make_corrections.not_a_face(project.home, [face_at(project, TUESDAY, 0.0)])
    project.match()
    assert seen_at(project, TUESDAY, 0.0) == 0
    make_corrections.undo(project.home)
    project.match()
    assert assigned_faces(project.home).equals(before)


def test_several_people_are_merged_by_one_correction_and_parted_by_one_undo(project: Project) -> None:
    make_corrections.split(project.home, ann(project), [face_at(project, TUESDAY, 0.0)])
    project.match()
    three = [person_at(project, MONDAY, 1.0), ann(project), cat(project)]
    assert len(set(three)) == 3
    with refused("contradicts"):
        make_corrections.merge(project.home, *three)
    make_corrections.undo(project.home)
    settings_file.apply(project.folder, ["matching.threshold=0.999"])
    project.match()
    parts = [person_at(project, MONDAY, 1.0), ann(project), cat(project)]
    before = assigned_faces(project.home)
    make_corrections.merge(project.home, *dict.fromkeys(parts))
    project.match()
    for what in upheavals(project):
        assert person_at(project, MONDAY, 1.0) == ann(project) == cat(project), what
    settings_file.apply(project.folder, ["matching.threshold=0.999"])
    make_corrections.undo(project.home)
    project.match()
    assert assigned_faces(project.home)["person_id"].n_unique() == before["person_id"].n_unique()


@pytest.mark.parametrize("who", [[], ["one"], ["one", "two", "one"]])
def test_a_merge_needs_different_people(project: Project, who: list[str]) -> None:
    with refused("expected two people or more|named twice"):
        make_corrections.merge(project.home, *who)


def test_of_three_who_were_merged_two_stay_one_when_a_video_is_forgotten(project: Project) -> None:
    first, *others = (Anchor(video, float(at), 0, 0, 9, 9) for video, at in zip(sorted(known_videos(project.home)), (1, 2), strict=True))
    said = make_corrections.correction
    three = said(YEAR, "merge", "3", [first], [*others, others[0]])
    two = said(YEAR, "merge", "", [first], others)
    write_correction(project.home, three)
    write_correction(project.home, two)
    forget.forget_videos(project.home, [first.video_id])
    (left,) = read_corrections(project.home)
    assert (left.correction_id, len(left.here), len(left.there)) == (three.correction_id, 1, 1)


def test_a_face_moves_to_somebody_else_and_stays_there(project: Project) -> None:
    leaving = face_at(project, TUESDAY, 0.0)
    make_corrections.move(project.home, [leaving], cat(project))
    project.match()
    for what in upheavals(project):
        assert person_at(project, TUESDAY, 0.0) == cat(project), what
        assert person_at(project, TUESDAY, 1.0) == cat(project), f"{what}: with its track"
        assert person_at(project, MONDAY, 0.0) != cat(project), what


def test_one_face_of_a_track_moves_alone(project: Project) -> None:
    make_corrections.move(project.home, [face_at(project, TUESDAY, 0.0)], cat(project), only_these=True)
    project.match()
    for what in upheavals(project):
        assert person_at(project, TUESDAY, 0.0) == cat(project), what
        assert person_at(project, TUESDAY, 1.0) == person_at(project, MONDAY, 0.0) != cat(project), what


def test_what_was_moved_or_split_can_be_moved_back_and_one_undo_takes_a_move_back(project: Project) -> None:
    before = assigned_faces(project.home)
    leaving, home_of = face_at(project, TUESDAY, 0.0), person_at(project, MONDAY, 0.0)
    make_corrections.split(project.home, ann(project), [leaving])
    project.match()
    assert ann(project) != home_of
    make_corrections.move(project.home, [leaving], person_at(project, MONDAY, 0.0))
    project.match()
    assert assigned_faces(project.home).equals(before)
    make_corrections.move(project.home, [leaving], cat(project))
    project.match()
    assert ann(project) == cat(project)
    make_corrections.move(project.home, [leaving], person_at(project, MONDAY, 0.0))
    project.match()
    assert assigned_faces(project.home).equals(before)
    make_corrections.undo(project.home)
    project.match()
    assert ann(project) == cat(project)


def test_a_face_does_not_move_to_somebody_in_its_picture_nor_to_its_own_person(project: Project) -> None:
    with refused("in the same picture"):
        make_corrections.move(project.home, [face_at(project, MONDAY, 0.0)], person_at(project, MONDAY, 0.0, 1))
    with refused("are faces of .* already"):
        make_corrections.move(project.home, [face_at(project, MONDAY, 0.0)], person_at(project, MONDAY, 0.0))
    assert not read_corrections(project.home)


def test_the_same_move_again_is_one_correction_unless_it_was_said_otherwise_since(project: Project) -> None:
    leaving, back = face_at(project, TUESDAY, 0.0), person_at(project, MONDAY, 0.0)
    first = make_corrections.move(project.home, [leaving], cat(project))
    assert make_corrections.move(project.home, [leaving], cat(project)) == first
    project.match()
    make_corrections.move(project.home, [leaving], back)
    project.match()
    assert make_corrections.move(project.home, [leaving], cat(project)) != first


def test_a_portrait_follows_its_face(project: Project) -> None:
    shown = {row["person_id"]: row["best_face_id"] for row in people_table(project.home).iter_rows(named=True)}
    mine = assigned_faces(project.home).filter(pl.col("person_id") == ann(project))["face_id"].to_list()
    other = next(face for face in mine if face != shown[ann(project)])
    make_corrections.portrait(project.home, other)
    project.match()
    row = people_table(project.home).row(by_predicate=pl.col("person_id") == ann(project), named=True)
    assert row["best_face_id"] == other
    make_corrections.not_a_face(project.home, [other])
    project.match()
    assert other not in people_table(project.home)["best_face_id"].to_list()
    make_corrections.undo(project.home)
    project.match()
    make_corrections.portrait(project.home, shown[ann(project)])
    project.match()
    assert shown[ann(project)] in people_table(project.home)["best_face_id"].to_list(), "the newest holds"


def test_who_cannot_tell_changes_nobody(project: Project) -> None:
    before, matched = assigned_faces(project.home), is_matched(project.home)
    one = make_corrections.unsure(project.home, ann(project), cat(project))
    assert one.kind == "unsure"
    assert matched
    assert is_matched(project.home), "nothing is to be decided anew"
    project.match()
    assert assigned_faces(project.home).equals(before)
    make_corrections.undo(project.home)
    assert {entry.kind for entry in read_corrections(project.home)} == {"unsure", "undo"}


def test_words_of_a_later_version_say_nothing_and_stay(project: Project) -> None:
    before = assigned_faces(project.home)
    place = Anchor(sorted(known_videos(project.home))[0], 0.0, 0, 0, 9, 9)
    later = Correction("c0later", YEAR, "rename-places", "x", (place,), (place,))  # type: ignore[arg-type]
    write_correction(project.home, later)
    project.match()
    assert assigned_faces(project.home).equals(before)
    assert read_corrections(project.home) == [later]


def test_forgetting_a_video_forgets_where_no_face_was(project: Project) -> None:
    make_corrections.not_a_face(project.home, [face_at(project, TUESDAY, 0.0)])
    video = assigned_faces(project.home).filter(pl.col("file_name") == TUESDAY)["video_id"][0]
    forget.forget_videos(project.home, [video])
    assert read_corrections(project.home) == []


def test_a_move_outlives_whose_its_faces_were(project: Project, tmp_path: Path) -> None:
    moved = make_corrections.move(project.home, [face_at(project, TUESDAY, 0.0)], cat(project))
    assert moved.there
    monday = assigned_faces(project.home).filter(pl.col("file_name") == MONDAY)["video_id"][0]
    gone = {anchor.video_id for anchor in moved.there}
    assert gone == {monday}
    forget.forget_videos(project.home, [monday])
    (left,) = read_corrections(project.home)
    assert left.to
    assert not left.there
    with pytest.raises(UsageError, match="fits 0"):
        make_corrections.undo(project.home, "cnone")


def test_each_word_is_listed_as_what_it_says(project: Project) -> None:
    home = project.home
    make_corrections.move(home, [face_at(project, TUESDAY, 0.0)], cat(project))
    make_corrections.not_a_face(home, [face_at(project, MONDAY, 7.0)])
    make_corrections.portrait(home, face_at(project, MONDAY, 6.0))
    make_corrections.unsure(home, ann(project), cat(project))
    place = Anchor(sorted(known_videos(home))[0], 0.0, 0, 0, 9, 9)
    write_correction(home, Correction("c0later", dt.datetime(2100, 1, 1), "rename-places", "x", (place,)))  # type: ignore[arg-type]
    project.match()
    out = io.StringIO()
    print_corrections(Console(file=out, width=200, highlight=False), home)
    lines = [re.split(r" {2,}", line.strip())[1:-1] for line in out.getvalue().splitlines()[1:]]
    assert [(line[0].replace(cat(project), "CAT").replace(person_at(project, MONDAY, 0.0), "ANN"), *line[1:]) for line in lines] == [
        ("2 faces moved to CAT", "5 of 5", "applies"),
        ("1 face said to be none", "1 of 1", "applies"),
        ("another portrait of CAT", "1 of 1", "applies"),
        ("unsure whether CAT is CAT", "4 of 4", "applies"),
        ("'rename-places', which only a later version of meetbefore knows", "0 of 1", "not known here"),
    ]
