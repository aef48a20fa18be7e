"""Ids of videos, frames and faces, derived from content."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePath

_DAY_MARK = "?day="
_STEM_LENGTH = 40


def video_id(stem_source_name: str, content_hash: str) -> str:
    """Readable, unique id of a video: ASCII letters, digits, `_` and `-` only, at most 49 characters.

    >>> video_id("DJI_20250307122924_0036_D.MP4", "0123456789abcdef")
    'DJI_20250307122924_0036_D-01234567'

    Accents are dropped first, so that composed and decomposed spellings of a name (Linux, macOS) give the same id.
    """
    plain = unicodedata.normalize("NFKD", PurePath(stem_source_name).stem)
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    safe = re.sub(r"-+", "-", re.sub(r"[^A-Za-z0-9-]+", "_", plain)).strip("_-")
    return f"{safe[:_STEM_LENGTH].rstrip('_-') or 'video'}-{content_hash[:8]}"


def frame_id(content_hash: str, pts: int) -> str:
    """Id of a frame: 8 hex digits of the content hash and the presentation time stamp."""
    return f"{content_hash[:8]}-{pts}"


def face_id(content_hash: str, pts: int, ordinal: int) -> str:
    """Id of the `ordinal`-th face of a frame, 16 hex digits."""
    return hashlib.sha256(f"{content_hash}:{pts}:{ordinal}".encode()).hexdigest()[:16]


def face_id_by_place(content_hash: str, pts: int, box: Sequence[float]) -> str:
    """Id of a face whose ordinal is taken by another face, from its box in whole pixels; 16 hex digits."""
    place = ",".join(str(round(edge)) for edge in box)
    return hashlib.sha256(f"{content_hash}:{pts}:{place}".encode()).hexdigest()[:16]


def pictures_uri(folder: str, day: str) -> str:
    """Uri of the pictures of one local day (YYYYMMDD) in a folder: `FOLDER?day=YYYYMMDD`."""
    return f"{folder}{_DAY_MARK}{day}"


def split_uri(uri: str) -> tuple[str, str]:
    """Split a recording's uri into path and day; the day is empty for a video file.

    >>> split_uri("walks/2025?day=20250307"), split_uri("a.mp4")
    (('walks/2025', '20250307'), ('a.mp4', ''))
    """
    folder, mark, day = uri.rpartition(_DAY_MARK)
    return (folder, day) if mark and re.fullmatch(r"[0-9]{8}", day) else (uri, "")
