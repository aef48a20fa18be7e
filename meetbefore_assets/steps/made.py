"""Writing one table of a video with the versions of what it was made from."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from meetbefore_assets.domain import lineage
from meetbefore_assets.domain.ports import Stamp
from meetbefore_assets.errors import UsageError
from meetbefore_assets.schema import Table, check
from meetbefore_assets.workbench import Workbench

Facts = Mapping[str, object]


@dataclass(frozen=True)
class Made:
    """A table that was written: `facts` are counts and words for people, never names or pictures."""

    data_version: str
    rows: int
    facts: Facts


def write(bench: Workbench, table: Table, video_id: str, frame: pl.DataFrame, facts: Facts, started: float) -> Made:
    """Check and write one table of one video; its version follows from the inputs that are really there."""
    asset = table.name
    step = lineage.step(asset, source_version(bench, asset, video_id), bench.settings(), bench.models())
    facts = {**facts, "seconds": round(time.perf_counter() - started, 3)}
    stamp = Stamp(step.data_version, step.inputs, {name: str(value) for name, value in facts.items()}, frame.height)
    bench.store.put(asset, video_id, check(table, frame), stamp)
    return Made(step.data_version, frame.height, facts)


def source_version(bench: Workbench, asset: str, video_id: str) -> str:
    """Version of what a table is made from.

    Raises:
        UsageError: it is not there yet.
    """
    source = lineage.source_of(asset)
    if source == "content":
        return str(bench.store.get("sources", video_id, ["content_hash"])["content_hash"][0])
    stamp = bench.store.stamp(source, video_id)
    if stamp is None:
        raise UsageError(
            f"{asset} of {video_id} needs its {source}, which are not there.",
            remedy=f"Materialise {source} for this video first, or run the job process_video.",
        )
    return stamp.data_version
