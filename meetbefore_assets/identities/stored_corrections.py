"""Reads and writes corrections, and finds the faces on record that those in force are about."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import I64, Stamp
from meetbefore_assets.core.schema.identities import CORRECTIONS
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.object_versions import object_versions
from meetbefore_assets.identities.correction_links import Links, divided_tracks, links
from meetbefore_assets.identities.corrections import Anchor, Correction, Kind, anchor_rows, in_force, locate, names_or_roles

ASSET = CORRECTIONS.name


def read_corrections(home: Home) -> list[Correction]:
    """All that was ever said, oldest first; undone ones and undos among them."""
    table = corrections_table(home)
    found = []
    for _, rows in table.group_by("correction_id", maintain_order=True):
        first = rows.row(0, named=True)
        sides = {
            side: tuple(
                _anchor(row) for row in rows.filter((pl.col("side") == side) & pl.col("video_id").is_not_null()).iter_rows(named=True)
            )
            for side in ("here", "there")
        }
        found.append(Correction(first["correction_id"], first["created_at"], first["kind"], first["text"], sides["here"], sides["there"]))
    return found


def _anchor(row: dict[str, object]) -> Anchor:
    numbers = [float(str(row[name])) for name in ("time_s", "x1", "y1", "x2", "y2")]
    return Anchor(str(row["video_id"]), *numbers)


def corrections_table(home: Home) -> pl.DataFrame:
    """A row an anchor (one without a place for corrections that have none), oldest first: columns of CORRECTIONS."""
    keys = home.store.keys(ASSET)
    table = home.store.scan(ASSET, keys) if keys else CORRECTIONS.empty()
    return table.sort("created_at", "correction_id", "side", "ordinal")


def corrections_version(home: Home) -> str:
    """Changes whenever something was said or erased."""
    return digest("corrections", object_versions(home, ASSET))


def write_correction(home: Home, one: Correction) -> None:
    """Put one correction on record."""
    said = {"correction_id": one.correction_id, "created_at": one.created_at, "kind": one.kind, "text": one.text}
    nowhere = dict.fromkeys(("video_id", "time_s", "x1", "y1", "x2", "y2"))
    places = anchor_rows([one]).to_dicts() or [{"side": "here", "ordinal": 0, **nowhere}]
    table = check(CORRECTIONS, CORRECTIONS.frame([{**said, **place} for place in places]))
    home.store.put(ASSET, one.correction_id, table, Stamp(one.correction_id, {}, {"kind": one.kind}, table.height))


@dataclass(frozen=True)
class CorrectionsInForce:
    """What the corrections in force say of the faces on record.

    Attributes:
        corrections: in force, oldest first.
        located: as `corrections.locate` gives it.
    """

    corrections: list[Correction]
    located: pl.DataFrame

    def faces(self) -> dict[tuple[str, str], list[str]]:
        """(correction_id, side) -> its faces, the most telling first."""
        table = self.located.group_by("correction_id", "side", maintain_order=True).agg("face_id")
        return {(str(one), str(side)): list(faces) for one, side, faces in table.rows()}

    def spoken(self, assigned: pl.DataFrame, kind: Kind) -> dict[str, str]:
        """person_id -> name, or role."""
        return names_or_roles(self.corrections, self.located, assigned, kind)


def corrections_in_force(home: Home, videos: Sequence[str], corrections: list[Correction] | None = None) -> CorrectionsInForce:
    """Find the faces that corrections (those on record, or the given ones) are about."""
    said = in_force(read_corrections(home) if corrections is None else corrections)
    anchors = anchor_rows(said)
    concerned = sorted(set(anchors["video_id"]) & set(videos))
    columns = ["face_id", "video_id", "time_s", "x1", "y1", "x2", "y2"]
    faces = home.store.scan("detections", concerned, columns) if concerned else pl.DataFrame(schema=_FACES)
    return CorrectionsInForce(said, locate(anchors, faces))


_FACES = {"face_id": pl.String, "video_id": pl.String} | dict.fromkeys(("time_s", "x1", "y1", "x2", "y2"), pl.Float64)


def parts_of_tracks(stands: CorrectionsInForce, tracks: pl.DataFrame) -> dict[str, list[list[str]]]:
    """Tracks to divide, and into which faces (see `divided_tracks`)."""
    spoken = stands.located["face_id"].unique()
    pairs = tracks.select("track_id", pl.col("face_ids").alias("face_id")).explode("face_id")
    concerned = pairs.filter(pl.col("face_id").is_in(spoken.implode()))["track_id"].unique()
    whole = pairs.filter(pl.col("track_id").is_in(concerned.implode())).sort("face_id")
    return divided_tracks(stands.corrections, stands.faces(), dict(whole.select("face_id", "track_id").rows()))


def links_of(stands: CorrectionsInForce, tracks: pl.DataFrame, seen_together: I64) -> Links:
    """Must-links and cannot-links between the rows of (divided) tracks."""
    spoken = stands.located["face_id"].unique()
    pairs = tracks.with_row_index("row").select("row", pl.col("face_ids").alias("face_id")).explode("face_id")
    row_of = dict(pairs.filter(pl.col("face_id").is_in(spoken.implode())).select("face_id", "row").rows())
    rows = {key: list(dict.fromkeys(int(row_of[face]) for face in faces if face in row_of)) for key, faces in stands.faces().items()}
    return links(stands.corrections, rows, np.asarray(seen_together, np.int64))
