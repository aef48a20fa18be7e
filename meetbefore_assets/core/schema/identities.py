"""Tables of identities: who each face is, what that was decided from, and what people said about it."""

import polars as pl

from meetbefore_assets.core.schema.columns import BLOB, FACE_ID, INT, NUMBER, PERSON_ID, REAL, SINGLE, TEXT, TIME, VECTOR, VIDEO_ID
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
    code_version=6,
    redaction="rows",
    is_published=True,
)

PERSON_ALIASES = Table(
    "person_aliases",
    "earlier ids of people",
    ("alias",),
    (
        Column("alias", TEXT, "an id that is no longer in use"),
        Column("person_id", TEXT, "the person who has most of its faces now"),
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
    "corrections by the user, one row per face they are about",
    ("correction_id", "side", "ordinal"),
    (
        Column("correction_id", TEXT, "hash of the rest"),
        Column("created_at", TIME, "UTC"),
        Column("kind", TEXT, "name, role, merge, not-same, split, move, not-a-face, unsure, portrait, known or undo"),
        Column(
            "text",
            TEXT,
            "the name, role or undone correction; of a merge how many if not two; of unsure how sure it was; else empty",
        ),
        Column("side", TEXT, "here or there: which side of a merge, not-same, split, move or unsure; to: the person of a move"),
        Column("ordinal", INT, "place among the faces of its side, the most telling first"),
        Column("video_id", TEXT, "where the face is seen", is_nullable=True),
        Column("time_s", REAL, "seconds since the first picture of the video", is_nullable=True),
        *(Column(name, REAL, "box in pixels of the upright picture", is_nullable=True) for name in ("x1", "y1", "x2", "y2")),
    ),
    objects="many",
    redaction="own",
    is_published=True,
    is_original=True,
    is_kept_twice=True,
)

KNOWN_FACES = Table(
    "known_faces",
    "faces of people whose names come from elsewhere; a correction of the kind known says that they are one person",
    ("correction_id", "ordinal"),
    (
        Column("correction_id", TEXT, "the correction"),
        Column("ordinal", INT, "place among its faces"),
        Column("model", TEXT, "recogniser, and of which faces the mirror image is embedded too"),
        Column("vector", VECTOR, "unit vector"),
        Column("raw_norm", SINGLE, "length of the vector before normalising", least=0),
        Column("crop", BLOB, "aligned 112 x 112 face, encoded: for another recogniser", is_public=False),
    ),
    objects="many",
    redaction="own",
    is_original=True,
    is_kept_twice=True,
)

KNOWN_MATCHES = Table(
    "known_matches",
    "whom of the archive each name from elsewhere belongs to, or nobody yet",
    ("name",),
    (
        Column("name", TEXT, "as it was imported"),
        Column("state", TEXT, "named: the person bears it; near: worth asking; waits: nobody is like that; said: you said otherwise"),
        Column("person_id", TEXT, "the likeliest person", is_nullable=True),
        Column("probability", REAL, "that it is this person", is_nullable=True, least=0, most=1),
        Column("faces", INT, "faces it is known by", least=1),
    ),
    objects="whole",
    asset="people",
    job="match",
    redaction="rebuild",
)

IDENTITY_HISTORY = Table(
    "identity_history",
    "how people's ids changed",
    ("matched_at", "person_id", "other_person_id"),
    (
        Column("matched_at", TIME, "UTC"),
        Column("person_id", TEXT, "the id before"),
        Column("event", TEXT, "joined: merged into the other; split: a part became the other; renumbered: an earlier face was found; gone"),
        Column("other_person_id", TEXT, "where the faces went; empty if they are gone"),
        Column("faces", INT, "faces that went there"),
        Column("threshold", REAL, "threshold then"),
        Column("threshold_before", REAL, "threshold before", is_nullable=True),
        Column("corrections", INT, "corrections that applied then"),
        Column("policy_version", TEXT, "hash of the settings and corrections then"),
    ),
    objects="many",
    redaction="own",
    is_published=True,
    is_history=True,
    is_original=True,
)

MATCHING_POLICIES = Table(
    "matching_policies",
    "matching policies over time, in order",
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
