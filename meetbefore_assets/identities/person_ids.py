"""Lasting ids of groups, and the similarity of each face to its person and to the runner-up."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from meetbefore_assets.core.ports import F32, I64
from meetbefore_assets.core.short_ids import person_id_after


def person_ids(faces: pl.DataFrame) -> pl.DataFrame:
    """Give each group the id of its earliest face.

    Args:
        faces: columns face_id, seen_at, group.

    Returns:
        Columns group, person_id; one row per group. The earliest face is the first by (seen_at, face_id), so the id does not depend on the
        order of import.
    """
    earliest = faces.sort("seen_at", "face_id").group_by("group", maintain_order=True).first().sort("group")
    return earliest.select("group", pl.col("face_id").map_elements(person_id_after, pl.String).alias("person_id"))


def cannot_links(tracks: pl.DataFrame) -> I64:
    """Pairs of tracks that share a frame: two faces in one frame are two people.

    Args:
        tracks: columns video_id, frame_pts (the frames of each track).

    Returns:
        (n, 2) pairs of rows, the smaller first, sorted, without duplicates.
    """
    # Joining on numbers takes half the time of joining on names: 0.3 s for a million tracks.
    video = pl.col("video_id").cast(pl.Categorical).to_physical().alias("video")
    seen = tracks.lazy().select(video, "frame_pts").with_row_index("row").explode("frame_pts")
    pairs = seen.join(seen, on=["video", "frame_pts"], suffix="_other").filter(pl.col("row") < pl.col("row_other"))
    found = pairs.select("row", "row_other").unique().sort("row", "row_other").collect()
    return found.to_numpy().astype(np.int64).reshape(-1, 2)


@dataclass(frozen=True)
class Gallery:
    """Sums of face vectors per person.

    Attributes:
        sums: (p, d) sum of the person's face vectors.
        counts: (p,) number of faces.
    """

    sums: F32
    counts: I64

    @property
    def means(self) -> F32:
        """(p, d) unit rows."""
        length = np.maximum(np.linalg.norm(self.sums, axis=1, keepdims=True), 1e-12)
        return np.asarray(self.sums / length, np.float32)


def gallery(vectors: F32, group: I64) -> Gallery:
    """Sum the (n, d) vectors of each of the groups 0..p-1."""
    count = int(group.max()) + 1 if len(group) else 0
    sums = np.zeros((count, vectors.shape[1]), np.float64)
    np.add.at(sums, group, vectors)
    return Gallery(sums.astype(np.float32), np.bincount(group, minlength=count).astype(np.int64))


def own_similarity(vectors: F32, group: I64, people: Gallery) -> F32:
    """Cosine of each face to the mean of the other faces of its person; 1 if it is the only one."""
    others = people.sums[group] - vectors
    length = np.linalg.norm(others, axis=1)
    alone = people.counts[group] < 2
    cosine = np.einsum("ij,ij->i", others, vectors) / np.maximum(length, 1e-12)
    return np.where(alone, 1.0, np.clip(cosine, -1, 1)).astype(np.float32)


def runner_up(similarity: F32, neighbour: I64, group: I64) -> tuple[I64, F32]:
    """The most similar other person of each face.

    Args:
        similarity, neighbour: (n, k) nearest people of each face, most similar first; -1 if there are fewer.
        group: (n,) the face's own person.

    Returns:
        (n,) person or -1, (n,) cosine or nan.
    """
    other = (neighbour != group[:, None]) & (neighbour >= 0)
    first = other.argmax(axis=1)
    rows = np.arange(len(group))
    has = other[rows, first] if other.shape[1] else np.zeros(len(group), bool)
    who = np.where(has, neighbour[rows, first], -1)
    return who.astype(np.int64), np.where(has, similarity[rows, first], np.nan).astype(np.float32)


def aliases(before: pl.DataFrame, after: pl.DataFrame, known: Mapping[str, str]) -> dict[str, str]:
    """Aliases: ids that are no longer used -> the person they stand for now.

    Args:
        before, after: columns face_id, person_id of the last match and of this one.
        known: the former aliases.

    Returns:
        alias -> current person_id: the person who now has most of the old one's faces (of equals, the smaller id). Ids that are used again
        are no aliases; an alias whose faces are all gone is dropped.
    """
    alive = set(after["person_id"].unique())
    heirs = _heirs(before, after)
    result: dict[str, str] = {}
    for alias, target in {**known, **{old: old for old in before["person_id"].unique().to_list()}}.items():
        now = target if target in alive else heirs.get(target)
        if alias not in alive and now is not None:
            result[alias] = now
    return dict(sorted(result.items()))


def _heirs(before: pl.DataFrame, after: pl.DataFrame) -> dict[str, str]:
    moved = before.join(after, on="face_id", suffix="_now").group_by("person_id", "person_id_now").len()
    best = (
        moved.sort(["person_id", "len", "person_id_now"], descending=[False, True, False])
        .group_by("person_id", maintain_order=True)
        .first()
    )
    return dict(zip(best["person_id"], best["person_id_now"], strict=True))


def churn(before: pl.DataFrame, after: pl.DataFrame) -> int:
    """Number of faces whose person id changed (new and dropped faces do not count)."""
    return before.join(after, on="face_id", suffix="_now").filter(pl.col("person_id") != pl.col("person_id_now")).height
