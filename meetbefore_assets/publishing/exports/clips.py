"""Plans clips of a person: which seconds of which recordings to cut."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.words import local
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities import queries

# Sightings further apart become separate clips: an encounter may be half an hour with nothing in between.
APART_S = 15.0


@dataclass(frozen=True)
class ClipPart:
    """A part of one recording, in seconds since its first picture; `started_at` (naive UTC) is when the person is first seen in it."""

    uri: str
    file_name: str
    begin_s: float
    end_s: float
    started_at: dt.datetime


@dataclass(frozen=True)
class ClipPlan:
    """Parts to cut, by time, and (file name, reason) of recordings that cannot be cut."""

    parts: list[ClipPart]
    left_out: list[tuple[str, str]]


def plan_clips(home: Home, person_id: str, margin_s: float) -> ClipPlan:
    """Plan clips of all parts in which a person is seen, with a margin on both sides.

    Raises:
        UsageError: none of them can be cut.
    """
    faces = queries.assigned_faces(home).filter(pl.col("person_id") == person_id).sort("seen_at", "video_id")
    parts: list[ClipPart] = []
    left_out: list[tuple[str, str]] = []
    for (video_id,), rows in faces.group_by("video_id", maintain_order=True):
        file_name, uri = rows["file_name"][0], _present(home, str(video_id))
        if not uri:
            left_out.append((file_name, "its file is not there, or it is a folder of pictures"))
            continue
        parts += _parts(rows, uri, file_name, margin_s, home.settings().sampling.interval_s)
    if not parts:
        raise UsageError(f"nothing can be cut of {person_id}: {'; '.join(': '.join(entry) for entry in left_out)}.")
    return ClipPlan(sorted(parts, key=lambda part: (part.started_at, part.file_name)), left_out)


def _present(home: Home, video_id: str) -> str:
    uris = home.store.get("sources", video_id).filter(pl.col("kind") == "video")["uri"]
    return next((home.adapters.recordings.local_path(uri) for uri in uris if home.is_present([uri])), "")


def _parts(rows: pl.DataFrame, uri: str, file_name: str, margin_s: float, interval_s: float) -> list[ClipPart]:
    run = (pl.col("time_s").diff().fill_null(0) > max(APART_S, interval_s)).cum_sum()
    runs = (
        rows.sort("time_s")
        .group_by(run.alias("run"), maintain_order=True)
        .agg(pl.col("time_s").min().alias("first"), pl.col("time_s").max().alias("last"), pl.col("seen_at").min())
    )
    return [
        ClipPart(uri, file_name, max(0.0, first - margin_s), last + margin_s, seen_at)
        for first, last, seen_at in runs.select("first", "last", "seen_at").iter_rows()
    ]


def clip_name(part: ClipPart, zone: str) -> str:
    """File name of a clip, without ending: local time and the recording's name, so that clips sort by time."""
    return f"{local(part.started_at, zone):%Y-%m-%d_%H-%M-%S}_{Path(part.file_name).stem}"
