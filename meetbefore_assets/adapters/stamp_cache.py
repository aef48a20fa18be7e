"""What the footers of the record's files say, kept in one file: a cache, valid for a file as long as that is the same one.

Twelve thousand footers (two thousand videos) take seconds to read one by one; asking the file system whether they are still the same
ones takes a fraction of one.
"""

import contextlib
import json
import os
import secrets
from pathlib import Path

from meetbefore_assets.domain.ports import Stamp

Identity = tuple[int, int, int]
NAME = ".stamps.json"
# It is written again when so many entries are new, and an eighth of those that are in it: reading a footer takes 0.13 ms and writing
# an entry a tenth of that.
LEAST_NEW = 64


class StampCache:
    """Stamps by name (`asset/key.parquet`), in memory and in `<root>/.stamps.json`; what cannot be read or written is done without."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, tuple[Identity, Stamp]] = {}
        self._new = 0
        self._is_loaded = False

    def get(self, name: str, identity: Identity) -> Stamp | None:
        """The stamp of a file, if it is the same file as when that was read."""
        self._load()
        known = self._known.get(name)
        return known[1] if known and known[0] == identity else None

    def put(self, name: str, identity: Identity, stamp: Stamp) -> None:
        self._load()
        self._known[name] = (identity, stamp)
        self._new += 1
        if self._new >= max(LEAST_NEW, (len(self._known) - self._new) // 8):
            self._save()

    def drop(self, name: str) -> None:
        """Forget a file, on disk too: what was erased from the record must not be told from here."""
        self._known.pop(name, None)
        with contextlib.suppress(FileNotFoundError):
            (self._root / NAME).unlink()
        self._new = max(self._new, 1)

    def _load(self) -> None:
        if self._is_loaded:
            return
        self._is_loaded = True
        try:
            content = json.loads((self._root / NAME).read_bytes())
            found = {name: ((entry[0], entry[1], entry[2]), Stamp(*entry[3:])) for name, entry in content.items()}
        except (OSError, ValueError, TypeError, LookupError, AttributeError):
            # A cache that is not there, or torn: every footer is read again.
            return
        self._known = found | self._known

    def _save(self) -> None:
        self._new = 0
        self._known = {name: entry for name, entry in self._known.items() if os.path.exists(f"{self._root}/{name}")}
        content = {
            name: (*identity, stamp.data_version, dict(stamp.inputs), dict(stamp.facts), stamp.rows)
            for name, (identity, stamp) in self._known.items()
        }
        temporary = self._root / f"{NAME}.{os.getpid()}.{secrets.token_hex(4)}.tmp"
        # A full or read-only disk must not keep anybody from reading the record.
        with contextlib.suppress(OSError):
            try:
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(json.dumps(content))  # dump() takes ten times as long
                os.replace(temporary, self._root / NAME)
            finally:
                temporary.unlink(missing_ok=True)
