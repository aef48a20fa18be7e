"""Caches the stamps in the footers of the record's files, each for as long as its file stays the same.

Twelve thousand footers (two thousand videos) take seconds to read one by one; asking the file system whether they are still the same
ones takes a fraction of one.
"""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meetbefore_assets.core.ports import Stamp
from meetbefore_assets.storage.atomic_file import atomic_file

Identity = tuple[int, int, int]
NAME = ".stamps.json"
# It is written again when so many entries are new, and an eighth of those that are in it: reading a footer takes 0.13 ms and writing
# an entry a tenth of that.
LEAST_NEW = 64
# It is read when somebody has asked for more than so many stamps: that of two thousand videos takes a second of the processor, and a
# process that works on one video asks for thirty.
PATIENCE = 64


class StampCache:
    """Stamps by name (`asset/key.parquet`), in memory and in `<root>/.stamps.json`; what cannot be read or written is done without.

    Args:
        root: folder of the cache's file.
        is_there: whether what has this name still exists; what does not is not kept.
    """

    def __init__(self, root: Path, is_there: Callable[[str], bool]) -> None:
        self._root, self._is_there = root, is_there
        self._known: dict[str, tuple[Identity, Stamp]] = {}
        self._on_disk: dict[str, Any] = {}
        self._new = 0
        self._asked = 0
        self._is_loaded = False

    def get(self, name: str, identity: Identity) -> Stamp | None:
        """The stamp of a file, if it is the same file as when that was read."""
        self._asked += 1
        if self._asked > PATIENCE:
            self._load()
        known = self._known.get(name)
        if known is not None:
            return known[1] if known[0] == identity else None
        try:
            inode, size, mtime_ns, *entry = self._on_disk[name]
            return Stamp(*entry) if (inode, size, mtime_ns) == identity else None
        except (LookupError, TypeError, ValueError):  # not there, or not what was written: the footer is read
            return None

    def put(self, name: str, identity: Identity, stamp: Stamp) -> None:
        self._known[name] = (identity, stamp)
        self._new += 1
        if self._new >= LEAST_NEW:
            self._load()
            if self._new >= max(LEAST_NEW, (len(self._known) + len(self._on_disk) - self._new) // 8):
                self._save()

    def drop(self, name: str) -> None:
        """Forget a file, on disk too: what was erased from the record must not be told from here."""
        self._known.pop(name, None)
        self._on_disk.pop(name, None)
        with contextlib.suppress(FileNotFoundError):
            (self._root / NAME).unlink()
        self._new = max(self._new, 1)

    def _load(self) -> None:
        if self._is_loaded:
            return
        self._is_loaded = True
        # A cache that is not there, or torn: every footer is read again.
        with contextlib.suppress(OSError, ValueError):
            content = json.loads((self._root / NAME).read_bytes())
            self._on_disk = content if isinstance(content, dict) else {}

    def _save(self) -> None:
        self._new = 0
        for name, (identity, stamp) in self._known.items():
            self._on_disk[name] = (*identity, stamp.data_version, dict(stamp.inputs), dict(stamp.facts), stamp.rows)
        self._known.clear()
        self._on_disk = {name: entry for name, entry in self._on_disk.items() if self._is_there(name)}
        # A full or read-only disk must not keep anybody from reading the record.
        with contextlib.suppress(OSError), atomic_file(self._root / NAME) as temporary:
            temporary.write_text(json.dumps(self._on_disk), encoding="utf-8")  # dump() takes ten times as long
