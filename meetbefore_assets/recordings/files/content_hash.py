"""Content hash of a recording, from its size and sampled blocks, so that a terabyte takes seconds."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from meetbefore_assets.core.errors import UnreadableVideoError
from meetbefore_assets.recordings.camera_names import picture_time
from meetbefore_assets.recordings.identifiers import split_uri

WHOLE_BYTES = 4 << 20
BLOCK_BYTES = 64 << 10
BLOCKS = 16
_PICTURES_READ = 256
_PICTURE_ENDS_BYTES = 4 << 10


def content_hash(uri: str | Path) -> str:
    """SHA-256 of a video file or of a day of pictures (`<folder>?day=YYYYMMDD`), 64 hex digits.

    Files up to 4 MiB are read whole; of larger ones the size and 16 blocks of 64 KiB: the first, the last and evenly spaced ones between.
    For pictures: all names and sizes, and both ends of at most 256 evenly spaced files. Names of video files and folders do not count,
    but names of pictures do (they are the times).

    Raises:
        UnreadableVideoError: it cannot be read, or changed while it was read.
    """
    path, day = split_uri(str(uri))
    try:
        return _pictures_hash(Path(path), day) if day and not os.path.isfile(str(uri)) else _file_hash(Path(uri))
    except OSError as error:
        remedy = "Check that the disk is attached and that you may read it."
        raise UnreadableVideoError(f"{uri} cannot be read: expected its content, found '{error.strerror}'.", remedy=remedy) from error


def day_pictures(folder: Path, day: str) -> list[Path]:
    """The pictures of one local day (YYYYMMDD) in a folder, sorted by time, then name."""
    timed = [(moment, entry.name) for entry in os.scandir(folder) if (moment := picture_time(entry.name)) and entry.is_file()]
    return [folder / name for moment, name in sorted(timed) if f"{moment:%Y%m%d}" == day]


def sample_offsets(size_bytes: int) -> list[int]:
    """Offsets of the sampled blocks of a file larger than 4 MiB: increasing, the first 0, the last block ending with the file."""
    return [(size_bytes - BLOCK_BYTES) * step // (BLOCKS - 1) for step in range(BLOCKS)]


def _file_hash(path: Path) -> str:
    with open(path, "rb") as file:
        before = os.fstat(file.fileno())
        found = hash_open_file(file, before.st_size)
    _check_unchanged(str(path), _state([path]), [(path.name, before.st_size, before.st_mtime_ns)])
    return found


def hash_open_file(file: BinaryIO, size_bytes: int) -> str:
    """The hash of `content_hash` for an open video file of that size."""
    digest = hashlib.sha256(f"video {size_bytes}\n".encode())
    for block in _blocks(file, size_bytes):
        digest.update(block)
    return digest.hexdigest()


def _blocks(file: BinaryIO, size_bytes: int) -> list[bytes]:
    if size_bytes <= WHOLE_BYTES:
        return [file.read(size_bytes)]
    blocks = []
    for offset in sample_offsets(size_bytes):
        file.seek(offset)
        blocks.append(file.read(BLOCK_BYTES))
    return blocks


def _pictures_hash(folder: Path, day: str) -> str:
    paths = day_pictures(folder, day)
    if not paths:
        raise UnreadableVideoError(f"{folder} holds no pictures of the day {day}; expected names such as {day}122924.jpg.")
    before = _state(paths)
    digest = hashlib.sha256(f"pictures {len(paths)}\n".encode())
    for name, size, _ in before:
        digest.update(f"{name} {size}\n".encode())
    count = min(len(paths), _PICTURES_READ)
    for step in range(count):
        digest.update(_ends(paths[step * len(paths) // count]))
    _check_unchanged(str(folder), _state(day_pictures(folder, day)), before)
    return digest.hexdigest()


def _ends(path: Path) -> bytes:
    with open(path, "rb") as file:
        head = file.read(_PICTURE_ENDS_BYTES)
        file.seek(max(os.fstat(file.fileno()).st_size - _PICTURE_ENDS_BYTES, 0))
        return head + file.read(_PICTURE_ENDS_BYTES)


def _state(paths: Sequence[Path]) -> list[tuple[str, int, int]]:
    return [(path.name, status.st_size, status.st_mtime_ns) for path in paths for status in (os.stat(path),)]


def _check_unchanged(what: str, after: list[tuple[str, int, int]], before: list[tuple[str, int, int]]) -> None:
    if after != before:
        sizes = f"{sum(size for _, size, _ in before)} bytes before, {sum(size for _, size, _ in after)} after"
        raise UnreadableVideoError(
            f"{what} changed while it was being read ({sizes}); expected a finished recording.",
            remedy="Wait until it is copied completely, then run again.",
        )
