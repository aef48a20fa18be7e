"""Reads MP4 and QuickTime headers for what FFmpeg does not give: rotation, and the presentation time of each sample.

FFmpeg's index has the position and decoding time of each sample; the presentation time comes only with the sample itself, so that a
terabyte would be read to plan a few frames of each minute. The boxes are those of ISO/IEC 14496-12.
"""

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from meetbefore_assets.core.ports import I64

# The identity matrix: 16.16 fixed point, the last column 2.30 (8.2.2).
_IDENTITY = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_MATRIX_BYTES = len(_IDENTITY)
# Offset of the matrix in `tkhd` and `mvhd` after version and flags, by version.
_TRACK_MATRIX, _MOVIE_MATRIX = {0: 40, 1: 52}, {0: 36, 1: 48}
_TRACK_ID = {0: 12, 1: 20}
# An hour of pictures and sound has a header of a few megabytes; a box that claims more than this is no header.
_LARGEST_HEADER = 512 << 20


@dataclass(frozen=True)
class Track:
    """One track.

    Attributes:
        is_turned: whether its matrix is not the identity.
        samples: number of samples.
        delay_runs: (n, 2) run lengths: number of samples, and time steps from decoding to presentation, as written; no rows if absent.
        descriptions: number of sample descriptions (more than 1 in files that were joined).
    """

    is_turned: bool
    samples: int
    delay_runs: I64
    descriptions: int

    def delays(self) -> I64:
        """(samples,) time steps from decoding to presentation; not for sound, which may have millions of samples.

        Raises:
            ValueError: the header contradicts itself.
        """
        runs = self.delay_runs if len(self.delay_runs) else np.array([[self.samples, 0]], np.int64)
        if runs[:, 0].sum() != self.samples:
            raise ValueError(f"{runs[:, 0].sum()} offsets for {self.samples} samples")
        return np.repeat(runs[:, 1], runs[:, 0])


@dataclass(frozen=True)
class Movie:
    """A whole header: tracks by id; `is_fragmented` if samples are described in fragments all over the file."""

    tracks: Mapping[int, Track]
    is_turned: bool
    is_fragmented: bool


def read_movie(path: str) -> Movie | None:
    """Read the header of a file; None if there is no complete one.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        data = _header(file)
    try:
        return None if data is None else _movie(data)
    except (struct.error, KeyError, ValueError):
        return None  # torn: FFmpeg says what is wrong with it


def is_upright(path: str) -> bool:
    """Whether the header says that no picture is rotated; False if it does not say, or the file cannot be read."""
    try:
        movie = read_movie(path)
    except OSError:
        return False  # opening it will say why
    return movie is not None and not movie.is_turned and not any(track.is_turned for track in movie.tracks.values())


def _header(file: BinaryIO) -> bytes | None:
    """Content of the first `moov`."""
    end = file.seek(0, os.SEEK_END)
    at = 0
    while at + 8 <= end:
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        start = at + 8
        if size == 1 and at + 16 <= end:
            (size,) = struct.unpack(">Q", file.read(8))
            start += 8
        size = size or end - at
        if size < start - at:
            return None
        if kind == b"moov":
            file.seek(start)
            length = at + size - start
            return file.read(length) if length <= _LARGEST_HEADER and at + size <= end else None
        at += size
    return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Types and contents of the boxes in a box."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        size = size or len(data) - at
        if size < start - at or at + size > len(data):
            raise ValueError(f"box {kind!r} of {size} bytes at {at} of {len(data)}")
        yield kind, data[start : at + size]
        at += size


def _first(data: bytes, *path: bytes) -> bytes:
    """Content of the first box at a path of types. Raises KeyError if there is none."""
    for wanted in path:
        data = next((content for kind, content in _boxes(data) if kind == wanted), b"")
        if not data:
            raise KeyError(wanted)
    return data


def _movie(data: bytes) -> Movie:
    tracks = dict(_track(content) for kind, content in _boxes(data) if kind == b"trak")
    is_fragmented = any(kind == b"mvex" for kind, _ in _boxes(data))
    header = _first(data, b"mvhd")
    return Movie(tracks, not _is_identity(header, _MOVIE_MATRIX), is_fragmented)


def _track(data: bytes) -> tuple[int, Track]:
    header = _first(data, b"tkhd")
    (number,) = struct.unpack_from(">I", header, _TRACK_ID[header[0]])
    table = _first(data, b"mdia", b"minf", b"stbl")
    (descriptions,) = struct.unpack_from(">I", _first(table, b"stsd"), 4)
    samples = int(_runs(_first(table, b"stts"))[:, 0].sum())
    return number, Track(not _is_identity(header, _TRACK_MATRIX), samples, _delay_runs(table), descriptions)


def _is_identity(header: bytes, places: Mapping[int, int]) -> bool:
    at = places[header[0]]
    return header[at : at + _MATRIX_BYTES] == _IDENTITY


def _delay_runs(table: bytes) -> I64:
    """Parse `ctts`. The offsets of both versions are read as signed, as FFmpeg does and writers mean."""
    box = next((content for kind, content in _boxes(table) if kind == b"ctts"), None)
    runs = _runs(box) if box is not None else np.empty((0, 2), np.int64)
    return np.stack([runs[:, 0], runs[:, 1].astype(np.int32).astype(np.int64)], axis=1)


def _runs(box: bytes) -> I64:
    """Parse run lengths, (n, 2): number of samples, and their value."""
    (count,) = struct.unpack_from(">I", box, 4)
    return np.frombuffer(box, ">u4", count * 2, 8).reshape(-1, 2).astype(np.int64)
