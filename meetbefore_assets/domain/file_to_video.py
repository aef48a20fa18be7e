"""File to video: which files are recordings, what their names tell, and ids made of content.

Ids depend on what a file holds, never on where it lies; only the readable part of a video's id comes from its name.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from meetbefore_assets.domain.clocks import Clock, resolve_clock
from meetbefore_assets.domain.file_names import Reading, picture_time, read_names

__all__ = [
    "Clock",
    "Reading",
    "Verdict",
    "classify",
    "face_id",
    "frame_id",
    "picture_time",
    "pictures_uri",
    "read_names",
    "resolve_clock",
    "split_uri",
    "video_id",
]

VIDEO_SUFFIXES = frozenset(
    [".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mts", ".m2ts", ".ts", ".3gp", ".3g2", ".mpg", ".mpeg", ".wmv", ".insv"]
)
PICTURE_SUFFIXES = frozenset([".jpg", ".jpeg", ".png", ".webp"])
UNTIMED_PICTURE = "picture whose name is no time, such as 20250307122924.jpg"
_PROXY_SUFFIXES = frozenset([".lrv", ".lrf"])
_SIDECAR_SUFFIXES = frozenset([".srt", ".json", ".xmp"])
_UNFINISHED_SUFFIXES = frozenset([".part", ".partial", ".crdownload", ".download", ".filepart", ".tmp"])
_DAY_MARK = "?day="
_STEM_LENGTH = 40


@dataclass(frozen=True)
class Verdict:
    """What a file is, by its name; `reason` says why it is skipped and is empty otherwise."""

    kind: Literal["video", "picture", "skip"]
    reason: str = ""


def video_id(stem_source_name: str, content_hash: str) -> str:
    """Readable, unique key of a video: ASCII letters, digits, `_` and `-` only, at most 49 characters.

    >>> video_id("DJI_20250307122924_0036_D.MP4", "0123456789abcdef")
    'DJI_20250307122924_0036_D-01234567'

    Accents are dropped first, so that the composed and decomposed spelling of a name (Linux, macOS) give one id.
    """
    plain = unicodedata.normalize("NFKD", PurePath(stem_source_name).stem)
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    safe = re.sub(r"-+", "-", re.sub(r"[^A-Za-z0-9-]+", "_", plain)).strip("_-")
    return f"{safe[:_STEM_LENGTH].rstrip('_-') or 'video'}-{content_hash[:8]}"


def frame_id(content_hash: str, pts: int) -> str:
    """Key of a moment: 8 hex digits of the content hash and the presentation time stamp."""
    return f"{content_hash[:8]}-{pts}"


def face_id(content_hash: str, pts: int, ordinal: int) -> str:
    """Key of the `ordinal`-th face of a moment, 16 hex digits."""
    return hashlib.sha256(f"{content_hash}:{pts}:{ordinal}".encode()).hexdigest()[:16]


def classify(name: str) -> Verdict:
    """Say what a file is by its name alone (case does not matter)."""
    suffix = PurePath(name).suffix.lower()
    if name.startswith("._"):
        return Verdict("skip", "macOS resource fork")
    if name.startswith("."):
        return Verdict("skip", "hidden file")
    if suffix in _UNFINISHED_SUFFIXES:
        return Verdict("skip", "unfinished copy")
    if suffix in _PROXY_SUFFIXES or (suffix in VIDEO_SUFFIXES and name.lower().startswith("lrv_")):
        return Verdict("skip", "low-resolution copy of another recording")
    if suffix == ".thm":
        return Verdict("skip", "thumbnail")
    if suffix in _SIDECAR_SUFFIXES:
        return Verdict("skip", "sidecar file")
    if suffix in VIDEO_SUFFIXES:
        return Verdict("video")
    if suffix in PICTURE_SUFFIXES:
        return Verdict("picture") if picture_time(name) else Verdict("skip", UNTIMED_PICTURE)
    return Verdict("skip", f"no recording ({suffix})" if suffix else "no recording (name without extension)")


def pictures_uri(folder: str, day: str) -> str:
    """Uri of the pictures of one local day (YYYYMMDD) in a folder."""
    return f"{folder}{_DAY_MARK}{day}"


def split_uri(uri: str) -> tuple[str, str]:
    """Path and day of a recording's uri; the day is empty where the path is a video.

    >>> split_uri("walks/2025?day=20250307"), split_uri("a.mp4")
    (('walks/2025', '20250307'), ('a.mp4', ''))
    """
    folder, mark, day = uri.rpartition(_DAY_MARK)
    return (folder, day) if mark and re.fullmatch(r"[0-9]{8}", day) else (uri, "")
