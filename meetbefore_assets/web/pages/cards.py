"""A person in a list: portrait, name, how often and when last."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from meetbefore_assets.core import words
from meetbefore_assets.publishing.page.phrases import Phrase, clock, same
from meetbefore_assets.web.pages.reading import State


@dataclass(frozen=True)
class PersonCard:
    """One person of a list; `portrait` is (video_id, face_id)."""

    person_id: str
    name: str
    role: str
    proposed: str
    encounters: int
    days: int
    faces: int
    last: Phrase
    score: str
    portrait: tuple[str, str] | None

    @property
    def label(self) -> str:
        return self.name or self.person_id


def cards(state: State, people: pl.DataFrame) -> list[PersonCard]:
    """A card each of some people (rows of PEOPLE), in their order."""
    return [
        PersonCard(
            person_id=row["person_id"],
            name=row["name"] or "",
            role=row["role"] or "",
            proposed=row["proposed_role"] or "",
            encounters=row["encounters"],
            days=row["days"],
            faces=row["faces"],
            last=short_day(row["last_seen"], state.zone),
            score=f"{row['score']:.1f}",
            portrait=state.portraits.get(row["person_id"]),
        )
        for row in people.iter_rows(named=True)
    ]


def cards_of(state: State, person_ids: Iterable[str]) -> list[PersonCard]:
    """Cards of people by their ids, in that order; people who no longer exist are left out."""
    wanted = list(person_ids)
    order = pl.DataFrame({"person_id": wanted}, schema={"person_id": pl.String})
    return cards(state, order.join(state.people, on="person_id", how="inner", maintain_order="left"))


def short_day(moment: dt.datetime | None, zone: str) -> Phrase:
    """Naive UTC -> '7 Mar 2025', '2025年3月7日'; empty where the time is unknown."""
    if moment is None:
        return same("")
    there = words.local(moment, zone)
    return Phrase(f"{there.day} {words.MONTHS[there.month - 1][:3]} {there.year}", f"{there.year}年{there.month}月{there.day}日")


def short_clock(moment: dt.datetime | None, zone: str) -> Phrase:
    """Naive UTC -> '7 Mar 2025 08:12', '2025年3月7日 08:12'; empty where the time is unknown."""
    day = short_day(moment, zone)
    return day if moment is None else Phrase(*(f"{text} {words.local(moment, zone):%H:%M}" for text in day))


def full_clock(moment: dt.datetime | None, zone: str) -> Phrase:
    """Naive UTC -> 'Fri 7 Mar 2025 08:12:05'; empty where the time is unknown."""
    return same("") if moment is None else clock(moment, zone)
