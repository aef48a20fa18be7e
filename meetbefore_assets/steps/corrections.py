"""Corrections on record: one immutable object each, and what they say of the faces that are there now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from meetbefore_assets.domain.corrections import Anchor, Correction, Kind, anchor_rows, in_force, locate, spoken_of
from meetbefore_assets.domain.corrections_to_links import Links, links
from meetbefore_assets.domain.divided_tracks import divided_tracks
from meetbefore_assets.domain.ports import I64, Stamp
from meetbefore_assets.schema import CORRECTIONS, check
from meetbefore_assets.settings import digest
from meetbefore_assets.workbench import Workbench

ASSET = CORRECTIONS.name


def read_corrections(bench: Workbench) -> list[Correction]:
    """All that was ever said, oldest first; undone ones and undos among them."""
    table = corrections_table(bench)
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


def corrections_table(bench: Workbench) -> pl.DataFrame:
    """A row an anchor (one without a place for corrections that have none), oldest first: columns of CORRECTIONS."""
    keys = bench.store.keys(ASSET)
    table = bench.store.scan(ASSET, keys) if keys else CORRECTIONS.empty()
    return table.sort("created_at", "correction_id", "side", "ordinal")


def corrections_version(bench: Workbench) -> str:
    """Changes whenever something was said or erased."""
    stamps = {key: bench.store.stamp(ASSET, key) for key in bench.store.keys(ASSET)}
    return digest("corrections", [[key, stamp.data_version if stamp else "torn"] for key, stamp in sorted(stamps.items())])


def write_correction(bench: Workbench, one: Correction) -> None:
    """Put one correction on record."""
    said = {"correction_id": one.correction_id, "created_at": one.created_at, "kind": one.kind, "text": one.text}
    nowhere = dict.fromkeys(("video_id", "time_s", "x1", "y1", "x2", "y2"))
    places = anchor_rows([one]).to_dicts() or [{"side": "here", "ordinal": 0, **nowhere}]
    table = check(CORRECTIONS, CORRECTIONS.frame([{**said, **place} for place in places]))
    bench.store.put(ASSET, one.correction_id, table, Stamp(one.correction_id, {}, {"kind": one.kind}, table.height))


def clean_time(moment: datetime) -> datetime:
    """UTC without a zone, as the tables have it."""
    return moment.replace(tzinfo=None)


@dataclass(frozen=True)
class Standing:
    """What the corrections in force say of the faces on record.

    Attributes:
        corrections: in force, oldest first.
        located: as `domain.corrections.locate` gives it.
    """

    corrections: list[Correction]
    located: pl.DataFrame

    def faces(self) -> dict[tuple[str, str], list[str]]:
        """(correction_id, side) -> its faces, the most telling first."""
        table = self.located.group_by("correction_id", "side", maintain_order=True).agg("face_id")
        return {(str(one), str(side)): list(faces) for one, side, faces in table.rows()}

    def spoken(self, assigned: pl.DataFrame, kind: Kind) -> dict[str, str]:
        """person_id -> name, or role."""
        return spoken_of(self.corrections, self.located, assigned, kind)


def standing(bench: Workbench, videos: Sequence[str], corrections: list[Correction] | None = None) -> Standing:
    """Find the faces that corrections (those on record, or the given ones) are about."""
    said = in_force(read_corrections(bench) if corrections is None else corrections)
    anchors = anchor_rows(said)
    concerned = sorted(set(anchors["video_id"]) & set(videos))
    columns = ["face_id", "video_id", "time_s", "x1", "y1", "x2", "y2"]
    faces = bench.store.scan("detections", concerned, columns) if concerned else pl.DataFrame(schema=_FACES)
    return Standing(said, locate(anchors, faces))


_FACES = {"face_id": pl.String, "video_id": pl.String} | dict.fromkeys(("time_s", "x1", "y1", "x2", "y2"), pl.Float64)


def parts_of_tracks(stands: Standing, tracks: pl.DataFrame) -> dict[str, list[list[str]]]:
    """Tracks to divide, and into which faces (see `divided_tracks`)."""
    spoken = stands.located["face_id"].unique()
    pairs = tracks.select("track_id", pl.col("face_ids").alias("face_id")).explode("face_id")
    concerned = pairs.filter(pl.col("face_id").is_in(spoken.implode()))["track_id"].unique()
    whole = pairs.filter(pl.col("track_id").is_in(concerned.implode())).sort("face_id")
    return divided_tracks(stands.corrections, stands.faces(), dict(whole.select("face_id", "track_id").rows()))


def links_of(stands: Standing, tracks: pl.DataFrame, seen_together: I64) -> Links:
    """Must-links and cannot-links between the rows of (divided) tracks."""
    spoken = stands.located["face_id"].unique()
    pairs = tracks.with_row_index("row").select("row", pl.col("face_ids").alias("face_id")).explode("face_id")
    row_of = dict(pairs.filter(pl.col("face_id").is_in(spoken.implode())).select("face_id", "row").rows())
    rows = {key: list(dict.fromkeys(int(row_of[face]) for face in faces if face in row_of)) for key, faces in stands.faces().items()}
    return links(stands.corrections, rows, np.asarray(seen_together, np.int64))
