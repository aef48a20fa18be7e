"""Weekly upkeep: removes unreadable tables, tables of unknown videos, and temporary files of dead processes."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from meetbefore_assets.core.errors import RecordTornError
from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.core.schema.identities import SIMILAR_TRACKS
from meetbefore_assets.core.schema.lists import per_video_tables, recorded_tables
from meetbefore_assets.core.schema.recordings import SOURCES
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.journal import rotate_log
from meetbefore_assets.identities.identity_history import compact_history
from meetbefore_assets.identities.stored_edges import edge_store
from meetbefore_assets.storage.atomic_file import is_left_over, is_temporary, remove_left_over

# Folders that may hold millions of files, but hardly ever a temporary one.
_VAST = frozenset(["frames", "history", "storage"])


@dataclass(frozen=True)
class UpkeepReport:
    """What was found and done.

    Attributes:
        verified: tables that were read from end to end.
        torn: (asset, key) of unreadable tables; those that a run can rebuild were dropped.
        orphans: (asset, key) of tables of unknown videos; they were dropped.
        litter: temporary files of dead processes; they were deleted.
        compacted: number of identity history objects that were merged into one.
    """

    verified: int
    torn: list[tuple[str, str]]
    orphans: list[tuple[str, str]]
    litter: list[str]
    compacted: int


def maintain_home(home: Home) -> UpkeepReport:
    """Verify the record, and remove what is torn or left over."""
    with home.lock("intake"):
        orphans = _drop_orphans(home)
    verified, torn = 0, []
    for asset, key in _tables(home):
        if _is_readable(home, asset, key):
            verified += 1
        else:
            torn.append((asset, key))
    torn += _drop_torn_edges(home)
    litter = clear_litter(home, is_thorough=True)
    rotate_log(home)
    with home.lock("matching"):
        compacted = compact_history(home)
    return UpkeepReport(verified, torn, orphans, litter, compacted)


def _tables(home: Home) -> Iterator[tuple[str, str]]:
    for asset in sorted({table.record_name for table in recorded_tables()}):
        yield from ((asset, key) for key in home.store.keys(asset))


def _rebuildable() -> set[str]:
    """Tables of a video that a later run rebuilds; other torn tables are kept for the user to look at."""
    return {table.name for table in per_video_tables() if not table.is_original}


def _is_readable(home: Home, asset: str, key: str) -> bool:
    """Whether a table can be read; drops it if it is torn and can be rebuilt, under the lock of its video, so that no new one is hit."""
    try:
        home.store.get(asset, key)
    except KeyError:
        return True  # it was dropped meanwhile
    except RecordTornError:
        if asset in _rebuildable():
            with home.lock(f"video-{key}"):
                _drop_if_torn(home, asset, key)
        return False
    return True


def _drop_torn_edges(home: Home) -> list[tuple[str, str]]:
    """Drop unreadable edges; the index is a cache, and they are computed again when needed."""
    store, torn = edge_store(home), []
    with home.lock("index"):
        for key in store.keys(SIMILAR_TRACKS.name):
            try:
                store.get(SIMILAR_TRACKS.name, key)
            except RecordTornError:
                store.drop(SIMILAR_TRACKS.name, key)
                torn.append((SIMILAR_TRACKS.name, key))
    return torn


def _drop_if_torn(home: Home, asset: str, key: str) -> None:
    try:
        home.store.get(asset, key)
    except RecordTornError:
        home.store.drop(asset, key)
    except KeyError:
        return


def _drop_orphans(home: Home) -> list[tuple[str, str]]:
    """Drop tables of unregistered videos; a record without any `sources` is missing or broken, and left alone."""
    known = set(home.store.keys(SOURCES.name))
    if not known:
        return []
    found = [
        (asset, key)
        for asset in (table.name for table in per_video_tables())
        for key in home.store.keys(asset)
        if key not in known | {WHOLE}
    ]
    for asset, key in found:
        home.store.drop(asset, key)
    return found


def litter_of(home: Home, *, is_thorough: bool = True) -> list[Path]:
    """Temporary files of dead processes in the home's folders; `is_thorough`: also among kept frames and Dagster's files."""
    closed = {home.folder / "models", *(source.absolute() for source in home.sources() if isinstance(source, Path))}
    found = []
    for root in home.own_folders():
        for folder, names, files in os.walk(root):
            names[:] = [name for name in names if Path(folder, name) not in closed and (is_thorough or name not in _VAST)]
            found += [path for name in files if is_temporary(name) and is_left_over(path := Path(folder, name))]
    return sorted(found)


def clear_litter(home: Home, *, is_thorough: bool = False) -> list[str]:
    """Delete what dead processes left; returns what was deleted."""
    removed = [str(path) for path in litter_of(home, is_thorough=is_thorough) if remove_left_over(path)]
    return removed + [str(path) for path in home.adapters.storage.sweep_scratch()]
