"""Corrects the clock of one recording, or of all of a camera, in the settings; nothing is decoded again."""

import datetime as dt
import re
from dataclasses import dataclass

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings.clock_entries import drop_clock, only, put_clock
from meetbefore_assets.home.settings.sections import ClockCorrection, check_zone
from meetbefore_assets.recordings.clock_sources import Clock, correction_for, fits, to_utc
from meetbefore_assets.recordings.clocks import camera_clock, clock_of
from meetbefore_assets.recordings.intake import known_videos
from meetbefore_assets.recordings.places import update_places

# A minus sign may be a hyphen or the sign of typesetters.
_MINUS = ("-", "\N{MINUS SIGN}")
_OFFSET = re.compile(r"(?P<sign>[+\N{MINUS SIGN}-]?)\s*(?P<hours>\d{1,6}):(?P<minutes>[0-5]?\d)(:(?P<seconds>[0-5]?\d(\.\d{1,6})?))?")
_LEAST_LETTERS = 2
_UNCHANGED = "Nothing was changed."
# What the settings take, and years in which cameras had clocks.
MOST_S, FIRST_YEAR, LAST_YEAR = 1e9, 1990, 2099


@dataclass(frozen=True)
class ClockStory:
    """When a recording began, and how that is known.

    Attributes:
        names: of its files.
        said: what its files say, without a correction.
        now: what is in force.
        correction: the entry of the settings that is used; None where there is none.
        only_this: the pattern that fits this recording alone.
        camera: a pattern that fits all of its camera, as far as names tell.
        alike: how many videos on record that pattern fits.
    """

    names: tuple[str, ...]
    said: Clock
    now: Clock
    correction: ClockCorrection | None
    only_this: str
    camera: str
    alike: int


def clock_story(home: Home, video_id: str) -> ClockStory:
    """When a recording that has a row in `videos` began, and how that is known."""
    known = known_videos(home)
    names = known[video_id].names
    camera = camera_pattern(names[0])
    return ClockStory(
        names=names,
        said=camera_clock(home, video_id),
        now=clock_of(home, video_id),
        correction=correction_for(names, home.settings().clocks),
        only_this=only(names[0]),
        camera=camera,
        alike=sum(any(fits(name, camera) for name in one.names) for one in known.values()),
    )


def camera_pattern(name: str) -> str:
    """A pattern for all recordings of a camera, from the name of one.

    >>> [camera_pattern(name) for name in ("DJI_20250307081205_0001_D.MP4", "20250307_081205.mp4", "clip")]
    ['DJI_*', '*.mp4', '*']
    """
    letters = re.match(r"\D*", name.rpartition(".")[0] or name)
    found = letters.group() if letters else ""
    if len(found) >= _LEAST_LETTERS and len(found) < len(name):
        return f"{only(found)}*"
    _, dot, ending = name.rpartition(".")
    return f"*.{only(ending)}" if dot else "*"


def parse_offset(text: str) -> float:
    """Seconds of hours, minutes and seconds with a sign.

    >>> [parse_offset(text) for text in ("+1:00", "-0:30:15", "26:00")]
    [3600.0, -1815.0, 93600.0]

    Raises:
        UsageError: it is none.
    """
    found = _OFFSET.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"expected hours and minutes such as +1:00 or -0:30:15, found {text.strip()[:40]!r}.", remedy=_UNCHANGED)
    size = int(found["hours"]) * 3600 + int(found["minutes"]) * 60 + float(found["seconds"] or 0)
    if size > MOST_S:
        raise UsageError(f"expected at most {MOST_S / 3600:,.0f} hours, found {text.strip()[:40]!r}.", remedy=_UNCHANGED)
    return -size if found["sign"] in _MINUS else float(size)


def offset_text(seconds: float) -> str:
    """What `parse_offset` reads.

    >>> [offset_text(seconds) for seconds in (3600, -1815, 0, 0.5)]
    ['+1:00', '-0:30:15', '+0:00', '+0:00:00.5']
    """
    whole, rest = divmod(abs(round(seconds, 6)), 60)
    hours, minutes = divmod(int(whole), 60)
    text = f"{'-' if seconds < 0 else '+'}{hours}:{minutes:02d}"
    return f"{text}:{rest:09.6f}".rstrip("0").rstrip(".") if rest else text


def parse_start(text: str) -> dt.datetime:
    """A local date and time, as browsers send them ("2025-03-07T08:12:05"). Raises UsageError."""
    try:
        moment = dt.datetime.fromisoformat(text.strip())
        if moment.tzinfo is None and FIRST_YEAR <= moment.year <= LAST_YEAR:
            return moment
    except ValueError:
        pass  # said below
    found = f"found {text.strip()[:40]!r}"
    raise UsageError(f"expected a time such as 2025-03-07 08:12:05, from {FIRST_YEAR} to {LAST_YEAR}, {found}.", remedy=_UNCHANGED)


def correct_clock(
    home: Home, video_id: str, *, offset_s: float | None = None, begins: dt.datetime | None = None, zone: str = "", files: str = ""
) -> ClockCorrection:
    """Write a correction into the settings, and read the places again that depend on the clock.

    Args:
        home: the home.
        video_id: a recording that has a row in `videos`.
        offset_s: added to what its files say; alternatively
        begins: when it began, naive, in the zone.
        zone: IANA name that its camera was set to; "" for the one of the settings (`time.zone`).
        files: pattern of the recordings that are corrected by as much; "" for this one alone.

    Returns:
        What was written.

    Raises:
        UsageError: nothing tells when it began, so that there is nothing to add to; the zone is none; or the pattern does not fit it.
        SettingsError, StoreError, LockTimeoutError: the settings cannot be written.
    """
    if zone:
        try:
            check_zone(zone)
        except ValueError as error:
            raise UsageError(f"{error}.", remedy=_UNCHANGED) from error
    names = known_videos(home, [video_id])[video_id].names
    own = only(names[0])
    pattern = files or own
    if not any(fits(name, pattern) for name in names):
        raise UsageError(f"expected a pattern that fits {names[0]}, found {pattern!r}.", remedy=_UNCHANGED)
    said = camera_clock(home, video_id, zone)
    if said.started_at is None:
        raise UsageError(f"nothing tells when {names[0]} began.", remedy="Put the date into its name, for example 20250307_081205.mp4.")
    if begins is not None:
        offset_s = (to_utc(begins, said.timezone)[0] - said.started_at).total_seconds()
    entry = ClockCorrection(files=pattern, offset_s=offset_s or 0.0, zone=zone or None)
    put_clock(home.folder, entry, without=[own] if pattern != own else [])
    update_places(home)
    return entry


def forget_correction(home: Home, files: str) -> None:
    """Remove a correction from the settings: its recordings begin when their files say. Raises what `correct_clock` raises."""
    drop_clock(home.folder, files)
    update_places(home)
