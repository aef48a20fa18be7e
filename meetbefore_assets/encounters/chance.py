"""The table `chance`: applies the chance model to the record."""

import datetime as dt

import numpy as np
import polars as pl

from meetbefore_assets.core.ports import F64, WHOLE, Stamp
from meetbefore_assets.core.schema.encounters import CHANCE
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.encounters.chance_model import FalseLinks, false_link_rate, more_than_chance
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.match import sightings
from meetbefore_assets.identities.person_ids import cannot_links
from meetbefore_assets.identities.policy import policy
from meetbefore_assets.recordings.clocks import clock_table
from meetbefore_assets.recordings.places import place_table, with_cells

# Tracks that share a frame are certainly different people. With fewer such pairs, pairs are drawn at random: nearly all differ.
LEAST_PAIRS, DRAWN_PAIRS = 100, 100_000


def write_chance(home: Home, videos: list[str], scored: pl.DataFrame, version: str) -> pl.DataFrame:
    """Compare everybody's days with chance; writes and returns the table `chance`.

    Args:
        home: the home.
        videos: ids of the videos with identities.
        scored: their encounters, columns of ENCOUNTER_SCORES.
        version: data version of the scores.
    """
    ordered = with_cells(scored).sort("started_at", "video_id")
    begins = ordered.group_by("person_id", "encounter_id").agg(pl.col("started_at").first().alias("at"), pl.col("place").first())
    met = _local(begins, home.zone()).select("person_id", "day", "hour", "place")
    found = more_than_chance(met, recorded_hours(home, videos), _false_links(home, videos))
    table = check(CHANCE, found)
    home.store.put(CHANCE.name, WHOLE, table, Stamp(version, {}, {}, table.height))
    return table


def _false_links(home: Home, videos: list[str]) -> FalseLinks:
    linked = [video_id for video_id in videos if home.store.stamp("tracks", video_id) is not None]
    if not linked:
        return FalseLinks(0.0, pl.DataFrame(schema={"day": pl.Date, "tracks": pl.Int64}))
    tracks = home.store.scan("tracks", linked, ["track_id", "video_id", "vector", "frame_pts"]).sort("track_id")
    seen = _local(sightings(home, linked).rename({"seen_at": "at"}), home.zone())
    daily = seen.group_by("day").agg(pl.col("track_id").n_unique().cast(pl.Int64).alias("tracks"))
    return FalseLinks(false_link_rate(stranger_similarities(tracks), policy(home).threshold), daily)


def _local(rows: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Add local day and hour of the time `at`; rows without a time are dropped."""
    there = pl.col("at").dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    return rows.filter(pl.col("at").is_not_null()).with_columns(there.dt.date().alias("day"), there.dt.hour().cast(pl.Int64).alias("hour"))


def recorded_hours(home: Home, videos: list[str]) -> pl.DataFrame:
    """Every hour in which something was recorded, once: day, hour (local), place (null if unknown)."""
    rows: list[tuple[dt.datetime, str | None]] = []
    places = with_cells(place_table(home, videos)).partition_by("video_id", as_dict=True)
    durations = dict(home.store.scan("videos", videos, ["video_id", "duration_s"]).iter_rows()) if videos else {}
    for video_id, start in clock_table(home, videos).select("video_id", "started_at").iter_rows():
        if start is not None:
            rows += _hours(start, durations[video_id], places.get((video_id,)))
    table = pl.DataFrame(rows, schema={"at": pl.Datetime("us"), "place": pl.String}, orient="row")
    return _local(table, home.zone()).select("day", "hour", "place").unique().sort("day", "hour", "place")


def _hours(start: dt.datetime, duration_s: float, places: pl.DataFrame | None) -> list[tuple[dt.datetime, str | None]]:
    """(time, place) within a recording: its GPS places, or else one time in every hour with the place of the whole recording."""
    way = None if places is None else places.filter(pl.col("source") != "location")
    if way is not None and way.height:
        return [(start + dt.timedelta(seconds=time_s), place) for time_s, place in way.select("time_s", "place").iter_rows()]
    whole = None if places is None or not places.height else str(places["place"][0])
    hours = int((start.minute * 60 + start.second + duration_s) // 3600)
    return [(start + dt.timedelta(hours=hour), whole) for hour in range(hours + 1)]


def stranger_similarities(tracks: pl.DataFrame) -> F64:
    """(n,) cosines between tracks of different people: pairs that share a frame, or random pairs if those are few.

    Args:
        tracks: video_id, vector, frame_pts; in an order that does not depend on the order of import.
    """
    if tracks.height < 2:
        return np.zeros(0)
    pairs = cannot_links(tracks)
    if len(pairs) < LEAST_PAIRS:
        pairs = np.random.default_rng(0).integers(0, tracks.height, (DRAWN_PAIRS, 2))
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    vectors = np.array(tracks["vector"].to_list(), np.float32)
    return np.asarray(np.einsum("ij,ij->i", vectors[pairs[:, 0]], vectors[pairs[:, 1]]), np.float64)
