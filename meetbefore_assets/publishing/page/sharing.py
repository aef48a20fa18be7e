"""Makes the disguise of the page for sharing: everybody is blurred except chosen people."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities import queries
from meetbefore_assets.publishing.page.pictures import Disguise

CLEAR_ROLES = ("me", "companion")


def blurred_page(home: Home) -> Path:
    """Return the path of the page for sharing; `forget` removes it together with the report page."""
    return home.folder / "report-blurred.html"


def blurred_but(home: Home, clear: frozenset[str]) -> Disguise:
    """Return the disguise that blurs everybody but some people, whose pictures are cut to the face."""
    return Disguise(f"blurred but {digest(sorted(clear))}", lambda _person_id, jpeg: home.imaging.blurred(jpeg), clear, is_for_sharing=True)


def clear_people(home: Home, named: Iterable[str]) -> frozenset[str]:
    """Return the ids of people who are not blurred: those given, and whom the user called "me" or a companion."""
    known = queries.people_table(home).filter(pl.col("role").fill_null("").is_in(CLEAR_ROLES))
    return frozenset([*known["person_id"], *named])
