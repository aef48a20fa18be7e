"""Renders optional columns: chance, places, the thresholds over which an encounter holds."""

from typing import Any

import polars as pl
from markupsafe import Markup

from meetbefore_assets.publishing.page.map import map_svg
from meetbefore_assets.publishing.page.phrases import Phrase, count, say

Row = dict[str, Any]

# People count as met on more days than chance explains as long as no larger share of them would be mere chance.
MOST_BY_CHANCE = 0.1


def chance_phrase(row: Row) -> Phrase | None:
    """How many days with this person chance alone would give (`expected_by_chance` of a row of PEOPLE), against those seen."""
    expected, share = row.get("expected_by_chance"), row.get("chance_q")
    if expected is None:
        return None
    found = say("chance", expected=f"{expected:.1f}", seen=count(int(row["days"]), "day"))
    return found if share is None else say("chance.share", chance=found, share=f"{share:.0%}")


def beyond_chance(people: pl.DataFrame) -> Phrase | None:
    """How many of the people shown chance does not explain (`chance_q` of PEOPLE)."""
    if "chance_q" not in people.columns or not people["chance_q"].count():
        return None
    number = people.filter(pl.col("chance_q") <= MOST_BY_CHANCE).height
    return say("chance.list", number=number, share=f"{MOST_BY_CHANCE:.0%}") if number else say("chance.nobody")


def place_phrase(row: Row) -> Phrase | None:
    """Where an encounter was (`latitude`, `longitude`, degrees, of a row of ENCOUNTER_SCORES)."""
    latitude, longitude = row.get("latitude"), row.get("longitude")
    if latitude is None or longitude is None:
        return None
    return say("place", latitude=f"{latitude:.4f}", longitude=f"{longitude:.4f}")


def threshold_range_phrase(row: Row) -> Phrase | None:
    """Over which thresholds an encounter stays with this person (`holds_from`, `holds_to`, cosines, of a row of ENCOUNTER_SCORES)."""
    least, most = row.get("holds_from"), row.get("holds_to")
    if least is None and most is None:
        return None
    if least is None:
        return say("holds.to", most=f"{most:.2f}")
    return say("holds.from", least=f"{least:.2f}") if most is None else say("holds", least=f"{least:.2f}", most=f"{most:.2f}")


def map_of(encounters: pl.DataFrame, tracks: pl.DataFrame) -> Markup:
    """A drawing of where the encounters were (columns of ENCOUNTER_SCORES) and where the camera went (of PLACES)."""
    return map_svg(encounters, tracks)
