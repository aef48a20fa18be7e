"""Permissions of a home: open to its owner only, or also to its group if it is shared on purpose.

A shared folder has mode 2770: its group may do everything, and new files keep that group. New files and folders take the permissions of
the folder they are created in, so that every process does the same without reading settings.
"""

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

_SHARED = stat.S_ISGID | stat.S_IRWXG
_ALL = stat.S_IRWXG | stat.S_IRWXO
# What lies in a folder that may become a home before anything was done in it; the demo makes its own home in the usual one.
_OF_A_NEW_HOME = frozenset(["README.md", "dagster", "demo", "locks", "models", "settings.toml", "videos", "web"])


def is_shared(folder: Path) -> bool:
    """Whether a folder exists and is shared with its group on purpose."""
    try:
        return os.stat(folder).st_mode & _SHARED == _SHARED
    except OSError:
        return False


def file_mode(folder: Path) -> int:
    """Permissions of a new file in a folder."""
    return 0o660 if is_shared(folder) else 0o600


def private_folder(path: Path) -> Path:
    """Create a folder and its parents if missing, open to the owner only (or also to the group of a shared parent); returns the path.

    Raises:
        OSError: it cannot be created.
    """
    if not path.is_dir():
        above = private_folder(path.parent)
        try:
            path.mkdir(mode=0o700)
            if is_shared(above):  # the umask of this process may have removed the group's permissions
                path.chmod(0o2770)
        except FileExistsError:
            if not path.is_dir():  # else another process created it meanwhile
                raise
    return path


def close_new_home(folder: Path) -> None:
    """Create the folder of a home; close it to others if nothing was done in it yet.

    A folder that holds other files is left as it is, because those may be meant for others; `meetbefore doctor` reports it.
    """
    private_folder(folder)
    if not is_shared(folder) and {entry.name for entry in os.scandir(folder) if entry.name[0] != "."} <= _OF_A_NEW_HOME:
        for path in (folder, folder / "dagster"):
            if path.is_dir() and not path.is_symlink():
                with contextlib.suppress(PermissionError):  # it belongs to another user; doctor reports what is open
                    path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_ALL)


def mask_process(home_folder: Path) -> None:
    """Set the umask, so that files made by this process, its children and its libraries are closed to others."""
    os.umask(0o007 if is_shared(home_folder) else 0o077)


def open_to_others(roots: Iterable[Path], *, has_group: bool, exclude: Iterable[Path] = ()) -> list[Path]:
    """Files and folders that other users can reach below some folders; closed folders are not searched, as nobody gets into them.

    Args:
        roots: the folders.
        has_group: the group is allowed in.
        exclude: folders that are not searched.
    """
    unwanted = stat.S_IRWXO if has_group else _ALL
    found = []
    for root in roots:
        for path, status in _tree(root, frozenset(exclude), closed_to=unwanted):
            if status.st_mode & unwanted:
                found.append(path)
    return found


def set_access(roots: Iterable[Path], *, has_group: bool, exclude: Iterable[Path] = ()) -> tuple[int, list[Path]]:
    """Restrict folders and everything in them to their owner, or to owner and group.

    Returns:
        How many were changed, and those that could not be: they belong to another user, or the disk has no permissions.
    """
    changed, refused = 0, []
    of_folder, of_file = (0o2770, 0o660) if has_group else (0o700, 0o600)
    for root in roots:
        for path, status in _tree(root, frozenset(exclude)):
            mode = stat.S_IMODE(status.st_mode)
            wanted = of_folder | mode & stat.S_ISGID if stat.S_ISDIR(status.st_mode) else of_file
            if mode == wanted:
                continue
            with contextlib.suppress(OSError):
                os.chmod(path, wanted)
            with contextlib.suppress(FileNotFoundError):
                is_done = stat.S_IMODE(os.lstat(path).st_mode) & 0o777 == wanted & 0o777
                changed += is_done
                refused += [] if is_done else [path]
    return changed, refused


def _tree(root: Path, exclude: frozenset[Path], closed_to: int = 0) -> Iterator[tuple[Path, os.stat_result]]:
    """Walk a folder, each folder before its content; links are not followed, and files deleted meanwhile are skipped."""
    try:
        status = os.lstat(root)
    except FileNotFoundError:
        return
    is_folder = stat.S_ISDIR(status.st_mode)
    if not (is_folder or stat.S_ISREG(status.st_mode)):
        return
    yield root, status
    if is_folder and root not in exclude and not (closed_to and not status.st_mode & closed_to):
        try:
            entries = sorted(os.scandir(root), key=lambda entry: entry.name)
        except (FileNotFoundError, PermissionError):
            return
        for entry in entries:
            yield from _tree(Path(entry.path), exclude, closed_to)
