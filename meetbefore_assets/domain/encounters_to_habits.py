"""How regular meetings with somebody are: on which weekday, and at what time of day."""

import math

import polars as pl

_TURN = 2.0 * math.pi / 24.0  # radians an hour


def habits(encounters: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Weekday and time of day at which the encounters of each person begin.

    Weekdays count days, not encounters: three meetings on one Sunday are one Sunday. The hour is the direction of the mean of the
    hours laid round a clock face, so that 23:00 and 01:00 give midnight; its spread is the circular standard deviation
    sqrt(-2 ln R) of directional statistics, R being the length of that mean (Mardia and Jupp, Directional Statistics, 2.3). The
    spread is at most half a day.

    Args:
        encounters: person_id, encounter_id, started_at (UTC); a row per encounter and video.
        zone: IANA name of the zone in which days and hours are told.

    Returns:
        person_id, usual_weekday (0 Monday .. 6 Sunday; the earlier one of equals), weekday_share (of the days, 0..1),
        usual_hour (0 .. 24, local), hour_spread_h (0 .. 12). All null for those met on one day only: one day is no habit.
    """
    begins = encounters.group_by("person_id", "encounter_id").agg(pl.col("started_at").min())
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
    mean = told.group_by("person_id").agg(pl.col("angle").cos().mean().alias("x"), pl.col("angle").sin().mean().alias("y"))
    length = (pl.col("x").pow(2) + pl.col("y").pow(2)).sqrt().clip(1e-9, 1.0)
    hour = pl.arctan2("y", "x") / _TURN
    return mean.select(
        "person_id",
        pl.when(hour < 0).then(hour + 24.0).otherwise(hour).alias("usual_hour"),
        ((-2.0 * length.log()).clip(0.0).sqrt() / _TURN).clip(0.0, 12.0).alias("hour_spread_h"),
    )
