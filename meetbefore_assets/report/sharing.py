"""The page for sharing: who is seen clearly on it."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from meetbefore_assets import reading
from meetbefore_assets.report.page_hooks import Disguise
from meetbefore_assets.settings import digest
from meetbefore_assets.workbench import Workbench

CLEAR_ROLES = ("me", "companion")


def blurred_page(bench: Workbench) -> Path:
    """Where the page for sharing lies; `forget` removes it with the other one."""
    return bench.home / "report-blurred.html"


def blurred_but(bench: Workbench, clear: frozenset[str]) -> Disguise:
    """Everybody is blurred but these people, who are seen without their surroundings."""
    return Disguise(f"blurred but {digest(sorted(clear))}", lambda _person_id, jpeg: bench.camera.blurred(jpeg), clear)


def clear_people(bench: Workbench, named: Iterable[str]) -> frozenset[str]:
    """Ids of those who are not blurred: whom the user called me or companion, and those that were named."""
    known = reading.people_table(bench).filter(pl.col("role").fill_null("").is_in(CLEAR_ROLES))
    return frozenset([*known["person_id"], *named])
