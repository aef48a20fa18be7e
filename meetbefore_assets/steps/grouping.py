"""What there is to group: the tracks of all videos, divided and linked as corrections say."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from meetbefore_assets.domain import tracks_to_identities as identities
from meetbefore_assets.domain.corrections import Correction
from meetbefore_assets.domain.corrections_to_links import Links
from meetbefore_assets.domain.grouping import GroupingPolicy, group_tracks
from meetbefore_assets.domain.ports import I64
from meetbefore_assets.schema import TRACKS
from meetbefore_assets.steps.corrections import Standing, links_of, parts_of_tracks, standing
from meetbefore_assets.steps.tracking import FACE_COLUMNS, track_rows
from meetbefore_assets.workbench import Workbench


@dataclass(frozen=True)
class Material:
    """Tracks to group, and what is known about them beforehand.

    Attributes:
        tracks: columns of TRACKS, sorted by track_id.
        links: between rows of them.
        stands: the corrections that they come from.
    """

    tracks: pl.DataFrame
    links: Links
    stands: Standing


def material(bench: Workbench, videos: Sequence[str], corrections: list[Correction] | None = None) -> Material:
    """Tracks of some videos with the corrections on record, or with the given ones."""
    tracks = bench.store.scan("tracks", list(videos)).sort("track_id") if videos else TRACKS.empty()
    if not tracks.height:
        tracks = TRACKS.empty()
    stands = standing(bench, videos, corrections)
    tracks = _divided(bench, tracks, parts_of_tracks(stands, tracks))
    together = identities.cannot_links(tracks["video_id"].to_list(), tracks["frame_pts"].to_list())
    return Material(tracks, links_of(stands, tracks, together), stands)


def group(given: Material, threshold: float) -> I64:
    """The person of each track, numbered from 0.

    Args:
        given: what to group.
        threshold: least similarity of two groups that are one person.
    """
    if not given.tracks.height:
        return np.empty(0, np.int64)
    return group_tracks(
        np.array(given.tracks["vector"].to_list(), np.float32),
        given.tracks["quality"].to_numpy().astype(np.float32),
        given.links.cannot_link,
        given.links.must_link,
        GroupingPolicy(threshold),
    )


def _divided(bench: Workbench, tracks: pl.DataFrame, parts: dict[str, list[list[str]]]) -> pl.DataFrame:
    if not parts:
        return tracks
    rows = [row for track_id in sorted(parts) for row in _parts(bench, tracks.filter(pl.col("track_id") == track_id), parts[track_id])]
    whole = tracks.filter(~pl.col("track_id").is_in(list(parts)))
    return pl.concat([whole, TRACKS.frame(rows).select(whole.columns)]).sort("track_id")


def _parts(bench: Workbench, track: pl.DataFrame, parts: list[list[str]]) -> list[dict[str, object]]:
    video_id = str(track["video_id"][0])
    of_part = pl.DataFrame([(face, label) for label, part in enumerate(parts) for face in part], ["face_id", "label"], orient="row")
    seen = bench.store.get("detections", video_id, ["face_id", "pts", "time_s", "quality"])
    known = bench.store.get("embeddings", video_id, ["face_id", "model", "vector", "raw_norm"])
    faces = of_part.join(seen, on="face_id").join(known, on="face_id").sort("time_s", "face_id")
    return track_rows(video_id, faces.select(*FACE_COLUMNS), faces["label"].to_numpy().astype(np.int64))
