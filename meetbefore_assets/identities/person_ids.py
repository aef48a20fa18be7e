"""Names groups with ids that last, and computes the evidence for each face."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from meetbefore_assets.core.ports import F32, I64

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no letter looks like a digit
_ID_LENGTH = 10


def short_id(prefix: str, text: str) -> str:
    """`prefix` and 50 bits of the hash of `text`: a million ids collide with probability 4e-4."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return prefix + "".join(_ALPHABET[(number >> (5 * place)) & 31] for place in range(_ID_LENGTH))


def person_ids(faces: pl.DataFrame) -> pl.DataFrame:
    """Name each group after its earliest face.

    Args:
        faces: columns face_id, seen_at, group.

    Returns:
        Columns group, person_id; one row a group. The earliest face is the least by (seen_at, face_id), so the id does
        not depend on the order in which videos arrived.
    """
    earliest = faces.sort("seen_at", "face_id").group_by("group", maintain_order=True).first().sort("group")
    return earliest.select("group", pl.col("face_id").map_elements(lambda face: short_id("p", face), pl.String).alias("person_id"))


def cannot_links(tracks: pl.DataFrame) -> I64:
    """Pairs of tracks that share a moment: two faces in one picture are two people.

    Args:
        tracks: columns video_id, frame_pts (the moments of each track).

    Returns:
        (n, 2) rows, the smaller first, sorted, none twice.
    """
    # Numbers are matched in half the time that names take: 0.3 s for a million tracks.
    video = pl.col("video_id").cast(pl.Categorical).to_physical().alias("video")
    seen = tracks.lazy().select(video, "frame_pts").with_row_index("row").explode("frame_pts")
    pairs = seen.join(seen, on=["video", "frame_pts"], suffix="_other").filter(pl.col("row") < pl.col("row_other"))
    found = pairs.select("row", "row_other").unique().sort("row", "row_other").collect()
    return found.to_numpy().astype(np.int64).reshape(-1, 2)


@dataclass(frozen=True)
class Gallery:
    """One vector a person.

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
    """Cosine of each face to the mean of the other faces of its person; 1 where it is the only one."""
    others = people.sums[group] - vectors
    length = np.linalg.norm(others, axis=1)
    alone = people.counts[group] < 2
    cosine = np.einsum("ij,ij->i", others, vectors) / np.maximum(length, 1e-12)
    return np.where(alone, 1.0, np.clip(cosine, -1, 1)).astype(np.float32)


def runner_up(similarity: F32, neighbour: I64, group: I64) -> tuple[I64, F32]:
    """The most similar person that is not one's own.

    Args:
        similarity, neighbour: (n, k) nearest people of each face, most similar first; -1 where there are fewer.
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
    """Where the bearers of ids that went out of use are found now.

    Args:
        before, after: columns face_id, person_id of the last decision and of this one.
        known: alias -> person_id as it was.

    Returns:
        alias -> person_id in use: the person who now has most of the old one's faces (ties: the smaller id). Ids that came
        into use again are no aliases; an alias whose person is gone without faces is dropped.
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
    """Faces whose person id is another one than before (faces that are new or gone are not counted)."""
    return before.join(after, on="face_id", suffix="_now").filter(pl.col("person_id") != pl.col("person_id_now")).height
