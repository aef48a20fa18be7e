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
        Column("seconds_visible", REAL, "sampled frames in which the person is seen, times the interval, seconds"),
        Column("gap_before_h", REAL, "hours since the person's encounter before this one", is_nullable=True),
        Column("score", REAL, "score of the person up to and including this encounter"),
        Column("same_person", REAL, "probability that it is the person of the other encounters", is_nullable=True, least=0, most=1),
        Column("holds_from", REAL, "lowest threshold at which this encounter is with the same person as before", is_nullable=True),
        Column("holds_to", REAL, "highest threshold at which it is", is_nullable=True),
        Column("seen_with", pl.List(pl.String), "people seen in this video at the same time"),
        Column("latitude", REAL, "where it begins, degrees north, WGS 84", is_nullable=True),
        Column("longitude", REAL, "where it begins, degrees east, WGS 84", is_nullable=True),
        Column("place_source", TEXT, "source of the place: srt, gpx, or location (of the whole recording)", is_nullable=True),
    ),
    job="match",
    made_from="identity_assignments",
    code_version=6,
    redaction="rebuild",
    is_published=True,
)

PEOPLE = Table(
    "people",
    "people, one row each",
    ("person_id",),
    (
        PERSON_ID,
        Column("name", TEXT, "given by the user", is_nullable=True),
        Column("role", TEXT, "me, companion or ignored, set by the user", is_nullable=True),
        Column("proposed_role", TEXT, "suggested role: me or companion", is_nullable=True),
        Column("encounters", INT, "number of encounters", least=1),
        Column("days", INT, "local days with encounters; one past midnight counts once where possible", least=1),
        Column("first_seen", TIME, "UTC"),
        Column("last_seen", TIME, "UTC"),
        Column("span_h", REAL, "hours from first to last sighting", least=0),
        Column("seconds_visible", REAL, "seconds", least=0),
        Column("faces", INT, "number of faces", least=1),
        Column("videos", INT, "number of videos", least=1),
        Column("score", REAL, "see encounters/score.py"),
        Column("same_person", REAL, "mean probability that an encounter is with the same person", is_nullable=True, least=0, most=1),
        Column("best_face_id", TEXT, "the best-lit, sharpest face, see faces/lighting.py"),
        Column("expected_by_chance", REAL, "days expected by chance, see the table chance", is_nullable=True),
        Column("chance_p", REAL, "probability of as many days or more by chance", is_nullable=True),
        Column("chance_q", REAL, "share of coincidences among all people with this chance_p or a lower one", is_nullable=True),
        Column("usual_weekday", INT, "most frequent weekday, 0 Monday .. 6 Sunday; null for one day", is_nullable=True),
        Column("weekday_share", REAL, "share of the days on that weekday, 0..1", is_nullable=True),
        Column("usual_hour", REAL, "typical local time at which encounters begin, hours; null for one day", is_nullable=True),
        Column("hour_spread_h", REAL, "circular standard deviation of that time, hours", is_nullable=True),
        Column("time_span_metric", REAL, "AreWeMeetBefore's measure, with real seconds, for comparison", is_nullable=True),
    ),
    objects="whole",
    job="match",
    made_from="encounter_scores",
    code_version=6,
    redaction="rebuild",
    is_published=True,
)

CHANCE = Table(
    "chance",
    "are people met more often than by chance? Model and limits: encounters/chance_model.py",
    ("person_id",),
    (
        PERSON_ID,
        Column("days", INT, "local days with encounters"),
        Column("expected_by_chance", REAL, "days expected by chance: the sum of the next two", is_nullable=True),
        Column("expected_coincidence", REAL, "of these by coincidence, the first day included", is_nullable=True),
        Column("expected_false", REAL, "of these by strangers mistaken for the person"),
        Column("chance_p", REAL, "probability of as many days or more by chance", is_nullable=True),
        Column("chance_q", REAL, "share of coincidences among all people with this chance_p or a lower one", is_nullable=True),
        Column("basis", TEXT, "compared by: weekday and hour, hour, time of day, or all; or: too little (recorded to tell)"),
    ),
    objects="whole",
    asset="people",
    job="match",
    redaction="rebuild",
    is_published=True,
)

FIRST_ON_RECORD = Table(
    "first_on_record",
    "when the people of each video were first on record, for news",
    ("video_id",),
    (VIDEO_ID, Column("on_record_at", TIME, "UTC")),
    objects="whole",
    asset="people",
    job="match",
    is_history=True,
)

NEWS_TOLD = Table(
    "news_told",
    "up to when news was given to news.command and news.file",
    ("told_at",),
    (Column("told_at", TIME, "UTC"),),
    objects="whole",
    is_history=True,
)
