"""Puts into words what is not known of everybody: chance, places, certainty, and the thresholds at which an encounter stays the same."""

from collections.abc import Mapping
from typing import Any

import polars as pl
from markupsafe import Markup

from meetbefore_assets.core import words
from meetbefore_assets.publishing.page.map import map_svg
from meetbefore_assets.publishing.page.phrases import Phrase, count, say

Row = dict[str, Any]

# Highest false-discovery rate (`chance_q`) at which somebody counts as met more often than chance explains.
MOST_BY_CHANCE = 0.1


def chance_phrase(row: Row) -> Phrase | None:
    """Say whether meeting somebody on so many days could be coincidence (`expected_by_chance`, `chance_q` of a row of PEOPLE).

    Returns:
        None where the archive is too small to tell.
    """
    expected, share = row.get("expected_by_chance"), row.get("chance_q")
    if expected is None:
        return None
    days = count(max(1, round(expected)), "day")
    return say("chance" if share is not None and share <= MOST_BY_CHANCE else "chance.could", expected=days)


def beyond_chance(people: pl.DataFrame) -> Phrase | None:
    """Say how many people were met more often than chance explains (`chance_q`); None where the archive is too small to tell."""
    if "chance_q" not in people.columns or not people["chance_q"].count():
        return None
    number = people.filter(pl.col("chance_q") <= MOST_BY_CHANCE).height
    return say("chance.list", people=count(number, "person"), share=f"{MOST_BY_CHANCE:.0%}") if number else say("chance.nobody")


def place_phrase(row: Row) -> Phrase | None:
    """Say where an encounter was (`latitude`, `longitude` of a row of ENCOUNTER_SCORES, degrees); None where it is not known."""
    latitude, longitude = row.get("latitude"), row.get("longitude")
    if latitude is None or longitude is None:
        return None
    return say("place", latitude=f"{latitude:.4f}", longitude=f"{longitude:.4f}")


def threshold_range_phrase(row: Row, sureness: Mapping[float, float]) -> Phrase | None:
    """Say over which range of certainty an encounter stays with this person, as in 'whether you ask to be 80 % or 99 % sure'.

    Args:
        row: of ENCOUNTER_SCORES: `holds_from`, `holds_to`, thresholds.
        sureness: threshold -> probability; where it is empty, the thresholds themselves are given.
    """
    ends = [None if end is None else float(end) for end in (row.get("holds_from"), row.get("holds_to"))]
    if ends == [None, None]:
        return None
    kind = "holds.sure" if all(end is None or end in sureness for end in ends) else "holds"
    least, most = ("" if end is None else words.sureness(sureness[end]) if kind == "holds.sure" else f"{end:.2f}" for end in ends)
    if not least:
        return say(f"{kind}.to", most=most)
    return say(f"{kind}.from", least=least) if not most else say(kind, least=least, most=most)


def sure_person_phrase(row: Row) -> Phrase | None:
    """Say how sure it is that all encounters of a person (a row of PEOPLE) are one person, and from how many views; None if unknown."""
    if row.get("same_person") is None:
        return None
    told = words.sureness(row["same_person"])
    return say("sure.person", sure=told, views=count(int(row["faces"]), "view"), days=count(int(row["days"]), "day"))


def sure_encounter_phrase(row: Row) -> Phrase | None:
    """Say how sure it is that an encounter (a row of ENCOUNTER_SCORES) is with the person of the others; None if unknown."""
    sure = row.get("same_person")
    return None if sure is None else say("sure.encounter", sure=words.sureness(sure))


def map_of(encounters: pl.DataFrame, tracks: pl.DataFrame) -> Markup:
    """A drawing of where the encounters were (columns of ENCOUNTER_SCORES) and where the camera went (of PLACES)."""
    return map_svg(encounters, tracks)
