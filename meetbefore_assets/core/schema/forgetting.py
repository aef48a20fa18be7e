"""Tables of what is kept of what was forgotten, so that it does not come back."""

from meetbefore_assets.core.schema.columns import INT, REAL, SINGLE, TEXT, TIME, TIME_S, VECTOR, VIDEO_ID
from meetbefore_assets.core.schema.table import Column, Table

FORGOTTEN_FACES = Table(
    "forgotten_faces",
    "faces that are dropped whenever they are found again: where they were, and nothing of how they look",
    ("video_id", "time_s", "x1", "y1", "x2", "y2"),
    (
        VIDEO_ID,
        TIME_S,
        Column("x1", SINGLE, "left edge, source pixels, upright"),
        Column("y1", SINGLE, "top edge, source pixels, upright"),
        Column("x2", SINGLE, "right edge, source pixels, upright"),
        Column("y2", SINGLE, "bottom edge, source pixels, upright"),
        Column("from_s", REAL, "the moment before it that was looked at, seconds since the first picture of the video"),
        Column("until_s", REAL, "the moment after it that was looked at, seconds since the first picture of the video"),
        Column("chain", INT, "faces of one track have one number"),
    ),
    redaction="own",
    is_original=True,
)

FORGOTTEN_VIDEOS = Table(
    "forgotten_videos",
    "files that are not taken in again",
    ("content_hash",),
    (
        Column("content_hash", TEXT, "sha256 of size and sampled blocks"),
        Column("forgotten_at", TIME, "UTC"),
    ),
    objects="many",
    is_original=True,
)

BLOCKED_PEOPLE = Table(
    "blocked_people",
    "who is dropped at sight, because the user asked for it",
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
)
