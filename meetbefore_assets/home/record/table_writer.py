"""Table writer: writes one table of a video, stamped with the versions of its inputs."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.model_packs import Models
from meetbefore_assets.core.ports import Stamp, TableWriter
from meetbefore_assets.core.schema.table import Table, check, check_key
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppressions import suppressions_version
from meetbefore_assets.home.record.versions import TableVersion, expected_version, parameters, source_of
from meetbefore_assets.home.settings.sections import Settings

Facts = Mapping[str, object]


@dataclass(frozen=True)
class WrittenTable:
    """A table on record; `facts` are counts and words for people, never names or pictures."""

    data_version: str
    rows: int
    facts: Facts


@dataclass(frozen=True)
class TableBuilder:
    """One table of one video while it is computed, with the settings as they were at the start.

    If a setting changes meanwhile, the table is out of date afterwards, not wrongly stamped.
    """

    home: Home
    table: Table
    video_id: str
    settings: Settings
    models: Models
    version: TableVersion
    started_s: float

    def write(self, frame: pl.DataFrame, facts: Facts) -> WrittenTable:
        """Check and write the table."""
        stamp, facts = self.stamp(facts, frame.height)
        self.home.store.put(self.table.name, self.video_id, check(self.table, frame), stamp)
        return WrittenTable(self.version.data_version, frame.height, facts)

    @contextmanager
    def write_parts(self) -> Iterator["TableParts"]:
        """Write the table in parts; it is on record once `TableParts.commit` was called."""
        with self.home.store.writer(self.table.name, self.video_id) as writer:
            yield TableParts(self, writer)

    def stamp(self, facts: Facts, rows: int) -> tuple[Stamp, Facts]:
        """The stamp of the table, and the facts with the seconds it took."""
        facts = {**facts, "seconds": round(time.perf_counter() - self.started_s, 3)}
        return Stamp(self.version.data_version, self.version.inputs, {name: str(value) for name, value in facts.items()}, rows), facts


class TableParts:
    """Writes a table of a video in parts, because it is too large for memory."""

    def __init__(self, builder: TableBuilder, writer: TableWriter) -> None:
        self._builder, self._writer = builder, writer
        self._keys = builder.table.empty().select(list(builder.table.key))
        self.rows = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Check and write the next rows."""
        part = check(self._builder.table, frame)
        self._writer.add(part)
        self._keys = pl.concat([self._keys, part.select(list(self._builder.table.key))])
        self.rows += part.height

    def commit(self, facts: Facts) -> WrittenTable:
        """Put the table on record."""
        check_key(self._builder.table, self._keys)
        stamp, facts = self._builder.stamp(facts, self.rows)
        self._writer.commit(stamp)
        return WrittenTable(self._builder.version.data_version, self.rows, facts)


def start_table(home: Home, table: Table, video_id: str) -> TableBuilder:
    """Start a table: read its settings and the versions of its inputs, and derive its data version from them.

    Raises:
        UsageError: the table it is made from does not exist yet.
    """
    settings = home.settings()
    models = home.models(settings)
    version = _expected_version(home, table.name, video_id, settings, models)
    return TableBuilder(home, table, video_id, settings, models, version, time.perf_counter())


def current_table(home: Home, asset: str, video_id: str) -> WrittenTable | None:
    """The table on record; None if it is out of date or does not exist."""
    settings = home.settings()
    try:
        expected = _expected_version(home, asset, video_id, settings, home.models(settings))
    except UsageError:
        return None
    stamp = home.store.stamp(asset, video_id)
    if stamp is None or stamp.data_version != expected.data_version:
        return None
    return WrittenTable(stamp.data_version, stamp.rows, stamp.facts)


def _expected_version(home: Home, asset: str, video_id: str, settings: Settings, models: Models) -> TableVersion:
    source_version = _source_version(home, asset, video_id)
    return expected_version(asset, source_version, parameters(settings, models), suppressions_version(home, video_id))


def _source_version(home: Home, asset: str, video_id: str) -> str:
    source = source_of(asset)
    if source == "content":
        return str(home.store.get("sources", video_id, ["content_hash"])["content_hash"][0])
    stamp = home.store.stamp(source, video_id)
    if stamp is None:
        raise UsageError(
            f"{asset} of {video_id} needs its {source}, which are missing.",
            remedy=f"Materialise {source} for this video first, or run the job process_video.",
        )
    return stamp.data_version
