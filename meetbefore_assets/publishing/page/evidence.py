"""Says why an encounter is with this person, and which commands correct it if it is not."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from meetbefore_assets.core.command_line import PLACEHOLDER, command_line
from meetbefore_assets.core.words import time_of_day
from meetbefore_assets.encounters.rhythm import rhythm
from meetbefore_assets.publishing.page.phrases import Phrase, join, same, say, weekdays

Row = dict[str, Any]
MOST_SPLIT = 20
# A habit is mentioned from these on: least days on the usual weekday, and their least share; most spread of the time of day, in hours.
LEAST_ON_WEEKDAY, LEAST_SHARE, MOST_SPREAD_H = 2, 0.5, 1.0


@dataclass(frozen=True)
class Command:
    """A command to type in a terminal, with its purpose."""

    purpose: Phrase
    text: str


def why(groups: Sequence[Row], names: Mapping[str, str]) -> Phrase:
    """Say how similar the faces of one encounter are to the person, and who is the next most similar.

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
    """Return the other person who is most similar to any of the faces, and the cosine; None where there is nobody."""
    others = [
        (value, who)
        for group in groups
        for value, who in zip(group["runner_up_similarity"], group["runner_up_person_id"], strict=True)
        if value is not None and who is not None
    ]
    return max(others)[::-1] if others else None


def split_command(home_folder: Path, person_id: str, groups: Sequence[Row]) -> str:
    """Return the command that takes an encounter from a person, by the best face of each of its tracks; "" where it has none."""
    best: dict[str, tuple[int, str]] = {}
    for group in groups:
        for track, place, face in zip(group["track_id"], group["place"], group["face_id"], strict=True):
            best[track] = min(best.get(track, (place, face)), (place, face))
    faces = [face for _, face in sorted(best.values())[:MOST_SPLIT]]
    return command_line(home_folder, "split", person_id, *faces) if faces else ""


def corrections(
    home_folder: Path, row: Row, nearest: str | None, names: Mapping[str, str], company: Collection[str] = ()
) -> tuple[Command, ...]:
    """Return the commands that correct a person (a row of PEOPLE), and that merge them with the person most like them.

    The merge is left out if that person is in `company`: two people who were seen together are two.
    """
    person_id = str(row["person_id"])

    def command(purpose: Phrase, *words: str) -> Command:
        return Command(purpose, command_line(home_folder, *words))

    own = [
        command(say("fix.name"), "name", person_id, PLACEHOLDER),
        *([command(say("fix.me"), "me", person_id)] if row["proposed_role"] == "me" else []),
        command(say("fix.companion"), "companion", person_id),
        command(say("fix.ignore"), "ignore", person_id),
    ]
    if nearest is not None and nearest not in company:
        label = names.get(nearest, nearest)
        own += [
            command(say("fix.merge", other=label), "merge", person_id, nearest),
            command(say("fix.not-same", other=label), "not-same", person_id, nearest),
        ]
    return (*own, command(say("fix.show"), "show", person_id))


def habit(row: Row) -> Phrase | None:
    """Say the usual weekday and hour of a person (a row of PEOPLE), as in 'mostly on Tuesdays (3 of 4 days), around 08:20'.

    Returns:
        None where no weekday and no hour stands out.
    """
    days, share, spread_h = int(row["days"]), row.get("weekday_share"), row.get("hour_spread_h")
    told = []
    if share is not None and share > LEAST_SHARE and round(share * days) >= LEAST_ON_WEEKDAY:
        told.append(say("habit.weekday", weekday=weekdays(int(row["usual_weekday"])), n=round(share * days), of=days))
    if spread_h is not None and spread_h <= MOST_SPREAD_H:
        told.append(say("habit.hour", time=time_of_day(float(row["usual_hour"]))))
    return join(told) if told else None


def rhythm_phrase(encounters: pl.DataFrame, zone: str) -> Phrase | None:
    """Say the rhythm of a person's encounters, as in 'always around 08:10 on weekdays near 52.5200, 13.4050'.

    Returns:
        None where no hour, day or place keeps being the same: see `encounters.rhythm`.
    """
    found = rhythm(encounters, zone)
    if found is None:
        return None
    days = (
        found.days
        and {
            "weekdays": say("rhythm.weekdays"),
            "weekends": say("rhythm.weekends"),
            "one weekday": say("rhythm.weekday", weekday=weekdays(found.weekday)),
            "mostly one weekday": say("habit.weekday", weekday=weekdays(found.weekday), n=found.on_weekday, of=found.all_days),
        }[found.days]
    )
    hour = None if found.hour is None else say("rhythm.hour", time=time_of_day(found.hour))
    place = found.place and say("rhythm.place", latitude=f"{found.place[0]:.4f}", longitude=f"{found.place[1]:.4f}")
    always = say("rhythm.always") if hour and found.is_always else None
    # English puts the hour before the day, Chinese the day before the hour.
    english = " ".join(part.en for part in (always, hour, days, place) if part)
    chinese = "".join(part.zh for part in (always, days, hour) if part)
    return Phrase(english, "，".join(text for text in (chinese, place.zh if place else "") if text))
