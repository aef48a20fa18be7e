"""Rewrites only the partitions whose content changed, of tables that are computed over all videos at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import WHOLE, Stamp
from meetbefore_assets.core.schema.table import Table
from meetbefore_assets.home.home import Home


@dataclass(frozen=True)
class ChangedPartitions:
    """Written partitions -> (data version, number of rows), and dropped partitions."""

    written: dict[str, tuple[str, int]]
    dropped: list[str]


def write_changed_partitions(
    home: Home, table: Table, videos: list[str], rows: pl.DataFrame, facts: Callable[[pl.DataFrame], dict[str, str]]
) -> ChangedPartitions:
    """Write the partitions of `videos` whose rows differ from those on record; drop those of other videos."""
    written: dict[str, tuple[str, int]] = {}
    # All rows are rounded at once: two thousand data frames, one per video, took seconds.
    contents = _rounded(rows).rows_by_key("video_id", include_key=True)
    for video_id in videos:
        version = _content_version(contents.get(video_id, []))
        stamp = home.store.stamp(table.name, video_id)
        if stamp is None or stamp.data_version != version:
            part = rows.filter(pl.col("video_id") == video_id) if video_id in contents else table.empty()
            home.store.put(table.name, video_id, part, Stamp(version, {}, facts(part), part.height))
            written[video_id] = (version, part.height)
    dropped = sorted(set(home.store.keys(table.name)) - set(videos) - {WHOLE})
    for video_id in dropped:
        home.store.drop(table.name, video_id)
    return ChangedPartitions(written, dropped)


def rows_version(rows: pl.DataFrame) -> str:
    """Hash of the content of a small table, floats rounded to 1e-6."""
    return _content_version(_rounded(rows).rows())


def _rounded(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col(pl.Float32, pl.Float64).round(6))


def _content_version(rows: list[tuple[Any, ...]]) -> str:
    return digest("rows", [[str(value) for value in row] for row in rows])
