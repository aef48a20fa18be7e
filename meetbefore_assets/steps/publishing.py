"""Publishing: everything on record, as one DuckDB file that anybody can open."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl

from meetbefore_assets.schema import CORRECTIONS, FAILURES, IDENTITY_HISTORY, PUBLISHED, VIDEOS, VIDEOS_PUBLISHED, Table, check
from meetbefore_assets.settings import digest
from meetbefore_assets.steps.changed import rows_version
from meetbefore_assets.steps.clocks import clock_table
from meetbefore_assets.steps.corrections import corrections_table, corrections_version
from meetbefore_assets.steps.history import history_table, history_version
from meetbefore_assets.steps.intake import known_videos
from meetbefore_assets.workbench import WHOLE, Fetch, Published, Publisher, Workbench

PER_VIDEO = ("frames", "detections", "embeddings", "tracks", "identity_assignments", "encounter_scores")
TIMED = ("frames", "detections")
_ALIASES = "person_aliases"
_RECORD_OF = {
    "people": ("people", WHOLE),
    "chance": ("chance", WHOLE),
    _ALIASES: ("identity_assignments", WHOLE),
    "matching_policies": ("matching_policy", WHOLE),
}
# Tables of many small objects: what reads them, and what tells that they changed.
_IN_ONE_PIECE: dict[str, tuple[Callable[[Workbench], pl.DataFrame], Callable[[Workbench], str]]] = {
    CORRECTIONS.name: (corrections_table, corrections_version),
    IDENTITY_HISTORY.name: (history_table, history_version),
}


def database_path(bench: Workbench) -> Path:
    """Where the published database lies."""
    return bench.home / "meetbefore.duckdb"


def publish(bench: Workbench) -> Published:
    """Bring the database in step with the record; it is not touched where it is."""
    with bench.lock("publishing"):
        videos = video_rows(bench)
        return open_published(bench).publish(wanted_versions(bench, videos), fetcher(bench, videos), vector_size(bench))


def fetcher(bench: Workbench, videos: pl.DataFrame) -> Fetch:
    """What reads the rows of some parts of a table off the record, as they are published."""
    starts = dict(zip(videos["video_id"], videos["started_at"], strict=True))

    def fetch(table: Table, parts: list[str]) -> pl.DataFrame:
        if table.name == "videos":
            return videos
        if table.name in _RECORD_OF:
            return bench.store.get(*_RECORD_OF[table.name])
        if table.name in _IN_ONE_PIECE:
            return _IN_ONE_PIECE[table.name][0](bench)
        return _timed(bench.store.scan(table.name, parts), table, starts)

    return fetch


def is_published(bench: Workbench) -> bool:
    """Whether the database is in step with the record."""
    return open_published(bench).is_in_step(wanted_versions(bench, video_rows(bench)), vector_size(bench))


def vector_size(bench: Workbench) -> int:
    """Numbers a vector of the recogniser in force."""
    return bench.found_pack().recogniser.vector_size


def open_published(bench: Workbench) -> Publisher:
    """The published database."""
    return bench.published(database_path(bench))


def wanted_versions(bench: Workbench, videos: pl.DataFrame) -> dict[str, dict[str, str]]:
    """Table -> part -> version, as the database should hold them."""
    return {table.name: _versions(bench, table, videos) for table in PUBLISHED}


def _versions(bench: Workbench, table: Table, videos: pl.DataFrame) -> dict[str, str]:
    if table.name == "videos":
        return {WHOLE: rows_version(videos)}
    if table.name in _RECORD_OF:
        stamp = bench.store.stamp(*_RECORD_OF[table.name])
        return {} if stamp is None else {WHOLE: digest(stamp.data_version)}
    if table.name in _IN_ONE_PIECE:
        return {WHOLE: _IN_ONE_PIECE[table.name][1](bench)}
    model = bench.found_pack().recogniser_id
    versions: dict[str, str] = {}
    for video_id, started_at in videos.select("video_id", "started_at").rows():
        stamp = bench.store.stamp(table.name, video_id)
        if stamp is None or stamp.facts.get("model", model) != model:
            continue
        versions[video_id] = digest(stamp.data_version, str(started_at)) if table.name in TIMED else stamp.data_version
    return versions


def _timed(rows: pl.DataFrame, table: Table, starts: dict[str, object]) -> pl.DataFrame:
    if table.name in TIMED:
        clock = pl.DataFrame(
            {"video_id": list(starts), "started_at": list(starts.values())}, schema={"video_id": pl.String, "started_at": pl.Datetime("us")}
        )
        moment = pl.col("started_at") + pl.duration(microseconds=(pl.col("time_s") * 1e6).round().cast(pl.Int64))
        rows = rows.join(clock, on="video_id", how="left").with_columns(moment.alias("seen_at"))
    return rows.select([column.name for column in table.public])


def video_rows(bench: Workbench) -> pl.DataFrame:
    """Every known video with its clock and how it ended: done, failed or missing."""
    known = known_videos(bench)
    read = [video_id for video_id in known if bench.store.stamp("videos", video_id) is not None]
    facts = {row["video_id"]: row for row in (bench.store.scan("videos", read).to_dicts() if read else [])}
    clocks = {row["video_id"]: row for row in clock_table(bench, read).to_dicts()}
    failures = failure_rows(bench)
    rows: list[dict[str, object]] = []
    for video_id, content in known.items():
        names = list(content.names)
        failure = failures.get(video_id)
        status = "failed" if failure else "done" if bench.is_present(content.uris) else "missing"
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


def failure_rows(bench: Workbench) -> dict[str, dict[str, object]]:
    """video_id -> why it could not be used."""
    keys = bench.store.keys(FAILURES.name)
    if not keys:
        return {}
    return {str(row["video_id"]): row for row in bench.store.scan(FAILURES.name, keys).to_dicts()}
