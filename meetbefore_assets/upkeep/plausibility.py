"""Plausibility of tables; each function returns findings as sentences without names or ids."""

import datetime as dt
import statistics
from collections.abc import Sequence

import numpy as np
import polars as pl

from meetbefore_assets.core.errors import SchemaError
from meetbefore_assets.core.ports import F32
from meetbefore_assets.core.schema.table import Table, check

# Vectors are stored in single precision: 512 numbers with an error of 1e-7 each.
UNIT_TOLERANCE = 1e-3
# Two files of one camera may share the second in which one ends and the next starts.
OVERLAP_S = 2.0
# A video has lost its faces if it has less than this share of the number expected from its neighbours, and that number is so large that
# chance does not explain it (Poisson: 20 expected and at most 1 seen is 4e-8).
COLLAPSED_SHARE, LEAST_EXPECTED, LEAST_NEIGHBOURS = 0.05, 20.0, 3
_EARLIEST = dt.datetime(1990, 1, 1)


def outside_declaration(table: Table, frame: pl.DataFrame) -> list[str]:
    """Deviations from the declared columns, types, keys, nulls and ranges; boxes must not be empty."""
    try:
        checked = check(table, frame)
    except SchemaError as error:
        return [error.message]
    if not {"x1", "y1", "x2", "y2"} <= set(checked.columns):
        return []
    inverted = checked.filter((pl.col("x2") <= pl.col("x1")) | (pl.col("y2") <= pl.col("y1"))).height
    return [f"{inverted} of {checked.height} boxes are empty (x2 <= x1 or y2 <= y1)."] if inverted else []


def not_unit(vectors: F32, size: int) -> list[str]:
    """Vectors that are not of the recogniser's size, or not of length 1.

    Args:
        vectors: (n, m) float32.
        size: expected length of a vector.
    """
    if not len(vectors):
        return []
    if vectors.ndim != 2 or vectors.shape[1] != size:
        return [f"the vectors have the shape {vectors.shape}, expected {len(vectors)} of {size} numbers."]
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    wrong = ~(np.abs(lengths - 1.0) <= UNIT_TOLERANCE)
    worst = lengths[wrong][0] if wrong.any() else 1.0
    return [f"{int(wrong.sum())} of {len(vectors)} vectors do not have length 1, the first has {worst:g}."] if wrong.any() else []


def not_assigned_once(embedded: pl.Series, assigned: pl.Series) -> list[str]:
    """Faces with a vector that belong to nobody or to several, and assignments of faces that have no vector."""
    have, want = set(assigned.to_list()), set(embedded.to_list())
    found = []
    if want - have:
        found.append(f"{len(want - have)} of {len(want)} faces belong to nobody.")
    if have - want:
        found.append(f"{len(have - want)} assigned faces have no vector.")
    if len(have) != len(assigned):
        found.append(f"{len(assigned) - len(have)} faces are assigned more than once.")
    return found


def twice_in_a_frame(faces: pl.DataFrame) -> list[str]:
    """People who appear twice in one picture.

    Args:
        faces: columns frame_id, person_id; one row per face.
    """
    double = faces.group_by("frame_id", "person_id").len().filter(pl.col("len") > 1)
    if not double.height:
        return []
    return [f"{double['person_id'].n_unique()} people appear twice in one picture, in {double['frame_id'].n_unique()} pictures."]


def lost_its_faces(faces: int, moments: int, neighbours: Sequence[tuple[int, int]]) -> list[str]:
    """A video with hardly any faces among neighbours with many: a hint that a model or a decoder broke.

    Args:
        faces, moments: number of faces and of sampled frames of the video.
        neighbours: the same two numbers of videos recorded around it.
    """
    rates = [count / looked for count, looked in neighbours if looked]
    if len(rates) < LEAST_NEIGHBOURS:
        return []
    expected = statistics.median(rates) * moments
    if expected < LEAST_EXPECTED or faces >= COLLAPSED_SHARE * expected:
        return []
    return [f"{faces} faces in {moments} sampled frames; about {expected:.0f} expected from {len(rates)} neighbouring videos."]


def doubtful_clock(started_at: dt.datetime | None, duration_s: float, source: str, now: dt.datetime) -> list[str]:
    """A recording from the future, from a camera whose clock was never set, or without any clock.

    Args:
        started_at, now: naive UTC.
        duration_s: length of the recording, seconds.
        source: where the start comes from.
    """
    if started_at is None:
        return ["nothing tells when it was recorded: it is in no encounter."]
    if started_at < _EARLIEST:
        return [f"it begins in {started_at:%Y}, as if the camera clock was never set (source: {source})."]
    end = started_at + dt.timedelta(seconds=duration_s)
    if end > now + dt.timedelta(hours=1):
        return [f"it ends on {end:%Y-%m-%d %H:%M} UTC, which is in the future (source: {source})."]
    return []


def overlapping(recordings: pl.DataFrame) -> list[str]:
    """Recordings of one camera that overlap: its clock was set, or a zone is wrong.

    Args:
        recordings: columns camera, file_name, started_at (UTC), duration_s; those without a start are left out.
    """
    timed = recordings.drop_nulls("started_at").sort("camera", "started_at", "file_name")
    ends = pl.col("started_at") + pl.duration(microseconds=(pl.col("duration_s") * 1e6).cast(pl.Int64))
    latest = timed.with_columns(ends.alias("ends")).with_columns(pl.col("ends").cum_max().shift(1).over("camera").alias("busy_until"))
    overlaps = latest.with_columns((pl.col("busy_until") - pl.col("started_at")).dt.total_milliseconds().alias("ms"))
    wrong = overlaps.filter((pl.col("ms") / 1000 > OVERLAP_S) & (pl.col("ends") > pl.col("started_at")))
    examples = ", ".join(wrong["file_name"].head(3))
    return [f"{wrong.height} recordings begin while the same camera is still recording: {examples}."] if wrong.height else []
