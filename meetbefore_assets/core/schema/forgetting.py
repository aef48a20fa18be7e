"""Tables of what is kept of what was forgotten, so that it does not come back."""

from meetbefore_assets.core.schema.columns import INT, REAL, SINGLE, TEXT, TIME, TIME_S, VECTOR, VIDEO_ID
from meetbefore_assets.core.schema.table import Column, Table

FORGOTTEN_FACES = Table(
    "forgotten_faces",
    "forgotten faces: where they were (never how they look), so that they stay forgotten",
    ("video_id", "time_s", "x1", "y1", "x2", "y2"),
    (
        VIDEO_ID,
        TIME_S,
        Column("x1", SINGLE, "left edge, source pixels, upright"),
        Column("y1", SINGLE, "top edge, source pixels, upright"),
        Column("x2", SINGLE, "right edge, source pixels, upright"),
        Column("y2", SINGLE, "bottom edge, source pixels, upright"),
        Column("from_s", REAL, "the sampled frame before, seconds since the first picture of the video"),
        Column("until_s", REAL, "the sampled frame after, seconds since the first picture of the video"),
        Column("chain", INT, "faces of one track have one number"),
    ),
    redaction="own",
    is_original=True,
    is_kept_twice=True,
)

FORGOTTEN_IDS = Table(
    "forgotten_ids",
    "hashes of the ids of forgotten faces, so that such an id leads to nobody and is given to no other face",
    ("video_id", "id_hash"),
    (
        VIDEO_ID,
        Column("id_hash", TEXT, "hash of the id that a person has whose earliest face it is"),
    ),
    redaction="own",
    is_original=True,
    is_kept_twice=True,
)

FORGOTTEN_VIDEOS = Table(
    "forgotten_videos",
    "forgotten files, not imported again",
    ("content_hash",),
    (
        Column("content_hash", TEXT, "sha256 of size and sampled blocks"),
        Column("forgotten_at", TIME, "UTC"),
    ),
    objects="many",
    is_original=True,
    is_kept_twice=True,
)

FORGOTTEN_NAMES = Table(
    "forgotten_names",
    "imported names that were forgotten with their faces, so that no file of corrections brings them back",
    ("name_hash",),
    (
        Column("name_hash", TEXT, "hash of the id of the correction that imported it"),
        Column("forgotten_at", TIME, "UTC"),
    ),
    objects="many",
    is_original=True,
    is_kept_twice=True,
)

BLOCKED_PEOPLE = Table(
    "blocked_people",
    "people left out of new videos, at the user's request",
    ("block_id",),
    (
        Column("block_id", TEXT, "random"),
        Column("model", TEXT, "recogniser"),
        Column("vector", VECTOR, "mean of the person's faces, unit vector"),
        Column("blocked_at", TIME, "UTC"),
    ),
    objects="many",
    redaction="own",
    is_original=True,
    is_kept_twice=True,
)
