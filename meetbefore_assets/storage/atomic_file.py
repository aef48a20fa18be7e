"""Writes a file whole or not at all: under a temporary name beside it, which is then renamed."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from meetbefore_assets.core.errors import StoreError


@contextlib.contextmanager
def atomic_file(path: Path, *, suffix: str = "", mode: int = 0o600, durable: bool = False) -> Iterator[Path]:
    """A temporary file to write to, which replaces `path` at the end; where the body raises, `path` stays as it was.

    Args:
        path: whoever opens it sees the old content or the new, whole; its folder is there.
        suffix: ending of the temporary name, for libraries that tell the format by it.
        mode: permissions of the file.
        durable: whether it must survive a power cut: content and name are on the disk before this returns.

    Raises:
        OSError: the disk is full or must not be written to.
    """
    with temporary_beside(path, suffix) as temporary:
        yield temporary
        put_in_place(temporary, path, mode=mode, durable=durable)


@contextlib.contextmanager
def temporary_beside(path: Path, suffix: str = "") -> Iterator[Path]:
    """An empty file of nobody else's beside `path`, which only its owner may read; what is left of it at the end is removed."""
    temporary = path.with_name(f".{path.name.removeprefix('.')}.{os.getpid()}.{secrets.token_hex(4)}.tmp{suffix}")
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def put_in_place(temporary: Path, path: Path, *, mode: int = 0o600, durable: bool = False) -> os.stat_result:
    """Give a temporary file that was written its name; returns its status of just before, while nobody else can have replaced it."""
    os.chmod(temporary, mode)
    if durable:
        _sync(temporary)
    status = os.stat(temporary)
    os.replace(temporary, path)
    if durable:
        _sync(path.parent)
    return status


def write_private(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a file that only its owner may read, whole or not at all; its folder is made if it is not there.

    Raises:
        StoreError: the disk is full or must not be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with atomic_file(path, durable=durable) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise StoreError(f"{path} could not be written: {error.strerror or error}.", remedy="Free some space, then run again.") from error


def _sync(path: Path) -> None:
    """Have the operating system write a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
