"""Explains why a file cannot be read as a video."""

import errno
import os
from pathlib import Path
from typing import BinaryIO

from meetbefore_assets.core.errors import UnreadableVideoError

COPY_AGAIN = "Copy it again from the card or phone."
_HEAD_BYTES = 4096
_TEXT_SHARE = 0.95
_PLAYLISTS = {b"ffconcat": "a concat script", b"#EXTM3U": "a playlist (M3U)", b"[playlist]": "a playlist (PLS)"}
_TOP_BOXES = (b"ftyp", b"mdat", b"wide", b"free", b"skip")


def unreadable_error(path: str, error: Exception) -> UnreadableVideoError:
    """The error for a file that could not be opened; reads its first bytes to say what it is instead."""
    message, remedy = _found(Path(path), error)
    return UnreadableVideoError(f"{Path(path).name}: {message}", remedy=remedy)


def _found(path: Path, error: Exception) -> tuple[str, str]:
    code = getattr(error, "errno", None)
    if not path.exists():
        return "expected a video file, found nothing there.", "Attach the disk, or give the path it was moved to."
    if path.is_dir():
        return "expected a video file, found a folder.", "Give the files in it, or add the folder to the sources."
    # FFmpeg raises the same for a playlist that refers to forbidden files.
    if code in (errno.EACCES, errno.EPERM) and not os.access(path, os.R_OK):
        return "may not be read (no permission).", "Give yourself the right to read it: `chmod u+r`."
    if code in (errno.EIO, errno.ENXIO, errno.ESTALE):
        return f"the disk it is on does not answer ({os.strerror(code)}).", "Check the disk or the network, then run again."
    return _content(path, error)


def _content(path: Path, error: Exception) -> tuple[str, str]:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        boxes, is_torn = _boxes(file, os.path.getsize(path)) if head[4:8] in _TOP_BOXES else (set(), False)
    if not head:
        return "the file is empty (0 bytes).", COPY_AGAIN
    if not any(head):
        return f"expected a video, found only zeros in its first {len(head)} bytes: it was never written.", COPY_AGAIN
    if boxes and b"moov" not in boxes:
        return (
            "an MP4 without its header (no 'moov'): the camera was switched off before it finished, or the copy stopped early.",
            f"{COPY_AGAIN} If the original is like this too, `untrunc` can rebuild the header from an intact file of the same camera.",
        )
    if is_torn:
        return "an MP4 that is cut off inside its index, so that FFmpeg cannot read it.", COPY_AGAIN
    if kind := _playlist_kind(head):
        return f"expected a video, found {kind}, which holds no pictures but names other files.", "Give the files that it names."
    if _is_text(head):
        shown = " ".join(head[:60].decode("utf-8", "replace").split())[:40]
        return f"expected a video, found text (“{shown}”).", "Take it out of the folder, or copy the video again."
    reason = getattr(error, "strerror", None) or str(error)
    return (
        f"expected a video, found {os.path.getsize(path)} bytes that FFmpeg cannot read ({reason}).",
        f"{COPY_AGAIN} If players show it, `ffmpeg -i FILE -c copy repaired.mkv` may repair it.",
    )


def _boxes(file: BinaryIO, file_size: int) -> tuple[set[bytes], bool]:
    """Types of the top-level boxes of an MP4 file, and whether the last one reaches beyond the end of the file."""
    names: set[bytes] = set()
    at = 0
    while at + 8 <= file_size:
        file.seek(at)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        names.add(head[4:8])
        if size < 8:
            return names, False
        at += size
    return names, at > file_size


def is_playlist(path: str) -> bool:
    """Whether a file is a playlist: it refers to other files, which FFmpeg would read. False if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return bool(_playlist_kind(file.read(_HEAD_BYTES)))
    except OSError:
        return False


def _playlist_kind(head: bytes) -> str:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"<?xml", b"<MPD")) and b"<MPD" in start:
        return "a playlist (DASH)"
    return next((kind for mark, kind in _PLAYLISTS.items() if start.startswith(mark)), "")


def _is_text(head: bytes) -> bool:
    printable = sum(32 <= byte < 127 or byte in b"\t\n\r" or byte >= 0xA0 for byte in head)
    try:
        head[:-4].decode("utf-8") if len(head) == _HEAD_BYTES else head.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return printable >= _TEXT_SHARE * len(head)
