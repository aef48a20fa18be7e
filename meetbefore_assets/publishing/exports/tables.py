"""Exports tables: assignments as CSV, and encounters as CSV and JSON."""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.untrusted_text import CONTROLS, FORMULA_BEGINS
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities import queries
from meetbefore_assets.identities.queries import matched_videos
from meetbefore_assets.publishing.exports.calendar import export_ics
from meetbefore_assets.storage.atomic_file import move_in_place


def assignment_rows(home: Home) -> pl.DataFrame:
    """One row per face: video (file name), t_s, x1, y1, x2, y2 (source pixels, upright), person."""
    faces = queries.assigned_faces(home)
    return faces.select(
        pl.col("file_name").alias("video"), pl.col("time_s").alias("t_s"), "x1", "y1", "x2", "y2", pl.col("person_id").alias("person")
    )


def encounter_rows(home: Home) -> pl.DataFrame:
    """One row per encounter and video, people in the order of the ranking."""
    videos = matched_videos(home)
    people = (
        queries.people_table(home)
        .select("person_id", "name", "encounters", "days", pl.col("score").alias("person_score"))
        .with_row_index("rank", 1)
    )
    rows = (
        home.store.scan("encounter_scores", videos)
        if videos
        else pl.DataFrame(
            schema={"person_id": pl.String, "video_id": pl.String, "started_at": pl.Datetime("us"), "seen_with": pl.List(pl.String)}
        )
    )
    names = (
        home.store.scan("videos", videos, ["video_id", "file_name"])
        if videos
        else pl.DataFrame(schema={"video_id": pl.String, "file_name": pl.String})
    )
    return rows.join(people, on="person_id").join(names, on="video_id").sort("rank", "started_at", "file_name")


def _write_assignments(home: Home, path: Path) -> int:
    frame = assignment_rows(home)
    return _written(path, frame, frame.write_parquet if path.suffix == ".parquet" else for_spreadsheets(frame).write_csv)


def _write_csv(home: Home, path: Path) -> int:
    frame = with_utc(encounter_rows(home).with_columns(pl.col("seen_with").list.join(" ")))
    return _written(path, frame, for_spreadsheets(frame).write_csv)


def _write_json(home: Home, path: Path) -> int:
    frame = queries.people_table(home)
    return _written(path, frame, lambda target: Path(target).write_text(as_json(frame) + "\n", encoding="utf-8"))


WRITERS: dict[str, Callable[[Home, Path], int]] = {
    "assignments": _write_assignments,
    "csv": _write_csv,
    "json": _write_json,
    "ics": export_ics,
}


def export(home: Home, kind: str, destination: Path) -> int:
    """Write one export; returns the number of rows.

    Raises:
        UsageError: the destination is a folder, or its folder does not exist.
    """
    if destination.is_dir():
        raise UsageError(
            f"{destination} is a folder; expected the name of a file to write.",
            remedy=f"For example {destination / ('meetbefore.' + kind)}.",
        )
    if not destination.absolute().parent.is_dir():
        raise UsageError(f"the folder {destination.parent} does not exist; expected one to write {destination.name} to.")
    with home.adapters.storage.scratch() as folder:  # if this process is killed, it leaves nothing in the user's folder
        made = folder / destination.name
        rows = WRITERS[kind](home, made)
        move_in_place(made, destination)
    return rows


def _written(path: Path, frame: pl.DataFrame, write: Callable[[Path], object]) -> int:
    write(path)
    return frame.height


def with_utc(frame: pl.DataFrame) -> pl.DataFrame:
    """Format times as text marked as UTC: 2025-03-07T08:12:05.000000Z."""
    return frame.with_columns(pl.col(pl.Datetime).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))


def for_spreadsheets(frame: pl.DataFrame) -> pl.DataFrame:
    """Make text safe for spreadsheets: an apostrophe before every cell that would be computed, and no control characters."""
    texts = pl.col(pl.String).str.replace_all(CONTROLS, "").str.replace(FORMULA_BEGINS, "'$0")
    return frame.with_columns(texts)


def as_json(frame: pl.DataFrame) -> str:
    """Format rows as a JSON array; times are ISO 8601, UTC."""
    rows = [{name: _plain(value) for name, value in row.items()} for row in frame.iter_rows(named=True)]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def _plain(value: object) -> object:
    return value.isoformat() + "Z" if isinstance(value, dt.datetime) else value
