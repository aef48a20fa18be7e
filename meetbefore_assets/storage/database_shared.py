"""The published database of several machines: built here, stored as an object named by its content, found by a pointer.

`<url>/published/meetbefore-<version>.duckdb` and `<url>/published/current.json`, which is replaced last; the one before stays for
whoever is fetching it.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from meetbefore_assets.core.ports import Fetch, PublishResult
from meetbefore_assets.storage.database_duckdb import DuckDbPublisher, DuckDbSnapshot
from meetbefore_assets.storage.object_store import objects_at

FOLDER = "published"
POINTER = f"{FOLDER}/current.json"


class SharedPublisher:
    """Implements `ports.Publisher` over a `DuckDbPublisher`, whose file is a copy of the published object.

    Args:
        url: of the archive.
        path: of the copy.
    """

    def __init__(self, url: str, path: Path) -> None:
        self._objects, self._local = objects_at(url), DuckDbPublisher(path)

    def publish(self, wanted: Mapping[str, Mapping[str, str]], fetch: Fetch, vector_size: int) -> PublishResult:
        """Bring the published object in step; one caller at a time (a lock is held). Raises StoreError."""
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
        """Take the published objects away, the pointer first, and the copy."""
        self._objects.remove(POINTER)
        self._objects.remove(*(facts.name for facts in self._objects.below(FOLDER)))
        self._remove_copy()

    def _fetch(self) -> dict[str, str]:
        """Have the object that the pointer names as the copy; nothing where nothing is published."""
        pointer = self._pointer()
        if not pointer:
            self._remove_copy()
        elif not self._is_copy_of(pointer["name"]):
            try:
                self._objects.download(pointer["name"], self._local.path)
            except KeyError:  # replaced twice meanwhile; whoever publishes builds on what the record says
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
        self._noted.write_text(f"{name}\n{self._stamp()}", encoding="utf-8")

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
