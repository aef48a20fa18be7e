"""Tables of encounters: when people were met, how remarkable that is, and whether chance explains it."""

import polars as pl

from meetbefore_assets.core.schema.columns import INT, PERSON_ID, REAL, TEXT, TIME, VIDEO_ID
from meetbefore_assets.core.schema.table import Column, Table

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
    job="match",
    made_from="identity_assignments",
    code_version=4,
    redaction="rebuild",
    is_published=True,
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
        Column("score", REAL, "see encounters/score.py"),
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
    objects="whole",
    job="match",
    made_from="encounter_scores",
    code_version=4,
    redaction="rebuild",
    is_published=True,
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
    objects="whole",
    asset="people",
    job="match",
    redaction="rebuild",
    is_published=True,
)
