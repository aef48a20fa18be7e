"""Locks of the operating system: they die with their holder, so none is ever left behind."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from meetbefore_assets.core.errors import LockTimeoutError, StoreError


@contextlib.contextmanager
def hold(folder: Path, name: str, timeout_s: float) -> Iterator[None]:
    """Hold the lock `name` of a home.

    Args:
        folder: where lock files lie.
        name: what is locked.
        timeout_s: how long to wait for another holder; negative: for ever.

    Raises:
        LockTimeoutError: somebody else held it for longer.
        StoreError: the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(folder / f"{name}.lock", timeout=timeout_s)
        lock.acquire()
    except Timeout as error:
        raise LockTimeoutError(
            f"'{name}' was held by another process for more than {timeout_s:g} s.",
            remedy="Wait for it to end, or end it: a dead process holds no lock.",
        ) from error
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be written to: {os.strerror(error.errno or 0)}.", remedy="Check the permissions of the home."
        ) from error
    try:
        yield
    finally:
        lock.release()
