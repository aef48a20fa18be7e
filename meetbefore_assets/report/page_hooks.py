"""Where figures that are optional on record find their place on the page: shown where their columns are, silent where not."""

from typing import Any

import polars as pl
from markupsafe import Markup

from meetbefore_assets.report.page_phrases import Phrase, count, say
from meetbefore_assets.workbench import WHOLE, Workbench

Row = dict[str, Any]
CHANCE = "chance"
_CHANCE_COLUMNS = ("person_id", "further_days", "expected_by_chance", "chance_q")
# People count as met on more days than chance explains as long as no larger share of them would be mere chance.
MOST_BY_CHANCE = 0.05


def with_chance(bench: Workbench, people: pl.DataFrame) -> pl.DataFrame:
    """The ranking with further_days, expected_by_chance and chance_q, where they are on record."""
    if bench.store.stamp(CHANCE, WHOLE) is None:
        return people
    return people.join(bench.store.get(CHANCE, WHOLE, _CHANCE_COLUMNS), on="person_id", how="left", maintain_order="left")


def chance(row: Row) -> Phrase | None:
    """How many days after the first chance alone would give, against those seen (of a row of `with_chance`)."""
    expected, share = row.get("expected_by_chance"), row.get("chance_q")
    if expected is None:
        return None
    found = say("chance", expected=f"{expected:.1g}" if expected < 0.1 else f"{expected:.1f}", seen=int(row["further_days"]))
    return found if share is None else say("chance.share", chance=found, share=f"{share:.0%}")


def beyond_chance(people: pl.DataFrame) -> Phrase | None:
    """How many of the people shown chance does not explain."""
    if "chance_q" not in people.columns or not people["chance_q"].count():
        return None
    number = people.filter(pl.col("chance_q") <= MOST_BY_CHANCE).height
    return say("chance.list", people=count(number, "beyond"), share=f"{MOST_BY_CHANCE:.0%}")


def place(row: Row) -> Phrase | None:
    """Where an encounter was (`latitude`, `longitude`, degrees, of a row of ENCOUNTER_SCORES)."""
    latitude, longitude = row.get("latitude"), row.get("longitude")
    if latitude is None or longitude is None:
        return None
    return say("place", latitude=f"{latitude:.4f}", longitude=f"{longitude:.4f}")


def holds(row: Row) -> Phrase | None:
    """Over which thresholds an encounter stays with this person (`holds_from`, `holds_to`, cosines, of a row of ENCOUNTER_SCORES)."""
    least, most = row.get("holds_from"), row.get("holds_to")
    if least is None and most is None:
        return None
    if least is None:
        return say("holds.to", most=f"{most:.2f}")
    return say("holds.from", least=f"{least:.2f}") if most is None else say("holds", least=f"{least:.2f}", most=f"{most:.2f}")


def map_of(_encounters: pl.DataFrame) -> Markup:
    """A drawing of where the encounters were; empty as long as nothing draws one."""
    return Markup("")
