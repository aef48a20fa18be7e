"""Samples the videos from which it is computed what the vectors of an archive's people share.

A video is in the sample if the hash of its id starts with a number of zero bits that grows with the archive. So the sample does not depend
on the order of import, a new video of an archive of 2,000 changes it once in 60 times, and a video in it stays until the archive has
doubled.
"""

import hashlib
from collections.abc import Mapping

import numpy as np
import polars as pl

from meetbefore_assets.core.ports import Bool

# Expected least number of videos and tracks in a sample; so many tracks show some hundred people.
_VIDEOS, _TRACKS = 16, 192


def look_videos(tracks_of: Mapping[str, int]) -> frozenset[str]:
    """The videos of the sample.

    Args:
        tracks_of: video_id -> number of tracks; videos without tracks are ignored.
    """
    shown = [video_id for video_id, tracks in tracks_of.items() if tracks]
    zeros = min(_doublings(len(shown), _VIDEOS), _doublings(sum(tracks_of.values()), _TRACKS))
    sample = frozenset(video_id for video_id in shown if _begins_with_zeros(video_id, zeros))
    return sample or frozenset(shown)


def tells_the_look(video_of: pl.Series) -> Bool:
    """Which tracks, by their videos, are in the sample: (m,)."""
    counts = dict(video_of.value_counts().iter_rows())
    return np.asarray(video_of.is_in(list(look_videos(counts))).to_numpy(), np.bool_)


def _doublings(count: int, least: int) -> int:
    """How often a count can be halved before it is below `least`.

    >>> [_doublings(count, 16) for count in (0, 31, 32, 2000)]
    [0, 0, 1, 6]
    """
    return max(0, (count // least).bit_length() - 1)


def _begins_with_zeros(video_id: str, zeros: int) -> bool:
    return int.from_bytes(hashlib.sha256(video_id.encode()).digest()[:8], "big") >> (64 - zeros) == 0
