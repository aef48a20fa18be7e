"""Read-only queries of the record: people, encounters, faces."""

from dataclasses import dataclass

import polars as pl

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.core.schema.encounters import PEOPLE
from meetbefore_assets.core.schema.identities import IDENTITY_ASSIGNMENTS
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.forgotten_ids import forgotten_ids
from meetbefore_assets.recordings.clocks import clock_table

FACE_COLUMNS: dict[str, pl.DataType] = {
    "face_id": pl.String(),
    "video_id": pl.String(),
    "track_id": pl.String(),
    "person_id": pl.String(),
    "file_name": pl.String(),
    "pts": pl.Int64(),
    "time_s": pl.Float64(),
    "seen_at": pl.Datetime("us"),
    **dict.fromkeys(("x1", "y1", "x2", "y2", "det_score", "quality", "similarity"), pl.Float32()),
    "runner_up_person_id": pl.String(),
    "runner_up_similarity": pl.Float32(),
}


def people_table(home: Home) -> pl.DataFrame:
    """The ranking (columns of PEOPLE), highest score first; empty if nothing was matched yet."""
    if home.store.stamp("people", WHOLE) is None:
        return PEOPLE.empty()
    return home.store.get("people", WHOLE)


@dataclass(frozen=True)
class Person:
    """One row of the ranking, and the former id by which it was asked for, if any."""

    row: dict[str, object]
    asked_as: str = ""


def find_person(home: Home, text: str) -> Person:
    """Find a person by id or name, by the beginning of one, or by a former id.

    Raises:
        UsageError: nobody or more than one fits.
    """
    table = people_table(home)
    exact = table.filter((pl.col("person_id") == text) | (pl.col("name").str.to_lowercase() == text.lower()))
    if exact.height == 1:
        return Person(exact.row(0, named=True))
    begins = table.filter(pl.col("person_id").str.starts_with(text) | pl.col("name").str.to_lowercase().str.starts_with(text.lower()))
    if exact.height == 0 and begins.height == 1:
        return Person(begins.row(0, named=True))
    several = exact if exact.height else begins
    if several.height:
        raise UsageError(
            f"'{text}' fits {several.height} people: {', '.join(several['person_id'].head(5))}.", remedy="Give more of the id."
        )
    aliases = home.store.get("identity_assignments", WHOLE) if home.store.stamp("identity_assignments", WHOLE) else None
    if aliases is not None and not forgotten_ids(home).has_person(text):
        now = aliases.filter(pl.col("alias") == text)
        row = table.filter(pl.col("person_id").is_in(now["person_id"].implode()))
        if row.height:
            return Person(row.row(0, named=True), asked_as=text)
        if now.height:
            raise UsageError(
                f"'{text}' is {now['person_id'][0]} since a moment ago, who is not ranked yet.", remedy="Run again: meetbefore run"
            )
    raise UsageError(
        f"nobody is called '{text}'; expected a person's id, its beginning, or a name.", remedy="To list everybody: meetbefore people --all"
    )


def person_encounters(home: Home, person_id: str) -> pl.DataFrame:
    """The encounters of one person, by time; columns of ENCOUNTER_SCORES and file_name."""
    videos = matched_videos(home)
    rows = home.store.scan("encounter_scores", videos).filter(pl.col("person_id") == person_id)
    names = home.store.scan("videos", videos, ["video_id", "file_name"])
    return rows.join(names, on="video_id", how="left").sort("started_at", "video_id")


def assigned_faces(home: Home, video_ids: list[str] | None = None) -> pl.DataFrame:
    """One row per assigned face: person, video, place, time (UTC) and similarity; sorted by video and time."""
    videos = matched_videos(home) if video_ids is None else video_ids
    if not videos:
        return pl.DataFrame(schema=FACE_COLUMNS)
    columns = ["face_id", "pts", "time_s", "x1", "y1", "x2", "y2", "det_score", "quality"]
    faces = home.store.scan("detections", videos, columns)
    assigned = home.store.scan("identity_assignments", videos)
    names = home.store.scan("videos", videos, ["video_id", "file_name"])
    clocks = clock_table(home, videos).select("video_id", "started_at")
    moment = pl.col("started_at") + pl.duration(microseconds=(pl.col("time_s") * 1e6).round().cast(pl.Int64))
    joined = assigned.join(faces, on="face_id").join(names, on="video_id").join(clocks, on="video_id")
    return joined.with_columns(moment.alias("seen_at")).select(list(FACE_COLUMNS)).sort("file_name", "time_s", "x1", "face_id")


def matched_videos(home: Home) -> list[str]:
    """Ids of the videos that have identities."""
    return [key for key in home.store.keys(IDENTITY_ASSIGNMENTS.name) if key != WHOLE]
