"""Tables of identities: who each face is, what that was decided from, and what people said about it."""

import polars as pl

from meetbefore_assets.core.schema.columns import FACE_ID, INT, NUMBER, PERSON_ID, REAL, SINGLE, TEXT, TIME, VIDEO_ID
from meetbefore_assets.core.schema.table import Column, Table

IDENTITY_ASSIGNMENTS = Table(
    "identity_assignments",
    "who each face is, and how sure",
    ("face_id",),
    (
        FACE_ID,
        VIDEO_ID,
        Column("track_id", TEXT, "hash of the track's first face"),
        PERSON_ID,
        Column(
            "similarity", SINGLE, "cosine of the face to the person's other faces (mean); 1 if there are none", least=-1.001, most=1.001
        ),
        Column("runner_up_person_id", TEXT, "the most similar other person", is_nullable=True),
        Column("runner_up_similarity", SINGLE, "cosine to the runner-up", is_nullable=True, least=-1.001, most=1.001),
    ),
    job="match",
    made_from="tracks",
    code_version=3,
    redaction="rows",
    is_published=True,
)

PERSON_ALIASES = Table(
    "person_aliases",
    "ids that people had before",
    ("alias",),
    (
        Column("alias", TEXT, "an id that is no longer in use"),
        Column("person_id", TEXT, "who bears the majority of its faces now"),
    ),
    objects="whole",
    asset="identity_assignments",
    job="match",
    stored_as="identity_assignments",
    redaction="own",
    is_published=True,
    is_history=True,
)

CORRECTIONS = Table(
    "corrections",
    "what the user said about who is who, a row per face it is about",
    ("correction_id", "side", "ordinal"),
    (
        Column("correction_id", TEXT, "hash of the rest"),
        Column("created_at", TIME, "UTC"),
        Column("kind", TEXT, "name, role, merge, not-same, split or undo"),
        Column("text", TEXT, "the name, the role, or the correction that is undone; else empty"),
        Column("side", TEXT, "here or there: which of the two sides of a merge, not-same or split"),
        Column("ordinal", INT, "place among the faces of its side, the most telling first"),
        Column("video_id", TEXT, "where the face is seen", is_nullable=True),
        Column("time_s", REAL, "seconds since the first picture of the video", is_nullable=True),
        *(Column(name, REAL, "box in pixels of the upright picture", is_nullable=True) for name in ("x1", "y1", "x2", "y2")),
    ),
    objects="many",
    redaction="own",
    is_published=True,
    is_original=True,
)

IDENTITY_HISTORY = Table(
    "identity_history",
    "what happened to people's ids when identities were decided anew",
    ("matched_at", "person_id", "other_person_id"),
    (
        Column("matched_at", TIME, "UTC"),
        Column("person_id", TEXT, "the id before"),
        Column("event", TEXT, "joined: all of it went to the other; split: a part went there; renumbered: an earlier face was found; gone"),
        Column("other_person_id", TEXT, "where the faces went; empty if they are gone"),
        Column("faces", INT, "faces that went there"),
        Column("threshold", REAL, "least similarity by then"),
        Column("threshold_before", REAL, "and before", is_nullable=True),
        Column("corrections", INT, "corrections in force by then"),
        Column("policy_version", TEXT, "hash of the settings and corrections by then"),
    ),
    objects="many",
    redaction="own",
    is_published=True,
    is_history=True,
    is_original=True,
)

MATCHING_POLICIES = Table(
    "matching_policies",
    "the matching policies that were in force, in order",
    ("number",),
    (
        Column("number", INT, "1 for the first"),
        Column("since", TIME, "when matching first saw it, UTC"),
        Column("threshold", REAL, "least similarity of two groups that are one person"),
        Column("threshold_source", TEXT, "where it came from"),
        Column("recogniser", TEXT, "only its vectors are compared"),
        Column("zone", TEXT, "zone in which days are counted"),
        Column("corrections", INT, "number of corrections in force"),
        Column("applied_by", TEXT, "settings (the file, or --set), or run config (of a run in the UI)"),
        Column("version", TEXT, "hash of everything in it"),
    ),
    objects="whole",
    asset="matching_policy",
    job="match",
    stored_as="matching_policy",
    is_published=True,
    is_history=True,
    is_original=True,
)

REGROUPINGS = Table(
    "regroupings",
    "the group of each track at thresholds around the one in force",
    ("track_id",),
    (
        Column("track_id", TEXT, "hash of the track's first face"),
        Column("groups", pl.List(pl.Int64), "group at each threshold, numbered from 0 within it"),
    ),
    objects="whole",
    asset="identity_assignments",
    job="match",
    redaction="rebuild",
)

SIMILAR_TRACKS = Table(
    "similar_tracks",
    "pairs of tracks that are among each other's nearest; found when the later of their videos came, a cache",
    ("video", "row", "other_video", "other_row"),
    (
        Column("video", NUMBER, "number of the video that came later"),
        Column("row", NUMBER, "row of its table of tracks"),
        Column("other_video", NUMBER, "number of the other video (it may be the same)"),
        Column("other_row", NUMBER, "row of the other's table of tracks"),
        Column("cosine", SINGLE, "similarity", least=-1.001, most=1.001),
    ),
    objects="many",
    asset="face_index",
    job="match",
    code_version=2,
    redaction="rebuild",
    is_cached=True,
)

CALIBRATION = Table(
    "calibration",
    "what the threshold 'auto' means for the tracks on record; a stamp without rows",
    (),
    (),
    objects="whole",
    is_cached=True,
    redaction="rebuild",
)
