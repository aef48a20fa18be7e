"""Facts about a person besides the score: usual weekday and hour, proposed role, AreWeMeetBefore's measure."""

import math

import polars as pl

_TURN = 2.0 * math.pi / 24.0  # radians an hour

# Roles are proposed from so many videos on.
LEAST_VIDEOS = 4
# Somebody seen in this share of the videos, or of the recorded time, is a companion.
VIDEO_SHARE = 0.6
TIME_SHARE = 0.25
# Shortest time that counts as a large share of the recorded time.
LEAST_PRESENCE_S = 60.0
# The user starts and stops the camera, and is seen within EDGE_S of the start or end of this share of the videos.
EDGE_S = 3.0
EDGE_SHARE = 0.6


def habits(encounters: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Usual weekday and time of day at which the encounters of each person start.

    Weekdays count days, not encounters: three meetings on one Sunday are one Sunday. The hour is the circular mean, so that 23:00 and 01:00
    give midnight. Its spread is the circular standard deviation sqrt(-2 ln R), R being the length of the mean vector (Mardia and Jupp,
    Directional Statistics, 2.3), at most half a day.

    Args:
        encounters: person_id, encounter_id, started_at (UTC); one row per encounter and video.
        zone: IANA name of the zone of days and hours.

    Returns:
        person_id, usual_weekday (0 Monday .. 6 Sunday; the earlier one of equals), weekday_share (of the days, 0..1),
        usual_hour (0..24, local), hour_spread_h (0..12). All null for people met on one day only: one day is no habit.
    """
    # Sorted, so that the mean of the hours has the same last bit every time.
    begins = encounters.group_by("person_id", "encounter_id").agg(pl.col("started_at").min()).sort("person_id", "encounter_id")
    there = pl.col("started_at").dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.replace_time_zone(None)
    angle = (there - there.dt.truncate("1d")).dt.total_microseconds() / 3.6e9 * _TURN
    told = begins.select("person_id", there.dt.date().alias("day"), angle.alias("angle"))
    found = _weekdays(told).join(_hours(told), on="person_id").sort("person_id")
    return found.select(
        "person_id", pl.when(pl.col("days") > 1).then(pl.col("usual_weekday", "weekday_share", "usual_hour", "hour_spread_h"))
    )


def _weekdays(told: pl.DataFrame) -> pl.DataFrame:
    days = told.select("person_id", "day").unique().with_columns((pl.col("day").dt.weekday().cast(pl.Int64) - 1).alias("weekday"))
    counted = days.group_by("person_id", "weekday").agg(pl.len().cast(pl.Int64).alias("times"))
    return counted.group_by("person_id").agg(
        pl.col("weekday").sort_by([-pl.col("times"), "weekday"]).first().alias("usual_weekday"),
        (pl.col("times").max() / pl.col("times").sum()).alias("weekday_share"),
        pl.col("times").sum().alias("days"),
    )


def _hours(told: pl.DataFrame) -> pl.DataFrame:
    mean = told.group_by("person_id", maintain_order=True).agg(
        pl.col("angle").cos().mean().alias("x"), pl.col("angle").sin().mean().alias("y")
    )
    length = (pl.col("x").pow(2) + pl.col("y").pow(2)).sqrt().clip(1e-9, 1.0)
    hour = pl.arctan2("y", "x") / _TURN
    return mean.select(
        "person_id",
        pl.when(hour < 0).then(hour + 24.0).otherwise(hour).alias("usual_hour"),
        ((-2.0 * length.log()).clip(0.0).sqrt() / _TURN).clip(0.0, 12.0).alias("hour_spread_h"),
    )


def time_span_metric(people: pl.DataFrame) -> pl.Series:
    """AreWeMeetBefore's measure of each person.

    Args:
        people: faces (pictures of the person), first_seen, last_seen (UTC); one row per person.

    Returns:
        `time_span_metric`, one value per row, 0 or more; null for those whom the original leaves out: people with one picture, those with
        the fewest pictures of the others, and everybody if all have the same span.
    """
    pictured = pl.col("faces") > 1
    span_s = (pl.col("last_seen") - pl.col("first_seen")).dt.total_microseconds() / 1e6
    ratio = _to_one(span_s, pictured) / _to_one(pl.col("faces").cast(pl.Float64), pictured)
    value = pl.when(pictured & ratio.is_finite()).then(ratio)
    return people.select(value.cast(pl.Float64).alias("time_span_metric"))["time_span_metric"]


def _to_one(value: pl.Expr, among: pl.Expr) -> pl.Expr:
    """Scale values to 0..1 over the rows of `among`; NaN if these are all equal."""
    least, most = value.filter(among).min(), value.filter(among).max()
    return (value - least) / (most - least)


def proposed_roles(seen: pl.DataFrame, videos: pl.DataFrame, interval_s: float) -> dict[str, str]:
    """Propose roles: person_id -> "me" or "companion"; at most one person is proposed as "me".

    Args:
        seen: columns person_id, video_id, time_s; one row per face.
        videos: columns video_id, duration_s; all videos that could have shown somebody.
        interval_s: time between sampled frames, seconds.
    """
    if videos.height < LEAST_VIDEOS:
        return {}
    recorded_s = float(videos["duration_s"].sum())
    long_s = max(TIME_SHARE * recorded_s, LEAST_PRESENCE_S)
    # Of most people there are too few faces for any role; the others are few.
    least = min(max(LEAST_VIDEOS, min(VIDEO_SHARE, EDGE_SHARE) * videos.height), long_s / interval_s)
    several = seen.group_by("person_id").len().filter(pl.col("len") >= math.floor(least))["person_id"]
    seen = seen.filter(pl.col("person_id").is_in(several.implode()))
    moments = seen.join(videos, on="video_id").unique(["person_id", "video_id", "time_s"])
    at_edge = (pl.col("time_s") <= EDGE_S) | (pl.col("time_s") >= pl.col("duration_s") - EDGE_S)
    counted = moments.group_by("person_id").agg(
        pl.col("video_id").n_unique().alias("videos"),
        pl.len().alias("moments"),
        pl.col("video_id").filter(at_edge).n_unique().alias("edges"),
    )
    often = (pl.col("videos") >= LEAST_VIDEOS) & (pl.col("videos") >= VIDEO_SHARE * videos.height)
    long = (pl.col("videos") > 1) & (pl.col("moments") * interval_s >= long_s)
    going_along = counted.filter(often | long)["person_id"].sort().to_list()
    starting = counted.filter((pl.col("edges") >= LEAST_VIDEOS) & (pl.col("edges") >= EDGE_SHARE * videos.height))
    me = starting.sort(-pl.col("edges").cast(pl.Int64), -pl.col("moments").cast(pl.Int64), "person_id")["person_id"].head(1).to_list()
    return dict.fromkeys(going_along, "companion") | dict.fromkeys(me, "me")
