"""Weekly upkeep: finds unreadable tables, tables of unknown videos, and temporary files of dead processes."""

import time
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

LITTER_AGE_S = 24 * 3600.0
_FOLDERS = ("record", "record/*", "index", "index/*", "previews", "frames/*", ".")


@dataclass(frozen=True)
class UpkeepReport:
    """What was found and done.

    Attributes:
        verified: tables that were read from end to end.
        torn: (asset, key) that cannot be read; those that a run can make again were dropped.
        orphans: (asset, key) of videos that are not known; they were dropped.
        litter: temporary files of processes that died; they were deleted.
        compacted: objects of the history of ids that are one now.
    """

    verified: int
    torn: list[tuple[str, str]]
    orphans: list[tuple[str, str]]
    litter: list[str]
    compacted: int


def maintain_home(home: Home) -> UpkeepReport:
    """Verify the record, and clear away what belongs to nobody."""
    with home.lock("intake"):
        orphans = _drop_orphans(home)
    verified, torn = 0, []
    for asset, key in _tables(home):
        if _is_readable(home, asset, key):
            verified += 1
        else:
            torn.append((asset, key))
    torn += _drop_torn_edges(home)
    litter = [str(path) for path in litter_of(home)]
    for path in litter:
        Path(path).unlink(missing_ok=True)
    litter += [str(path) for path in home.adapters.storage.sweep_scratch()]
    rotate_log(home)
    with home.lock("matching"):
        compacted = compact_history(home)
    return UpkeepReport(verified, torn, orphans, litter, compacted)


def _tables(home: Home) -> Iterator[tuple[str, str]]:
    for asset in sorted({table.record_name for table in recorded_tables()}):
        yield from ((asset, key) for key in home.store.keys(asset))


def _rebuildable() -> set[str]:
    """Tables of videos that a later run makes again; anything else that is torn is kept for a person to look at."""
    return {table.name for table in per_video_tables() if not table.is_original}


def _is_readable(home: Home, asset: str, key: str) -> bool:
    """Read one table; drop it where it is torn and can be made anew, under the lock of its video so that no new one is hit."""
    try:
        home.store.get(asset, key)
    except KeyError:
        return True  # it went meanwhile
    except RecordTornError:
        if asset in _rebuildable():
            with home.lock(f"video-{key}"):
                _drop_if_torn(home, asset, key)
        return False
    return True


def _drop_torn_edges(home: Home) -> list[tuple[str, str]]:
    """The index is a cache: whatever cannot be read is found anew by whoever needs it."""
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
    """Drop tables of videos that are not registered; a record without any `sources` is away or broken, and left alone."""
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


def litter_of(home: Home, age_s: float = LITTER_AGE_S) -> list[Path]:
    """Temporary files that nobody has written to for so long that whoever began them is dead."""
    oldest_s = time.time() - age_s
    found = [path for folder in _FOLDERS for path in home.folder.glob(f"{folder}/*.tmp") if path.is_file()]
    return sorted(path for path in found if path.stat().st_mtime <= oldest_s)
