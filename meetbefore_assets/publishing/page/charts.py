"""Computes the small charts of the page (timeline, calendar, weekday by hour) from times alone."""

import calendar
import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from meetbefore_assets.publishing.page.phrases import Phrase, join, month, same, say
from meetbefore_assets.publishing.page.translations import WEEKDAYS

STRIP_WIDTH = 200.0
SHADES = 4


@dataclass(frozen=True)
class Cell:
    """One hour of one weekday: column and row (Monday 0), number of encounters, shade 1 (few) to 4 (most)."""

    hour: int
    weekday: int
    count: int
    shade: int


@dataclass(frozen=True)
class Week:
    """Encounters by weekday and hour: the hours that have any, and the same in words."""

    cells: tuple[Cell, ...]
    text: Phrase


@dataclass(frozen=True)
class Day:
    """One day of a month: number of encounters that begin on it, shade 1 to 4 (0: none), whether anything was recorded."""

    number: int
    count: int
    shade: int
    is_recorded: bool


@dataclass(frozen=True)
class Month:
    """A month, as weeks from Monday to Sunday; None where a week reaches into another month."""

    name: Phrase
    weeks: tuple[tuple[Day | None, ...], ...]


def months(encounters: Sequence[dt.date], recorded: Sequence[dt.date]) -> tuple[Month, ...]:
    """Make the calendar: the months that have recordings or encounters, given the local days of both."""
    counts, days = Counter(encounters), {*encounters, *recorded}
    most = max(counts.values(), default=1)
    made = []
    for year, number in sorted({(day.year, day.month) for day in days}):
        weeks = calendar.Calendar().monthdatescalendar(year, number)
        made.append(Month(month(year, number), tuple(tuple(_day(day, number, counts, days, most) for day in week) for week in weeks)))
    return tuple(made)


def _day(day: dt.date, of_month: int, counts: Counter[dt.date], recorded: set[dt.date], most: int) -> Day | None:
    if day.month != of_month:
        return None
    return Day(day.day, counts[day], -(-SHADES * counts[day] // most), day in recorded)


def strip_path(moments: Sequence[dt.datetime], first: dt.datetime, last: dt.datetime) -> str:
    """Return the SVG path of a timeline: a dot for each moment, from `first` (x = 0) to `last` (x = STRIP_WIDTH)."""
    length = max((last - first).total_seconds(), 1.0)
    places = sorted({round((moment - first).total_seconds() / length * STRIP_WIDTH, 1) for moment in moments})
    return "".join(f"M{place:g} 0h0" for place in places)


def week(moments: Sequence[dt.datetime]) -> Week:
    """Count local moments by weekday and hour."""
    counts = Counter((moment.weekday(), moment.hour) for moment in moments)
    most = max(counts.values(), default=1)
    cells = tuple(Cell(hour, weekday, count, -(-SHADES * count // most)) for (weekday, hour), count in sorted(counts.items()))
    days, hours = Counter(moment.weekday() for moment in moments), Counter(moment.hour for moment in moments)
    text = say(
        "week.text",
        days=join(say("times", what=Phrase(*WEEKDAYS[day]), n=days[day]) for day in sorted(days)),
        hours=join(say("times", what=same(f"{hour}:00"), n=hours[hour]) for hour in sorted(hours)),
    )
    return Week(cells, text)
