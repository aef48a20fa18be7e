"""Where figures that are optional on record find their place on the page: shown where their columns are, silent where not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from meetbefore_assets.report.page_phrases import Phrase, say

Row = dict[str, Any]


@dataclass(frozen=True)
class Disguise:
    """Changes pictures before they go on the page, for example to blur whoever is not meant to be seen.

    Attributes:
        name: part of the page's version: another disguise makes another page.
        change: (person_id, JPEG) -> JPEG.
    """

    name: str
    change: Callable[[str, bytes], bytes]


AS_IT_IS = Disguise("", lambda _person_id, jpeg: jpeg)


def chance(row: Row) -> Phrase | None:
    """How many days with this person chance alone would give (`expected_by_chance` of a row of PEOPLE), against those seen."""
    expected = row.get("expected_by_chance")
    return None if expected is None else say("chance", expected=f"{expected:.2g}", seen=int(row["days"]))


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
