"""Tables of faces: sampled frames, detections, embeddings, tracks."""

import polars as pl

from meetbefore_assets.core.schema.columns import (
    BLOB,
    FACE_ID,
    FLAG,
    FRAME_ID,
    INT,
    PTS,
    REAL,
    SEEN_AT,
    SINGLE,
    TEXT,
    TIME_S,
    VECTOR,
    VIDEO_ID,
)
from meetbefore_assets.core.schema.table import Column, Table

FRAMES = Table(
    "frames",
    "sampled frames of a video",
    ("frame_id",),
    (
        VIDEO_ID,
        FRAME_ID,
        PTS,
        TIME_S,
        Column("is_keyframe", FLAG, "is a keyframe"),
    ),
    job="process_video",
    made_from="videos",
    is_published=True,
    published_columns=(SEEN_AT,),
)

DETECTIONS = Table(
    "detections",
    "faces",
    ("face_id",),
    (
        FACE_ID,
        VIDEO_ID,
        FRAME_ID,
        PTS,
        TIME_S,
        Column("x1", SINGLE, "left edge, source pixels, upright"),
        Column("y1", SINGLE, "top edge, source pixels, upright"),
        Column("x2", SINGLE, "right edge, source pixels, upright"),
        Column("y2", SINGLE, "bottom edge, source pixels, upright"),
        Column("landmarks", VECTOR, "x, y of left eye, right eye, nose, left and right mouth corner, source pixels"),
        Column("det_score", SINGLE, "detector score, 0..1", least=0, most=1),
        Column("sharpness", SINGLE, "0 blurred .. 1 sharp", least=0, most=1),
        Column("frontality", SINGLE, "0 profile .. 1 frontal, from the landmarks", least=0, most=1),
        Column("quality", SINGLE, "0..1, from size, sharpness, pose and score", least=0, most=1),
        Column("crop", BLOB, "aligned 112 x 112 face, encoded", is_public=False),
        Column("thumbnail", BLOB, "face with surroundings, JPEG", is_public=False),
    ),
    job="process_video",
    made_from="frames",
    code_version=3,
    redaction="own",
    is_published=True,
    published_columns=(SEEN_AT,),
)

EMBEDDINGS = Table(
    "embeddings",
    "one unit vector per face",
    ("face_id",),
    (
        FACE_ID,
        VIDEO_ID,
        Column("model", TEXT, "recogniser"),
        Column("vector", VECTOR, "unit vector"),
        Column("raw_norm", SINGLE, "length of the vector before normalising", is_public=False, least=0),
    ),
    job="process_video",
    made_from="detections",
    redaction="own",
    is_published=True,
)

TRACKS = Table(
    "tracks",
    "one person's faces within one shot",
    ("track_id",),
    (
        Column("track_id", TEXT, "hash of its first face"),
        VIDEO_ID,
        Column("first_time_s", REAL, "seconds since the first picture of the video", least=0),
        Column("last_time_s", REAL, "seconds since the first picture of the video", least=0),
        Column("faces", INT, "number of faces", least=1),
        Column("quality", SINGLE, "quality of its mean vector, 0..1", least=0, most=1),
        Column("model", TEXT, "recogniser"),
        Column("vector", VECTOR, "mean of its faces weighted by quality, unit vector"),
        Column("face_ids", pl.List(pl.String), "its faces in order of time"),
        Column("frame_pts", pl.List(pl.Int64), "presentation time stamps of its faces"),
    ),
    job="process_video",
    made_from="embeddings",
    redaction="own",
    is_published=True,
)

PORTRAITS = Table(
    "portraits",
    "how good a portrait of its person each face makes",
    ("face_id",),
    (
        FACE_ID,
        VIDEO_ID,
        Column("light", SINGLE, "0 black .. 1 well lit", least=0, most=1),
        Column("portrait", SINGLE, "0..1, from light, sharpness and quality", least=0, most=1),
    ),
    redaction="rows",
)
