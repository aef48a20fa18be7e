"""Scratch space in the home: temporary folders and memory-mapped arrays that do not outlive their process, even if it is killed.

The process holds a file lock for each of its scratch folders. The next process removes folders whose lock nobody holds. Files of mapped
arrays have no name if the system allows that, so that there is nothing to remove.
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
from meetbefore_assets.storage.private_folder import file_mode, private_folder


def scratch_of(home_folder: Path) -> Path:
    """Folder of a home in which databases, pages and exports are built before they are moved in place."""
    return home_folder / "tmp" / "scratch"


_REMEDY = "Free some space or check the permissions of the home, then run again."


@contextlib.contextmanager
def scratch(folder: Path, needed_bytes: int = 0) -> Iterator[Path]:
    """Yield a new folder inside `folder`, removed with its content at the end.

    Args:
        folder: created if missing; left-overs of killed processes in it are removed.
        needed_bytes: required free space. On a full disk, a process that writes to mapped files is killed by a signal.

    Raises:
        StoreError: the disk has too little space, or is read-only.
    """
    try:
        private_folder(folder)
        with _sweep_lock(folder):
            _swept(folder)
            _refuse_too_little_room(folder, needed_bytes)
            name = f"{os.getpid()}-{secrets.token_hex(4)}"
            lock = FileLock(folder / f"{name}.lock", timeout=0, mode=file_mode(folder))
            lock.acquire()
            made = private_folder(folder / name)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield made
    finally:
        _remove(made)
        lock.release()
        (folder / f"{name}.lock").unlink(missing_ok=True)


def sweep_scratch(folder: Path) -> list[Path]:
    """Remove scratch folders of killed processes; returns what was removed. Raises StoreError."""
    if not folder.is_dir():
        return []
    try:
        with _sweep_lock(folder):
            return _swept(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _sweep_lock(folder: Path) -> FileLock:
    """Lock for sweeping and for creating a folder: a new folder is not locked yet, and must not be swept."""
    return FileLock(folder.with_name(f"{folder.name}.lock"), timeout=60, mode=file_mode(folder))


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
    """Stack blocks of rows in a memory-mapped file that is deleted with the array.

    Args:
        blocks: float32 arrays of shape (m, d), d the same for all that have rows.
        folder: where the file is created; without a name on Linux, elsewhere removed with the array.

    Returns:
        (n, d) float32, read-only; (0, 1) if there are no rows.

    Raises:
        StoreError: the disk is full or read-only.
    """
    rows, size = 0, 1
    try:
        private_folder(folder)
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
