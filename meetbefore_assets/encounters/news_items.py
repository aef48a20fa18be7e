"""What is new: who was met again, who became a regular, whom of the known one met for the first time, and what needs a look."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import polars as pl

# Met on so many days, somebody is a regular.
REGULAR_DAYS = 3
# A new encounter that is less sure than this needs a look.
SURE = 0.9
# Whoever goes along is no news.
_AT_HAND = ("me", "companion", "ignored")

Why = Literal["unsure", "joined", "split"]


@dataclass(frozen=True)
class Item:
    """One person who is news.

    Attributes:
        name: of the person; None: nobody gave one.
        encounters, days: of the person in all.
        gap_h: hours since the encounter before the first new one; None: there is none, or it was long on record.
        seen_at: when the last new encounter begins, naive UTC.
        file_name, time_s: where that is.
        sure: least probability, 0..1, that a new encounter is with the person of the others; None: nobody can tell.
        why: of what needs a look, the reason: unsure; joined: somebody else was merged into the person; split: a part left.
    """

    person_id: str
    name: str | None
    encounters: int
    days: int
    gap_h: float | None
    seen_at: dt.datetime
    file_name: str
    time_s: float
    sure: float | None
    why: Why | None = None

    @property
    def label(self) -> str:
        return self.name or self.person_id


@dataclass(frozen=True)
class News:
    """What is new since a moment.

    Attributes:
        since, until: naive UTC; videos that came on record in between are new.
        videos: how many.
        met_again: who was met before and in the new videos, the longest away first; `companions` of them go along and are not listed.
        regulars: who was met on REGULAR_DAYS days or more with the new videos, and on fewer before.
        known: who has a name from elsewhere and was met for the first time.
        changed: who needs a look.
        new_people: how many people were seen for the first time.
    """

    since: dt.datetime
    until: dt.datetime
    videos: int = 0
    met_again: tuple[Item, ...] = ()
    regulars: tuple[Item, ...] = ()
    known: tuple[Item, ...] = ()
    changed: tuple[Item, ...] = ()
    new_people: int = 0
    companions: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.videos or self.changed)


def news_items(
    parts: pl.DataFrame,
    people: pl.DataFrame,
    new_videos: Collection[str],
    imported: Collection[str],
    events: Mapping[str, Why],
    span: tuple[dt.datetime, dt.datetime],
    zone: str,
) -> News:
    """The news of some new videos.

    Args:
        parts: a row an encounter and video: encounter_id, video_id, person_id, started_at, gap_before_h, same_person, file_name, time_s
            (where it begins in the video).
        people: columns of PEOPLE.
        new_videos: ids; an encounter that began in an older video is not new.
        imported: people who have a name from elsewhere.
        events: person_id -> what happened to the id meanwhile.
        span: since and until.
        zone: IANA name of the zone in which days are counted.
    """
    facts = {str(row["person_id"]): row for row in people.iter_rows(named=True)}
    is_new = pl.col("video_id").is_in(list(new_videos)).all().over("encounter_id")
    marked = parts.sort("started_at", "video_id").with_columns(is_new.alias("is_new"))
    day = pl.col("started_at").dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.date()
    told = marked.group_by("person_id", maintain_order=True).agg(
        pl.col("is_new").any().alias("has_new"),
        (~pl.col("is_new")).any().alias("has_old"),
        day.filter(~pl.col("is_new")).n_unique().alias("days_before"),
        day.n_unique().alias("days_now"),
        pl.col("gap_before_h").filter("is_new").first().alias("gap_h"),
        pl.col("same_person").filter("is_new").min().alias("sure"),
        *(pl.col(name).filter("is_new").last() for name in ("started_at", "file_name", "time_s")),
        *(pl.col(name).last().alias(f"last_{name}") for name in ("started_at", "file_name", "time_s")),
    )
    again, regulars, known, changed = (list[Item]() for _ in range(4))
    new_people = companions = 0
    for row in told.iter_rows(named=True):
        person = facts.get(row["person_id"])
        if person is None or person["role"] == "ignored":
            continue
        item = _item(person, row)
        if row["person_id"] in events and (person["name"] or person["encounters"] > 1):
            changed.append(replace(item, why=events[row["person_id"]]))
        if not row["has_new"]:
            continue
        if (person["role"] or person["proposed_role"]) in _AT_HAND:
            companions += 1
            continue
        if not row["has_old"]:
            new_people += 1
            if row["person_id"] in imported:
                known.append(item)
        else:
            again.append(item)
            if row["sure"] is not None and row["sure"] < SURE and row["person_id"] not in events:
                changed.append(replace(item, why="unsure"))
        if row["days_before"] < REGULAR_DAYS <= row["days_now"]:
            regulars.append(item)
    return News(
        *span,
        videos=len(new_videos),
        met_again=tuple(sorted(again, key=lambda item: (-(item.gap_h or 0.0), item.person_id))),
        regulars=tuple(sorted(regulars, key=lambda item: (-item.days, item.person_id))),
        known=tuple(sorted(known, key=lambda item: item.label)),
        changed=tuple(sorted(changed, key=lambda item: (item.sure if item.sure is not None else 1.0, item.person_id))),
        new_people=new_people,
        companions=companions,
    )


def _item(person: Mapping[str, Any], row: Mapping[str, Any]) -> Item:
    prefix = "" if row["has_new"] else "last_"
    return Item(
        person_id=str(row["person_id"]),
        name=person["name"],
        encounters=int(person["encounters"]),
        days=int(person["days"]),
        gap_h=row["gap_h"],
        seen_at=row[f"{prefix}started_at"],
        file_name=str(row[f"{prefix}file_name"]),
        time_s=float(row[f"{prefix}time_s"]),
        sure=row["sure"],
    )
