"""Reads small files from untrusted folders: never blocks on a pipe, a device or a socket, and never fills the memory."""

import os
import stat
from pathlib import Path

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class NotRegularError(ValueError):
    """The path is no regular file, or the file is far too long; the message says what was found."""


def read_regular_file(path: Path, limit_bytes: int) -> bytes:
    """Read a regular file.

    Args:
        path: may be a link to a file.
        limit_bytes: longest file that is read.

    Raises:
        FileNotFoundError: there is no such file.
        NotRegularError: it is no regular file, or longer than `limit_bytes`.
        OSError: reading is not permitted, or the disk is broken.
    """
    _refuse_other_kinds(os.stat(path))  # before opening: opening a device may have an effect
    # It may have been replaced since: open without blocking, and check again.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        _refuse_other_kinds(os.fstat(descriptor))
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise NotRegularError(f"more than {limit_bytes:,} bytes")
    return content


def _refuse_other_kinds(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotRegularError(next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), "no file"))
