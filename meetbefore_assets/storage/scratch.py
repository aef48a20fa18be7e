"""Temporary folders and memory-mapped arrays in the home, removed with their process, also when it is killed.

A folder of scratch is there while a lock of the operating system is held, which dies with its holder. Whoever comes next removes the
folders whose locks nobody holds. Matrices have no name at all where the system allows that, so that there is nothing to remove.
"""

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.core.ports import F32

_REMEDY = "Free some space or check the permissions of the home, then run again."


@contextlib.contextmanager
def scratch(folder: Path, needed_bytes: int = 0) -> Iterator[Path]:
    """A new folder inside `folder`, removed with all that is in it when the context is left.

    Args:
        folder: where; made if need be. What processes that died left in it is removed.
        needed_bytes: room there must be. A full disk would end a process that writes to mapped files with a signal.

    Raises:
        StoreError: the disk has too little room, or must not be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _sweep_lock(folder):
            _swept(folder)
            _refuse_too_little_room(folder, needed_bytes)
            name = f"{os.getpid()}-{secrets.token_hex(4)}"
            lock = FileLock(folder / f"{name}.lock", timeout=0)
            lock.acquire()
            made = folder / name
            made.mkdir(mode=0o700)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield made
    finally:
        _remove(made)
        lock.release()
        (folder / f"{name}.lock").unlink(missing_ok=True)


def sweep_scratch(folder: Path) -> list[Path]:
    """Remove what processes that died left in a folder of scratch; returns what was removed. Raises StoreError."""
    if not folder.is_dir():
        return []
    try:
        with _sweep_lock(folder):
            return _swept(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _sweep_lock(folder: Path) -> FileLock:
    """Held by whoever sweeps or begins: a folder that is just being made is nobody's yet."""
    return FileLock(folder.with_name(f"{folder.name}.lock"), timeout=60)


def _swept(folder: Path) -> list[Path]:
    removed = []
    for path in sorted(folder.glob("*.lock")):
        lock = FileLock(path, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            continue  # its holder lives
        _remove(path.with_suffix(""))
        lock.release()
        path.unlink(missing_ok=True)
        removed.append(path.with_suffix(""))
    return removed


def _remove(made: Path) -> None:
    if made.exists():
        shutil.rmtree(made)


def _refuse_too_little_room(folder: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise StoreError(
            f"{folder} has {free / 2**30:.1f} GiB left; the index needs {needed_bytes / 2**30:.1f} GiB for a while.", remedy=_REMEDY
        )


def _unwritable(folder: Path, error: OSError) -> StoreError:
    return StoreError(f"{folder} could not be written to: {error.strerror or error}.", remedy=_REMEDY)


def map_blocks(blocks: Iterable[F32], folder: Path) -> F32:
    """Blocks of rows one below the other, in a file that is mapped into memory and goes when nobody looks at it any more.

    Args:
        blocks: (m, d) each, d the same for all that have rows.
        folder: where the file lies; it has no name there on Linux, and is removed with its last user elsewhere.

    Returns:
        (n, d) float32, read-only; (0, 1) where there is no row.

    Raises:
        StoreError: the disk is full or must not be written to.
    """
    rows, size = 0, 1
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder) as file:
            for block in blocks:
                if len(block):
                    file.write(np.ascontiguousarray(block, np.float32).data)
                    rows, size = rows + len(block), block.shape[1]
            file.flush()
            if not rows:
                return np.empty((0, 1), np.float32)
            return np.asarray(np.memmap(file, np.float32, "r", shape=(rows, size)))
    except OSError as error:
        raise _unwritable(folder, error) from error
