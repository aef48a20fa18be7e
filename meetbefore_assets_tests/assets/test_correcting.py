"""Corrections through the assets: said once, they hold at other thresholds, with other vectors, and from another detector."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from meetbefore_assets import settings
from meetbefore_assets.errors import UsageError
from meetbefore_assets.reading import assigned_faces, find_person, people_table
from meetbefore_assets.steps import correcting
from meetbefore_assets.steps.corrections import read_corrections
from meetbefore_assets.steps.history import history_table
from meetbefore_assets.steps.matching import decision, is_matched
from meetbefore_assets.steps.policy import policy
from meetbefore_assets.steps.reviewing import questions
from meetbefore_assets_tests.assets.project import Project
from meetbefore_assets_tests.fakes import fake_bench, write_video

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


def person_at(project: Project, name: str, time_s: float, place: int = 0) -> str:
    """Who is seen in a video at a time, by place from left to right."""
    faces = assigned_faces(project.bench).filter((pl.col("file_name") == name) & (pl.col("time_s") == time_s)).sort("x1")
    return str(faces["person_id"][place])


def face_at(project: Project, name: str, time_s: float) -> str:
    faces = assigned_faces(project.bench).filter((pl.col("file_name") == name) & (pl.col("time_s") == time_s)).sort("x1")
    return str(faces["face_id"][0])


def ann(project: Project) -> str:
    return person_at(project, TUESDAY, 0.0)


def bob(project: Project) -> str:
    return person_at(project, TUESDAY, 6.0)


def cat(project: Project) -> str:
    return person_at(project, TUESDAY, 11.0)


def upheavals(project: Project) -> Iterator[str]:
    """Whatever may happen to a home after something was said."""
    for threshold in ("0.3", "0.9", "0.5"):
        settings.apply(project.home, [f"matching.threshold={threshold}"])
        project.match()
        yield f"threshold {threshold}"
    project.bench = fake_bench(project.home, embedder="colours-2")
    project.process()
    project.match()
    yield "another recogniser"
    project.bench = fake_bench(project.home, detector="squares-2", embedder="colours-2")
    project.process()
    project.match()
    yield "another detector"


def test_a_name_follows_the_faces(project: Project) -> None:
    correcting.name_person(project.bench, ann(project), " Ann   of Monday ")
    project.match()
    for what in upheavals(project):
        assert find_person(project.bench, "ann of monday").row["person_id"] == person_at(project, MONDAY, 0.0), what


def test_a_merge_holds(project: Project) -> None:
    assert ann(project) != cat(project)
    correcting.merge(project.bench, ann(project), cat(project))
    project.match()
    for what in upheavals(project):
        assert ann(project) == cat(project) == person_at(project, MONDAY, 0.0), what
        assert bob(project) != ann(project), what


def test_not_same_holds_even_where_everybody_would_be_one(project: Project) -> None:
    correcting.not_same(project.bench, ann(project), cat(project))
    settings.apply(project.home, ["matching.threshold=-0.9"])
    project.match()
    assert ann(project) != cat(project)
    for what in upheavals(project):
        assert ann(project) != cat(project), what


def test_a_split_holds_and_takes_the_whole_track(project: Project) -> None:
    leaving = face_at(project, TUESDAY, 0.0)
    correcting.split(project.bench, ann(project), [leaving])
    project.match()
    for what in upheavals(project):
        assert person_at(project, TUESDAY, 0.0) != person_at(project, MONDAY, 0.0), what
    assert person_at(project, TUESDAY, 0.0) == person_at(project, TUESDAY, 1.0)


def test_a_split_of_one_face_divides_its_track(project: Project) -> None:
    correcting.split(project.bench, ann(project), [face_at(project, TUESDAY, 0.0)], only_these=True)
    project.match()
    for what in upheavals(project):
        assert person_at(project, TUESDAY, 0.0) != person_at(project, TUESDAY, 1.0), what
        assert person_at(project, TUESDAY, 0.0) != person_at(project, MONDAY, 0.0), what


def test_an_undo_leaves_everything_as_it_was(project: Project) -> None:
    before = assigned_faces(project.bench)
    correcting.merge(project.bench, ann(project), cat(project))
    project.match()
    assert assigned_faces(project.bench)["person_id"].n_unique() == 2
    undo, undone = correcting.undo(project.bench)
    project.match()
    assert undone.kind == "merge"
    assert assigned_faces(project.bench).equals(before)
    correcting.undo(project.bench, undo.correction_id)
    project.match()
    assert assigned_faces(project.bench)["person_id"].n_unique() == 2
    assert len(read_corrections(project.bench)) == 3


def test_whoever_says_something_changes_the_policy_and_nothing_before_it(project: Project) -> None:
    before = policy(project.bench).version
    tracks = {key: project.bench.store.stamp("tracks", key) for key in project.bench.store.keys("tracks")}
    correcting.name_person(project.bench, ann(project), "Ann")
    assert policy(project.bench).version != before
    assert not is_matched(project.bench)
    assert project.process() == {}
    project.match()
    assert {key: project.bench.store.stamp("tracks", key) for key in tracks} == tracks


def refused(call: str) -> pytest.RaisesExc[UsageError]:
    return pytest.raises(UsageError, match=call)


def test_two_faces_of_one_picture_are_not_merged(project: Project) -> None:
    with refused("seen in one picture .*0001_D.mp4 at 0.0 s"):
        correcting.merge(project.bench, ann(project), bob(project))
    assert not read_corrections(project.bench)


def test_what_contradicts_is_refused_with_what_it_contradicts(project: Project) -> None:
    apart = correcting.not_same(project.bench, ann(project), cat(project))
    project.match()
    with pytest.raises(UsageError) as error:
        correcting.merge(project.bench, ann(project), cat(project))
    assert apart.correction_id in str(error.value)
    assert error.value.remedy.endswith(f"meetbefore undo {apart.correction_id}")
    correcting.undo(project.bench)
    merged = correcting.merge(project.bench, ann(project), cat(project))
    project.match()
    with refused("expected two people"):
        correcting.not_same(project.bench, ann(project), cat(project))
    with refused(f"correction {merged.correction_id} says otherwise"):
        correcting.undo(project.bench, read_corrections(project.bench)[1].correction_id)


def test_a_name_belongs_to_one_person(project: Project) -> None:
    correcting.name_person(project.bench, ann(project), "Ann")
    project.match()
    with refused("called 'Ann' already"):
        correcting.name_person(project.bench, bob(project), "ANN")
    correcting.name_person(project.bench, ann(project), "")
    project.match()
    correcting.name_person(project.bench, bob(project), "ANN")
    project.match()
    assert find_person(project.bench, "ann").row["person_id"] == bob(project)


def test_there_is_one_me(project: Project) -> None:
    correcting.set_role(project.bench, ann(project), "me")
    correcting.set_role(project.bench, bob(project), "companion")
    project.match()
    assert dict(people_table(project.bench).select("person_id", "role").drop_nulls().rows()) == {
        ann(project): "me",
        bob(project): "companion",
    }
    with refused("is you already"):
        correcting.set_role(project.bench, cat(project), "me")
    with refused("is no role"):
        correcting.set_role(project.bench, cat(project), "boss")
    correcting.set_role(project.bench, ann(project), "none")
    project.match()
    correcting.set_role(project.bench, cat(project), "me")


def test_a_split_needs_faces_of_the_person_and_leaves_some(project: Project) -> None:
    with refused("is no face of"):
        correcting.split(project.bench, ann(project), [face_at(project, TUESDAY, 6.0)])
    with refused("nobody would be left"):
        everything = assigned_faces(project.bench).filter(pl.col("person_id") == ann(project))["face_id"].to_list()
        correcting.split(project.bench, ann(project), everything)


def test_there_must_be_something_to_undo(project: Project) -> None:
    with refused("nothing to undo"):
        correcting.undo(project.bench)
    with refused("fits 0 corrections"):
        correcting.undo(project.bench, "c0")
    correcting.name_person(project.bench, ann(project), "Ann")
    correcting.undo(project.bench)
    with refused("was undone before"):
        correcting.undo(project.bench, read_corrections(project.bench)[0].correction_id)


def test_what_happened_to_ids_is_on_record(project: Project) -> None:
    first, second = sorted([ann(project), cat(project)])
    assert history_table(project.bench).height == 0
    correcting.merge(project.bench, ann(project), cat(project))
    project.match()
    (event,) = history_table(project.bench).to_dicts()
    assert {event["person_id"], event["other_person_id"]} == {first, second}
    assert (event["event"], event["corrections"]) == ("joined", 1)
    assert find_person(project.bench, event["person_id"]).asked_as == event["person_id"]
    correcting.undo(project.bench)
    project.match()
    assert history_table(project.bench)["event"].to_list() == ["joined", "split"]
    assert decision(project.bench).new_aliases == 0  # type: ignore[union-attr]


def test_corrections_and_their_churn_are_counted(project: Project) -> None:
    faces = assigned_faces(project.bench)
    smaller = min(faces.filter(pl.col("person_id") == one).height for one in (ann(project), cat(project)))
    correcting.merge(project.bench, ann(project), cat(project))
    project.match()
    made = decision(project.bench)
    assert made is not None
    assert (made.churn, made.new_aliases, made.names_moved, made.conflicts) == (smaller, 1, 0, 0)


def test_meetings_say_over_which_thresholds_they_hold(project: Project) -> None:
    scores = project.bench.store.scan("encounter_scores", sorted(project.bench.store.keys("tracks")))
    first = scores.filter(pl.col("gap_before_h").is_null())
    again = scores.filter(pl.col("gap_before_h").is_not_null())
    assert first["holds_to"].null_count() == first.height == 3
    assert again.height == 3
    assert again.select((pl.col("holds_from") <= 0.5).all() & (pl.col("holds_to") >= 0.5).all()).item()


def test_a_question_is_asked_where_another_threshold_would_answer_otherwise(project: Project) -> None:
    settings.apply(project.home, ["matching.threshold=0.99"])
    project.match()
    threshold, asked = questions(project.bench, 50)
    assert threshold == 0.99
    same = [{question.first, question.second} for question in asked if question.kind == "same"]
    assert {cat(project), person_at(project, MONDAY, 6.0)} in same
    assert {ann(project), bob(project)} not in same
    assert questions(project.bench, 1)[1] == asked[:1]
