"""File locks of the operating system: they end with the process that holds them, so none is ever left behind."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from meetbefore_assets.core.errors import LockTimeoutError, StoreError
from meetbefore_assets.storage.private_folder import file_mode, private_folder


@contextlib.contextmanager
def hold(folder: Path, name: str, timeout_s: float) -> Iterator[None]:
    """Hold the lock `name` of a home.

    Args:
        folder: folder of the lock files.
        name: what is locked.
        timeout_s: how long to wait for another holder, seconds; negative: forever.

    Raises:
        LockTimeoutError: another process held it for longer.
        StoreError: the folder cannot be written to.
    """
    try:
        private_folder(folder)
        lock = FileLock(folder / f"{name}.lock", timeout=timeout_s, mode=file_mode(folder))
        lock.acquire()
    except Timeout as error:
        raise LockTimeoutError(
            f"'{name}' was held by another process for more than {timeout_s:g} s.",
            remedy="Wait for that process, or end it.",
        ) from error
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be written to: {os.strerror(error.errno or 0)}.", remedy="Check the permissions of the home."
        ) from error
    try:
        yield
    finally:
        lock.release()
