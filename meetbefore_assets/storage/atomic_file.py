"""Atomic file writes: a file is written under a temporary name, then renamed.

The writer holds a lock (flock) on the temporary file. If the writer is killed, the lock is gone, and the next writer removes the file.
"""

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.storage.private_folder import file_mode, private_folder

# On disks without locks, the writer of a file that did not change for this long is taken for dead.
_DEAD_S = 24 * 3600.0
_TEMPORARY = re.compile(r"\..+\.tmp(\.\w+)?")


@contextlib.contextmanager
def atomic_file(path: Path, *, suffix: str = "", durable: bool = False) -> Iterator[Path]:
    """Yield a temporary file that replaces `path` at the end; if the body raises, `path` stays as it was.

    Args:
        path: readers see the whole old content or the whole new one. Its folder must exist; the file takes the folder's permissions.
        suffix: ending of the temporary name, for libraries that tell the format by it.
        durable: flush content and name to the disk before returning, so that a power cut loses nothing.

    Raises:
        OSError: the disk is full or read-only.
    """
    with temporary_beside(path, suffix) as temporary:
        yield temporary
        put_in_place(temporary, path, durable=durable)


@contextlib.contextmanager
def temporary_beside(path: Path, suffix: str = "") -> Iterator[Path]:
    """Yield a new, empty, locked file beside `path` that only its owner may read; remove it at the end if it is still there.

    Write into this very file: a library that removes it and creates another loses the lock.
    """
    while True:
        temporary = path.with_name(f".{path.name.removeprefix('.')}.{os.getpid()}.{secrets.token_hex(4)}.tmp{suffix}")
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with contextlib.suppress(OSError):  # a disk that knows no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            break
        os.close(descriptor)  # another process took it for a left-over before it was locked
    try:
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        os.close(descriptor)


def put_in_place(temporary: Path, path: Path, *, durable: bool = False) -> os.stat_result:
    """Rename a written temporary file to `path`; returns its status from before the rename, when nobody could have replaced it."""
    os.chmod(temporary, file_mode(path.parent))
    if durable:
        _sync(temporary)
    status = os.stat(temporary)
    os.replace(temporary, path)
    if durable:
        _sync(path.parent)
    return status


def move_in_place(made: Path, path: Path, *, durable: bool = False) -> None:
    """Move a finished file or folder from a temporary folder to `path`, which may be on another disk.

    Args:
        made: the file, or a folder of files.
        path: an existing file is replaced; for a folder, only an empty folder is.
        durable: as for `atomic_file`; files only.

    Raises:
        OSError: the disk is full or read-only.
    """
    try:
        if made.is_dir():
            os.rename(made, path)
        else:
            put_in_place(made, path, durable=durable)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        if made.is_dir():
            private_folder(path)
            for each in sorted(made.iterdir()):
                move_in_place(each, path / each.name)
        else:
            with atomic_file(path, suffix=path.suffix, durable=durable) as temporary:
                shutil.copyfile(made, temporary)


def is_temporary(name: str) -> bool:
    """Whether a file has the name of a temporary file."""
    return _TEMPORARY.fullmatch(name) is not None


def is_left_over(path: Path) -> bool:
    """Whether the writer of a temporary file is dead."""
    try:
        with _locked(path):
            return True
    except BlockingIOError:
        return False
    except OSError:
        return _is_old(path)


def remove_left_over(path: Path) -> bool:
    """Remove a temporary file if its writer is dead; returns whether it was removed."""
    try:
        with _locked(path):  # a process that is just creating it waits for the lock, then creates another
            path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    except OSError:
        if not _is_old(path):
            return False
        path.unlink(missing_ok=True)
    return True


def _is_old(path: Path) -> bool:
    try:
        return path.stat().st_mtime < time.time() - _DEAD_S
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def write_private(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a file atomically, with the permissions of its folder; the folder is created if it does not exist.

    Raises:
        StoreError: the disk is full or read-only.
    """
    try:
        private_folder(path.parent)
        with atomic_file(path, durable=durable) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise StoreError(f"{path} could not be written: {error.strerror or error}.", remedy="Free some space, then run again.") from error


def _sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
