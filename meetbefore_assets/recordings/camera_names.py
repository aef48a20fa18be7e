"""Reads the start of a recording from its file name, by the naming patterns of cameras."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import regex

from meetbefore_assets.core.errors import SettingsError
from meetbefore_assets.home.settings.sections import NamePattern

# A user's pattern that takes longer for one name is given up; the built-in ones take microseconds.
OWN_PATTERN_TIMEOUT_S = 2.0
_Search = Callable[[str], "re.Match[str] | regex.Match[str] | None"]


@dataclass(frozen=True)
class Reading:
    """The start of a recording as a name, a container or a sidecar gives it.

    Attributes:
        source: name of the pattern, or of the other source.
        moment: naive, in `zone`; noon if only the day is known.
        zone: 'local', 'UTC' or an IANA name.
        has_time: False if only the day is known.
        is_sent: True if it is the time of sending (messengers).
    """

    source: str
    moment: datetime
    zone: str
    has_time: bool = True
    is_sent: bool = False


_DAY = "(?P<year>(?:19|20)[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
_TIME = "(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?P<second>[0-9]{2})"
_MS = "(?P<millisecond>[0-9]{3})"
_SPLIT_DAY = "(?P<year>(?:19|20)[0-9]{2})[-_.](?P<month>[0-9]{2})[-_.](?P<day>[0-9]{2})"
_SPLIT_TIME = r"(?P<hour>[0-9]{1,2})[-_.:](?P<minute>[0-9]{2})[-_.:](?P<second>[0-9]{2})"
_HALF = r"(?:\s?(?P<half>[ap])m\b)?"
_ISO = rf"(?<![0-9]){_SPLIT_DAY}(?:[T_ -]{{1,3}}|\s[^\W\d]{{1,5}}\s)(?:{_SPLIT_TIME}|{_TIME.replace('<', '<compact_')})(?:[.,-]{_MS})?"
_COMPACT = rf"(?<![0-9]){_DAY}[T _-]?{_TIME}{_MS}?"
_START, _END = "(?<![0-9A-Za-z])", "(?![0-9])"

# From specific to general: the first pattern that gives a real date is used.
_BUILT_IN: tuple[tuple[str, str, str], ...] = (
    ("picture", rf"^{_DAY}[_-]?{_TIME}(?:[._-]?{_MS})?(?:[_-][0-9]+)?\.(?:jpe?g|png|webp)$", "local"),
    ("dji", rf"{_START}DJI_{_DAY}_?{_TIME}{_END}", "local"),
    ("pixel", rf"{_START}PXL_{_DAY}_{_TIME}{_MS}?{_END}", "UTC"),
    ("insta360", rf"{_START}VID_{_DAY}_{_TIME}_[0-9]{{2}}_[0-9]{{3}}{_END}", "local"),
    ("android", rf"{_START}VID[_-]?{_DAY}[_-]?{_TIME}{_MS}?{_END}", "local"),
    ("70mai", rf"^(?:NO|EV|PA|LA)_?{_DAY}-{_TIME}-[0-9]+", "local"),
    ("blackvue", rf"^{_DAY}_{_TIME}_[A-Z][FRIO][A-Z]?(?![0-9A-Z])", "local"),
    ("viofo", rf"^(?P<year>20[0-9]{{2}})_(?P<month>[0-9]{{2}})(?P<day>[0-9]{{2}})_{_TIME}{_END}", "local"),
    ("viofo", rf"^{_DAY}{_TIME}_[0-9]{{4,6}}[A-Z]{{1,2}}(?![0-9A-Z])", "local"),
    ("thinkware", rf"^[A-Z]{{3,4}}_{_SPLIT_DAY}_{_SPLIT_TIME}_[A-Z]", "local"),
    ("nextbase", rf"^(?P<year>[0-9]{{2}})(?P<month>[0-9]{{2}})(?P<day>[0-9]{{2}})_{_TIME}_[0-9]{{3}}_[A-Z]{{2}}(?![0-9A-Z])", "local"),
    ("windows", rf"{_START}W(?:IN|P)_{_DAY}_{_SPLIT_TIME}{_END}", "local"),
    (
        "ios_screen",
        rf"ScreenRecording_(?P<month>[0-9]{{2}})-(?P<day>[0-9]{{2}})-(?P<year>20[0-9]{{2}})[ _]{_SPLIT_TIME}{_END}",
        "local",
    ),
    ("messenger", rf"^(?:WhatsApp Video |signal-|video_){_ISO}{_HALF}{_END}", "local"),
    ("samsung", rf"^{_DAY}_{_TIME}(?:\([0-9]+\)|_[0-9]+)?\.[0-9A-Z]+$", "local"),
    ("date_time_utc", rf"(?:{_ISO})Z(?![0-9A-Z])", "UTC"),
    ("date_time_utc", rf"(?:{_COMPACT})Z(?![0-9A-Z])", "UTC"),
    ("date_time", rf"{_ISO}{_HALF}{_END}", "local"),
    ("date_time", rf"{_COMPACT}{_END}", "local"),
    ("whatsapp", rf"{_START}VID-{_DAY}-WA[0-9]+", "local"),
)
_COMPILED = tuple((name, re.compile(pattern, re.IGNORECASE), zone) for name, pattern, zone in _BUILT_IN)
_COMPILED_SEARCH: tuple[tuple[str, _Search, str], ...] = tuple((name, pattern.search, zone) for name, pattern, zone in _COMPILED)
_PICTURE = _COMPILED[0][1]


def picture_time(name: str) -> datetime | None:
    """Local time in the name of an extracted picture; None if there is none.

    `YYYYMMDDHHMMSS.jpg`, also with `_` or `-` before the time, and after it milliseconds (three digits) or a counter
    (other digits after `_` or `-`, which does not count as time).
    """
    match = _PICTURE.fullmatch(name)
    return _moment(match.groupdict()) if match else None


def read_names(names: Sequence[str], patterns: Sequence[NamePattern] = ()) -> list[Reading]:
    """Read the start of a recording from its names; most trusted first: own patterns before built-in ones, times before days.

    Own patterns may match anywhere in the name (with its extension) and are case-sensitive. Of several names the first in alphabetical
    order is preferred. Dates that do not exist are ignored.

    Raises:
        SettingsError: an own pattern takes too long.
    """
    own = tuple((entry.name, _own_search(entry.pattern), entry.zone) for entry in patterns)
    readings = []
    for table in (own, _COMPILED_SEARCH):
        group = [reading for name in sorted(names) if (reading := _read_name(name, table))]
        readings += sorted(group, key=lambda reading: (not reading.has_time, reading.is_sent))
    return readings


def _own_search(pattern: str) -> _Search:
    compiled = regex.compile(pattern)

    def search(name: str) -> "regex.Match[str] | None":
        try:
            return compiled.search(name, timeout=OWN_PATTERN_TIMEOUT_S)
        except TimeoutError:
            raise SettingsError(
                f"the pattern '{pattern}' of time.patterns did not come to an end within {OWN_PATTERN_TIMEOUT_S:g} s on the name '{name}'.",
                remedy="Repetitions inside repetitions, such as (a+)+, take for ever: write it without them.",
            ) from None

    return search


def _read_name(name: str, table: Sequence[tuple[str, _Search, str]]) -> Reading | None:
    for source, search, zone in table:
        match = search(name)
        moment = _moment(match.groupdict()) if match else None
        if match and moment:
            groups = match.groupdict()
            has_time = bool(groups.get("hour") or groups.get("compact_hour"))
            return Reading(source, moment, zone, has_time, is_sent=table is _COMPILED_SEARCH and source == "messenger")
    return None


def _moment(groups: Mapping[str, str | None]) -> datetime | None:
    """Naive time of a match; None if it is no date of the years 1900 to 2199."""

    def number(key: str, default: int) -> int:
        return int(groups.get(key) or groups.get(f"compact_{key}") or default)

    try:
        year, hour = number("year", 0), number("hour", 12)
        if groups.get("half"):
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + 12 * ((groups["half"] or "").lower() == "p")
        year += 2000 if year < 100 else 0
        digits = groups.get("millisecond") or "0"
        micro = int(digits) * 1000 if len(digits) <= 3 else int(digits[:6].ljust(6, "0"))
        moment = datetime(year, number("month", 0), number("day", 0), hour, number("minute", 0), number("second", 0), micro)
    except ValueError:
        return None
    return moment if 1900 <= year < 2200 else None
