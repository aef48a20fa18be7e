"""The page for sharing: whose faces stay clear on it."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities import queries
from meetbefore_assets.publishing.page.pictures import Disguise

CLEAR_ROLES = ("me", "companion")


def blurred_page(home: Home) -> Path:
    """Where the page for sharing lies; `forget` removes it with the other one."""
    return home.folder / "report-blurred.html"


def blurred_but(home: Home, clear: frozenset[str]) -> Disguise:
    """Everybody is blurred but these people, who are seen without their surroundings."""
    return Disguise(f"blurred but {digest(sorted(clear))}", lambda _person_id, jpeg: home.imaging.blurred(jpeg), clear)


def clear_people(home: Home, named: Iterable[str]) -> frozenset[str]:
    """Ids of those who are not blurred: whom the user called me or companion, and those that were named."""
    known = queries.people_table(home).filter(pl.col("role").fill_null("").is_in(CLEAR_ROLES))
    return frozenset([*known["person_id"], *named])
