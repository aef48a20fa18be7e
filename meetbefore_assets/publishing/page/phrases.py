"""Builds phrases in English and Chinese at once: the page holds both, and switches without a server."""

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

from meetbefore_assets.core import words
from meetbefore_assets.publishing.page.translations import STRINGS, WEEKDAYS


class Phrase(NamedTuple):
    """The same text in English and in Simplified Chinese; plain text, not escaped."""

    en: str
    zh: str


def same(text: object) -> Phrase:
    """Return a phrase that is the same in both languages: a name, a number."""
    return Phrase(str(text), str(text))


def say(key: str, **parts: Phrase | str | int) -> Phrase:
    """Fill in a sentence of `translations.STRINGS`.

    Raises:
        KeyError: the table has no such sentence, or a part of it is not given.
    """
    english, chinese = STRINGS[key]
    known = {name: part if isinstance(part, Phrase) else same(part) for name, part in parts.items()}
    return Phrase(
        english.format(**{name: part.en for name, part in known.items()}),
        chinese.format(**{name: part.zh for name, part in known.items()}),
    )


def count(number: int, noun: str) -> Phrase:
    """3, 'day' -> '3 days', '3 天'."""
    english, chinese = STRINGS[f"count.{noun}"]
    one, many = english.split("|")
    return Phrase((one if number == 1 else many).format(n=f"{number:,}"), chinese.format(n=f"{number:,}"))


def join(phrases: Iterable[Phrase]) -> Phrase:
    """Join phrases with the comma of each language."""
    kept = list(phrases)
    comma = say("list")
    return Phrase(comma.en.join(phrase.en for phrase in kept), comma.zh.join(phrase.zh for phrase in kept))


def weekdays(number: int) -> Phrase:
    """0 -> 'Mondays', '周一'."""
    return Phrase(f"{words.WEEKDAYS[number]}s", WEEKDAYS[number][1])


def month(year: int, number: int) -> Phrase:
    """2025, 3 -> 'March 2025', '2025年3月'."""
    return Phrase(f"{words.MONTHS[number - 1]} {year}", f"{year}年{number}月")


def span(hours: float) -> Phrase:
    """Format a length of time, in hours: 266 -> '11 days', '11 天'."""
    english = words.span(hours)
    number, _, noun = english.partition(" ")
    if english == STRINGS["unit.moment"][0]:
        return say("unit.moment")
    return Phrase(english, f"{number} {STRINGS['unit.' + noun.removesuffix('s')][1]}")


def day(moment: dt.datetime, zone: str) -> Phrase:
    """Naive UTC -> 'Friday 7 March 2025', '2025年3月7日周五'."""
    there = words.local(moment, zone)
    return Phrase(words.day(moment, zone), f"{there.year}年{there.month}月{there.day}日{WEEKDAYS[there.weekday()][1]}")


def clock(moment: dt.datetime, zone: str) -> Phrase:
    """Naive UTC -> 'Fri 7 Mar 2025 08:12:05', '2025年3月7日周五 08:12:05'."""
    return Phrase(words.clock(moment, zone), f"{day(moment, zone).zh} {words.local(moment, zone):%H:%M:%S}")


def sentence(row: dict[str, object], zone: str) -> Phrase:
    """Sum up how often and when a person was met (a row of PEOPLE)."""
    number, days = int(str(row["encounters"])), int(str(row["days"]))
    last: dt.datetime = row["last_seen"]  # type: ignore[assignment]
    if number == 1:
        return say("once", day=day(last, zone))
    length = span(float(str(row["span_h"])))
    return say("sentence", encounters=count(number, "encounter"), days=count(days, "day"), span=length, day=day(last, zone))
