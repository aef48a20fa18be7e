"""Chooses which faces the page shows pictures of: the best of each encounter, as many as fit into its size."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from meetbefore_assets.faces.lighting import TOO_DARK
from meetbefore_assets.home.home import Home

PER_ENCOUNTER = 6
MOST_BYTES = 50_000_000
# What the text of the page takes, a person and an encounter: measured on 5,000 people with 25,000 encounters, rounded up.
PAGE_BYTES = 58_000_000
PLAIN_BYTES, PACKED_BYTES = (4_000, 1_400), (500, 140)
_FACE_JPEG = 85
_FACES_AT_ONCE = 4_000  # at 4 to 15 kB a thumbnail
_AROUND = 120  # bytes of an <img> around its data


@dataclass(frozen=True)
class Disguise:
    """Changes pictures before they go on the page, for example to blur people who should not be recognised.

    Attributes:
        name: part of the page's version, so that another disguise makes a new page.
        change: (person_id, JPEG) -> JPEG.
        face_alone: ids of people whose pictures are cut to the face, since others may stand around it, and not changed otherwise.
        is_for_sharing: the page is for others to see: it has no commands, no people seen once, and no names of failed files.
    """

    name: str
    change: Callable[[str, bytes], bytes]
    face_alone: frozenset[str] = frozenset()
    is_for_sharing: bool = False


NO_DISGUISE = Disguise("", lambda _person_id, jpeg: jpeg)


@dataclass(frozen=True)
class Pictures:
    """Pictures of the page.

    Attributes:
        jpegs: face_id -> base64 of the JPEG, of each person's best face and of the best faces of the encounters.
        left_out: number of candidates that did not fit.
    """

    jpegs: dict[str, str]
    left_out: int


def picture_budget(encounters: pl.DataFrame, plain_cards: int) -> int:
    """Return how many bytes of pictures fit on the page beside its text.

    Args:
        encounters: person_id and file_name, a row per encounter and video.
        plain_cards: how many people's cards are not packed.
    """
    parts = encounters.group_by("person_id").len()["len"].sort(descending=True)
    name_bytes = int(encounters["file_name"].str.len_bytes().sum()) / max(encounters.height, 1)
    text = 0.0
    for some, (person, encounter), name in ((parts[:plain_cards], PLAIN_BYTES, name_bytes), (parts[plain_cards:], PACKED_BYTES, 0.0)):
        text += len(some) * person + int(some.sum()) * (encounter + name)
    return max(0, min(MOST_BYTES, PAGE_BYTES - round(text)))


def picture_candidates(people: pl.DataFrame, once: pl.DataFrame, faces: pl.DataFrame) -> pl.DataFrame:
    """Return the faces that should be pictured, the most important first; faces too dark to see anything are left out.

    Args:
        people, once: person_id and best_face_id of those met again and of those seen once, in the order in which they are shown.
        faces: face_id, video_id, person_id, encounter_id, light, portrait.

    Returns:
        face_id, video_id, person_id, level: the best face of everybody met again (level 0); the best face of each of their encounters,
        and of everybody seen once (1); the second best of the encounters (2), and so on to six; within a level by rank.
    """
    lit = faces.filter(pl.col("light") >= TOO_DARK)
    ranked = people.select("person_id", "best_face_id").with_row_index("rank")
    order = lit.join(ranked, on="person_id").sort([-pl.col("portrait"), "face_id"], maintain_order=True)
    levels = order.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("encounter_id").alias("level"))
    shots = (
        levels.filter(pl.col("level") <= PER_ENCOUNTER)
        .sort("level", "rank", "encounter_id")
        .select("face_id", "video_id", "person_id", "level")
    )
    first = shots.filter(pl.col("level") == 1)
    return pl.concat([_best_faces(people, lit, 0), first, _best_faces(once, lit, 1), shots.filter(pl.col("level") > 1)])


def _best_faces(people: pl.DataFrame, faces: pl.DataFrame, level: int) -> pl.DataFrame:
    ranked = people.select("person_id", "best_face_id").with_row_index("rank")
    best = faces.join(ranked, left_on=["person_id", "face_id"], right_on=["person_id", "best_face_id"])
    return best.sort("rank").select("face_id", "video_id", "person_id", pl.lit(level, pl.UInt32).alias("level"))


def choose_pictures(home: Home, wanted: pl.DataFrame, most_bytes: int, disguise: Disguise = NO_DISGUISE) -> Pictures:
    """Read the pictures of the first candidates that fit into `most_bytes`.

    The pictures of a few thousand faces at a time are in memory. They are read twice: which fit is known only when all sizes are.
    Those that fit are disguised.
    """
    sizes = _sizes(home, wanted)
    chosen = sizes.filter(pl.col("size").cum_sum() <= most_bytes)
    return Pictures(_read(home, chosen, disguise), sizes.height - chosen.height)


def _sizes(home: Home, wanted: pl.DataFrame) -> pl.DataFrame:
    """Add `size`, bytes on the page; faces without a picture fall out."""
    measured = [pl.DataFrame(schema={"face_id": pl.String, "size": pl.Int64})]
    for videos in _batches(home, wanted):
        blobs = home.store.scan("detections", videos, ["face_id", "thumbnail"])
        encoded = (pl.col("thumbnail").bin.size().cast(pl.Int64) + 2) // 3 * 4 + _AROUND
        measured.append(blobs.filter(pl.col("thumbnail").bin.size() > 0).select("face_id", encoded.alias("size")))
    return wanted.join(pl.concat(measured), on="face_id", how="inner", maintain_order="left")


def _batches(home: Home, wanted: pl.DataFrame) -> Iterator[list[str]]:
    """Divide the videos of some faces into batches whose pictures fit into memory."""
    batch: list[str] = []
    rows = 0
    for video_id in sorted(wanted["video_id"].unique()):
        stamp = home.store.stamp("detections", video_id)
        more = stamp.rows if stamp else 0
        if batch and rows + more > _FACES_AT_ONCE:
            yield batch
            batch, rows = [], 0
        batch.append(video_id)
        rows += more
    if batch:
        yield batch


def _read(home: Home, chosen: pl.DataFrame, disguise: Disguise) -> dict[str, str]:
    jpegs: dict[str, str] = {}
    columns = ["face_id", "thumbnail", *(["crop"] if disguise.face_alone else [])]
    faces = chosen.select("face_id", "person_id").unique()
    for videos in _batches(home, chosen):
        needed = home.store.scan("detections", videos, columns).join(faces, on="face_id")
        for row in needed.iter_rows(named=True):
            jpegs[row["face_id"]] = base64.b64encode(_disguised(home, row, disguise)).decode("ascii")
    return jpegs


def _disguised(home: Home, row: dict[str, Any], disguise: Disguise) -> bytes:
    if row["person_id"] in disguise.face_alone:
        return home.imaging.encode_jpeg(home.imaging.decode_crops([row["crop"]])[0], _FACE_JPEG)
    return disguise.change(row["person_id"], row["thumbnail"])
