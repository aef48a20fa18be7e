"""Finds recordings in an object store, hashes them from a few ranges, and keeps local copies to decode from."""

import contextlib
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from meetbefore_assets.core.errors import StoreError, UnreadableVideoError
from meetbefore_assets.core.ports import Recording, ScanResult
from meetbefore_assets.recordings.file_kinds import UNTIMED_PICTURE, classify_file
from meetbefore_assets.recordings.files.content_hash import hash_open_file
from meetbefore_assets.recordings.files.sidecars import sidecar_names
from meetbefore_assets.storage.object_store import ObjectFacts, split_address
from meetbefore_assets.storage.private_folder import private_folder

_PICTURES = "pictures are taken from folders of a disk only; mount the bucket, or copy them"
# How long a listing of a folder is used.
_LISTED_S = 10.0
# Copies used within this time are not removed.
IN_USE_S = 900.0
_LARGEST_SIDECAR_BYTES = 4 << 20

_listed: dict[str, tuple[float, dict[str, ObjectFacts]]] = {}


def scan(address: str) -> ScanResult:
    """Recordings below an address, or the one at it."""
    objects, folder = split_address(address.rstrip("/"))
    whole = objects.facts(folder) if folder else None
    listed = [whole] if whole else [facts for facts in objects.below(folder) if facts.size_bytes or not facts.name.endswith("/")]
    if not listed:
        return ScanResult((), (), (address,))
    recordings, skipped = [], []
    for facts in sorted(listed, key=lambda each: each.name):
        name, place = facts.name.rpartition("/")[2], objects.address(facts.name)
        verdict = classify_file(name)
        if verdict.kind in ("skip", "picture"):
            is_picture = verdict.kind == "picture" or verdict.reason == UNTIMED_PICTURE
            skipped.append((place, _PICTURES if is_picture else verdict.reason))
        else:
            recordings.append(Recording(place, name, facts.size_bytes, facts.modified_ns, "video"))
    return ScanResult(tuple(recordings), tuple(skipped), ())


def size_and_time(address: str) -> tuple[int, int] | None:
    """Size in bytes and modification time (ns) of an object; None if there is none. Taken from a listing that may be seconds old."""
    folder, _, name = address.rpartition("/")
    at, found = _listed.get(folder, (-_LISTED_S, {}))
    if time.monotonic() - at >= _LISTED_S:
        objects, inside = split_address(folder)
        found = {facts.name.rpartition("/")[2]: facts for facts in objects.folders(inside)[1]}
        _listed[folder] = (time.monotonic(), found)
    facts = found.get(name)
    return (facts.size_bytes, facts.modified_ns) if facts else None


def content_hash(address: str) -> str:
    """The hash that the same file has on a disk (`content_hash.py`), from 16 ranges. Raises UnreadableVideoError."""
    objects, name = split_address(address)
    before = objects.facts(name)
    if before is None:
        raise UnreadableVideoError(f"{address} cannot be read: expected its content, found nothing there.")
    found = hash_open_file(objects.opened(name), before.size_bytes)
    after = objects.facts(name)
    if after is None or after.tag != before.tag:
        raise UnreadableVideoError(f"{address} changed while it was being read; expected a finished recording.", remedy="Run again.")
    return found


@dataclass(frozen=True)
class Copies:
    """Local copies of remote recordings, at most `limit_bytes`; the least recently used are removed first."""

    folder: Path
    limit_bytes: int

    def fetch(self, address: str) -> Path:
        """Path of the local copy of an object and its sidecars; downloaded if missing.

        Raises:
            UnreadableVideoError: there is no such object.
            StoreError: the store cannot be reached, or there is too little space.
        """
        objects, name = split_address(address)
        facts = objects.facts(name)
        if facts is None:
            raise UnreadableVideoError(f"{address}: expected the recording, found nothing there.")
        place = self.folder / sha256(f"{address} {facts.tag}".encode()).hexdigest()[:16]
        path = place / name.rpartition("/")[2]
        if not path.exists():
            self._make_room(facts.size_bytes)
            for beside in _sidecars(address):
                objects.download(beside, place / beside.rpartition("/")[2])
            try:
                objects.download(name, path)
            except KeyError:
                raise UnreadableVideoError(f"{address}: was there, and is gone.") from None
            os.utime(path, ns=(time.time_ns(), facts.modified_ns))
        else:
            os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
        return path

    def _make_room(self, wanted_bytes: int) -> None:
        private_folder(self.folder)
        held = sorted((_used(place), _size(place), place) for place in self.folder.iterdir() if place.is_dir())
        total = sum(size for _, size, _ in held)
        for used, size, place in held:
            if total + wanted_bytes <= self.limit_bytes or 0 <= time.time() - used < IN_USE_S:
                break
            shutil.rmtree(place, ignore_errors=True)
            total -= size
        free = shutil.disk_usage(self.folder).free
        if free < wanted_bytes:
            raise StoreError(
                f"{self.folder} has {free >> 20} MiB free; expected {wanted_bytes >> 20} MiB for a copy of a recording.", remedy=_ROOM
            )

    def remove(self) -> None:
        """Remove all copies."""
        shutil.rmtree(self.folder, ignore_errors=True)


_ROOM = "Free some space, or set a home on a larger disk (MEETBEFORE_HOME)."


def _sidecars(address: str) -> Iterable[str]:
    _, name = split_address(address)
    folder, _, file_name = name.rpartition("/")
    size_and_time(address)  # lists the folder
    beside = _listed[address.rpartition("/")[0]][1]
    for known in sidecar_names(file_name):
        facts = beside.get(known)
        if facts and facts.size_bytes <= _LARGEST_SIDECAR_BYTES:
            yield f"{folder}/{known}" if folder else known


def _used(place: Path) -> float:
    with contextlib.suppress(OSError):
        return max((entry.stat().st_atime for entry in os.scandir(place)), default=0.0)
    return 0.0


def _size(place: Path) -> int:
    with contextlib.suppress(OSError):
        return sum(entry.stat().st_size for entry in os.scandir(place))
    return 0
