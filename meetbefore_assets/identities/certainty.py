"""Probability that an encounter is with the same person as the person's other encounters, from the tracks on record."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl

from meetbefore_assets.core.model_packs import EvidenceModel
from meetbefore_assets.core.ports import F32
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.evidence import EvidencePolicy, part_probabilities, shared_look
from meetbefore_assets.identities.grouping_input import raw_lengths
from meetbefore_assets.identities.look_sample import tells_the_look
from meetbefore_assets.identities.stored_corrections import corrections_in_force
from meetbefore_assets.identities.stored_edges import vectors_as_matrix


@dataclass(frozen=True)
class Looks:
    """What tracks on record look like.

    Attributes:
        row_of_face: columns face_id, row.
        vectors: (m, d) float32, unit rows.
        lengths: (m,) float32, mean length of the raw vectors of each.
        policy: what is known of the recogniser, and what the archive's people share.
    """

    row_of_face: pl.DataFrame
    vectors: F32
    lengths: F32
    policy: EvidencePolicy


def looks(tracks: pl.DataFrame, vectors: F32, lengths: F32, model: EvidenceModel) -> Looks:
    """Looks of tracks, undivided.

    Args:
        tracks: columns video_id, face_ids, sorted by track.
        vectors, lengths: of each of them, see `Looks`.
        model: what was measured of the recogniser.
    """
    is_asked = tells_the_look(tracks["video_id"])
    policy = EvidencePolicy(model.threshold, model, shared_look(vectors[is_asked], lengths[is_asked]))
    row_of_face = tracks.select(pl.col("face_ids").alias("face_id")).with_row_index("row").explode("face_id")
    return Looks(row_of_face, vectors, lengths, policy)


def with_certainty(home: Home, videos: list[str], encounters: pl.DataFrame, sightings: pl.DataFrame) -> pl.DataFrame:
    """`encounters` with same_person, from the tracks on record: see `certain`.

    Args:
        home: the home.
        videos: those of the encounters.
        encounters, sightings: see `certain`.
    """
    model = home.model_pack().recogniser.evidence
    if model is None or not encounters.height:
        return certain(encounters, sightings, None, set())
    tracks = home.store.scan("tracks", videos, ["track_id", "video_id", "vector", "face_ids"]).sort("track_id")
    vectors, lengths = vectors_as_matrix(tracks["vector"]), raw_lengths(home, videos, tracks, model)
    return certain(encounters, sightings, looks(tracks, vectors, lengths, model), corrections_in_force(home, videos).merged())


def certain(encounters: pl.DataFrame, sightings: pl.DataFrame, known: Looks | None, merged: Collection[str]) -> pl.DataFrame:
    """`encounters` with same_person: probability that one is with the person of the others.

    It is null for the only encounter of a person, and for a recogniser that nobody measured. 1: a merge in force is about its faces.
    A track that corrections divide counts whole on either side.

    Args:
        encounters: columns encounter_id, video_id, person_id, started_at, ended_at.
        sightings: columns person_id, video_id, face_id, seen_at.
        known: tracks on record; None: nobody measured the recogniser.
        merged: faces that merges in force are about.
    """
    several = encounters.filter(pl.col("encounter_id").n_unique().over("person_id") > 1)
    if known is None or not several.height:
        return encounters.with_columns(pl.lit(None, pl.Float64).alias("same_person"))
    parts = several.select("encounter_id", "video_id", "person_id", "started_at", "ended_at")
    seen = sightings.join(parts, on=["person_id", "video_id"]).filter(pl.col("seen_at").is_between("started_at", "ended_at"))
    views = seen.join(known.row_of_face, on="face_id").select("person_id", "encounter_id", "row").unique()
    views = views.with_columns(pl.col("encounter_id").rank("dense").alias("part"), pl.col("person_id").rank("dense").alias("whole"))
    views = views.sort("part", "row")
    whole = views.group_by("part", maintain_order=True).agg(pl.col("whole").first(), pl.col("encounter_id").first())
    rows, part = views["row"].to_numpy(), views["part"].to_numpy().astype(np.int64) - 1
    whole_of = whole["whole"].to_numpy().astype(np.int64) - 1
    sure = part_probabilities(known.vectors[rows], known.lengths[rows], part, whole_of, known.policy)
    held = seen.filter(pl.col("face_id").is_in(list(merged)))["encounter_id"].unique()
    same = whole.select("encounter_id", pl.Series("same_person", sure)).with_columns(
        pl.when(pl.col("encounter_id").is_in(held.implode())).then(1.0).otherwise(pl.col("same_person")).alias("same_person")
    )
    return encounters.join(same, on="encounter_id", how="left", maintain_order="left")
