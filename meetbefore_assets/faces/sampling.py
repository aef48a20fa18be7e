"""Sampling: which frames of a video are decoded and searched."""

import numpy as np

from meetbefore_assets.core.ports import F64, I64, FramePlan, PacketIndex
from meetbefore_assets.recordings.timestamps import SLACK_S, seconds_since_first


def plan_frames(index: PacketIndex, interval_s: float, tolerance_s: float) -> FramePlan:
    """Choose one picture for each time 0, interval_s, 2 interval_s, … up to the last picture.

    For each time the nearest keyframe is chosen if it is at most `tolerance_s` away, else the nearest picture; of two equally near ones,
    the earlier. A time without a picture within half an interval (a gap in the recording) is left out, and so is one whose picture is
    taken already.

    Args:
        index: all pictures of the video.
        interval_s: seconds between two times, above 0.
        tolerance_s: largest distance of a keyframe from the time, seconds, 0 or more.

    Returns:
        Pictures of `index` with their true times, counted from the first picture.

    Raises:
        ValueError: `interval_s` is not above 0, or `tolerance_s` is below 0.
    """
    if not interval_s > 0 or not tolerance_s >= 0:
        raise ValueError(f"expected interval_s > 0 and tolerance_s >= 0, found {interval_s} and {tolerance_s}")
    if not len(index.pts):
        return FramePlan(np.empty(0, np.int64), np.empty(0), np.empty(0, bool))
    time_s = seconds_since_first(index)
    target_s = _targets(time_s, interval_s)
    chosen = _nearest(time_s, target_s)
    keyframes = np.flatnonzero(index.is_keyframe)
    if len(keyframes):
        nearest_key = keyframes[_nearest(time_s[keyframes], target_s)]
        is_near = np.abs(time_s[nearest_key] - target_s) <= tolerance_s + SLACK_S
        chosen = np.where(is_near, nearest_key, chosen)
    is_there = np.abs(time_s[chosen] - target_s) <= max(interval_s / 2, tolerance_s) + SLACK_S
    chosen = np.unique(chosen[is_there])
    return FramePlan(index.pts[chosen], time_s[chosen], index.is_keyframe[chosen])


def _targets(time_s: F64, interval_s: float) -> F64:
    """Times that have a picture within one interval: at most two per picture, however long the gaps are."""
    places = time_s / interval_s
    numbers = np.unique(np.concatenate([np.floor(places), np.ceil(places)]))
    targets: F64 = (numbers * interval_s)[numbers * interval_s <= time_s[-1] + SLACK_S]
    return targets


def _nearest(time_s: F64, target_s: F64) -> I64:
    """Index of the time nearest to each target, the earlier of two that are equally near."""
    after = np.clip(np.searchsorted(time_s, target_s), 0, len(time_s) - 1)
    before = np.maximum(after - 1, 0)
    is_before = np.abs(target_s - time_s[before]) <= np.abs(time_s[after] - target_s) + SLACK_S
    return np.where(is_before, before, after).astype(np.int64)
