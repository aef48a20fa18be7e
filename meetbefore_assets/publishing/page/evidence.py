"""The evidence of an encounter, and the commands that correct it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meetbefore_assets.core.words import time_of_day
from meetbefore_assets.publishing.page.phrases import Phrase, join, same, say, weekdays

Row = dict[str, Any]
MOST_SPLIT = 20
# A weekday is worth telling if more than half of the days, and two at least, fall on it; an hour, if it hardly varies.
LEAST_ON_WEEKDAY, LEAST_SHARE, MOST_SPREAD_H = 2, 0.5, 1.0


@dataclass(frozen=True)
class Command:
    """Something to type, and what for."""

    purpose: Phrase
    text: str


def why(groups: Sequence[Row], names: Mapping[str, str]) -> Phrase:
    """Similarity and runner-up of the faces of one encounter.

    Args:
        groups: faces as columns: similarity, runner_up_person_id, runner_up_similarity.
        names: person_id -> label.
    """
    similar = [value for group in groups for value in group["similarity"]]
    if not similar:
        return same("")
    low, high = f"{min(similar):.2f}", f"{max(similar):.2f}"
    text = low if low == high else f"{low}–{high}"
    nearest = runner_up(groups)
    if nearest is None:
        return say("why.alone", similarity=text)
    who, value = nearest
    return say("why", similarity=text, other=say("why.other", person=names.get(who, who), similarity=f"{value:.2f}"))


def runner_up(groups: Sequence[Row]) -> tuple[str, float] | None:
    """The most similar other person to any of the faces, and the cosine."""
    others = [
        (value, who)
        for group in groups
        for value, who in zip(group["runner_up_similarity"], group["runner_up_person_id"], strict=True)
        if value is not None and who is not None
    ]
    return max(others)[::-1] if others else None


def split_command(person_id: str, groups: Sequence[Row]) -> str:
    """Takes an encounter from a person: names the best face of each of its tracks."""
    best: dict[str, tuple[int, str]] = {}
    for group in groups:
        for track, place, face in zip(group["track_id"], group["place"], group["face_id"], strict=True):
            best[track] = min(best.get(track, (place, face)), (place, face))
    faces = [face for _, face in sorted(best.values())[:MOST_SPLIT]]
    return f"meetbefore split {person_id} {' '.join(faces)}" if faces else ""


def corrections(row: Row, nearest: str | None, names: Mapping[str, str]) -> tuple[Command, ...]:
    """What can be said about a person (a row of PEOPLE), and about them and the person most like them."""
    person_id = str(row["person_id"])
    own = [
        Command(say("fix.name"), f'meetbefore name {person_id} "…"'),
        *([Command(say("fix.me"), f"meetbefore me {person_id}")] if row["proposed_role"] == "me" else []),
        Command(say("fix.companion"), f"meetbefore companion {person_id}"),
        Command(say("fix.ignore"), f"meetbefore ignore {person_id}"),
    ]
    if nearest is not None:
        label = names.get(nearest, nearest)
        own += [
            Command(say("fix.merge", other=label), f"meetbefore merge {person_id} {nearest}"),
            Command(say("fix.not-same", other=label), f"meetbefore not-same {person_id} {nearest}"),
        ]
    return (*own, Command(say("fix.show"), f"meetbefore show {person_id}"))


def habit(row: Row) -> Phrase | None:
    """'mostly on Tuesdays (3 of 4 days), around 08:20' of a row of PEOPLE; None where no weekday and no hour stands out."""
    days, share, spread_h = int(row["days"]), row.get("weekday_share"), row.get("hour_spread_h")
    told = []
    if share is not None and share > LEAST_SHARE and round(share * days) >= LEAST_ON_WEEKDAY:
        told.append(say("habit.weekday", weekday=weekdays(int(row["usual_weekday"])), n=round(share * days), of=days))
    if spread_h is not None and spread_h <= MOST_SPREAD_H:
        told.append(say("habit.hour", time=time_of_day(float(row["usual_hour"]))))
    return join(told) if told else None
