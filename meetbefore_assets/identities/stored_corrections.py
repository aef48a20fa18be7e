"""Corrections on record: reads and writes them, and finds the faces that those in force are about."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.errors import RecordTornError
from meetbefore_assets.core.ports import I64, Stamp
from meetbefore_assets.core.schema.identities import CORRECTIONS
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.object_versions import object_versions
from meetbefore_assets.identities.correction_links import Links, divided_tracks, links
from meetbefore_assets.identities.corrections import (
    ASIDE,
    SHOWN,
    SIDES,
    Anchor,
    Correction,
    Kind,
    anchor_rows,
    faces_of_nobody,
    in_force,
    locate,
    names_or_roles,
    portraits,
)

ASSET = CORRECTIONS.name


def read_corrections(home: Home) -> list[Correction]:
    """All corrections, oldest first, including undone ones and undos."""
    return corrections_of(corrections_table(home))


def corrections_of(table: pl.DataFrame) -> list[Correction]:
    """The corrections whose anchors are the rows (columns of CORRECTIONS) of a table, those of one correction together and in order."""
    sides: dict[str, dict[str, list[Anchor]]] = {}
    heads: dict[str, tuple[dt.datetime, Kind, str]] = {}
    columns = ("correction_id", "created_at", "kind", "text", "side", "video_id", "time_s", "x1", "y1", "x2", "y2")
    for correction_id, created_at, kind, text, side, *place in table.select(columns).rows():
        heads[correction_id] = (created_at, kind, text)
        anchors = sides.setdefault(correction_id, {})
        if place[0] is not None:
            anchors.setdefault(side, []).append(Anchor(*place))
    return [Correction(one, *heads[one], *(tuple(sides[one].get(side, ())) for side in SIDES)) for one in heads]


def corrections_table(home: Home) -> pl.DataFrame:
    """A row an anchor (one without a place for corrections that have none), oldest first: columns of CORRECTIONS.

    Those that cannot be read any more are left out: see `torn_corrections`.
    """
    return _read(home)[0].sort("created_at", "correction_id", "side", "ordinal")


def torn_corrections(home: Home) -> list[RecordTornError]:
    """Errors of corrections that cannot be read; empty if all can."""
    return _read(home)[1]


def _read(home: Home) -> tuple[pl.DataFrame, list[RecordTornError]]:
    keys = home.store.keys(ASSET)
    try:
        return (home.store.scan(ASSET, keys) if keys else CORRECTIONS.empty()), []
    except RecordTornError:
        found, torn = [CORRECTIONS.empty()], list[RecordTornError]()
    for key in keys:
        try:
            found.append(home.store.get(ASSET, key))
        except RecordTornError as error:
            torn.append(error)
        except KeyError:
            continue  # it was forgotten meanwhile
    return pl.concat(found), torn


def corrections_version(home: Home) -> str:
    """Hash that changes whenever a correction is made or erased."""
    return digest("corrections", object_versions(home, ASSET))


def deciding_version(home: Home) -> str:
    """Hash that changes whenever a correction that may change groups is made or erased."""
    versions = object_versions(home, ASSET)
    return digest("corrections", [entry for entry in versions if _subject(home, entry[0]) not in (*ASIDE, *SHOWN)])


def shown_version(home: Home) -> str:
    """Hash that changes whenever a correction of how people are shown is made or erased."""
    versions = object_versions(home, ASSET)
    return digest("shown", [entry for entry in versions if _subject(home, entry[0]) in (*SHOWN, "undo")])


def _subject(home: Home, key: str) -> str:
    """The kind of a correction, of an undo that of what it undid; "undo" where that is not known, "" where the correction is torn."""
    stamp = home.store.stamp(ASSET, key)
    return str(stamp.facts.get("about") or stamp.facts.get("kind", "")) if stamp else ""


def write_correction(home: Home, one: Correction) -> None:
    """Write one correction to the record."""
    table = check(CORRECTIONS, table_of(one))
    facts = {"kind": one.kind, **({"about": _subject(home, one.text)} if one.kind == "undo" else {})}
    home.store.put(ASSET, one.correction_id, table, Stamp(one.correction_id, {}, facts, table.height))


def table_of(one: Correction) -> pl.DataFrame:
    """The rows of one correction: columns of CORRECTIONS."""
    said = {"correction_id": one.correction_id, "created_at": one.created_at, "kind": one.kind, "text": one.text}
    nowhere = dict.fromkeys(("video_id", "time_s", "x1", "y1", "x2", "y2"))
    places = anchor_rows([one]).to_dicts() or [{"side": "here", "ordinal": 0, **nowhere}]
    return CORRECTIONS.frame([{**said, **place} for place in places])


@dataclass(frozen=True)
class CorrectionsInForce:
    """The corrections in force, with the faces on record that they are about.

    Attributes:
        corrections: in force, oldest first.
        located: as `corrections.locate` gives it.
    """

    corrections: list[Correction]
    located: pl.DataFrame

    @classmethod
    def nothing(cls) -> "CorrectionsInForce":
        """No corrections."""
        return cls([], locate(anchor_rows([]), pl.DataFrame(schema=_FACES)))

    def faces(self) -> dict[tuple[str, str], list[str]]:
        """(correction_id, side) -> its faces, most representative first."""
        table = self.located.group_by("correction_id", "side", maintain_order=True).agg("face_id")
        return {(str(one), str(side)): list(faces) for one, side, faces in table.rows()}

    def spoken(self, assigned: pl.DataFrame, kind: Kind) -> dict[str, str]:
        """person_id -> name, or role."""
        return names_or_roles(self.corrections, self.located, assigned, kind)

    def names_said(self, assigned: pl.DataFrame) -> dict[str, str]:
        """person_id -> name, of those of whom one was said; "": that there is none."""
        return names_or_roles(self.corrections, self.located, assigned, "name", keeps_empty=True)

    def portraits(self, assigned: pl.DataFrame) -> dict[str, str]:
        """person_id -> the face to show."""
        return portraits(self.corrections, self.located, assigned)

    def merged(self) -> set[str]:
        """The faces that merges are about."""
        merges = [one.correction_id for one in self.corrections if one.kind == "merge"]
        return set(self.located.filter(pl.col("correction_id").is_in(merges))["face_id"])

    def nobodys(self) -> set[str]:
        """The faces that are said to be none."""
        return faces_of_nobody(self.corrections, self.located)


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
    if not len(spoken):
        return {}
    pairs = tracks.select("track_id", pl.col("face_ids").alias("face_id")).explode("face_id")
    concerned = pairs.filter(pl.col("face_id").is_in(spoken.implode()))["track_id"].unique()
    whole = pairs.filter(pl.col("track_id").is_in(concerned.implode())).sort("face_id")
    return divided_tracks(stands.corrections, stands.faces(), dict(whole.select("face_id", "track_id").rows()), stands.nobodys())


def links_of(stands: CorrectionsInForce, tracks: pl.DataFrame, seen_together: I64) -> Links:
    """Must-links and cannot-links between the rows of (divided) tracks."""
    spoken = stands.located["face_id"].unique()
    pairs = tracks.with_row_index("row").select("row", pl.col("face_ids").alias("face_id")).explode("face_id")
    row_of = dict(pairs.filter(pl.col("face_id").is_in(spoken.implode())).select("face_id", "row").rows())
    rows = {key: list(dict.fromkeys(int(row_of[face]) for face in faces if face in row_of)) for key, faces in stands.faces().items()}
    return links(stands.corrections, rows, np.asarray(seen_together, np.int64))
