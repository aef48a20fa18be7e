"""The published database in an object store: built here, stored under a name that contains its version, found by a pointer.

`<url>/published/meetbefore-<version>.duckdb` is the database, and `<url>/published/current.json` names the current one; it is replaced
last. The database before it stays for machines that are still downloading it.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from meetbefore_assets.core.ports import Fetch, PublishResult
from meetbefore_assets.storage.atomic_file import write_private
from meetbefore_assets.storage.database_duckdb import DuckDbPublisher, DuckDbSnapshot
from meetbefore_assets.storage.object_store import objects_at

FOLDER = "published"
POINTER = f"{FOLDER}/current.json"


class SharedPublisher:
    """Implements `ports.Publisher` with a `DuckDbPublisher` whose file is a local copy of the published object.

    Args:
        url: address of the archive.
        path: the local copy.
    """

    def __init__(self, url: str, path: Path) -> None:
        self._objects, self._local = objects_at(url), DuckDbPublisher(path)

    def publish(self, wanted: Mapping[str, Mapping[str, str]], fetch: Fetch, vector_size: int) -> PublishResult:
        """Bring the published object up to date; the caller holds a lock, so that one publishes at a time. Raises StoreError."""
        pointer = self._fetch()
        done = self._local.publish(wanted, fetch, vector_size)
        name = f"{FOLDER}/meetbefore-{done.version}.duckdb"
        if done.changed_parts or pointer.get("name") != name:
            self._objects.put(name, self._local.path)
            self._objects.put(POINTER, json.dumps({"name": name, "before": pointer.get("name", "")}).encode())
            self._note(name)
            keep = {name, pointer.get("name"), POINTER}
            self._objects.remove(*(facts.name for facts in self._objects.below(FOLDER) if facts.name not in keep))
        return replace(done, path=self._objects.address(name))

    def is_in_step(self, wanted: Mapping[str, Mapping[str, str]], vector_size: int) -> bool:
        return bool(self._fetch()) and self._local.is_in_step(wanted, vector_size)

    @contextlib.contextmanager
    def snapshot(self, vector_size: int) -> Iterator[DuckDbSnapshot | None]:
        self._fetch()
        with self._local.snapshot(vector_size) as held:
            yield held

    def remove(self) -> None:
        """Delete the published objects, the pointer first, and the local copy."""
        self._objects.remove(POINTER)
        self._objects.remove(*(facts.name for facts in self._objects.below(FOLDER)))
        self._remove_copy()

    def _fetch(self) -> dict[str, str]:
        """Download the object that the pointer names, unless the copy is the same; does nothing if nothing is published."""
        pointer = self._pointer()
        if not pointer:
            self._remove_copy()
        elif not self._is_copy_of(pointer["name"]):
            try:
                self._objects.download(pointer["name"], self._local.path)
            except KeyError:  # replaced twice meanwhile; publishing then builds from the record
                return {}
            self._note(pointer["name"])
        return pointer

    def _pointer(self) -> dict[str, str]:
        try:
            content = json.loads(self._objects.get(POINTER)[0])
            return {"name": str(content["name"])}
        except (KeyError, ValueError, TypeError):
            return {}

    @property
    def _noted(self) -> Path:
        return self._local.path.with_name(f"{self._local.path.name}.source")

    def _note(self, name: str) -> None:
        write_private(self._noted, f"{name}\n{self._stamp()}".encode())

    def _is_copy_of(self, name: str) -> bool:
        with contextlib.suppress(OSError):
            return self._noted.read_text(encoding="utf-8") == f"{name}\n{self._stamp()}"
        return False

    def _stamp(self) -> str:
        status = self._local.path.stat()
        return f"{status.st_size} {status.st_mtime_ns}"

    def _remove_copy(self) -> None:
        self._noted.unlink(missing_ok=True)
        self._local.remove()
