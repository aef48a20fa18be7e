"""Hashes of forgotten ids, so that such an id leads to nobody and is given to nobody else.

A person's id follows from their earliest face, so the ids that a forgotten person had, or may have had, follow from the forgotten faces.
The hash of an id says no more about a face than its place, which is kept anyway to keep the face away.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import Stamp
from meetbefore_assets.core.schema.forgetting import FORGOTTEN_IDS
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.core.short_ids import person_id_after
from meetbefore_assets.home.home import Home


@dataclass(frozen=True)
class ForgottenIds:
    """The hashes of forgotten ids."""

    hashes: frozenset[str]

    def has_person(self, person_id: str) -> bool:
        """Whether this is the id of a forgotten person."""
        return bool(self.hashes) and _hash(person_id) in self.hashes

    def among(self, person_ids: pl.Series) -> list[str]:
        """The ids among these that are forgotten."""
        return [person_id for person_id in person_ids.unique().sort() if self.has_person(person_id)] if self.hashes else []

    def has_face(self, face_id: str) -> bool:
        """Whether this is the id of a forgotten face."""
        return bool(self.hashes) and _hash(person_id_after(face_id)) in self.hashes


def forgotten_ids(home: Home) -> ForgottenIds:
    """The forgotten ids of all videos."""
    keys = home.store.keys(FORGOTTEN_IDS.name)
    return ForgottenIds(frozenset(home.store.scan(FORGOTTEN_IDS.name, keys, ["id_hash"])["id_hash"]) if keys else frozenset())


def keep_forgotten_ids(home: Home, video_id: str, face_ids: Iterable[str]) -> None:
    """Record the ids of faces that will be forgotten; call it before they are erased."""
    new = pl.DataFrame({"id_hash": sorted({_hash(person_id_after(face_id)) for face_id in face_ids})}, schema={"id_hash": pl.String})
    if not new.height:
        return
    is_known = home.store.stamp(FORGOTTEN_IDS.name, video_id) is not None
    known = home.store.get(FORGOTTEN_IDS.name, video_id) if is_known else FORGOTTEN_IDS.empty()
    table = pl.concat([known, new.select(pl.lit(video_id).alias("video_id"), "id_hash")]).unique(FORGOTTEN_IDS.key).sort(FORGOTTEN_IDS.key)
    version = digest(FORGOTTEN_IDS.name, table["id_hash"].to_list())
    home.store.put(FORGOTTEN_IDS.name, video_id, check(FORGOTTEN_IDS, table), Stamp(version, {}, {}, table.height))


def _hash(person_id: str) -> str:
    return digest("forgotten", person_id)
