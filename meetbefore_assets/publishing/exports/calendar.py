"""Exports encounters as a calendar (iCalendar)."""

import datetime as dt
from pathlib import Path

import icalendar
import polars as pl

from meetbefore_assets.core.untrusted_text import without_controls
from meetbefore_assets.core.words import offset
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities import queries
from meetbefore_assets.identities.queries import matched_videos
from meetbefore_assets.recordings.clocks import clock_table
from meetbefore_assets.storage.atomic_file import write_private

_LEFT_OUT = ("me", "ignored")


def export_ics(home: Home, destination: Path) -> int:
    """Write a calendar entry for every encounter with somebody met more than once, by time; returns the number of entries.

    Times are UTC, which calendars show as local. The same record gives the same file.
    """
    rows = _rows(home)
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//meetbefore//encounters//EN")
    calendar.add("version", "2.0")
    for _, parts in rows.group_by("encounter_id", maintain_order=True):
        calendar.add_component(_event(parts.to_dicts()))
    write_private(destination, calendar.to_ical())
    return int(rows["encounter_id"].n_unique())


def _rows(home: Home) -> pl.DataFrame:
    """One row per encounter and video, with its person, its video and the video's start."""
    videos = matched_videos(home)
    if not videos:
        return pl.DataFrame(schema={"encounter_id": pl.String})
    people = queries.people_table(home).filter((pl.col("encounters") > 1) & ~pl.col("role").fill_null("").is_in(_LEFT_OUT))
    people = people.select("person_id", "name", "encounters", "days")
    names = home.store.scan("videos", videos, ["video_id", "file_name"])
    clocks = clock_table(home, videos).select("video_id", pl.col("started_at").alias("video_started_at"))
    scored = home.store.scan("encounter_scores", videos).join(people, on="person_id")
    placed = scored.join(names, on="video_id").join(clocks, on="video_id")
    return placed.sort(pl.col("started_at").min().over("encounter_id"), "encounter_id", "started_at", "video_id")


def _event(parts: list[dict[str, object]]) -> icalendar.Event:
    first = parts[0]
    begin = min(_utc(part["started_at"]) for part in parts)
    ends = [_utc(part["ended_at"]) for part in parts]
    event = icalendar.Event()
    event.add("uid", f"{first['encounter_id']}@meetbefore")
    event.add("dtstamp", begin)
    event.add("dtstart", begin)
    event.add("dtend", max(*ends, begin + dt.timedelta(seconds=1)))
    if first["latitude"] is not None:
        event.add("geo", (first["latitude"], first["longitude"]))
    event.add("summary", without_controls(str(first["name"] or first["person_id"])))
    lines = [f"Met {first['encounters']} times on {first['days']} days.", *(_place(part) for part in parts)]
    event.add("description", without_controls("\n".join(lines)))
    return event


def _place(part: dict[str, object]) -> str:
    seconds = (_utc(part["started_at"]) - _utc(part["video_started_at"])).total_seconds()
    return f"{part['file_name']} at {offset(seconds)}"


def _utc(moment: object) -> dt.datetime:
    assert isinstance(moment, dt.datetime)
    return moment.replace(tzinfo=dt.UTC)
