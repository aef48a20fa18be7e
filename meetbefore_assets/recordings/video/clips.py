"""Cuts a clip out of a recording without decoding it: packets are copied."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from meetbefore_assets.core.errors import UnreadableVideoError
from meetbefore_assets.recordings.video.packets import open_container, packet_pts, picture_stream
from meetbefore_assets.storage.atomic_file import atomic_file

# Clips of these containers keep their container; all others become Matroska.
_KEPT = frozenset([".mp4", ".mov", ".m4v", ".mkv", ".webm"])

# Times are stored to a microsecond or a tick of the stream, so a picture at the very end is included.
_ROUNDING_S = 0.001


@dataclass(frozen=True)
class Cut:
    """A clip: its file, and the seconds of the recording that it holds (it starts at a keyframe)."""

    path: Path
    begins_s: float
    ends_s: float


def clip_suffix(name: str) -> str:
    """File name ending for the clip of a recording with this name."""
    suffix = Path(name).suffix.lower()
    return suffix if suffix in _KEPT else ".mkv"


def cut(source: str, begin_s: float, end_s: float, destination: Path) -> Cut:
    """Copy pictures and sound between two times, starting at the last keyframe before `begin_s`.

    Pictures that are shown later but stored before the last wanted one are copied too.

    Args:
        source: the recording.
        begin_s, end_s: seconds since its first picture.
        destination: file to write, with the ending of `clip_suffix`.

    Raises:
        UnreadableVideoError: the recording cannot be read, or its streams cannot be copied into this container.
    """
    try:
        with (
            open_container(source) as container,
            atomic_file(destination, suffix=destination.suffix) as temporary,
            av.open(str(temporary), "w") as clip,
        ):
            done = _copy(container, clip, begin_s, end_s)
    except (OSError, av.FFmpegError, ValueError) as error:
        raise UnreadableVideoError(
            f"{Path(source).name}: seconds {begin_s:.1f} to {end_s:.1f} could not be copied to {destination.name}: {error}.",
            remedy="Play the file; if it plays, cut it with ffmpeg.",
        ) from error
    return Cut(destination, *done)


def _copy(container: Any, clip: Any, begin_s: float, end_s: float) -> tuple[float, float]:
    pictures = picture_stream(container)
    if pictures is None:
        raise ValueError("found no pictures")
    zero = (pictures.start_time or 0) * pictures.time_base
    end = zero + Fraction(round((end_s + _ROUNDING_S) * 1e6), 10**6)
    container.seek(round((zero + begin_s) / pictures.time_base), stream=pictures, backward=True)
    copied = [stream for stream in container.streams if stream is pictures or stream.type == "audio"]
    streams = {stream.index: clip.add_stream_from_template(stream) for stream in copied}
    start: Fraction | None = None
    last: Fraction = zero
    for packet in container.demux(copied):
        if packet.pts is None or packet.dts is None:
            continue
        at, is_picture = (packet_pts(packet, container.format.name) or 0) * packet.time_base, packet.stream is pictures
        if is_picture and packet.dts * packet.time_base > end:
            break
        if start is None and is_picture and packet.is_keyframe:
            start = at
        if start is None or (not is_picture and not start <= at <= end):
            continue
        last = max(last, at) if is_picture else last
        packet.pts, packet.dts = (ticks - round(start / packet.time_base) for ticks in (packet.pts, packet.dts))
        packet.stream = streams[packet.stream.index]
        clip.mux(packet)
    if start is None:
        raise ValueError("found no keyframe before the end of the wanted seconds")
    return float(start - zero), float(last - zero)
