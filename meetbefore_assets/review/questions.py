"""Review questions from the groupings at neighbouring thresholds; no model and no video is touched."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.ports import F64, I64, WHOLE
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.queries import assigned_faces, matched_videos, people_table
from meetbefore_assets.identities.threshold_sweep import ASSET as REGROUPINGS
from meetbefore_assets.identities.threshold_sweep import threshold_results
from meetbefore_assets.review.suggestions import Break, Join, breaks, joins

_UNASKED = ("ignored",)


@dataclass(frozen=True)
class FaceLocation:
    """Where to look: the best face of a side."""

    file_name: str
    time_s: float


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        kind: "same" (are these two one person?) or "other" (is this part somebody else?).
        first, second: person ids; of "other" the second is empty.
        face_ids: of "other": a face of each track in question.
        threshold: where the answer of the grouping would change.
        value: what hangs on it.
        places: where to look.
    """

    kind: str
    first: str
    second: str
    face_ids: tuple[str, ...]
    threshold: float
    value: float
    places: tuple[FaceLocation, ...]


def questions(home: Home, limit: int) -> tuple[float, list[Question]]:
    """The threshold in force, and the most valuable questions, at most `limit`.

    Raises:
        UsageError: nothing was matched yet.
    """
    threshold, tried = threshold_results(home)
    if not tried:
        raise UsageError("nothing was matched yet.", remedy="`meetbefore run FOLDER` takes recordings in.")
    thresholds: F64 = np.array([rung.threshold for rung in tried])
    now = int(np.argmin(np.abs(thresholds - threshold)))
    faces = assigned_faces(home)
    best = faces.sort(["quality", "face_id"], descending=[True, False]).unique("track_id", keep="first", maintain_order=True)
    tracks = home.store.get(REGROUPINGS, WHOLE).join(best, on="track_id").sort("track_id")
    groups: I64 = np.array(tracks["groups"].to_list(), np.int64).reshape(tracks.height, len(thresholds))
    ranked = people_table(home).filter(~pl.col("role").is_in(_UNASKED).fill_null(False))
    counts = dict(ranked.select("person_id", "encounters").rows())
    people = tracks["person_id"].to_list()
    asked = [_same(join, best) for join in joins(people, groups, thresholds, now, counts)]
    encounters = _encounters(home, tracks)
    asked += [_other(one, tracks) for one in breaks(people, groups, thresholds, now, encounters) if one.person_id in counts]
    return threshold, sorted(asked, key=lambda question: (-question.value, question.first, question.second))[:limit]


def _encounters(home: Home, tracks: pl.DataFrame) -> list[str]:
    """The encounter of each track."""
    parts = home.store.scan("encounter_scores", matched_videos(home)).select(
        "encounter_id", "video_id", "person_id", "started_at", "ended_at"
    )
    found = tracks.select("track_id", "video_id", "person_id", "seen_at").join(parts, on=["video_id", "person_id"])
    found = found.filter(pl.col("seen_at").is_between("started_at", "ended_at"))
    return tracks.join(found.select("track_id", "encounter_id"), on="track_id", how="left", maintain_order="left")["encounter_id"].to_list()


def _same(join: Join, best: pl.DataFrame) -> Question:
    places = tuple(_place(best.filter(pl.col("person_id") == one)) for one in (join.first, join.second))
    return Question("same", join.first, join.second, (), join.threshold, join.value, places)


def _other(one: Break, tracks: pl.DataFrame) -> Question:
    part = tracks[list(one.rows)]
    rest = tracks.filter((pl.col("person_id") == one.person_id) & ~pl.col("track_id").is_in(part["track_id"].implode()))
    faces = tuple(part["face_id"].to_list())
    return Question("other", one.person_id, "", faces, one.threshold, one.value, (_place(part), _place(rest)))


def _place(faces: pl.DataFrame) -> FaceLocation:
    row = faces.sort(["quality", "face_id"], descending=[True, False]).row(0, named=True)
    return FaceLocation(str(row["file_name"]), float(row["time_s"]))
