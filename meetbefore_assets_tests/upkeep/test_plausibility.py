"""Each finding of soundness: found where it is, and nowhere else."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.core.errors import SchemaError
from meetbefore_assets.core.schema.columns import TIME
from meetbefore_assets.core.schema.faces import DETECTIONS, FRAMES
from meetbefore_assets.core.schema.identities import IDENTITY_ASSIGNMENTS
from meetbefore_assets.core.schema.lists import published_tables
from meetbefore_assets.core.schema.table import Table, check
from meetbefore_assets.upkeep import plausibility

NOW = dt.datetime(2025, 3, 10, 12)


def frames(**changed: object) -> pl.DataFrame:
    row: dict[str, object] = {"video_id": "v", "frame_id": "f", "pts": 0, "time_s": 0.5, "is_keyframe": True}
    return FRAMES.frame([row | changed])


def test_a_table_as_declared_has_no_findings() -> None:
    assert plausibility.outside_declaration(FRAMES, frames()) == []
    assert all(plausibility.outside_declaration(table, table.empty()) == [] for table in published_tables())


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (frames().drop("pts"), "expected the columns"),
        (frames().cast({"pts": pl.Int32}), "should be Int64"),
        (frames(time_s=None), "nulls"),
        (frames(time_s=-0.5), "holds -0.5, expected 0.."),
        (frames(time_s=float("nan")), "no number"),
        (pl.concat([frames(), frames()]), "repeats"),
    ],
)
def test_whatever_is_not_as_declared_is_found(frame: pl.DataFrame, words: str) -> None:
    (finding,) = plausibility.outside_declaration(FRAMES, frame)
    assert words in finding


def test_both_ends_of_a_range_belong_to_it_but_for_rounding() -> None:
    def assigned(similarity: float) -> pl.DataFrame:
        row = {"face_id": "f", "video_id": "v", "track_id": "t", "person_id": "p", "similarity": similarity}
        return IDENTITY_ASSIGNMENTS.frame([row | {"runner_up_person_id": None, "runner_up_similarity": None}])

    for good in (-1.0, 0.0, 1.0, 1.000001):
        assert check(IDENTITY_ASSIGNMENTS, assigned(good)).height == 1
    for bad in (-1.1, 1.1):
        with pytest.raises(SchemaError, match="expected -1"):
            check(IDENTITY_ASSIGNMENTS, assigned(bad))


def test_a_box_without_inside_is_found() -> None:
    table = Table("boxes", "boxes", ("x1",), tuple(column for column in DETECTIONS.columns if column.name in ("x1", "y1", "x2", "y2")))
    rows = [{"x1": 1.0, "y1": 1.0, "x2": 2.0, "y2": 2.0}, {"x1": 5.0, "y1": 1.0, "x2": 2.0, "y2": 2.0}]
    assert plausibility.outside_declaration(table, table.frame(rows[:1])) == []
    assert "1 of 2 boxes" in plausibility.outside_declaration(table, table.frame(rows))[0]


@given(st.integers(1, 20), st.integers(1, 8), st.integers(0, 10**6))
def test_unit_vectors_are_unit_and_others_are_counted(count: int, size: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, size)) + 0.1
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    assert plausibility.not_unit(vectors, size) == []
    bad = random.integers(0, 2, count).astype(bool)
    vectors[bad] *= np.float32(1.01)
    found = plausibility.not_unit(vectors, size)
    assert found == [] if not bad.any() else found[0].startswith(f"{bad.sum()} of {count} ")


def test_vectors_of_nan_zero_or_another_size_are_found() -> None:
    assert plausibility.not_unit(np.zeros((0, 0), np.float32), 4) == []
    assert plausibility.not_unit(np.full((1, 4), np.nan, np.float32), 4)
    assert plausibility.not_unit(np.zeros((1, 4), np.float32), 4)
    assert "expected 1 of 5" in plausibility.not_unit(np.ones((1, 4), np.float32) / 2, 5)[0]


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.lists(st.sampled_from("abcdef")))
def test_every_face_is_assigned_once(embedded: list[str], assigned: list[str]) -> None:
    found = plausibility.not_assigned_once(pl.Series(embedded, dtype=pl.String), pl.Series(assigned, dtype=pl.String))
    assert (found == []) == (sorted(embedded) == sorted(assigned))


@given(st.lists(st.tuples(st.sampled_from("fgh"), st.sampled_from("pqr"))))
def test_nobody_is_twice_in_a_frame(faces: list[tuple[str, str]]) -> None:
    found = plausibility.twice_in_a_frame(pl.DataFrame(faces, schema=["frame_id", "person_id"], orient="row"))
    assert (found == []) == (len(set(faces)) == len(faces))


@pytest.mark.parametrize(
    ("faces", "moments", "neighbours", "is_found"),
    [
        (0, 100, [(50, 100)] * 3, True),
        (1, 100, [(50, 100)] * 3, True),
        (3, 100, [(50, 100)] * 3, False),
        (0, 100, [(50, 100)] * 2, False),
        (0, 30, [(50, 100)] * 3, False),
        (0, 100, [(0, 100), (1, 100), (0, 100)], False),
        (0, 100, [(0, 100), (50, 100), (60, 100), (5, 0)], True),
        (0, 0, [], False),
    ],
)
def test_a_video_that_lost_its_faces(faces: int, moments: int, neighbours: list[tuple[int, int]], is_found: bool) -> None:
    assert bool(plausibility.lost_its_faces(faces, moments, neighbours)) == is_found


@pytest.mark.parametrize(
    ("started_at", "words"),
    [
        (None, "nothing tells"),
        (dt.datetime(1970, 1, 1), "never set"),
        (dt.datetime(2025, 3, 10, 13, 1), "future"),
        (dt.datetime(2026, 1, 1), "future"),
    ],
)
def test_doubtful_clocks(started_at: dt.datetime | None, words: str) -> None:
    (finding,) = plausibility.doubtful_clock(started_at, 60.0, "mtime", NOW)
    assert words in finding


def test_clocks_that_are_all_right() -> None:
    assert plausibility.doubtful_clock(NOW - dt.timedelta(minutes=1), 60.0, "mtime", NOW) == []
    assert plausibility.doubtful_clock(dt.datetime(1995, 1, 1), 1e5, "mtime", NOW) == []


def recordings(*rows: tuple[str, int | None, float]) -> pl.DataFrame:
    known = [
        {
            "camera": camera,
            "file_name": f"{i}.mp4",
            "started_at": None if at is None else NOW + dt.timedelta(seconds=at),
            "duration_s": length,
        }
        for i, (camera, at, length) in enumerate(rows)
    ]
    return pl.DataFrame(known, schema={"camera": pl.String, "file_name": pl.String, "started_at": TIME, "duration_s": pl.Float64})


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ((), 0),
        ((("a", 0, 60.0), ("a", 60, 60.0), ("a", 119, 60.0)), 0),
        ((("a", 0, 60.0), ("b", 30, 60.0)), 0),
        ((("a", 0, 60.0), ("a", None, 60.0)), 0),
        ((("a", 0, 60.0), ("a", 30, 60.0)), 1),
        ((("a", 0, 600.0), ("a", 30, 10.0), ("a", 100, 10.0)), 2),
        ((("a", 0, 60.0), ("a", 30, 0.0)), 0),
    ],
)
def test_recordings_of_one_camera_that_overlap(rows: tuple[tuple[str, int | None, float], ...], count: int) -> None:
    found = plausibility.overlapping(recordings(*rows))
    assert [finding.split()[0] for finding in found] == ([str(count)] if count else [])
