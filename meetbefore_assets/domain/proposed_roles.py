"""Who might be oneself, and who goes along: proposals from numbers, which decide nothing."""

import polars as pl

# Fewer videos say nothing.
LEAST_VIDEOS = 4
# Seen in so large a share of the videos, or in so large a share of the recorded time, somebody goes along.
VIDEO_SHARE = 0.6
TIME_SHARE = 0.25
# A large share of very little says nothing either.
LEAST_PRESENCE_S = 60.0
# Whoever starts and stops the camera looks into it: seen so near the beginning or end of so large a share of the videos.
EDGE_S = 3.0
EDGE_SHARE = 0.6


def proposed_roles(seen: pl.DataFrame, videos: pl.DataFrame, interval_s: float) -> dict[str, str]:
    """person_id -> "me" or "companion"; at most one is proposed as oneself.

    Args:
        seen: columns person_id, video_id, time_s; a row a face.
        videos: columns video_id, duration_s; all videos that could have shown somebody.
        interval_s: time between two looked-at moments, seconds.
    """
    if videos.height < LEAST_VIDEOS:
        return {}
    moments = seen.join(videos, on="video_id").unique(["person_id", "video_id", "time_s"])
    at_edge = (pl.col("time_s") <= EDGE_S) | (pl.col("time_s") >= pl.col("duration_s") - EDGE_S)
    counted = moments.group_by("person_id").agg(
        pl.col("video_id").n_unique().alias("videos"),
        pl.len().alias("moments"),
        pl.col("video_id").filter(at_edge).n_unique().alias("edges"),
    )
    often = (pl.col("videos") >= LEAST_VIDEOS) & (pl.col("videos") >= VIDEO_SHARE * videos.height)
    recorded_s = float(videos["duration_s"].sum())
    long = (pl.col("videos") > 1) & (pl.col("moments") * interval_s >= max(TIME_SHARE * recorded_s, LEAST_PRESENCE_S))
    going_along = counted.filter(often | long)["person_id"].sort().to_list()
    starting = counted.filter((pl.col("edges") >= LEAST_VIDEOS) & (pl.col("edges") >= EDGE_SHARE * videos.height))
    me = starting.sort(-pl.col("edges").cast(pl.Int64), -pl.col("moments").cast(pl.Int64), "person_id")["person_id"].head(1).to_list()
    return dict.fromkeys(going_along, "companion") | dict.fromkeys(me, "me")
