"""Reads what is new off the record: a video is new from the moment on at which its people were first on record."""

import datetime as dt

import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import WHOLE, Stamp
from meetbefore_assets.core.schema.encounters import ENCOUNTER_SCORES, FIRST_ON_RECORD
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.encounters.news_items import News, Why, news_items
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.run_history import all_runs
from meetbefore_assets.identities.identity_history import history_table
from meetbefore_assets.identities.known_people import imported_names
from meetbefore_assets.identities.queries import matched_videos, people_table
from meetbefore_assets.recordings.clocks import clock_table
from meetbefore_assets.recordings.intake import known_videos

_EVENTS: dict[str, Why] = {"joined": "joined", "split": "split"}


def note_new_videos(home: Home, videos: list[str], *, is_older_home: bool) -> int:
    """Write down that the people of some videos are on record from now on; returns how many videos are new.

    Args:
        videos: all that are matched.
        is_older_home: people were on record before this was written down: the time when work on a video began stands for it.
    """
    known, now = first_on_record(home), dt.datetime.now(dt.UTC).replace(tzinfo=None)
    new = sorted(set(videos) - set(known["video_id"]))
    newest = known["on_record_at"].max()
    at = max(now, newest + dt.timedelta(microseconds=1)) if isinstance(newest, dt.datetime) else now
    times = dict.fromkeys(new, at)
    if is_older_home and not known.height:
        begun = all_runs(home).group_by("video_id").agg(pl.col("started_at").min())
        times |= {video_id: begins for video_id, begins in begun.iter_rows() if video_id in times}
    still = set(known_videos(home)) if set(known["video_id"]) - set(videos) else set(videos)
    rows: list[dict[str, object]] = [{"video_id": video_id, "on_record_at": moment} for video_id, moment in times.items()]
    table = pl.concat([known.filter(pl.col("video_id").is_in(list(still))), FIRST_ON_RECORD.frame(rows)]).sort("on_record_at", "video_id")
    if not table.equals(known):
        version = digest(FIRST_ON_RECORD.name, [str(value) for row in table.rows() for value in row])
        home.store.put(FIRST_ON_RECORD.name, WHOLE, check(FIRST_ON_RECORD, table), Stamp(version, {}, {}, table.height))
    return len(new)


def first_on_record(home: Home) -> pl.DataFrame:
    """When the people of each video were first on record: columns of FIRST_ON_RECORD, the newest last."""
    missing = home.store.stamp(FIRST_ON_RECORD.name, WHOLE) is None
    return FIRST_ON_RECORD.empty() if missing else home.store.get(FIRST_ON_RECORD.name, WHOLE)


def since(home: Home, when: dt.datetime | None = None) -> News:
    """What is new since a moment.

    Args:
        home: the home.
        when: naive UTC; None: since the last time that new videos came on record, with them.
    """
    known, until = first_on_record(home), dt.datetime.now(dt.UTC).replace(tzinfo=None)
    newest = known["on_record_at"].max()
    begin = when if when is not None else newest if isinstance(newest, dt.datetime) else until
    matched = set(matched_videos(home))
    new = [video_id for video_id in known.filter(pl.col("on_record_at") >= begin)["video_id"] if video_id in matched]
    events = history_table(home).filter((pl.col("matched_at") >= begin) & pl.col("event").is_in(list(_EVENTS)))
    # Of two who were joined the one who stays needs a look, of one who was split both.
    happened: dict[str, Why] = {}
    for person, other, event in events.select("person_id", "other_person_id", "event").iter_rows():
        happened[other] = _EVENTS[event]
        if event == "split":
            happened[person] = "split"
    span = (begin, until)
    if not new and not happened:
        return News(*span)
    return news_items(_parts(home, sorted(matched)), people_table(home), new, set(imported_names(home)), happened, span, home.zone())


def _parts(home: Home, videos: list[str]) -> pl.DataFrame:
    """A row an encounter and video, with the name of the file and where in it the encounter begins."""
    columns = ["encounter_id", "video_id", "person_id", "started_at", "gap_before_h", "same_person"]
    parts = home.store.scan(ENCOUNTER_SCORES.name, videos, columns)
    begins = clock_table(home, videos).select("video_id", pl.col("started_at").alias("begins"))
    names = home.store.scan("videos", videos, ["video_id", "file_name"])
    place = (pl.col("started_at") - pl.col("begins")).dt.total_microseconds() / 1e6
    return parts.join(begins, on="video_id").join(names, on="video_id").with_columns(place.alias("time_s")).drop("begins")
