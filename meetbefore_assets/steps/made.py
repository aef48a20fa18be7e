"""Writing one table of a video with the versions of what it was made from."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl

from meetbefore_assets.domain import lineage
from meetbefore_assets.domain.ports import Stamp, TableWriter
from meetbefore_assets.errors import UsageError
from meetbefore_assets.schema import Table, check, check_key
from meetbefore_assets.settings import Settings
from meetbefore_assets.steps.forgotten import graves_version
from meetbefore_assets.workbench import Workbench

Facts = Mapping[str, object]


@dataclass(frozen=True)
class Made:
    """A table that was written: `facts` are counts and words for people, never names or pictures."""

    data_version: str
    rows: int
    facts: Facts


@dataclass(frozen=True)
class Making:
    """One table of one video while it is made, with the settings as they were when that began.

    Whoever changes a setting meanwhile finds the table out of date afterwards, not wrongly stamped.
    """

    bench: Workbench
    table: Table
    video_id: str
    settings: Settings
    models: lineage.Models
    step: lineage.Step
    begun_s: float

    def write(self, frame: pl.DataFrame, facts: Facts) -> Made:
        """Check and write the table."""
        stamp, facts = self.stamp(facts, frame.height)
        self.bench.store.put(self.table.name, self.video_id, check(self.table, frame), stamp)
        return Made(self.step.data_version, frame.height, facts)

    @contextmanager
    def writing(self) -> Iterator["Parts"]:
        """Write the table a part at a time; it is on record when `Parts.commit` was called."""
        with self.bench.store.writer(self.table.name, self.video_id) as writer:
            yield Parts(self, writer)

    def stamp(self, facts: Facts, rows: int) -> tuple[Stamp, Facts]:
        """What the record is told of the table, and the facts with the seconds it took."""
        facts = {**facts, "seconds": round(time.perf_counter() - self.begun_s, 3)}
        return Stamp(self.step.data_version, self.step.inputs, {name: str(value) for name, value in facts.items()}, rows), facts


class Parts:
    """A table of a video that is too large to be held at once."""

    def __init__(self, making: Making, writer: TableWriter) -> None:
        self._making, self._writer = making, writer
        self._keys = making.table.empty().select(list(making.table.key))
        self.rows = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Check and write the next rows."""
        part = check(self._making.table, frame)
        self._writer.add(part)
        self._keys = pl.concat([self._keys, part.select(list(self._making.table.key))])
        self.rows += part.height

    def commit(self, facts: Facts) -> Made:
        """Put the table on record."""
        check_key(self._making.table, self._keys)
        stamp, facts = self._making.stamp(facts, self.rows)
        self._writer.commit(stamp)
        return Made(self._making.step.data_version, self.rows, facts)


def begin(bench: Workbench, table: Table, video_id: str) -> Making:
    """Take down what a table will be made from: its version follows from the inputs that are really there.

    Raises:
        UsageError: what it is made from is not there yet.
    """
    settings = bench.settings()
    models = bench.models(settings)
    step = lineage.step(table.name, _source_version(bench, table.name, video_id), settings, models, graves_version(bench, video_id))
    return Making(bench, table, video_id, settings, models, step, time.perf_counter())


def already_made(bench: Workbench, asset: str, video_id: str) -> Made | None:
    """What is on record, if it is just what making it now would give; None otherwise."""
    settings = bench.settings()
    try:
        step = lineage.step(asset, _source_version(bench, asset, video_id), settings, bench.models(settings))
    except UsageError:
        return None
    stamp = bench.store.stamp(asset, video_id)
    return Made(step.data_version, stamp.rows, stamp.facts) if stamp is not None and stamp.data_version == step.data_version else None


def _source_version(bench: Workbench, asset: str, video_id: str) -> str:
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
