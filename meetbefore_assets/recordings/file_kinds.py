"""Tells which files are recordings, by their names alone."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from meetbefore_assets.recordings.camera_names import picture_time

VIDEO_SUFFIXES = frozenset(
    [".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mts", ".m2ts", ".ts", ".3gp", ".3g2", ".mpg", ".mpeg", ".wmv", ".insv"]
)
PICTURE_SUFFIXES = frozenset([".jpg", ".jpeg", ".png", ".webp"])
# Photographs from elsewhere, of which no recording is made.
PHOTOGRAPH_SUFFIXES = PICTURE_SUFFIXES | frozenset([".heic", ".heif", ".avif", ".bmp", ".tif", ".tiff", ".gif"])
# Files beside a recording that may tell where it was made.
PLACE_SUFFIXES = (".gpx", ".srt")
UNTIMED_PICTURE = "picture whose name is no time, such as 20250307122924.jpg"
_PROXY_SUFFIXES = frozenset([".lrv", ".lrf"])
_SIDECAR_SUFFIXES = frozenset([".srt", ".json", ".xmp"])
_UNFINISHED_SUFFIXES = frozenset([".part", ".partial", ".crdownload", ".download", ".filepart", ".tmp"])


@dataclass(frozen=True)
class FileKind:
    """The kind of a file; `reason` says why it is skipped, and is empty otherwise."""

    kind: Literal["video", "picture", "skip"]
    reason: str = ""


def classify_file(name: str) -> FileKind:
    """Classify a file by its name (case does not matter)."""
    suffix = PurePath(name).suffix.lower()
    if name.startswith("._"):
        return FileKind("skip", "macOS resource fork")
    if name.startswith("."):
        return FileKind("skip", "hidden file")
    if suffix in _UNFINISHED_SUFFIXES:
        return FileKind("skip", "unfinished copy")
    if suffix in _PROXY_SUFFIXES or (suffix in VIDEO_SUFFIXES and name.lower().startswith("lrv_")):
        return FileKind("skip", "low-resolution copy of another recording")
    if suffix == ".thm":
        return FileKind("skip", "thumbnail")
    if suffix in _SIDECAR_SUFFIXES:
        return FileKind("skip", "sidecar file")
    if suffix in VIDEO_SUFFIXES:
        return FileKind("video")
    if suffix in PICTURE_SUFFIXES:
        return FileKind("picture") if picture_time(name) else FileKind("skip", UNTIMED_PICTURE)
    return FileKind("skip", f"no recording ({suffix})" if suffix else "no recording (name without extension)")
