"""Finds out when a recording started: from its name, container, sidecar or file time, the most trusted first.

Local times that do not exist or exist twice (at a change to or from summer time) are read with the offset from before the change: 02:30
in a skipped hour is what clocks call 03:30, and of a doubled hour the first is taken. Such a start is marked as uncertain.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from meetbefore_assets.home.settings.sections import ClockCorrection, TimeSettings
from meetbefore_assets.recordings.camera_names import Reading, read_names

_EARLIEST, _LATEST = datetime(1990, 1, 1), datetime(2100, 1, 1)
_EPOCH = datetime(1970, 1, 1)
_RENAME = "Name the file by its start (2025-03-07 12-29-24.mp4), or add a pattern under time.patterns."


@dataclass(frozen=True)
class Clock:
    """When a recording started.

    Attributes:
        started_at: naive UTC; None if unknown.
        timezone: IANA name of the camera's zone; local days are days of this zone.
        clock_source: name of the pattern, or quicktime, creation_time, sidecar, mtime, none.
        is_certain: False if the start may be hours off.
        warning: a sentence for people; empty if all is well.
    """

    started_at: datetime | None
    timezone: str
    clock_source: str
    is_certain: bool = True
    warning: str = ""


def resolve_clock(
    file_names: Sequence[str],
    tags: Mapping[str, str],
    sidecar_start: str,
    mtime_s: float | None,
    duration_s: float,
    time: TimeSettings,
    clocks: Sequence[ClockCorrection],
    machine_zone: str,
) -> Clock:
    """Find the start of a recording.

    Args:
        file_names: all names of the content, without folders.
        tags: container metadata, keys in lower case.
        sidecar_start: ISO 8601 (local time if it has no offset) or "".
        mtime_s: modification time of the file, seconds since 1970 UTC; it marks the end of the recording.
        duration_s: seconds; 0 if unknown.
        time: zone, own name patterns, and how to read `creation_time`.
        clocks: corrections; the first that matches one of the names is used. Its offset is added to the start, whatever its source;
            its zone replaces `time.zone` (not the zone of a pattern that names one, nor that of times with an offset).
        machine_zone: IANA name for `time.zone` = 'local'.
    """
    correction = correction_for(file_names, clocks) or ClockCorrection(files="*")
    zone = correction.zone or (machine_zone if time.zone == "local" else time.zone)
    duration = timedelta(seconds=duration_s if 0 < duration_s < 1e8 else 0.0)
    readings = read_names(file_names, time.patterns) + _read_texts(tags, sidecar_start, time, duration)
    clock = _decide(readings, zone) or _from_mtime(mtime_s, duration, zone)
    if clock.started_at is None:
        return clock
    return replace(clock, started_at=clock.started_at + timedelta(seconds=correction.offset_s))


def correction_for(names: Sequence[str], clocks: Sequence[ClockCorrection]) -> ClockCorrection | None:
    """The correction that is used for a recording of these names: the first whose pattern fits one of them."""
    return next((entry for entry in clocks if any(fits(name, entry.files) for name in names)), None)


def fits(name: str, pattern: str) -> bool:
    """Whether a file name fits a pattern (`*`, `?`), whatever its case."""
    return fnmatchcase(name.casefold(), pattern.casefold())


def _read_texts(tags: Mapping[str, str], sidecar_start: str, time: TimeSettings, duration: timedelta) -> list[Reading]:
    """Starts given by container and sidecar, most trusted first."""
    readings = [_read_text("quicktime", tags.get("com.apple.quicktime.creationdate", ""), "local")]
    if time.creation_time != "ignore":
        zone = "UTC" if time.creation_time == "utc" else "local"
        reading = _read_text("creation_time", tags.get("creation_time", ""), zone, is_zulu_ignored=zone == "local")
        # Android's recorder sets creation_time when it stops (AOSP, MPEG4Writer::writeMvhdBox), so it marks the end.
        if reading and "com.android.version" in tags:
            reading = replace(reading, moment=reading.moment - duration)
        readings.append(reading)
    readings.append(_read_text("sidecar", sidecar_start, "local"))
    return [reading for reading in readings if reading]


def _read_text(source: str, text: str, zone: str, *, is_zulu_ignored: bool = False) -> Reading | None:
    """Parse an ISO 8601 time; None if it is none, or outside 1990 to 2100 (unset clocks say 1904 or 1970)."""
    try:
        moment = datetime.fromisoformat(text.strip().replace("/", "-"))
    except ValueError:
        return None
    if not _EARLIEST.year <= moment.year < _LATEST.year:
        return None
    offset = moment.utcoffset()
    if offset is None or (is_zulu_ignored and not offset):
        return Reading(source, moment.replace(tzinfo=None), zone)
    return Reading(source, moment.astimezone(UTC).replace(tzinfo=None), "UTC")


def _decide(readings: Sequence[Reading], zone: str) -> Clock | None:
    """Use the first reading; if it is only a day, use the time of the first later one that falls on that day."""
    if not readings:
        return None
    first = readings[0]
    camera_zone = zone if first.zone in ("local", "UTC") else first.zone
    if first.has_time:
        return _clock(first, first.source, camera_zone)
    for reading in readings[1:]:
        if reading.has_time and _local_day(reading, zone, camera_zone) == first.moment.date():
            return _clock(reading, first.source, camera_zone, read_in=zone)
    started_at, _ = to_utc(first.moment, camera_zone)
    return Clock(started_at, camera_zone, first.source, False, f"The name tells only the day: noon was taken. {_RENAME}")


def _clock(reading: Reading, source: str, camera_zone: str, read_in: str = "") -> Clock:
    zone = _zone_of(reading, read_in or camera_zone)
    started_at, is_doubtful = to_utc(reading.moment, zone)
    if is_doubtful:
        warning = f"{reading.moment} is skipped or doubled by the change of summer time in {zone}; it may be an hour off."
        return Clock(started_at, camera_zone, source, False, warning)
    if reading.is_sent:
        return Clock(started_at, camera_zone, source, False, f"The name tells when the video was sent, not when it was recorded. {_RENAME}")
    return Clock(started_at, camera_zone, source)


def _zone_of(reading: Reading, local: str) -> str:
    return local if reading.zone == "local" else reading.zone


def _local_day(reading: Reading, zone: str, camera_zone: str) -> date:
    moment, _ = to_utc(reading.moment, _zone_of(reading, zone))
    return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(camera_zone)).date()


def to_utc(moment: datetime, zone: str) -> tuple[datetime, bool]:
    """Naive local time -> naive UTC, and whether the local time does not exist or exists twice."""
    earlier, later = (moment.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    return earlier.astimezone(UTC).replace(tzinfo=None), earlier.utcoffset() != later.utcoffset()


def _from_mtime(mtime_s: float | None, duration: timedelta, zone: str) -> Clock:
    if mtime_s is not None and _EARLIEST <= _EPOCH + timedelta(seconds=_bounded(mtime_s)) < _LATEST:
        warning = f"Nothing tells the start: it was taken from the time the file was last changed, which copying may alter. {_RENAME}"
        return Clock(_EPOCH + timedelta(seconds=mtime_s) - duration, zone, "mtime", False, warning)
    return Clock(None, zone, "none", False, f"Nothing tells when this was recorded. {_RENAME}")


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), 1e10) if math.isfinite(seconds) else 0.0
