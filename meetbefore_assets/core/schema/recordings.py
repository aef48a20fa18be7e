"""Tables of recordings: where they lie, what their containers say, how they ended."""

from meetbefore_assets.core.schema.columns import INT, REAL, TEXT, TIME, VIDEO_ID
from meetbefore_assets.core.schema.table import Column, Table

SOURCES = Table(
    "sources",
    "where the content of a video was found; one row a file",
    ("video_id", "uri"),
    (
        VIDEO_ID,
        Column("content_hash", TEXT, "sha256 of size and sampled blocks"),
        Column("uri", TEXT, "path of the file, or of the folder and day of pictures"),
        Column("file_name", TEXT, "name of the file"),
        Column("kind", TEXT, "video or pictures"),
        Column("size_bytes", INT, "size of the file", least=0),
        Column("mtime_ns", INT, "modification time, nanoseconds since 1970 UTC"),
    ),
    is_original=True,
)

VIDEOS = Table(
    "videos",
    "a recording and what its container says",
    ("video_id",),
    (
        VIDEO_ID,
        Column("file_name", TEXT, "first of its names"),
        Column("uri", TEXT, "where it was read"),
        Column("content_hash", TEXT, "sha256 of size and sampled blocks"),
        Column("duration_s", REAL, "length of the picture stream, seconds", least=0),
        Column("width", INT, "upright picture, pixels", least=1),
        Column("height", INT, "upright picture, pixels", least=1),
        Column("rotation_deg", INT, "clockwise turn that makes the stored picture upright", least=0, most=270),
        Column("fps", REAL, "average pictures a second", least=0),
        Column("codec", TEXT, "picture codec"),
        Column("container", TEXT, "container format"),
        Column("tags", TEXT, "container metadata that clocks and places are read from, JSON", is_public=False),
        Column("sidecar_start", TEXT, "start of recording as a sidecar file says, ISO 8601; empty if there is none", is_public=False),
    ),
    job="process_video",
)

VIDEOS_PUBLISHED = Table(
    "videos",
    "a recording, its clock and how it ended",
    ("video_id",),
    (
        *(
            column
            for column in VIDEOS.public
            if column.name not in ("duration_s", "width", "height", "fps", "codec", "container", "rotation_deg")
        ),
        Column("started_at", TIME, "wall clock of the first picture, UTC", is_nullable=True),
        Column("timezone", TEXT, "zone the clock was read in"),
        Column(
            "clock_source",
            TEXT,
            "source of the start time: a file name pattern, quicktime, creation_time, sidecar, or mtime (date of the file)",
        ),
        Column("duration_s", REAL, "length of the picture stream, seconds", is_nullable=True, least=0),
        Column("width", INT, "upright picture, pixels", is_nullable=True, least=1),
        Column("height", INT, "upright picture, pixels", is_nullable=True, least=1),
        Column("fps", REAL, "average pictures a second", is_nullable=True, least=0),
        Column("codec", TEXT, "picture codec", is_nullable=True),
        Column("status", TEXT, "done, failed or missing"),
        Column("error", TEXT, "why it failed", is_nullable=True),
        Column("names", TEXT, "all names the content was found under, JSON"),
    ),
    objects="computed",
    is_published=True,
)

FAILURES = Table(
    "failures",
    "videos that could not be used, and why",
    ("video_id",),
    (
        VIDEO_ID,
        Column("stage", TEXT, "the asset that failed"),
        Column("message", TEXT, "what went wrong and what to do"),
        Column("failed_at", TIME, "UTC"),
        Column("attempts", INT, "attempts with the same file, settings and program"),
    ),
)

PLACES = Table(
    "places",
    "where the camera was",
    ("video_id", "source", "time_s"),
    (
        VIDEO_ID,
        Column("time_s", REAL, "seconds since the first picture of the video; less than 0: before it"),
        Column("latitude", REAL, "degrees north, WGS 84"),
        Column("longitude", REAL, "degrees east, WGS 84"),
        Column("source", TEXT, "srt, gpx, or location (of the container, for the whole recording)"),
    ),
)

RUNS = Table(
    "runs",
    "processing times: how long each table of a video took",
    ("video_id", "asset", "started_at", "run_id"),
    (
        VIDEO_ID,
        Column("asset", TEXT, "the table that was made"),
        Column("run_id", TEXT, "run in the Dagster UI"),
        Column("started_at", TIME, "UTC"),
        Column("seconds", REAL, "how long it took"),
        Column("rows", INT, "rows of the table"),
        Column("moments_per_s", REAL, "frames decoded and searched per second", is_nullable=True),
        Column("faces_per_s", REAL, "faces embedded per second", is_nullable=True),
        Column("device", TEXT, "where models ran", is_nullable=True),
        Column("outcome", TEXT, "done or failed"),
    ),
    is_published=True,
    is_history=True,
)
