"""Finds recordings in folders of this machine."""

import codecs
import logging
import os
import stat
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from meetbefore_assets.core.ports import Recording, ScanResult
from meetbefore_assets.recordings.camera_names import picture_time
from meetbefore_assets.recordings.file_kinds import PLACE_SUFFIXES, UNTIMED_PICTURE, classify_file
from meetbefore_assets.recordings.identifiers import pictures_uri

_LOG = logging.getLogger(__name__)
_TEXT_PROBE_BYTES = 1024
_TOLD_FILES = 1000
_FSTAB = Path("/etc/fstab")
_MOUNTS = Path("/proc/self/mounts")
# File systems of the kernel. Links in /proc lead to every file that a process has open, and to the whole disk.
_OF_THE_SYSTEM = frozenset(
    ["proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "securityfs", "debugfs", "tracefs", "configfs", "bpf", "mqueue", "pstore"]
)


def scan(
    sources: Sequence[Path], exclude: Sequence[Path] = (), fstab: Path = _FSTAB, progress: Callable[[int], None] | None = None
) -> ScanResult:
    """Find recordings in folders (recursively) and among single files; no file is opened but `.ts` and `.mts`.

    Linked folders are followed once, after the real ones, so that loops end and a file gets its real path. Pictures named by time become
    one recording for each folder and local day, named like their first picture.

    Args:
        sources: folders or files.
        exclude: folders that are not searched, such as the home, which pictures are written to.
        fstab: table of the mount points of this machine.
        progress: called now and then with the number of files seen.

    Returns:
        Recordings (sorted by absolute path), skipped files with the reason, and what is missing: sources that do not exist, mount points
        without their disk, and folders that cannot be read (also skipped).
    """
    walk = _Walk({identity for path in exclude if (identity := _identity(path))}, unmounted_points(fstab), progress)
    for source in sources:
        walk.source(os.path.abspath(source.expanduser()))
    walk.follow_links()
    return walk.found()


class _Walk:
    """State of one scan."""

    def __init__(self, seen: set[tuple[int, int]], unmounted: frozenset[str], progress: Callable[[int], None] | None) -> None:
        self._progress, self._files = progress, 0
        self._system_devices = system_devices()
        self._seen = seen
        self._unmounted = unmounted
        self._links: deque[str] = deque()
        self._recordings: dict[str, Recording] = {}
        self._skipped: dict[str, str] = {}
        self._missing: list[str] = []
        self._beside: list[tuple[str, int, int]] = []

    def found(self) -> ScanResult:
        recordings = tuple(self._recordings[uri] for uri in sorted(self._recordings))
        return ScanResult(
            recordings, tuple(sorted(self._skipped.items())), tuple(dict.fromkeys(self._missing)), tuple(sorted(self._beside))
        )

    def source(self, path: str) -> None:
        try:
            status = os.stat(path)
        except OSError as error:
            _LOG.warning("source %s cannot be looked at: %s", _shown(path), error.strerror)
            self._missing.append(_shown(path))
            return
        if not self._unmounted.isdisjoint((path, *map(str, Path(path).parents))):
            self._missing.append(_shown(path))
        elif stat.S_ISDIR(status.st_mode):
            self._folders(path)
        elif classify_file(os.path.basename(path)).kind == "picture":
            self._skip(path, "pictures are taken by the folder; name the folder they are in")
        else:
            self._file(path, os.path.basename(path), status)

    def follow_links(self) -> None:
        while self._links:
            self._folders(self._links.popleft())

    def _folders(self, root: str) -> None:
        stack = [root]
        while stack:
            stack += reversed(self._folder(stack.pop()))

    def _folder(self, folder: str) -> list[str]:
        """Add the files of one folder, and return its sub-folders."""
        identity = _identity(Path(folder))
        if identity in self._seen:
            return []
        if identity and identity[0] in self._system_devices:
            self._skip(folder, "folder of the system, which holds no recordings")
            return []
        if folder in self._unmounted:
            self._missing.append(_shown(folder))
            return []
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            self._skip(folder, f"folder cannot be read: {error.strerror}")
            self._missing.append(_shown(folder))
            return []
        if identity:
            self._seen.add(identity)
        below: list[str] = []
        pictures: dict[str, list[tuple[str, os.stat_result]]] = {}
        untimed = 0
        for entry in entries:
            self._files += 1
            if self._progress and self._files % _TOLD_FILES == 0:
                self._progress(self._files)
            verdict = classify_file(entry.name)
            status = self._status(entry)
            if status is None:
                continue
            if stat.S_ISDIR(status.st_mode):
                below += self._sub_folder(entry)
            elif verdict.kind == "picture" and (moment := picture_time(entry.name)):
                pictures.setdefault(f"{moment:%Y%m%d}", []).append((entry.name, status))
            elif verdict.reason == UNTIMED_PICTURE:
                untimed += 1
            else:
                self._file(entry.path, entry.name, status)
        self._pictures(folder, pictures, untimed)
        return below

    def _status(self, entry: "os.DirEntry[str]") -> os.stat_result | None:
        if _shown(entry.name) != entry.name:
            self._skip(entry.path, "the name is no valid UTF-8; rename it")
            return None
        try:
            return os.stat(entry.path)
        except OSError as error:
            self._skip(entry.path, "link that leads nowhere" if entry.is_symlink() else f"cannot be looked at: {error.strerror}")
            return None

    def _sub_folder(self, entry: "os.DirEntry[str]") -> list[str]:
        if entry.name.startswith(".") or entry.name.lower() in ("$recycle.bin", "system volume information"):
            self._skip(entry.path, "hidden folder")
            return []
        if entry.is_symlink():
            self._links.append(entry.path)
            return []
        return [entry.path]

    def _file(self, path: str, name: str, status: os.stat_result) -> None:
        verdict = classify_file(name)
        if verdict.kind == "skip":
            if name.lower().endswith(PLACE_SUFFIXES):
                self._beside.append((path, status.st_size, status.st_mtime_ns))
            self._skip(path, verdict.reason)
        elif not stat.S_ISREG(status.st_mode):
            self._skip(path, "no ordinary file")
        elif _shown(path) != path:
            self._skip(path, "the name is no valid UTF-8; rename it")
        elif name.lower().endswith((".ts", ".mts")) and _is_text(path):
            self._skip(path, "program text (TypeScript), no recording")
        else:
            self._recordings[path] = Recording(path, name, status.st_size, status.st_mtime_ns, "video")

    def _pictures(self, folder: str, days: dict[str, list[tuple[str, os.stat_result]]], untimed: int) -> None:
        if untimed:
            self._skip(folder, f"{untimed} {'picture' if untimed == 1 else 'pictures'} without a time as name, such as 20250307122924.jpg")
        for day, files in days.items():
            first = min(name for name, _ in files)
            size, mtime_ns = sum(status.st_size for _, status in files), max(status.st_mtime_ns for _, status in files)
            uri = pictures_uri(folder, day)
            self._recordings[uri] = Recording(uri, first, size, mtime_ns, "pictures")

    def _skip(self, path: str, reason: str) -> None:
        self._skipped[_shown(path)] = reason


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None  # the caller reports it if the folder itself cannot be read
    return status.st_dev, status.st_ino


def _shown(path: str) -> str:
    """A path with invalid UTF-8 bytes escaped, so that tables and logs can hold it."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _is_text(path: str) -> bool:
    """Whether a file starts like text (TypeScript); a transport stream is full of bytes that are not UTF-8."""
    try:
        with open(path, "rb") as file:
            head = file.read(_TEXT_PROBE_BYTES)
        codecs.getincrementaldecoder("utf-8")().decode(head)
        return bool(head) and b"\0" not in head
    except UnicodeDecodeError:
        return False
    except OSError as error:
        _LOG.warning("%s cannot be read: %s", _shown(path), error.strerror)
        return False


def is_away(source: Path, fstab: Path = _FSTAB) -> bool:
    """Whether `scan` would report a source as missing; its sub-folders are not searched."""
    path = Path(os.path.abspath(source.expanduser()))
    if not unmounted_points(fstab).isdisjoint(map(str, (path, *path.parents))):
        return True
    return not os.access(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK)


def unmounted_points(fstab: Path = _FSTAB) -> frozenset[str]:
    """Mount points in the table that nothing is mounted on; empty if there is no table."""
    if not fstab.is_file():
        return frozenset()
    lines = fstab.read_text(encoding="utf-8", errors="replace").splitlines()
    points = [fields[1].replace("\\040", " ") for line in lines if len(fields := line.split()) > 1 and not line.lstrip().startswith("#")]
    return frozenset(point for point in points if point.startswith("/") and not os.path.ismount(point))


def system_devices(mounts: Path = _MOUNTS) -> frozenset[int]:
    """Devices (`st_dev`) of mounted kernel file systems; empty if the machine has no table of mounts."""
    if not mounts.is_file():
        return frozenset()
    lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    points = [fields[1].replace("\\040", " ") for line in lines if len(fields := line.split()) > 2 and fields[2] in _OF_THE_SYSTEM]
    identities = [_identity(Path(point)) for point in points]
    return frozenset(identity[0] for identity in identities if identity)
