"""Reads places from files beside a recording: DJI's subtitles, and GPX files of a logger."""

import logging
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import gpxpy
import gpxpy.gpx

from meetbefore_assets.core.ports import GpsFix
from meetbefore_assets.recordings.gps import is_on_earth

_LOG = logging.getLogger(__name__)
_LARGEST_BYTES = 256 << 20
_CUE = re.compile(r"(\d{1,3}):(\d{2}):(\d{2})[,.](\d{1,3})\s*-->[^\n]*\n(.*?)(?=\n\s*\n|\Z)", re.DOTALL)
_NUMBER = r"\s*:?\s*(-?\d{1,3}\.\d+)"
# Some models misspell it.
_LATITUDE, _LONGITUDE = re.compile(rf"\[?latitude{_NUMBER}", re.IGNORECASE), re.compile(rf"\[?longt?itude{_NUMBER}", re.IGNORECASE)
# Older models: longitude first.
_GPS = re.compile(r"GPS\s*\(\s*(-?\d{1,3}\.\d+)\s*,\s*(-?\d{1,3}\.\d+)")
# A second of a flight is 30 cues: one is enough.
_STEP_S = 1.0


PlaceFile = tuple[str, int, int]


def place_files(uris: Sequence[str]) -> list[tuple[PlaceFile, ...]]:
    """Files that may tell where recordings were made, for each: path, size, modification time (ns); sorted.

    `NAME.srt` beside `NAME.mp4`, and every GPX file of the folder; endings in any case. Nothing where the recording is not there.
    Each folder is looked into once: one of two thousand recordings would take seconds otherwise.
    """
    look = cache(_gps_files_of)
    found = []
    for uri in uris:
        video = Path(uri)
        loggers, subtitles = look(str(video.parent)) if video.is_file() else ((), {})
        found.append(tuple(sorted((*loggers, *subtitles.get(video.stem, ())))))
    return found


def _gps_files_of(folder: str) -> tuple[tuple[PlaceFile, ...], dict[str, tuple[PlaceFile, ...]]]:
    """GPX files of a folder, and subtitles by the name without ending."""
    loggers: list[PlaceFile] = []
    subtitles: dict[str, tuple[PlaceFile, ...]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            stem, ending = os.path.splitext(entry.name)
            if ending.lower() not in (".gpx", ".srt") or not entry.is_file():
                continue
            file = (entry.path, entry.stat().st_size, entry.stat().st_mtime_ns)
            if ending.lower() == ".gpx":
                loggers.append(file)
            else:
                subtitles[stem] = (*subtitles.get(stem, ()), file)
    return tuple(loggers), subtitles


def read_fixes(path: str, started_at: datetime | None) -> list[GpsFix]:
    """Fixes of a subtitle or GPX file, in order of time, one a second at most; files that cannot be read are passed over with a warning.

    Args:
        path: as `place_files` gives it.
        started_at: naive UTC of the recording's first picture, which the times of a GPX file are counted from; without it
            such a file tells nothing.
    """
    try:
        if os.path.getsize(path) > _LARGEST_BYTES:
            raise ValueError(f"expected at most {_LARGEST_BYTES >> 20} MiB")
        text = Path(path).read_text(encoding="utf-8-sig", errors="replace")
        fixes = _from_gpx(text, started_at) if path.lower().endswith(".gpx") else _from_srt(text)
    except (OSError, ValueError, gpxpy.gpx.GPXException) as error:
        _LOG.warning("%r tells no places: %s", path, error)
        return []
    return _thinned(sorted(fixes, key=lambda fix: fix.time_s))


def _from_srt(text: str) -> list[GpsFix]:
    fixes = []
    for hours, minutes, seconds, fraction, words in _CUE.findall(text.replace("\r\n", "\n")):
        found = _coordinates(words)
        if found and is_on_earth(*found):
            time_s = int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000
            fixes.append(GpsFix(time_s, *found))
    return fixes


def _coordinates(words: str) -> tuple[float, float] | None:
    latitude, longitude, old = _LATITUDE.search(words), _LONGITUDE.search(words), _GPS.search(words)
    if latitude and longitude:
        return float(latitude[1]), float(longitude[1])
    return (float(old[2]), float(old[1])) if old else None


def _from_gpx(text: str, started_at: datetime | None) -> list[GpsFix]:
    if started_at is None:
        return []
    zero = started_at.replace(tzinfo=UTC)
    points = gpxpy.parse(text).walk(only_points=True)
    timed = ((point, point.time) for point in points if point.time is not None and is_on_earth(point.latitude, point.longitude))
    return [GpsFix((_utc(moment) - zero).total_seconds(), point.latitude, point.longitude) for point, moment in timed]


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _thinned(fixes: list[GpsFix]) -> list[GpsFix]:
    kept: list[GpsFix] = []
    for fix in fixes:
        if not kept or fix.time_s - kept[-1].time_s >= _STEP_S:
            kept.append(fix)
    return kept
