"""What was said, which of it is in force, and which faces it is about."""

import datetime as dt

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.identities.corrections import Anchor, Correction, anchor_rows, correction, in_force, locate, names_or_roles

NOW = dt.datetime(2025, 3, 7, 8, 0)
HERE = Anchor("v1", 10.0, 100, 100, 200, 200)


def said(minute: int, kind: str, text: str = "", here: tuple[Anchor, ...] = (HERE,), there: tuple[Anchor, ...] = ()) -> Correction:
    return correction(NOW + dt.timedelta(minutes=minute), kind, text, here, there)  # type: ignore[arg-type]


def test_the_id_is_that_of_what_was_said_and_when() -> None:
    assert said(0, "name", "Ann") == said(0, "name", "Ann")
    assert len({one.correction_id for one in (said(0, "name", "Ann"), said(1, "name", "Ann"), said(0, "name", "Bob"))}) == 3


def test_an_undo_takes_back_and_an_undo_of_it_brings_in_again() -> None:
    ann = said(0, "name", "Ann")
    undo = said(1, "undo", ann.correction_id, ())
    redo = said(2, "undo", undo.correction_id, ())
    assert in_force([ann]) == [ann]
    assert in_force([undo, ann]) == []
    assert in_force([redo, ann, undo]) == [ann]


def test_corrections_in_force_come_in_the_order_in_which_they_were_said() -> None:
    late, early = said(5, "merge"), said(1, "merge")
    assert in_force([late, early]) == [early, late]


@given(st.lists(st.booleans(), max_size=6))
def test_a_chain_of_undos_alternates(again: list[bool]) -> None:
    chain = [said(0, "name", "Ann")]
    for minute, _ in enumerate(again, start=1):
        chain.append(said(minute, "undo", chain[-1].correction_id, ()))
    assert (chain[0] in in_force(chain)) == (len(again) % 2 == 0)


def faces(*rows: tuple[str, str, float, float]) -> pl.DataFrame:
    """(face_id, video_id, time_s, shift of the box to the right)."""
    table = [(face, video, time_s, 100.0 + shift, 100.0, 200.0 + shift, 200.0) for face, video, time_s, shift in rows]
    schema = {"face_id": pl.String, "video_id": pl.String} | dict.fromkeys(("time_s", "x1", "y1", "x2", "y2"), pl.Float64)
    return pl.DataFrame(table, schema=schema, orient="row")


def found(*rows: tuple[str, str, float, float]) -> list[str]:
    return locate(anchor_rows([said(0, "name", "Ann")]), faces(*rows))["face_id"].to_list()


def test_a_face_is_found_where_the_anchor_says() -> None:
    assert found(("a", "v1", 10.0, 0.0)) == ["a"]


def test_other_videos_moments_and_places_are_not_meant() -> None:
    assert found(("a", "v2", 10.0, 0.0), ("b", "v1", 11.0, 0.0), ("c", "v1", 10.0, 90.0)) == []


def test_another_detector_and_another_sampling_find_the_same_face() -> None:
    assert found(("a", "v1", 10.4, 20.0)) == ["a"]
    assert found(("a", "v1", 10.5, 0.0)) == ["a"]
    assert found(("a", "v1", 10.51, 0.0)) == []


def test_the_nearest_moment_counts_first_then_the_overlap_then_the_id() -> None:
    assert found(("far", "v1", 10.4, 0.0), ("near", "v1", 10.1, 40.0)) == ["near"]
    assert found(("a", "v1", 10.0, 40.0), ("b", "v1", 10.0, 5.0)) == ["b"]
    assert found(("b", "v1", 10.0, 0.0), ("a", "v1", 10.0, 0.0)) == ["a"]


def test_nothing_is_found_for_nothing() -> None:
    assert locate(anchor_rows([]), faces(("a", "v1", 10.0, 0.0))).height == 0
    assert locate(anchor_rows([said(0, "name", "Ann")]), faces()).height == 0


def spoken(corrections: list[Correction], bearers: dict[str, str]) -> dict[str, str]:
    """Names, where every face has one id a correction: face "<id>-<ordinal>" -> person."""
    rows = [(one.correction_id, "here", i, f"{one.correction_id}-{i}") for one in corrections for i in range(len(one.here))]
    located = pl.DataFrame(rows, ["correction_id", "side", "ordinal", "face_id"], orient="row")
    assigned = pl.DataFrame(list(bearers.items()), ["face_id", "person_id"], orient="row")
    return names_or_roles(corrections, located, assigned, "name")


def test_a_name_goes_to_whoever_bears_most_of_its_faces() -> None:
    ann = said(0, "name", "Ann", (HERE,) * 3)
    keys = [f"{ann.correction_id}-{i}" for i in range(3)]
    assert spoken([ann], dict(zip(keys, ("p1", "p2", "p2"), strict=True))) == {"p2": "Ann"}
    assert spoken([ann], dict(zip(keys, ("p2", "p1", "p3"), strict=True))) == {"p2": "Ann"}


def test_the_newest_name_of_a_person_holds_and_an_empty_one_clears_it() -> None:
    ann, bea, none = said(0, "name", "Ann"), said(1, "name", "Bea"), said(2, "name", "")
    bearers = {f"{one.correction_id}-0": "p1" for one in (ann, bea, none)}
    assert spoken([ann, bea], bearers) == {"p1": "Bea"}
    assert spoken([ann, bea, none], bearers) == {}


def test_a_name_whose_faces_are_gone_is_nobodys() -> None:
    assert spoken([said(0, "name", "Ann")], {"other": "p1"}) == {}
