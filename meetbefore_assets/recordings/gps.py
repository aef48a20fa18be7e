"""Coordinates: parses them, and interpolates between GPS fixes."""

import re
from collections.abc import Mapping, Sequence

from meetbefore_assets.core.ports import GpsFix

# Container tags that hold a location, most precise first (QuickTime's own, and what Android and FFmpeg write).
LOCATION_TAGS = ("com.apple.quicktime.location.iso6709", "location", "location-eng")
# Places are interpolated between fixes at most LONGEST_GAP_S apart; else the nearest fix within NEAREST_S is used.
LONGEST_GAP_S, NEAREST_S = 120.0, 60.0
# Side of the squares by which places are compared between days (about a kilometre north to south).
CELL_DEG = 0.01
_PART = re.compile(r"([+-])(\d+(?:\.\d+)?)")
# Digits before the decimal point of degrees, degrees and minutes, and degrees, minutes and seconds; a longitude has one more.
_DEGREES, _MINUTES, _SECONDS = 2, 4, 6


def is_on_earth(latitude: float, longitude: float) -> bool:
    """Whether coordinates are plausible; cameras without a fix write 0, 0."""
    return -90 <= latitude <= 90 and -180 <= longitude <= 180 and (abs(latitude) > 1e-6 or abs(longitude) > 1e-6)


def parse_iso6709(text: str) -> tuple[float, float] | None:
    """Parse an ISO 6709 string (Annex H) to latitude and longitude, degrees; None if it is invalid.

    >>> parse_iso6709("+31.2304+121.4737+010.000/")
    (31.2304, 121.4737)
    >>> parse_iso6709("+4012.22-07500.25/")
    (40.20366666666666, -75.00416666666666)
    """
    parts = _PART.findall(text.strip())
    if len(parts) < 2:
        return None
    latitude, longitude = (_degrees(sign, digits, extra) for extra, (sign, digits) in enumerate(parts[:2]))
    if latitude is None or longitude is None or not is_on_earth(latitude, longitude):
        return None
    return latitude, longitude


def _degrees(sign: str, digits: str, extra: int) -> float | None:
    whole = len(digits.partition(".")[0]) - extra
    if whole == _SECONDS:
        head = len(digits.partition(".")[0])
        value = int(digits[: head - 4]) + int(digits[head - 4 : head - 2]) / 60 + float(digits[head - 2 :]) / 3600
    elif whole == _MINUTES:
        head = len(digits.partition(".")[0])
        value = int(digits[: head - 2]) + float(digits[head - 2 :]) / 60
    elif whole <= _DEGREES:
        value = float(digits)
    else:
        return None
    return -value if sign == "-" else value


def tagged_location(tags: Mapping[str, str]) -> tuple[float, float] | None:
    """Latitude and longitude in a container's tags (keys in lower case), degrees; None if there are none."""
    return next((found for name in LOCATION_TAGS if name in tags and (found := parse_iso6709(tags[name]))), None)


def place_at(time_s: float, fixes: Sequence[GpsFix]) -> tuple[float, float] | None:
    """Latitude and longitude of the camera at a time, degrees: interpolated, or the nearest fix; None if none is near enough.

    Args:
        time_s: seconds since the first picture.
        fixes: in order of time.
    """
    before = next((fix for fix in reversed(fixes) if fix.time_s <= time_s), None)
    after = next((fix for fix in fixes if fix.time_s > time_s), None)
    if before and after and after.time_s - before.time_s <= LONGEST_GAP_S:
        share = (time_s - before.time_s) / (after.time_s - before.time_s)
        east = (after.longitude - before.longitude + 180) % 360 - 180
        longitude = (before.longitude + share * east + 180) % 360 - 180
        return before.latitude + share * (after.latitude - before.latitude), longitude
    near = [fix for fix in (before, after) if fix and abs(fix.time_s - time_s) <= NEAREST_S]
    nearest = min(near, key=lambda fix: abs(fix.time_s - time_s), default=None)
    return (nearest.latitude, nearest.longitude) if nearest else None


def cell(latitude: float, longitude: float) -> str:
    """Name of the square of side CELL_DEG that contains a place."""
    return f"{round(latitude / CELL_DEG)}:{round(longitude / CELL_DEG)}"
