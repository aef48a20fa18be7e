"""Tables that are decided for all videos at once, and written only where their rows changed."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from meetbefore_assets.domain.ports import Stamp
from meetbefore_assets.schema import Table
from meetbefore_assets.settings import digest
from meetbefore_assets.workbench import WHOLE, Workbench


@dataclass(frozen=True)
class Changed:
    """Partitions that were written -> (data version, rows), and partitions that are gone."""

    written: dict[str, tuple[str, int]]
    dropped: list[str]


def write_changed(
    bench: Workbench, table: Table, videos: list[str], rows: pl.DataFrame, facts: Callable[[pl.DataFrame], dict[str, str]]
) -> Changed:
    """Write the partitions of `videos` whose rows differ from those on record; drop those of other videos."""
    written: dict[str, tuple[str, int]] = {}
    parts = rows.partition_by("video_id", as_dict=True)
    for video_id in videos:
        part = parts.get((video_id,), table.empty())
        version = rows_version(part)
        stamp = bench.store.stamp(table.name, video_id)
        if stamp is None or stamp.data_version != version:
            bench.store.put(table.name, video_id, part, Stamp(version, {}, facts(part), part.height))
            written[video_id] = (version, part.height)
    dropped = sorted(set(bench.store.keys(table.name)) - set(videos) - {WHOLE})
    for video_id in dropped:
        bench.store.drop(table.name, video_id)
    return Changed(written, dropped)


def rows_version(rows: pl.DataFrame) -> str:
    """Hash of the content of a small table, floats to 1e-6."""
    rounded = rows.with_columns(pl.col(pl.Float32, pl.Float64).round(6))
    return digest("rows", [[str(value) for value in row] for row in rounded.rows()])
