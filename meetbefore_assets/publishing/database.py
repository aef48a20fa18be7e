"""Writes the tables of the record into one DuckDB file for SQL, and brings only what changed up to date."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import WHOLE, Fetch, Publisher, PublishResult
from meetbefore_assets.core.schema.columns import SEEN_AT
from meetbefore_assets.core.schema.identities import CORRECTIONS, IDENTITY_HISTORY
from meetbefore_assets.core.schema.lists import published_tables
from meetbefore_assets.core.schema.recordings import FAILURES, VIDEOS, VIDEOS_PUBLISHED
from meetbefore_assets.core.schema.table import Table, check
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.changed_partitions import rows_version
from meetbefore_assets.home.record.object_versions import object_versions
from meetbefore_assets.identities.identity_history import history_table, history_version
from meetbefore_assets.identities.stored_corrections import corrections_table, corrections_version
from meetbefore_assets.recordings.clocks import clock_table
from meetbefore_assets.recordings.intake import known_videos

# Tables with several objects that are read in an order of their own: table -> (reads all its rows, hash that changes when they do).
_READERS: dict[str, tuple[Callable[[Home], pl.DataFrame], Callable[[Home], str]]] = {
    CORRECTIONS.name: (corrections_table, corrections_version),
    IDENTITY_HISTORY.name: (history_table, history_version),
}


def database_path(home: Home) -> Path:
    """Return the path of the published database."""
    return home.folder / "meetbefore.duckdb"


def publish(home: Home) -> PublishResult:
    """Bring the database up to date with the record; a file that is up to date is not touched."""
    with home.lock("publishing"):
        videos = video_rows(home)
        return open_published(home).publish(wanted_versions(home, videos), row_reader(home, videos), vector_size(home))


def row_reader(home: Home, videos: pl.DataFrame) -> Fetch:
    """Return a function that reads some parts of a table from the record, with the columns that are published."""
    starts = dict(zip(videos["video_id"], videos["started_at"], strict=True))

    def fetch(table: Table, parts: list[str]) -> pl.DataFrame:
        if table.objects == "computed":
            return videos
        if table.objects == "whole":
            return home.store.get(table.record_name, WHOLE)
        if table.objects == "many":
            return _READERS[table.name][0](home) if table.name in _READERS else _all_rows(home, table)
        return _published_rows(home.store.scan(table.record_name, parts), table, starts)

    return fetch


def is_published(home: Home) -> bool:
    """Whether the database is up to date with the record."""
    return open_published(home).is_in_step(wanted_versions(home, video_rows(home)), vector_size(home))


def vector_size(home: Home) -> int:
    """Length of the face vectors of the recogniser in use."""
    return home.model_pack().recogniser.vector_size


def open_published(home: Home) -> Publisher:
    """Open the published database, to write it or to read a snapshot of it."""
    return home.published(database_path(home))


def wanted_versions(home: Home, videos: pl.DataFrame) -> dict[str, dict[str, str]]:
    """Return what an up-to-date database holds: table -> part (a video, or the whole table) -> version."""
    return {table.name: _versions(home, table, videos) for table in published_tables()}


def _versions(home: Home, table: Table, videos: pl.DataFrame) -> dict[str, str]:
    if table.objects == "computed":
        return {WHOLE: rows_version(videos)}
    if table.objects == "whole":
        stamp = home.store.stamp(table.record_name, WHOLE)
        return {} if stamp is None else {WHOLE: digest(stamp.data_version)}
    if table.objects == "many":
        return {WHOLE: _READERS[table.name][1](home) if table.name in _READERS else _objects_version(home, table)}
    model = home.model_pack().recogniser_id
    versions: dict[str, str] = {}
    for video_id, started_at in videos.select("video_id", "started_at").rows():
        stamp = home.store.stamp(table.record_name, video_id)
        if stamp is None or stamp.facts.get("model", model) != model:
            continue
        versions[video_id] = digest(stamp.data_version, str(started_at)) if _is_timed(table) else stamp.data_version
    return versions


def _all_rows(home: Home, table: Table) -> pl.DataFrame:
    keys = home.store.keys(table.record_name)
    return (home.store.scan(table.record_name, keys) if keys else table.empty()).sort(table.key)


def _objects_version(home: Home, table: Table) -> str:
    return digest(table.name, object_versions(home, table.record_name))


def _is_timed(table: Table) -> bool:
    """Whether its rows are moments of a video; these are published with their wall-clock time."""
    return SEEN_AT in table.columns


def _published_rows(rows: pl.DataFrame, table: Table, starts: dict[str, object]) -> pl.DataFrame:
    if _is_timed(table):
        clock = pl.DataFrame(
            {"video_id": list(starts), "started_at": list(starts.values())}, schema={"video_id": pl.String, "started_at": pl.Datetime("us")}
        )
        moment = pl.col("started_at") + pl.duration(microseconds=(pl.col("time_s") * 1e6).round().cast(pl.Int64))
        rows = rows.join(clock, on="video_id", how="left").with_columns(moment.alias("seen_at"))
    return rows.select([column.name for column in table.public])


def video_rows(home: Home) -> pl.DataFrame:
    """Every known video with its clock and how it ended: done, failed or missing."""
    known = known_videos(home)
    read = [video_id for video_id in known if home.store.stamp("videos", video_id) is not None]
    facts = {row["video_id"]: row for row in (home.store.scan("videos", read).to_dicts() if read else [])}
    clocks = {row["video_id"]: row for row in clock_table(home, read).to_dicts()}
    failures = failure_rows(home)
    rows: list[dict[str, object]] = []
    for video_id, content in known.items():
        names = list(content.names)
        failure = failures.get(video_id)
        status = "failed" if failure else "done" if home.is_present(content.uris) else "missing"
        empty = {column.name: None for column in VIDEOS.columns}
        rows.append(
            {
                **empty,
                "video_id": video_id,
                "content_hash": content.content_hash,
                "uri": content.uris[0],
                "file_name": names[0],
                **facts.get(video_id, {}),
                **clocks.get(video_id, {"started_at": None, "timezone": "", "clock_source": ""}),
                "status": status,
                "error": failure["message"] if failure else None,
                "names": json.dumps(names),
            }
        )
    return check(VIDEOS_PUBLISHED, VIDEOS_PUBLISHED.frame([{name: row[name] for name in VIDEOS_PUBLISHED.dtypes} for row in rows]))


def failure_rows(home: Home) -> dict[str, dict[str, object]]:
    """Return the videos that could not be processed: video_id -> row of FAILURES, with the reason."""
    keys = home.store.keys(FAILURES.name)
    if not keys:
        return {}
    return {str(row["video_id"]): row for row in home.store.scan(FAILURES.name, keys).to_dicts()}
