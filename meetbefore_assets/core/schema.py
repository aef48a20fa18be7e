"""Every table and column, once: type, unit, meaning, key. DDL, dtypes, checks and lists of tables are derived from here."""

import polars as pl

from meetbefore_assets.core.table import Column, Table

CROP_SIDE_PX = 112
THUMBNAIL_SIDE_PX = 160

TEXT, INT, REAL, SINGLE, FLAG, BLOB = pl.String(), pl.Int64(), pl.Float64(), pl.Float32(), pl.Boolean(), pl.Binary()
NUMBER = pl.Int32()
TIME = pl.Datetime("us")
VECTOR = pl.List(pl.Float32)

VIDEO_ID = Column("video_id", TEXT, "safe stem of the file name and 8 hex digits of the content hash")
FACE_ID = Column("face_id", TEXT, "hash of content hash, pts and place in the picture")
FRAME_ID = Column("frame_id", TEXT, "8 hex digits of the content hash and the pts")
PERSON_ID = Column("person_id", TEXT, "hash of the person's earliest face")
TIME_S = Column("time_s", REAL, "seconds since the first picture of the video", least=0)
PTS = Column("pts", INT, "presentation time stamp in the stream's time base")
SEEN_AT = Column("seen_at", TIME, "wall clock, UTC")

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
        Column("clock_source", TEXT, "what told the start: the pattern's name, quicktime, creation_time, sidecar, mtime"),
        Column("duration_s", REAL, "length of the picture stream, seconds", is_nullable=True, least=0),
        Column("width", INT, "upright picture, pixels", is_nullable=True, least=1),
        Column("height", INT, "upright picture, pixels", is_nullable=True, least=1),
        Column("fps", REAL, "average pictures a second", is_nullable=True, least=0),
        Column("codec", TEXT, "picture codec", is_nullable=True),
        Column("status", TEXT, "done, failed or missing"),
        Column("error", TEXT, "why it failed", is_nullable=True),
        Column("names", TEXT, "all names the content was found under, JSON"),
    ),
)

FRAMES = Table(
    "frames",
    "the moments of a video that are looked at",
    ("frame_id",),
    (
        VIDEO_ID,
        FRAME_ID,
        PTS,
        TIME_S,
        Column("is_keyframe", FLAG, "decoding can start here"),
    ),
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
)

EMBEDDINGS = Table(
    "embeddings",
    "one unit vector a face",
    ("face_id",),
    (
        FACE_ID,
        VIDEO_ID,
        Column("model", TEXT, "recogniser"),
        Column("vector", VECTOR, "unit vector"),
        Column("raw_norm", SINGLE, "length of the vector before it was made a unit vector", is_public=False, least=0),
    ),
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
        Column("frame_pts", pl.List(pl.Int64), "the moments of its faces"),
    ),
)

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
)

ENCOUNTER_SCORES = Table(
    "encounter_scores",
    "encounters of each person, a row per encounter and video",
    ("encounter_id", "video_id"),
    (
        Column("encounter_id", TEXT, "hash of the encounter's first face"),
        VIDEO_ID,
        PERSON_ID,
        Column("started_at", TIME, "first sighting in this video, UTC"),
        Column("ended_at", TIME, "last sighting in this video, UTC"),
        Column("faces", INT, "faces in this video", least=1),
        Column("seconds_visible", REAL, "sampled moments in which the person is seen, times the interval, seconds"),
        Column("gap_before_h", REAL, "hours since the person's encounter before this one", is_nullable=True),
        Column("score", REAL, "how remarkable the person is up to and with this encounter"),
        Column("holds_from", REAL, "least threshold at which this is a meeting with somebody met before", is_nullable=True),
        Column("holds_to", REAL, "largest threshold at which it is", is_nullable=True),
        Column("seen_with", pl.List(pl.String), "people whose encounter overlaps with this one in this video"),
        Column("latitude", REAL, "where it begins, degrees north, WGS 84", is_nullable=True),
        Column("longitude", REAL, "where it begins, degrees east, WGS 84", is_nullable=True),
        Column("place_source", TEXT, "what told the place: srt, gpx, or location (of the whole recording)", is_nullable=True),
    ),
)

PEOPLE = Table(
    "people",
    "one row a person",
    ("person_id",),
    (
        PERSON_ID,
        Column("name", TEXT, "given by the user", is_nullable=True),
        Column("role", TEXT, "me, companion or ignored, as the user said", is_nullable=True),
        Column("proposed_role", TEXT, "what the numbers suggest", is_nullable=True),
        Column("encounters", INT, "number of encounters", least=1),
        Column("days", INT, "local days; the fewest that account for all encounters where one goes past midnight", least=1),
        Column("first_seen", TIME, "UTC"),
        Column("last_seen", TIME, "UTC"),
        Column("span_h", REAL, "hours from first to last sighting", least=0),
        Column("seconds_visible", REAL, "seconds", least=0),
        Column("faces", INT, "number of faces", least=1),
        Column("videos", INT, "number of videos", least=1),
        Column("score", REAL, "see encounters_to_scores"),
        Column("best_face_id", TEXT, "face of the best quality"),
        Column("expected_by_chance", REAL, "days that chance would give, see the table chance", is_nullable=True),
        Column("chance_p", REAL, "probability of as many days or more by chance", is_nullable=True),
        Column("chance_q", REAL, "share of mere chance among all people with this chance_p or a lower one", is_nullable=True),
        Column("usual_weekday", INT, "on which most of the days fall, 0 Monday .. 6 Sunday; null for one day", is_nullable=True),
        Column("weekday_share", REAL, "share of the days that fall on it, 0..1", is_nullable=True),
        Column("usual_hour", REAL, "local time of day around which encounters begin, hours; null for one day", is_nullable=True),
        Column("hour_spread_h", REAL, "circular standard deviation of that time, hours", is_nullable=True),
        Column("time_span_metric", REAL, "AreWeMeetBefore's measure, with real seconds, for comparison", is_nullable=True),
    ),
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
)

CALIBRATION = Table("calibration", "what the threshold 'auto' means for the tracks on record; a stamp without rows", (), ())

PERSON_ALIASES = Table(
    "person_aliases",
    "ids that people had before",
    ("alias",),
    (
        Column("alias", TEXT, "an id that is no longer in use"),
        Column("person_id", TEXT, "who bears the majority of its faces now"),
    ),
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
)

REGROUPINGS = Table(
    "regroupings",
    "the group of each track at thresholds around the one in force",
    ("track_id",),
    (
        Column("track_id", TEXT, "hash of the track's first face"),
        Column("groups", pl.List(pl.Int64), "group at each threshold, numbered from 0 within it"),
    ),
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
)

FAILURES = Table(
    "failures",
    "why a video could not be used",
    ("video_id",),
    (
        VIDEO_ID,
        Column("stage", TEXT, "the asset that failed"),
        Column("message", TEXT, "what was found, what was expected, what to do"),
        Column("failed_at", TIME, "UTC"),
        Column("attempts", INT, "tries with the same file, settings and program"),
    ),
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
)

RUNS = Table(
    "runs",
    "how long each table of a video took to make, every time it was made",
    ("video_id", "asset", "started_at", "run_id"),
    (
        VIDEO_ID,
        Column("asset", TEXT, "the table that was made"),
        Column("run_id", TEXT, "run in the Dagster UI"),
        Column("started_at", TIME, "UTC"),
        Column("seconds", REAL, "how long it took"),
        Column("rows", INT, "rows of the table"),
        Column("moments_per_s", REAL, "moments decoded and searched a second", is_nullable=True),
        Column("faces_per_s", REAL, "faces embedded a second", is_nullable=True),
        Column("device", TEXT, "where models ran", is_nullable=True),
        Column("outcome", TEXT, "done or failed"),
    ),
)

# Tables of what happened: two homes with the same content may differ in them.
HISTORY = frozenset({"person_aliases", "identity_history", "matching_policies", "runs"})
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

CHANCE = Table(
    "chance",
    "whether people are met on more days than chance explains: see encounters/chance_model.py for the model and its limits",
    ("person_id",),
    (
        PERSON_ID,
        Column("days", INT, "distinct local days on which the person was met"),
        Column("expected_by_chance", REAL, "how many of these chance would give: the sum of the next two", is_nullable=True),
        Column("expected_coincidence", REAL, "of them the first, and meeting the same person again without any tie", is_nullable=True),
        Column("expected_false", REAL, "strangers that are taken for the person"),
        Column("chance_p", REAL, "probability of as many days or more by chance", is_nullable=True),
        Column("chance_q", REAL, "share of mere chance among all people with this chance_p or a lower one", is_nullable=True),
        Column("basis", TEXT, "what was compared: weekday and hour, hour, time of day, all; or: too little (was recorded)"),
    ),
)

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
)

FORGOTTEN_VIDEOS = Table(
    "forgotten_videos",
    "files that are not taken in again",
    ("content_hash",),
    (
        Column("content_hash", TEXT, "sha256 of size and sampled blocks"),
        Column("forgotten_at", TIME, "UTC"),
    ),
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
)

PUBLISHED: tuple[Table, ...] = (
    VIDEOS_PUBLISHED,
    Table("frames", FRAMES.meaning, FRAMES.key, (*FRAMES.columns, SEEN_AT)),
    Table("detections", DETECTIONS.meaning, DETECTIONS.key, (*DETECTIONS.columns, SEEN_AT)),
    EMBEDDINGS,
    TRACKS,
    IDENTITY_ASSIGNMENTS,
    ENCOUNTER_SCORES,
    PEOPLE,
    CHANCE,
    PERSON_ALIASES,
    CORRECTIONS,
    IDENTITY_HISTORY,
    MATCHING_POLICIES,
    RUNS,
)
