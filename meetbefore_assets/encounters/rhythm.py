"""The rhythm of meeting somebody: whether the hour, the days and the place keep being the same."""

import math
from dataclasses import dataclass
from typing import Literal

import polars as pl

Days = Literal["weekdays", "weekends", "one weekday", "mostly one weekday"]
# An hour is told where encounters begin so near it, as circular standard deviation, and is always the same where none begins farther off.
MOST_SPREAD_H, ALWAYS_H = 1.0, 0.75
# Fewer days say nothing about weekdays as such, fewer encounters nothing about "always".
LEAST_DAYS, LEAST_ENCOUNTERS = 3, 3
# A weekday is told if more than half of the days, and two at least, fall on it.
LEAST_ON_WEEKDAY, LEAST_SHARE = 2, 0.5
# A place is told where so large a share of the encounters, and two at least, begin so near to each other.
NEAR_M, LEAST_THERE = 300.0, 0.75
_EARTH_M = 6_371_000.0


@dataclass(frozen=True)
class Rhythm:
    """What keeps being the same; None where nothing does.

    Attributes:
        hour: local time at which encounters begin, hours since midnight.
        is_always: every encounter begins near that hour.
        days: on which days; `weekday` (0 Monday .. 6 Sunday) says which, `on_weekday` of `all_days` how often.
        place: degrees north and east.
    """

    hour: float | None = None
    is_always: bool = False
    days: Days | None = None
    weekday: int = 0
    on_weekday: int = 0
    all_days: int = 0
    place: tuple[float, float] | None = None


def rhythm(encounters: pl.DataFrame, zone: str) -> Rhythm | None:
    """The rhythm of one person's encounters; None where all are on one day, or nothing keeps being the same.

    Args:
        encounters: encounter_id, started_at (UTC), latitude, longitude (degrees, null where unknown; they may be missing); a row an
            encounter and video.
        zone: IANA name of the zone in which days and hours are told.
    """
    begins = encounters.sort("started_at").group_by("encounter_id", maintain_order=True).first()
    there = begins["started_at"].dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    days = there.dt.date().unique().sort()
    if len(days) < 2:
        return None
    hour, is_always = _hour([(moment.hour + moment.minute / 60 + moment.second / 3600) for moment in there])
    kind, weekday, times = _days([day.weekday() for day in days])
    place = _place(begins)
    found = Rhythm(hour, is_always and len(there) >= LEAST_ENCOUNTERS, kind, weekday, times, len(days), place)
    return None if (hour, kind, place) == (None, None, None) else found


def _hour(hours: list[float]) -> tuple[float | None, bool]:
    """The mean laid round a clock face, if hours hardly vary; and whether all are near it."""
    turns = [hour / 24 * 2 * math.pi for hour in hours]
    x, y = (sum(function(turn) for turn in turns) / len(turns) for function in (math.cos, math.sin))
    length = min(1.0, max(1e-9, math.hypot(x, y)))
    if math.sqrt(-2 * math.log(length)) * 24 / (2 * math.pi) > MOST_SPREAD_H:
        return None, False
    mean = math.atan2(y, x) / (2 * math.pi) * 24 % 24
    return mean, all(min(abs(hour - mean), 24 - abs(hour - mean)) <= ALWAYS_H for hour in hours)


def _days(weekdays: list[int]) -> tuple[Days | None, int, int]:
    """On which days; the most frequent weekday (of equals the earlier), and on how many days it is."""
    counts = [weekdays.count(number) for number in range(7)]
    weekday = counts.index(max(counts))
    if counts[weekday] == len(weekdays):
        return "one weekday", weekday, counts[weekday]
    if len(weekdays) >= LEAST_DAYS and max(weekdays) < 5:
        return "weekdays", weekday, counts[weekday]
    if len(weekdays) >= LEAST_DAYS and min(weekdays) >= 5:
        return "weekends", weekday, counts[weekday]
    is_mostly = counts[weekday] >= LEAST_ON_WEEKDAY and counts[weekday] > LEAST_SHARE * len(weekdays)
    return "mostly one weekday" if is_mostly else None, weekday, counts[weekday]


def _place(begins: pl.DataFrame) -> tuple[float, float] | None:
    """The encounter's place that most others are near, if enough are."""
    if not {"latitude", "longitude"} <= set(begins.columns):
        return None
    known = begins.drop_nulls(["latitude", "longitude"]).select("latitude", "longitude").rows()
    if len(known) < 2:
        return None
    near = [sum(_distance_m(one, other) <= NEAR_M for other in known) for one in known]
    best = max(range(len(known)), key=lambda place: near[place])
    return known[best] if near[best] >= max(2, LEAST_THERE * begins.height) else None


def _distance_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Along the ground, by the haversine formula."""
    (lat1, lon1), (lat2, lon2) = ((math.radians(value) for value in point) for point in (one, other))
    root = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * _EARTH_M * math.asin(math.sqrt(min(1.0, root)))
