"""Numbers, times and people in words."""

import datetime as dt
from zoneinfo import ZoneInfo

# Not the machine's language: sentences around them are English.
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def local(moment: dt.datetime, zone: str) -> dt.datetime:
    """Naive UTC -> aware local time."""
    return moment.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone))


def clock(moment: dt.datetime, zone: str) -> str:
    """Naive UTC -> 'Fri 7 Mar 2025 08:12:05'."""
    there = local(moment, zone)
    return f"{WEEKDAYS[there.weekday()][:3]} {there.day} {MONTHS[there.month - 1][:3]} {there:%Y %H:%M:%S}"


def stamp(moment: dt.datetime, zone: str) -> str:
    """Naive UTC -> '2025-03-07 08:12'."""
    return f"{local(moment, zone):%Y-%m-%d %H:%M}"


def day(moment: dt.datetime, zone: str) -> str:
    """Naive UTC -> 'Friday 7 March 2025'."""
    there = local(moment, zone)
    return f"{WEEKDAYS[there.weekday()]} {there.day} {MONTHS[there.month - 1]} {there:%Y}"


def folder_not_found(source: str) -> str:
    """Message for a source that is missing."""
    return f"folder not found: {source} (unmounted?). Its videos are kept."


def count(number: int, noun: str, plural: str = "") -> str:
    """3, 'day' -> '3 days'."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def offset(seconds: float) -> str:
    """Position in a video, seconds: 75.4 -> '1:15'."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


def time_of_day(hours: float) -> str:
    """Hours since midnight, to five minutes: 8.34 -> '08:20'."""
    minutes = round(hours * 12) * 5 % (24 * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def span(hours: float) -> str:
    """Duration in hours: 0.2 -> '12 minutes', 30 -> '30 hours', 266 -> '11 days'."""
    if hours < 1.0 / 60:
        return "less than a minute"
    if hours < 1:
        return count(round(hours * 60), "minute")
    if hours < 48:
        return count(round(hours), "hour")
    if hours < 24 * 90:
        return count(round(hours / 24), "day")
    return count(round(hours / 24 / 30.44), "month")


def sentence(row: dict[str, object], zone: str) -> str:
    """Summary of a row of PEOPLE: '3 encounters on 3 days over 11 days, last on Sunday 16 March 2025'."""
    encounters, days = int(str(row["encounters"])), int(str(row["days"]))
    last: dt.datetime = row["last_seen"]  # type: ignore[assignment]
    if encounters == 1:
        return f"seen once, on {day(last, zone)}"
    return f"{count(encounters, 'encounter')} on {count(days, 'day')} over {span(float(str(row['span_h'])))}, last on {day(last, zone)}"


def sureness(probability: float | None) -> str:
    """A probability as "97%"; "" if it is unknown."""
    if probability is None:
        return ""
    return ">99%" if probability > 0.99 else "<1%" if probability < 0.01 else f"{probability:.0%}"
