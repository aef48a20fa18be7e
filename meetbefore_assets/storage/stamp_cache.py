"""Cache of the stamps in the footers of the record's files; an entry is valid while its file is unchanged.

Reading twelve thousand footers (two thousand videos) takes seconds; asking the file system whether the files are unchanged takes a
fraction of one.
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
# The cache file is rewritten after this many new entries, if they are also an eighth of those in it: reading a footer takes 0.13 ms, and
# writing an entry a tenth of that.
LEAST_NEW = 64
# The cache file is read only after this many stamps were asked for: reading that of two thousand videos takes a second of processor
# time, and a process that works on one video asks for thirty.
PATIENCE = 64


class StampCache:
    """Stamps by name (`asset/key.parquet`), in memory and in `<root>/.stamps.json`; works without the file if it cannot be read or written.

    Args:
        root: folder of the cache file.
        is_there: whether the file of this name still exists; entries of others are dropped.
    """

    def __init__(self, root: Path, is_there: Callable[[str], bool]) -> None:
        self._root, self._is_there = root, is_there
        self._known: dict[str, tuple[Identity, Stamp]] = {}
        self._on_disk: dict[str, Any] = {}
        self._new = 0
        self._asked = 0
        self._is_loaded = False

    def get(self, name: str, identity: Identity) -> Stamp | None:
        """The stamp of a file, if the file is unchanged since it was read; else None."""
        self._asked += 1
        if self._asked > PATIENCE:
            self._load()
        known = self._known.get(name)
        if known is not None:
            return known[1] if known[0] == identity else None
        try:
            inode, size, mtime_ns, *entry = self._on_disk[name]
            return Stamp(*entry) if (inode, size, mtime_ns) == identity else None
        except (LookupError, TypeError, ValueError):  # missing or damaged: the footer is read
            return None

    def put(self, name: str, identity: Identity, stamp: Stamp) -> None:
        self._known[name] = (identity, stamp)
        self._new += 1
        if self._new >= LEAST_NEW:
            self._load()
            if self._new >= max(LEAST_NEW, (len(self._known) + len(self._on_disk) - self._new) // 8):
                self._save()

    def drop(self, name: str) -> None:
        """Drop an entry, on disk too: what is erased from the record must not stay in the cache."""
        self._known.pop(name, None)
        self._on_disk.pop(name, None)
        with contextlib.suppress(FileNotFoundError):
            (self._root / NAME).unlink()
        self._new = max(self._new, 1)

    def _load(self) -> None:
        if self._is_loaded:
            return
        self._is_loaded = True
        # If the cache is missing or torn, every footer is read again.
        with contextlib.suppress(OSError, ValueError):
            content = json.loads((self._root / NAME).read_bytes())
            self._on_disk = content if isinstance(content, dict) else {}

    def _save(self) -> None:
        self._new = 0
        for name, (identity, stamp) in self._known.items():
            self._on_disk[name] = (*identity, stamp.data_version, dict(stamp.inputs), dict(stamp.facts), stamp.rows)
        self._known.clear()
        self._on_disk = {name: entry for name, entry in self._on_disk.items() if self._is_there(name)}
        # The record can be read even if the disk is full or read-only.
        with contextlib.suppress(OSError), atomic_file(self._root / NAME) as temporary:
            temporary.write_text(json.dumps(self._on_disk), encoding="utf-8")  # dump() takes ten times as long
