"""Corrections through the assets: said once, they hold at other thresholds, with other vectors, and from another detector."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.identity_history import history_table
from meetbefore_assets.identities.match import is_matched, last_match
from meetbefore_assets.identities.policy import policy
from meetbefore_assets.identities.queries import assigned_faces, find_person, people_table
from meetbefore_assets.identities.stored_corrections import read_corrections
from meetbefore_assets.review import make_corrections
from meetbefore_assets_tests.support.fakes import fake_home, write_video
from meetbefore_assets_tests.support.project import Project, StepsAlone

pytestmark = pytest.mark.slow

ANN, BOB, CAT = 1, 2, 3
MONDAY, TUESDAY = "DJI_20250303080000_0001_D.mp4", "DJI_20250304080000_0002_D.mp4"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Ann and Bob on two days, in one picture on Monday; Cat on both, always alone."""
    with dg.DagsterInstance.ephemeral() as instance:
        made = Project(tmp_path, instance)
        write_video(made.videos, MONDAY, [[ANN, BOB], [ANN], [], [], [], [], [CAT], [CAT]])
        write_video(made.videos, TUESDAY, [[ANN], [ANN], [], [], [], [], [BOB], [], [], [], [], [CAT]])
        made.process()
        made.match()
        yield made


def person_at(project: Project | StepsAlone, name: str, time_s: float, place: int = 0) -> str:
    """Who is seen in a video at a time, by place from left to right."""
    faces = assigned_faces(project.home).filter((pl.col("file_name") == name) & (pl.col("time_s") == time_s)).sort("x1")
    return str(faces["person_id"][place])


def face_at(project: Project | StepsAlone, name: str, time_s: float) -> str:
    faces = assigned_faces(project.home).filter((pl.col("file_name") == name) & (pl.col("time_s") == time_s)).sort("x1")
    return str(faces["face_id"][0])


def ann(project: Project | StepsAlone) -> str:
    return person_at(project, TUESDAY, 0.0)


def bob(project: Project | StepsAlone) -> str:
    return person_at(project, TUESDAY, 6.0)


def cat(project: Project | StepsAlone) -> str:
    return person_at(project, TUESDAY, 11.0)


def upheavals(project: Project | StepsAlone) -> Iterator[str]:
    """Whatever may happen to a home after something was said."""
    for threshold in ("0.3", "0.9", "0.5"):
        settings_file.apply(project.folder, [f"matching.threshold={threshold}"])
        project.match()
        yield f"threshold {threshold}"
    project.home = fake_home(project.folder, embedder="colours-2")
    project.process()
    project.match()
    yield "another recogniser"
    project.home = fake_home(project.folder, detector="squares-2", embedder="colours-2")
    project.process()
    project.match()
    yield "another detector"


def test_a_name_follows_the_faces(project: Project) -> None:
    make_corrections.name_person(project.home, ann(project), " Ann   of Monday ")
    project.match()
    for what in upheavals(project):
        assert find_person(project.home, "ann of monday").row["person_id"] == person_at(project, MONDAY, 0.0), what


def test_a_merge_holds(project: Project) -> None:
    assert ann(project) != cat(project)
    make_corrections.merge(project.home, ann(project), cat(project))
    project.match()
    for what in upheavals(project):
        assert ann(project) == cat(project) == person_at(project, MONDAY, 0.0), what
        assert bob(project) != ann(project), what


def test_not_same_holds_even_where_everybody_would_be_one(project: Project) -> None:
    make_corrections.not_same(project.home, ann(project), cat(project))
    settings_file.apply(project.folder, ["matching.threshold=-0.9"])
    project.match()
    assert ann(project) != cat(project)
    for what in upheavals(project):
        assert ann(project) != cat(project), what


def test_a_split_holds_and_takes_the_whole_track(project: Project) -> None:
    leaving = face_at(project, TUESDAY, 0.0)
    make_corrections.split(project.home, ann(project), [leaving])
    project.match()
    for what in upheavals(project):
        assert person_at(project, TUESDAY, 0.0) != person_at(project, MONDAY, 0.0), what
    assert person_at(project, TUESDAY, 0.0) == person_at(project, TUESDAY, 1.0)


def test_a_split_of_one_face_divides_its_track(project: Project) -> None:
    make_corrections.split(project.home, ann(project), [face_at(project, TUESDAY, 0.0)], only_these=True)
    project.match()
    for what in upheavals(project):
        assert person_at(project, TUESDAY, 0.0) != person_at(project, TUESDAY, 1.0), what
        assert person_at(project, TUESDAY, 0.0) != person_at(project, MONDAY, 0.0), what


def test_an_undo_leaves_everything_as_it_was(project: Project) -> None:
    before = assigned_faces(project.home)
    make_corrections.merge(project.home, ann(project), cat(project))
    project.match()
    assert assigned_faces(project.home)["person_id"].n_unique() == 2
    undo, undone = make_corrections.undo(project.home)
    project.match()
    assert undone.kind == "merge"
    assert assigned_faces(project.home).equals(before)
    make_corrections.undo(project.home, undo.correction_id)
    project.match()
    assert assigned_faces(project.home)["person_id"].n_unique() == 2
    assert len(read_corrections(project.home)) == 3


def test_whoever_says_something_changes_the_policy_and_nothing_before_it(project: Project) -> None:
    before = policy(project.home).version
    tracks = {key: project.home.store.stamp("tracks", key) for key in project.home.store.keys("tracks")}
    make_corrections.name_person(project.home, ann(project), "Ann")
    assert (policy(project.home).version, is_matched(project.home)) == (before, True), "a name groups nobody"
    others = [person for person in people_table(project.home)["person_id"] if person != ann(project)]
    make_corrections.not_same(project.home, ann(project), others[0])
    assert policy(project.home).version != before
    assert not is_matched(project.home)
    assert project.process() == {}
    project.match()
    assert {key: project.home.store.stamp("tracks", key) for key in tracks} == tracks


def refused(call: str) -> pytest.RaisesExc[UsageError]:
    return pytest.raises(UsageError, match=call)


def test_two_faces_of_one_picture_are_not_merged(project: Project) -> None:
    with refused("in the same picture .*0001_D.mp4 at 0.0 s"):
        make_corrections.merge(project.home, ann(project), bob(project))
    assert not read_corrections(project.home)


def test_what_contradicts_is_refused_with_what_it_contradicts(project: Project) -> None:
    apart = make_corrections.not_same(project.home, ann(project), cat(project))
    project.match()
    with pytest.raises(UsageError) as error:
        make_corrections.merge(project.home, ann(project), cat(project))
    assert apart.correction_id in str(error.value)
    assert error.value.remedy.endswith(f"meetbefore undo {apart.correction_id}")
    make_corrections.undo(project.home)
    merged = make_corrections.merge(project.home, ann(project), cat(project))
    project.match()
    with refused("expected two people"):
        make_corrections.not_same(project.home, ann(project), cat(project))
    with refused(f"contradicts correction {merged.correction_id}"):
        make_corrections.undo(project.home, read_corrections(project.home)[1].correction_id)


def test_a_name_belongs_to_one_person(project: Project) -> None:
    make_corrections.name_person(project.home, ann(project), "Ann")
    project.match()
    with refused("already has the name 'Ann'"):
        make_corrections.name_person(project.home, bob(project), "ANN")
    make_corrections.name_person(project.home, ann(project), "")
    project.match()
    make_corrections.name_person(project.home, bob(project), "ANN")
    project.match()
    assert find_person(project.home, "ann").row["person_id"] == bob(project)


@pytest.mark.parametrize("name", ["\x1b]0;pwned\x07", "Anna\x00", "Anna\u202etxt.exe", "An\x9bna", "x" * 201])
def test_names_that_speak_to_machines_are_refused(project: Project, name: str) -> None:
    with pytest.raises(UsageError, match=r"control character U\+|at most 200 characters"):
        make_corrections.name_person(project.home, ann(project), name)
    assert read_corrections(project.home) == []


@pytest.mark.parametrize("name", ["Zoë 散步", "علی‌رضا", "👩‍👧 Mia", '=cmd|"/C calc"!A0', "x" * 200])
def test_names_of_people_are_taken_as_they_are(project: Project, name: str) -> None:
    assert make_corrections.name_person(project.home, ann(project), name).text == name


def test_there_is_one_me(project: Project) -> None:
    make_corrections.set_role(project.home, ann(project), "me")
    make_corrections.set_role(project.home, bob(project), "companion")
    project.match()
    assert dict(people_table(project.home).select("person_id", "role").drop_nulls().rows()) == {
        ann(project): "me",
        bob(project): "companion",
    }
    with refused("is already you"):
        make_corrections.set_role(project.home, cat(project), "me")
    with refused("unknown role"):
        make_corrections.set_role(project.home, cat(project), "boss")
    make_corrections.set_role(project.home, ann(project), "none")
    project.match()
    make_corrections.set_role(project.home, cat(project), "me")


def test_a_split_needs_faces_of_the_person_and_leaves_some(project: Project) -> None:
    with refused("is not a face of"):
        make_corrections.split(project.home, ann(project), [face_at(project, TUESDAY, 6.0)])
    with refused("some must stay"):
        everything = assigned_faces(project.home).filter(pl.col("person_id") == ann(project))["face_id"].to_list()
        make_corrections.split(project.home, ann(project), everything)


def test_there_must_be_something_to_undo(project: Project) -> None:
    with refused("nothing to undo"):
        make_corrections.undo(project.home)
    with refused("fits 0 corrections"):
        make_corrections.undo(project.home, "c0")
    make_corrections.name_person(project.home, ann(project), "Ann")
    make_corrections.undo(project.home)
    with refused("is already undone"):
        make_corrections.undo(project.home, read_corrections(project.home)[0].correction_id)


def test_what_happened_to_ids_is_on_record(project: Project) -> None:
    first, second = sorted([ann(project), cat(project)])
    assert history_table(project.home).height == 0
    make_corrections.merge(project.home, ann(project), cat(project))
    project.match()
    (event,) = history_table(project.home).to_dicts()
    assert {event["person_id"], event["other_person_id"]} == {first, second}
    assert (event["event"], event["corrections"]) == ("joined", 1)
    assert find_person(project.home, event["person_id"]).asked_as == event["person_id"]
    make_corrections.undo(project.home)
    project.match()
    assert history_table(project.home)["event"].to_list() == ["joined", "split"]
    assert last_match(project.home).new_aliases == 0  # type: ignore[union-attr]


def test_corrections_and_their_churn_are_counted(project: Project) -> None:
    faces = assigned_faces(project.home)
    smaller = min(faces.filter(pl.col("person_id") == one).height for one in (ann(project), cat(project)))
    make_corrections.merge(project.home, ann(project), cat(project))
    project.match()
    made = last_match(project.home)
    assert made is not None
    assert (made.churn, made.new_aliases, made.names_moved, made.conflicts) == (smaller, 1, 0, 0)


def test_meetings_say_over_which_thresholds_they_hold(project: Project) -> None:
    scores = project.home.store.scan("encounter_scores", sorted(project.home.store.keys("tracks")))
    first = scores.filter(pl.col("gap_before_h").is_null())
    again = scores.filter(pl.col("gap_before_h").is_not_null())
    assert first["holds_to"].null_count() == first.height == 3
    assert again.height == 3
    assert again.select((pl.col("holds_from") <= 0.5).all() & (pl.col("holds_to") >= 0.5).all()).item()
