"""Small drawings of the page: where on a line encounters lie, and at which weekday and hour. Only numbers go in."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from meetbefore_assets.report.page_phrases import Phrase, join, same, say
from meetbefore_assets.report.page_strings import WEEKDAYS

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


def strip_path(moments: Sequence[dt.datetime], first: dt.datetime, last: dt.datetime) -> str:
    """SVG path that draws a dot for each moment, on a line from `first` (x = 0) to `last` (x = STRIP_WIDTH)."""
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
