"""Reads GPS fixes from files beside a recording: DJI's subtitles and a logger's GPX files. Files are streamed, not held in memory."""

import logging
import os
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import IO
from xml.parsers import expat

import numpy as np

from meetbefore_assets.core.ports import F64, GpsFix
from meetbefore_assets.recordings.file_kinds import PLACE_SUFFIXES
from meetbefore_assets.recordings.gps import LONGEST_GAP_S, is_on_earth

_LOG = logging.getLogger(__name__)
# A day of a logger that writes once a second is 9 MB. 100 MB take 5 s on one core and 150 MB of memory.
_LARGEST_BYTES = 256 << 20
_READ_BYTES = 1 << 16
# No GPX tag, subtitle cue or line is longer; a longer one was made to use up memory.
_LONGEST_TAG_BYTES, _LONGEST_CUE, _LONGEST_LINE = 1 << 20, 64, 4096
_CUE_TIME = re.compile(r"(\d{1,3}):(\d{2}):(\d{2})[,.](\d{1,3})\s*+-->")
_NUMBER = r"\s*+:?\s*+(-?\d{1,3}\.\d+)"
# Some models misspell it.
_LATITUDE, _LONGITUDE = re.compile(rf"\[?latitude{_NUMBER}", re.IGNORECASE), re.compile(rf"\[?longt?itude{_NUMBER}", re.IGNORECASE)
# Older models: longitude first.
_GPS = re.compile(r"GPS\s*+\(\s*+(-?\d{1,3}\.\d+)\s*+,\s*+(-?\d{1,3}\.\d+)")
# A second of a flight is 30 cues: one is enough.
_STEP_S = 1.0


PlaceFile = tuple[str, int, int]


def place_files(uris: Sequence[str]) -> list[tuple[PlaceFile, ...]]:
    """GPS files for each recording: path, size, modification time (ns); sorted.

    `NAME.srt` beside `NAME.mp4`, and every GPX file of the folder; endings in any case. None if the recording is missing.
    Each folder is listed once: a folder of two thousand recordings would take seconds otherwise.
    """
    look = cache(_gps_files_of)
    found = []
    for uri in uris:
        video = Path(uri)
        loggers, subtitles = look(str(video.parent)) if video.is_file() else ((), {})
        found.append(tuple(sorted((*loggers, *subtitles.get(video.stem, ())))))
    return found


def _gps_files_of(folder: str) -> tuple[tuple[PlaceFile, ...], dict[str, tuple[PlaceFile, ...]]]:
    """GPX files of a folder, and its subtitles by name without ending."""
    loggers: list[PlaceFile] = []
    subtitles: dict[str, tuple[PlaceFile, ...]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            stem, ending = os.path.splitext(entry.name)
            if ending.lower() not in PLACE_SUFFIXES or not entry.is_file():
                continue
            file = (entry.path, entry.stat().st_size, entry.stat().st_mtime_ns)
            if ending.lower() == ".gpx":
                loggers.append(file)
            else:
                subtitles[stem] = (*subtitles.get(stem, ()), file)
    return tuple(loggers), subtitles


def read_fixes(path: str, started_at: datetime | None, duration_s: float) -> list[GpsFix]:
    """Read the fixes of a subtitle or GPX file from LONGEST_GAP_S before to after a recording, by time, at most one a second.

    Files that cannot be read, or are larger than cameras and loggers write, are skipped with a warning.

    Args:
        path: from `place_files`.
        started_at: naive UTC of the recording's first picture; without it a GPX file gives no fixes.
        duration_s: length of the recording, seconds.
    """
    try:
        status = os.stat(path)
        if status.st_size > _LARGEST_BYTES:
            raise ValueError(f"expected at most {_LARGEST_BYTES >> 20} MiB, found {status.st_size >> 20}")
        if path.lower().endswith(".gpx"):
            return _gpx_fixes(_gpx_points(path, status.st_size, status.st_mtime_ns), started_at, duration_s)
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            found = [fix for fix in _srt_fixes(file) if -LONGEST_GAP_S <= fix.time_s <= duration_s + LONGEST_GAP_S]
        return _thinned(sorted(found, key=lambda fix: fix.time_s))
    except (OSError, ValueError, expat.ExpatError) as error:
        _LOG.warning("%r tells no places: %s", path, error)
        return []


def _srt_fixes(file: IO[str]) -> Iterator[GpsFix]:
    time_s, words = 0.0, list[str]()
    for line in _lines(file):
        match = _CUE_TIME.search(line)
        if match:
            yield from _cue_fix(time_s, words)
            hours, minutes, seconds, fraction = match.groups()
            time_s, words = int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000, []
        elif not line.strip():
            yield from _cue_fix(time_s, words)
            words = []
        elif len(words) < _LONGEST_CUE:
            words.append(line)
    yield from _cue_fix(time_s, words)


def _lines(file: IO[str]) -> Iterator[str]:
    """The lines of a file; lines longer than cameras write come in parts."""
    while line := file.readline(_LONGEST_LINE):
        yield line


def _cue_fix(time_s: float, words: list[str]) -> Iterable[GpsFix]:
    found = _coordinates("".join(words))
    return [GpsFix(time_s, *found)] if found and is_on_earth(*found) else []


def _coordinates(words: str) -> tuple[float, float] | None:
    latitude, longitude, old = _LATITUDE.search(words), _LONGITUDE.search(words), _GPS.search(words)
    if latitude and longitude:
        return float(latitude[1]), float(longitude[1])
    return (float(old[2]), float(old[1])) if old else None


class _GpxPoints:
    """Collects the timed track points of a GPX file while it is parsed, at most one per second of a track.

    Raises:
        ValueError: the file has a document type declaration (no logger writes one, and entities could expand without end), or a tag
            without end.
    """

    def __init__(self) -> None:
        self.numbers = array("d")  # seconds since 1970 UTC, latitude, longitude, and so on
        self._place: tuple[str, str] | None = None
        self._time: list[str] | None = None
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._begin
        self._parser.CharacterDataHandler = self._text
        self._parser.EndElementHandler = self._end

    def read(self, path: str) -> None:
        fed = 0
        with open(path, "rb") as file:
            while block := file.read(_READ_BYTES):
                self._parser.Parse(block)
                fed += len(block)
                if fed - self._parser.CurrentByteIndex > _LONGEST_TAG_BYTES:
                    raise ValueError(f"expected tags of at most {_LONGEST_TAG_BYTES >> 20} MiB, found a longer one")
        self._parser.Parse(b"", True)

    def _refuse(self, *_: object) -> None:
        raise ValueError("expected a GPX file, found one with a document type declaration")

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(" ")[2]
        if name == "trkpt":
            self._place = attributes.get("lat", ""), attributes.get("lon", "")
        elif name == "time" and self._place:
            self._time = []

    def _text(self, text: str) -> None:
        if self._time is not None and len(self._time) < 2:
            self._time.append(text)

    def _end(self, tag: str) -> None:
        name = tag.rpartition(" ")[2]
        if name == "trkpt":
            self._place = None
        elif name == "time" and self._place and self._time is not None:
            self._add("".join(self._time), *self._place)
            self._time = None

    def _add(self, time: str, latitude: str, longitude: str) -> None:
        if not time.strip():
            return
        moment = datetime.fromisoformat(time.strip())
        point = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), float(latitude), float(longitude)
        is_new = not self.numbers or abs(point[0] - self.numbers[-3]) >= _STEP_S
        if is_new and is_on_earth(*point[1:]):
            self.numbers.extend(point)


@lru_cache(maxsize=2)
def _gpx_points(path: str, _size: int, _mtime_ns: int) -> F64:
    """Points of a GPX file, shape (n, 3): seconds since 1970 UTC (rising), latitude, longitude.

    Cached, because the GPX file of a ride is beside all recordings of its day.
    """
    points = _GpxPoints()
    points.read(path)
    table = np.array(points.numbers, np.float64).reshape(-1, 3)
    return table[np.argsort(table[:, 0], kind="stable")]


def _gpx_fixes(points: F64, started_at: datetime | None, duration_s: float) -> list[GpsFix]:
    if started_at is None:
        return []
    zero = started_at.replace(tzinfo=UTC).timestamp()
    begin = np.searchsorted(points[:, 0], zero - LONGEST_GAP_S)
    end = np.searchsorted(points[:, 0], zero + duration_s + LONGEST_GAP_S, side="right")
    return _thinned([GpsFix(round(moment - zero, 6), latitude, longitude) for moment, latitude, longitude in points[begin:end].tolist()])


def _thinned(fixes: list[GpsFix]) -> list[GpsFix]:
    kept: list[GpsFix] = []
    for fix in fixes:
        if not kept or fix.time_s - kept[-1].time_s >= _STEP_S:
            kept.append(fix)
    return kept
