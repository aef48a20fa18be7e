"""Verdicts on hand-made assignments."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from meetbefore_assets.core.errors import SchemaError
from meetbefore_assets.demo import cast
from meetbefore_assets.demo.compare import Verdict, compare
from meetbefore_assets.demo.footage import Archive

CLIPS = cast.plan()
ARCHIVE = Archive(Path("videos"), Path("truth.csv"), CLIPS)


def perfect() -> pl.DataFrame:
    """Every planted face where it was planted; the person id is the label with a p- before it."""
    rows = [(row.video, float(row.t_s), row.x1, row.y1, row.x2, row.y2, f"p-{row.person}") for row in cast.truth(CLIPS)]
    return pl.DataFrame(rows, schema=["video", "t_s", "x1", "y1", "x2", "y2", "person"], orient="row")


def renamed(table: pl.DataFrame, old: str, new: str, video: str | None = None) -> pl.DataFrame:
    hit = pl.col("person") == old
    if video is not None:
        hit = hit & (pl.col("video") == video)
    return table.with_columns(pl.when(hit).then(pl.lit(new)).otherwise("person").alias("person"))


def of(verdict: Verdict, label: str) -> str:
    return next(person.outcome for person in verdict.people if person.label == label)


def videos_of(label: str) -> list[str]:
    return [clip.name for clip in CLIPS if label in clip.people]


def test_perfect_assignments_are_right() -> None:
    verdict = compare(ARCHIVE, perfect())
    assert verdict.is_right
    assert {person.outcome for person in verdict.people} == {"found exactly once"}
    assert [person.clips_planted for person in verdict.people] == [len(videos_of(person.label)) for person in verdict.people]
    assert all(person.faces_found == person.faces_planted > 0 for person in verdict.people)
    assert (verdict.extra_faces, verdict.extra_ids) == (0, ())


def test_order_of_rows_does_not_matter() -> None:
    assert compare(ARCHIVE, perfect().sample(fraction=1, shuffle=True, seed=3)) == compare(ARCHIVE, perfect())


def test_two_people_under_one_id_are_merged_and_both_say_with_whom() -> None:
    verdict = compare(ARCHIVE, renamed(perfect(), "p-astronaut", "p-companion"))
    assert not verdict.is_right
    assert of(verdict, "astronaut") == "merged with companion"
    assert of(verdict, "companion") == "merged with astronaut"
    assert of(verdict, "blonde woman") == "found exactly once"


def test_merging_two_people_who_were_seen_once_is_wrong_too() -> None:
    verdict = compare(ARCHIVE, renamed(perfect(), "p-woman in black", "p-woman with cards"))
    assert not verdict.is_right


def test_one_person_under_two_ids_is_split() -> None:
    video = videos_of("laughing man")[-1]
    verdict = compare(ARCHIVE, renamed(perfect(), "p-laughing man", "p-other", video))
    assert not verdict.is_right
    assert of(verdict, "laughing man") == "split into 2 people"


def test_one_stray_face_is_enough_to_be_split() -> None:
    table = perfect().with_row_index()
    first = table.filter(pl.col("person") == "p-companion")["index"][0]
    stray = table.with_columns(pl.when(pl.col("index") == first).then(pl.lit("p-x")).otherwise("person").alias("person"))
    person = compare(ARCHIVE, stray).people[0]
    assert person.outcome == "split into 2 people"
    assert [count for _, count in person.ids] == [person.faces_planted - 1, 1]


def test_somebody_seen_once_who_is_split_or_missed_is_reported_but_not_wrong() -> None:
    table = perfect()
    missed = compare(ARCHIVE, table.filter(pl.col("person") != "p-woman with cards"))
    assert missed.is_right
    assert of(missed, "woman with cards") == "missed"


def test_somebody_who_came_back_and_is_nowhere_is_missed() -> None:
    verdict = compare(ARCHIVE, perfect().filter(pl.col("person") != "p-man of the portrait"))
    assert not verdict.is_right
    assert of(verdict, "man of the portrait") == "missed"


def test_somebody_missed_in_one_clip_is_not_found_once() -> None:
    video = videos_of("blonde woman")[0]
    verdict = compare(ARCHIVE, perfect().filter((pl.col("person") != "p-blonde woman") | (pl.col("video") != video)))
    assert not verdict.is_right
    assert of(verdict, "blonde woman") == f"missed in 1 of {len(videos_of('blonde woman'))} clips"


def test_missing_some_faces_of_a_clip_is_all_right() -> None:
    table = perfect().filter(pl.col("t_s") % 2 == 0)
    verdict = compare(ARCHIVE, table)
    assert verdict.is_right
    assert sum(person.faces_found for person in verdict.people) == len(table)


def test_faces_where_nobody_was_planted_are_counted_but_not_wrong() -> None:
    empty = next(clip.name for clip in CLIPS if not clip.appearances and not clip.is_broken)
    extra = pl.DataFrame([(empty, 3.0, 5.0, 5.0, 60.0, 70.0, "p-ghost")], schema=perfect().schema, orient="row")
    verdict = compare(ARCHIVE, pl.concat([perfect(), extra]))
    assert verdict.is_right
    assert (verdict.extra_faces, verdict.extra_ids) == (1, ("p-ghost",))
    assert any("nobody was hidden: 1, 1 of them" in line for line in verdict.lines())


def test_the_same_face_twice_is_one_found_and_one_extra() -> None:
    verdict = compare(ARCHIVE, pl.concat([perfect(), perfect().head(1)]))
    assert verdict.is_right
    assert (verdict.extra_faces, verdict.extra_ids) == (1, ())


def test_between_the_whole_seconds_nothing_is_judged() -> None:
    verdict = compare(ARCHIVE, perfect().with_columns(pl.col("t_s") + 0.4))
    assert {person.outcome for person in verdict.people} == {"missed"}
    assert verdict.extra_faces == 0


@pytest.mark.parametrize(("apart_s", "is_found"), [(0.25, True), (-0.25, True), (0.26, False), (-0.26, False)])
def test_a_quarter_of_a_second_apart_is_the_limit(apart_s: float, is_found: bool) -> None:
    assert compare(ARCHIVE, perfect().with_columns(pl.col("t_s") + apart_s)).is_right is is_found


@pytest.mark.parametrize(("overlap", "is_found"), [(0.31, True), (0.29, False)])
def test_overlap_of_three_tenths_is_the_limit(overlap: float, is_found: bool) -> None:
    # A box of the same middle whose area is `overlap` times the planted one has that intersection over union.
    shrink = overlap**0.5 / 2
    middle = {axis: (pl.col(f"{axis}1") + pl.col(f"{axis}2")) / 2 for axis in "xy"}
    side = {axis: pl.col(f"{axis}2") - pl.col(f"{axis}1") for axis in "xy"}
    smaller = perfect().with_columns(
        *[(middle[axis] - shrink * side[axis]).alias(f"{axis}1") for axis in "xy"],
        *[(middle[axis] + shrink * side[axis]).alias(f"{axis}2") for axis in "xy"],
    )
    assert compare(ARCHIVE, smaller).is_right is is_found


def test_no_assignments_at_all() -> None:
    verdict = compare(ARCHIVE, perfect().clear())
    assert not verdict.is_right
    assert {person.outcome for person in verdict.people} == {"missed"}


def test_boxes_without_area_match_nobody() -> None:
    flat = perfect().with_columns(pl.col("x1").alias("x2"), pl.col("y1").alias("y2"))
    assert {person.faces_found for person in compare(ARCHIVE, flat).people} == {0}


@pytest.mark.parametrize("cast_to", [pl.Int64, pl.Float32])
def test_other_kinds_of_numbers_do_no_harm(cast_to: type[pl.DataType]) -> None:
    assert compare(ARCHIVE, perfect().with_columns(pl.col("t_s", "x1", "y1", "x2", "y2").cast(cast_to))).is_right


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda table: table.drop("x1", "person"), "no x1, person"),
        (lambda table: table.with_columns(pl.lit("soon").alias("t_s")), "expected numbers"),
    ],
)
def test_wrong_tables_are_refused(spoil: Callable[[pl.DataFrame], pl.DataFrame], word: str) -> None:
    with pytest.raises(SchemaError, match=word):
        compare(ARCHIVE, spoil(perfect()))


def test_lines_name_everybody_and_end_with_the_sum() -> None:
    lines = compare(ARCHIVE, perfect()).lines()
    assert len(lines) == len(cast.PEOPLE) + 1
    assert all(
        line.startswith(person.label) and line.endswith("found exactly once") for line, person in zip(lines, cast.PEOPLE, strict=False)
    )
    assert lines[-1] == "5 of 5 people who came back are found exactly once; nobody is merged with somebody else."


def test_lines_say_how_many_are_merged() -> None:
    verdict = compare(ARCHIVE, renamed(perfect(), "p-astronaut", "p-companion"))
    assert verdict.lines()[-1] == "3 of 5 people who came back are found exactly once; 2 people are merged with somebody else."
