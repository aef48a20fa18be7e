"""What was said in one home holds in another with the same videos; what does not fit is told, and nothing is guessed."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.corrections import Correction, in_force
from meetbefore_assets.identities.corrections_file import read_file, write_file
from meetbefore_assets.identities.queries import assigned_faces, people_table
from meetbefore_assets.identities.stored_corrections import read_corrections
from meetbefore_assets.review import make_corrections
from meetbefore_assets.review.export_corrections import export_corrections
from meetbefore_assets.review.import_corrections import Imported, import_corrections
from meetbefore_assets_tests.support.carried import (
    ANN,
    BOB,
    CAT,
    DAN,
    DAYS,
    EVE,
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    copied,
    face_of,
    home_of_cast,
    person_of,
    truth_of_names,
)
from meetbefore_assets_tests.support.project import StepsAlone

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, StepsAlone]:
    """The home in which things are said; the same videos with other models, and sampled half as often; and a part of them."""
    root = tmp_path_factory.mktemp("carried")
    return {
        "said": home_of_cast(root / "said"),
        "other": home_of_cast(root / "other", models=2),
        "coarse": home_of_cast(root / "coarse", models=2, settings=["sampling.interval_s=2"]),
        "part": home_of_cast(root / "part", DAYS[:2]),
    }


@pytest.fixture
def said(archives: dict[str, StepsAlone], tmp_path: Path) -> StepsAlone:
    return copied(archives["said"], tmp_path / "said")


@pytest.fixture
def other(archives: dict[str, StepsAlone], tmp_path: Path) -> StepsAlone:
    return copied(archives["other"], tmp_path / "other", models=2)


def say_everything(home: Home) -> None:
    """A correction of each kind that people make, and one that is taken back."""
    for who, name in ((ANN, "Ann"), (BOB, "Bob"), (CAT, "Cat")):
        make_corrections.name_person(home, person_of(home, who), name)
    make_corrections.set_role(home, person_of(home, BOB), "companion")
    make_corrections.not_same(home, person_of(home, ANN), person_of(home, CAT))
    make_corrections.unsure(home, person_of(home, DAN), person_of(home, CAT))
    make_corrections.portrait(home, face_of(home, WEDNESDAY, 8.0, ANN))
    make_corrections.not_a_face(home, [face_of(home, WEDNESDAY, 16.0, EVE)])
    make_corrections.split(home, person_of(home, DAN), [face_of(home, MONDAY, 14.0, DAN)])
    make_corrections.merge(home, person_of(home, EVE), person_of(home, CAT))
    make_corrections.undo(home)


def carry(source: Home, target: StepsAlone) -> Imported:
    done = import_corrections(target.home, export_corrections(source)[0])
    target.match()
    return done


def record(home: Home) -> list[Correction]:
    return read_corrections(home)


def reasons(done: Imported) -> list[tuple[str, str]]:
    return [(one.correction.kind, one.reason) for one in done.left_out]


def test_everything_that_holds_is_taken_along_with_its_dates_and_what_was_undone_stays_out(said: StepsAlone, other: StepsAlone) -> None:
    say_everything(said.home)
    done = carry(said.home, other)
    assert done.left_out == ()
    assert done.missed == {}
    holding = in_force(record(said.home))
    assert [(one.created_at, one.kind, one.text) for one in record(other.home)] == [(one.created_at, one.kind, one.text) for one in holding]
    assert "merge" not in {one.kind for one in record(other.home)}
    assert truth_of_names(other.home) == {"Ann": ANN, "Bob": BOB, "Cat": CAT}
    roles = people_table(other.home).drop_nulls("role")
    assert roles.select("name", "role").rows() == [("Bob", "companion")]
    assert person_of(other.home, ANN) != person_of(other.home, CAT)
    assert face_of(other.home, WEDNESDAY, 8.0, ANN) in people_table(other.home)["best_face_id"].to_list()
    assert assigned_faces(other.home).filter((pl.col("file_name") == WEDNESDAY) & (pl.col("time_s") == 16.0)).height == 0


def test_imported_twice_it_changes_nothing(said: StepsAlone, other: StepsAlone) -> None:
    say_everything(said.home)
    first = carry(said.home, other)
    before, people = record(other.home), people_table(other.home)
    again = carry(said.home, other)
    assert (again.new, again.before) == ((), len(first.new))
    assert record(other.home) == before
    assert people_table(other.home).equals(people)


def test_imported_where_it_was_said_it_changes_nothing(said: StepsAlone) -> None:
    say_everything(said.home)
    data, count = export_corrections(said.home)
    before = record(said.home)
    done = import_corrections(said.home, data)
    assert (done.new, done.before, done.left_out) == ((), count, ())
    assert record(said.home) == before


def test_there_and_back_it_is_the_same_file(said: StepsAlone, other: StepsAlone) -> None:
    say_everything(said.home)
    carry(said.home, other)
    there, back = (read_file(export_corrections(home)[0]) for home in (said.home, other.home))
    assert [one.correction for one in back.carried] == [one.correction for one in there.carried]


def test_names_find_their_people_where_every_other_second_is_looked_at(
    said: StepsAlone, archives: dict[str, StepsAlone], tmp_path: Path
) -> None:
    coarse = copied(archives["coarse"], tmp_path / "coarse", models=2)
    make_corrections.split(said.home, person_of(said.home, ANN), [face_of(said.home, TUESDAY, 0.0, ANN)])
    said.match()
    # Eve is looked at in the seconds 14 and 16 of Wednesday, so that where she is between them is known, but no picture of it.
    for who, name in ((ANN, "Ann"), (BOB, "Bob"), (CAT, "Cat"), (EVE, "Eve")):
        make_corrections.name_person(said.home, person_of(said.home, who), name)
    make_corrections.portrait(said.home, face_of(said.home, WEDNESDAY, 15.0, EVE))
    done = carry(said.home, coarse)
    assert reasons(done) == [("portrait", "no-face")], "no other picture is meant"
    assert truth_of_names(coarse.home) == {"Ann": ANN, "Bob": BOB, "Cat": CAT, "Eve": EVE}
    faces = assigned_faces(coarse.home)
    anchors = [at for one in record(coarse.home) if one.kind == "name" for at in one.here]
    places = set(faces.select("video_id", pl.col("time_s").round(3), "x1").iter_rows())
    assert {(at.video_id, at.time_s, at.x1) for at in anchors} <= places


def test_what_is_in_a_recording_that_is_not_here_is_listed_and_fits_once_it_is(
    said: StepsAlone, archives: dict[str, StepsAlone], tmp_path: Path
) -> None:
    part = copied(archives["part"], tmp_path / "part")
    make_corrections.name_person(said.home, person_of(said.home, BOB), "Bob")
    make_corrections.portrait(said.home, face_of(said.home, WEDNESDAY, 14.0, EVE))
    done = carry(said.home, part)
    assert reasons(done) == [("portrait", "missing")]
    assert done.left_out[0].places == ((WEDNESDAY, 14.0),)
    assert done.missed == {(WEDNESDAY, "missing"): 1}
    assert truth_of_names(part.home) == {"Bob": BOB}
    part.videos = archives["said"].videos
    part.process()
    part.match()
    assert [one.kind for one in carry(said.home, part).new] == ["portrait"]
    assert truth_of_names(part.home) == {"Bob": BOB}
    assert {(one.created_at, one.text, frozenset(one.here)) for one in record(part.home)} == {
        (one.created_at, one.text, frozenset(one.here)) for one in record(said.home)
    }, "also the places that were not there at first"


def test_a_renamed_recording_is_the_same_recording(said: StepsAlone, archives: dict[str, StepsAlone], tmp_path: Path) -> None:
    renamed = StepsAlone(_made(tmp_path / "renamed"))
    for path in archives["said"].videos.iterdir():
        (renamed.videos / path.name.replace("2025", "2024")).write_bytes(path.read_bytes())
    renamed.process()
    renamed.match()
    assert set(renamed.home.store.keys("sources")).isdisjoint(said.home.store.keys("sources"))
    make_corrections.name_person(said.home, person_of(said.home, BOB), "Bob")
    done = carry(said.home, renamed)
    assert (len(done.new), done.left_out, done.missed) == (1, (), {})
    assert people_table(renamed.home).drop_nulls("name")["encounters"].to_list() == [3]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_another_recording_with_the_same_id_is_not_taken_for_it(said: StepsAlone, other: StepsAlone) -> None:
    make_corrections.name_person(said.home, person_of(said.home, EVE), "Eve")
    file = read_file(export_corrections(said.home)[0])
    changed = {key: video.model_copy(update={"content_hash": "f" * 64}) for key, video in file.videos.items()}
    done = import_corrections(other.home, write_file(changed, file.carried))
    assert reasons(done) == [("name", "missing")]
    assert record(other.home) == []


def test_what_contradicts_what_was_said_here_is_refused_with_what_it_contradicts(said: StepsAlone, other: StepsAlone) -> None:
    make_corrections.merge(said.home, person_of(said.home, BOB), person_of(said.home, CAT))
    make_corrections.name_person(said.home, person_of(said.home, EVE), "Eve")
    here = make_corrections.not_same(other.home, person_of(other.home, CAT), person_of(other.home, BOB))
    done = carry(said.home, other)
    assert [(one.correction.kind, one.reason, one.detail) for one in done.left_out] == [("merge", "contradicts", here.correction_id)]
    assert truth_of_names(other.home) == {"Eve": EVE}
    assert person_of(other.home, BOB) != person_of(other.home, CAT)


def test_of_many_only_those_that_contradict_are_refused(said: StepsAlone, other: StepsAlone) -> None:
    make_corrections.not_same(said.home, person_of(said.home, ANN), person_of(said.home, EVE))
    make_corrections.merge(said.home, person_of(said.home, BOB), person_of(said.home, CAT))
    make_corrections.not_same(said.home, person_of(said.home, DAN), person_of(said.home, CAT))
    make_corrections.merge(said.home, person_of(said.home, ANN), person_of(said.home, DAN))
    make_corrections.not_same(other.home, person_of(other.home, CAT), person_of(other.home, BOB))
    make_corrections.not_same(other.home, person_of(other.home, ANN), person_of(other.home, DAN))
    done = carry(said.home, other)
    assert [one.kind for one in done.new] == ["not-same", "not-same"]
    assert reasons(done) == [("merge", "contradicts"), ("merge", "contradicts")]


def test_a_name_that_somebody_else_has_is_refused(said: StepsAlone, other: StepsAlone) -> None:
    make_corrections.name_person(said.home, person_of(said.home, ANN), "Kim")
    make_corrections.set_role(said.home, person_of(said.home, ANN), "me")
    make_corrections.name_person(other.home, person_of(other.home, BOB), "kim")
    make_corrections.set_role(other.home, person_of(other.home, BOB), "me")
    other.match()
    assert reasons(carry(said.home, other)) == [("name", "name-taken"), ("role", "me-taken")]
    assert truth_of_names(other.home) == {"kim": BOB}


def test_the_same_name_for_the_same_person_is_no_contradiction_and_the_later_name_counts(said: StepsAlone, other: StepsAlone) -> None:
    make_corrections.name_person(said.home, person_of(said.home, ANN), "Ann")
    make_corrections.name_person(said.home, person_of(said.home, BOB), "Robert")
    make_corrections.name_person(other.home, person_of(other.home, ANN), "Ann")
    make_corrections.name_person(other.home, person_of(other.home, BOB), "Bob")
    other.match()
    assert carry(said.home, other).left_out == ()
    assert truth_of_names(other.home) == {"Ann": ANN, "Bob": BOB}


def test_what_was_taken_back_here_is_not_brought_in_again(said: StepsAlone, other: StepsAlone) -> None:
    make_corrections.name_person(said.home, person_of(said.home, ANN), "Ann")
    carry(said.home, other)
    undo, _ = make_corrections.undo(other.home)
    done = carry(said.home, other)
    assert [(one.reason, one.detail) for one in done.left_out] == [("undone", undo.correction_id)]
    assert truth_of_names(other.home) == {}


def test_the_forgotten_stay_forgotten(said: StepsAlone, other: StepsAlone) -> None:
    say_everything(said.home)
    forget.forget_people(other.home, [person_of(other.home, ANN)])
    done = carry(said.home, other)
    assert ("name", "forgotten") in reasons(done)
    assert ("not-same", "forgotten") in reasons(done)
    assert truth_of_names(other.home) == {"Bob": BOB, "Cat": CAT}
    texts = {one.text for one in record(other.home)}
    assert "Ann" not in texts


def test_a_forgotten_recording_brings_nothing_back(said: StepsAlone, other: StepsAlone) -> None:
    make_corrections.name_person(said.home, person_of(said.home, BOB), "Bob")
    make_corrections.portrait(said.home, face_of(said.home, WEDNESDAY, 14.0, EVE))
    forget.forget_videos(other.home, [forget.find_one_video(other.home, WEDNESDAY)])
    done = carry(said.home, other)
    assert reasons(done) == [("portrait", "forgotten")]
    assert truth_of_names(other.home) == {"Bob": BOB}
    videos = set(other.home.store.keys("sources"))
    assert {at.video_id for one in record(other.home) for at in one.here} <= videos


def test_an_empty_home_takes_nothing_and_says_so(said: StepsAlone, tmp_path: Path) -> None:
    make_corrections.name_person(said.home, person_of(said.home, ANN), "Ann")
    empty = StepsAlone(_made(tmp_path / "empty"))
    assert reasons(import_corrections(empty.home, export_corrections(said.home)[0])) == [("name", "missing")]
    assert export_corrections(empty.home)[1] == 0


# Fields of a correction that names somebody -> why it is left out with them.
CHANGES: list[tuple[dict[str, object], str]] = [
    ({"text": "An\x1b[31mn"}, "malformed"),
    ({"text": " Ann"}, "malformed"),
    ({"text": "A" * 201}, "malformed"),
    ({"kind": "role", "text": "emperor"}, "malformed"),
    ({"kind": "merge", "text": ""}, "malformed"),
    ({"kind": "unsure", "text": "abc 1+1"}, "malformed"),
    ({"kind": "known", "text": "Ann"}, "malformed"),
    ({"kind": "undo", "text": "c0"}, "unknown"),
    ({"kind": "prophecy"}, "unknown"),
    ({"here": ()}, "malformed"),
    ({"created_at": dt.datetime(9998, 1, 1)}, "future"),
]


def test_what_no_command_would_write_is_left_out(said: StepsAlone, other: StepsAlone) -> None:
    make_corrections.name_person(said.home, person_of(said.home, ANN), "Ann")
    file = read_file(export_corrections(said.home)[0])
    [one] = file.carried
    for fields, reason in CHANGES:
        changed = replace(one, correction=replace(one.correction, **fields))  # type: ignore[arg-type]
        done = import_corrections(other.home, write_file(file.videos, [changed]))
        assert [left.reason for left in done.left_out] == [reason], fields
    assert record(other.home) == []


def test_a_damaged_file_changes_nothing(said: StepsAlone, other: StepsAlone) -> None:
    say_everything(said.home)
    data, _ = export_corrections(said.home)
    with pytest.raises(UsageError):
        import_corrections(other.home, data[:-10])
    assert record(other.home) == []
