"""Lists the packets of an MP4 file from its header, so that sampling reads a few packets instead of all."""

import os
from typing import Any

import av
import numpy as np

from meetbefore_assets.core.ports import I64, Bool
from meetbefore_assets.recordings.video.mp4_boxes import Track, read_movie

Columns = tuple[I64, I64, Bool, Bool]
# The list is used if it is right about the first packets and about keyframes all over the file.
_FIRST_PACKETS, _KEYFRAMES = 4, 5


def listed_packets(path: str, container: Any, stream: Any) -> Columns | None:
    """pts, dts, is_keyframe and is_shown of all packets, as FFmpeg would return them; None if the packets must be read to know.

    That is so for fragmented, joined and truncated files, and if a packet does not match the list. The container's position is changed.

    Raises:
        OSError: the file cannot be read.
    """
    track = _plain_track(path, stream)
    entries = list(stream.index_entries)
    if track is None or not entries or track.samples != len(entries):
        return None
    dts = np.array([entry.timestamp for entry in entries], np.int64)
    ends = np.array([entry.pos + entry.size for entry in entries], np.int64)
    sizes = np.array([entry.size for entry in entries], np.int64)
    if sizes.min() <= 0 or ends.max() > os.path.getsize(path) or (np.diff(dts) <= 0).any():
        return None
    # FFmpeg shifts decoding times so that no picture is shown before it is decoded (`dts_shift` in libavformat/mov.c).
    delays = track.delays()
    pts = dts + delays + max(0, -int(delays.min()))
    is_keyframe = np.array([entry.is_keyframe for entry in entries], bool)
    is_shown = ~np.array([entry.is_discard for entry in entries], bool)
    columns = pts, dts, is_keyframe, is_shown
    return columns if _holds(columns, container, stream) else None


def _plain_track(path: str, stream: Any) -> Track | None:
    movie = read_movie(path)
    track = None if movie is None or movie.is_fragmented else movie.tracks.get(stream.id)
    is_plain = track is not None and track.descriptions == 1 and track.delay_runs[:, 0].sum() in (0, track.samples)
    return track if is_plain else None


def _holds(columns: Columns, container: Any, stream: Any) -> bool:
    """Whether sampled packets match the list."""
    for other in container.streams:
        if other.index != stream.index:
            other.discard = av.stream.Discard.all
    keys = np.flatnonzero(columns[2])
    probed = keys[np.unique(np.linspace(0, len(keys) - 1, _KEYFRAMES).astype(int))] if len(keys) else keys
    try:
        if not all(_is(packet, columns, place) for place, packet in zip(range(_FIRST_PACKETS), container.demux(stream), strict=False)):
            return False
        for place in probed.tolist():
            container.seek(int(columns[0][place]), stream=stream)
            if not _is(next(container.demux(stream)), columns, place):
                return False
    except (av.FFmpegError, StopIteration):
        return False
    return len(keys) > 0


def _is(packet: Any, columns: Columns, place: int) -> bool:
    if packet.size == 0 and packet.pts is None and packet.dts is None:
        return place >= len(columns[0])  # PyAV's mark of the end
    found = packet.pts, packet.dts, packet.is_keyframe, not packet.is_discard
    return place < len(columns[0]) and found == tuple(column[place].item() for column in columns)
