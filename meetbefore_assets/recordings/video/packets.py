"""The packet table of a video, without decoding: when each picture is shown, where decoding can start, what is missing."""

import os
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

import av
import numpy as np

from meetbefore_assets.core.ports import I64, Bool, PacketIndex
from meetbefore_assets.recordings.timestamps import is_cut_short
from meetbefore_assets.recordings.video.limits import DEFAULT_MAX_MEGAPIXELS
from meetbefore_assets.recordings.video.mp4_packets import Columns, listed_packets

# AVI stores no presentation times, only a decoding order.
WITHOUT_PTS = frozenset(["avi"])
# Streams that may start and end anywhere: their length is only an estimate.
WITHOUT_LENGTH = frozenset(["mpegts", "mpeg"])
# Codecs whose MP4 header is enough: no picture needs decoding to open the file.
KNOWN_BY_HEADER = frozenset(["h264", "hevc"])
# Most pictures that an H.264 or H.265 decoder holds back.
LONGEST_DELAY = 16
# FFmpeg also counts rows and columns that fill up blocks and are cropped later.
_CODED_SHARE, _CODED_PIXELS = 1.25, 100_000
UNKNOWN = np.iinfo(np.int64).min


@dataclass(frozen=True)
class PacketTable:
    """All packets of a picture stream, in decoding order.

    Attributes:
        pts, dts: shape (n,); UNKNOWN where the file gives none. In AVI `pts` is `dts`.
        is_keyframe: shape (n,).
        is_shown: shape (n,); False if an edit list hides it, or if it cannot be decoded (before the first keyframe).
        time_base: seconds per step.
        is_reordered: True for AVI with pictures that are not shown in decoding order: `pts` has the right times in the wrong order.
        cut: what is missing at the end ("ends after 1.0 s of 3.0 s"); empty if nothing is.
    """

    pts: I64
    dts: I64
    is_keyframe: Bool
    is_shown: Bool
    time_base: Fraction
    is_reordered: bool
    cut: str = ""

    @cached_property
    def keys(self) -> I64:
        """Places (row numbers) of the keyframes, rising."""
        return np.flatnonzero(self.is_keyframe)

    @cached_property
    def _by_pts(self) -> tuple[I64, I64]:
        # Among packets of equal time those that are shown come first, so that a lookup finds them.
        order = np.lexsort((np.arange(len(self.pts)), ~self.is_shown, self.pts))
        stamps, first = np.unique(self.pts[order], return_index=True)
        return stamps, order[first]

    def place(self, pts: int | None) -> int | None:
        """Place of the packet with this time; None if there is none."""
        stamps, places = self._by_pts
        if pts is None:
            return None
        at = int(np.searchsorted(stamps, pts))
        return int(places[at]) if at < len(stamps) and stamps[at] == pts else None

    def start(self, place: int) -> int:
        """Place of the keyframe from which the picture at `place` can be decoded.

        Pictures that follow a keyframe but are shown before it (open GOP) need the keyframe before.
        """
        at = max(int(np.searchsorted(self.keys, place, side="right")) - 1, 0)
        while at > 0 and self.pts[self.keys[at]] > self.pts[place]:
            at -= 1
        return int(self.keys[at])

    @cached_property
    def delay(self) -> int:
        """Number of pictures that a decoder must hold back to return them in presentation order: 0 without B-frames, 16 at most."""
        overtaken = np.zeros(len(self.pts), np.int64)
        for back in range(1, min(LONGEST_DELAY + 1, len(self.pts))):
            overtaken[back:] += self.pts[:-back] > self.pts[back:]
        return int(overtaken.max(initial=0))

    def index(self) -> PacketIndex:
        """The pictures that are shown, by time, each time once."""
        pts = self.pts[self.is_shown]
        order = np.argsort(pts, kind="stable")
        stamps, first = np.unique(pts[order], return_index=True)
        return PacketIndex(stamps, self.is_keyframe[self.is_shown][order][first], self.time_base)


def packet_pts(packet: Any, container: str) -> int | None:
    """Time of a packet, as in `PacketTable.pts`."""
    value: int | None = packet.dts if container in WITHOUT_PTS else packet.pts
    return value


def is_end(packet: Any) -> bool:
    """Whether this is the empty packet that PyAV returns after the last one."""
    return packet.size == 0 and packet.pts is None and packet.dts is None


def picture_stream(container: Any) -> Any:
    """The video stream with the largest picture, except cover art; None if there is none."""
    streams = [stream for stream in container.streams.video if not stream.disposition & av.stream.Disposition.attached_pic]
    # A stream of an unknown codec has no size at all.
    return max(streams, key=lambda stream: getattr(stream, "width", 0) * getattr(stream, "height", 0), default=None)


def open_container(path: str, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS) -> Any:
    """Open a file (never a network address, whatever the name looks like).

    Args:
        max_megapixels: larger pictures are not decoded, neither to probe the file nor later.

    Raises:
        OSError, av.FFmpegError: FFmpeg cannot open it.
    """
    most = {"max_pixels": str(int(max_megapixels * 1e6 * _CODED_SHARE) + _CODED_PIXELS)}
    options = {"protocol_whitelist": "file,crypto,data", **most}
    if _is_mp4(path):
        # FFmpeg would decode pictures to learn what the header says: 105 ms for H.264 at 1080p and 540 ms at 4K, instead of 1 and 3.
        container = av.open(f"file:{path}", options={**options, "codec_whitelist": "none"}, metadata_errors="replace")
        if all(stream.codec_context is not None and stream.codec_context.name in KNOWN_BY_HEADER for stream in container.streams.video):
            return _limited(container, most)
        container.close()
    return _limited(av.open(f"file:{path}", options=options, metadata_errors="replace"), most)


def _limited(container: Any, options: dict[str, str]) -> Any:
    for stream in container.streams.video:
        if stream.codec_context is not None:
            stream.codec_context.options = {**stream.codec_context.options, **options}
    return container


def _is_mp4(path: str) -> bool:
    """Whether a file starts like MP4 or QuickTime (ISO/IEC 14496-12, 4.3; QuickTime may start with any of these boxes)."""
    try:
        with open(path, "rb") as file:
            return file.read(8)[4:] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")
    except OSError:
        return False  # FFmpeg will say what is wrong


def scan(path: str) -> PacketTable:
    """The packet table of a file: from the header for MP4, else by reading every packet once; cached until the file changes.

    Raises:
        OSError, av.FFmpegError: the file cannot be opened.
    """
    status = os.stat(path)
    return _scan(path, status.st_size, status.st_mtime_ns)


def clear_scan_cache() -> None:
    """Empty the cache of `scan`: for benchmarks, which scan the same file repeatedly."""
    _scan.cache_clear()


@lru_cache(maxsize=4)
def _scan(path: str, size: int, mtime_ns: int) -> PacketTable:
    with open_container(path) as container:
        stream = picture_stream(container)
        listed = listed_packets(path, container, stream) if container.format.name.startswith("mov") and stream is not None else None
        if listed is not None:
            return _table(container, stream, listed)
    return _read_through(path)


def _read_through(path: str) -> PacketTable:
    """The packet table of a file, by reading every packet."""
    with open_container(path) as container:
        stream = picture_stream(container)
        rows: list[tuple[int, int, bool, bool]] = []
        duration, fault = 0, ""
        try:
            for packet in container.demux(stream):
                if is_end(packet):
                    continue
                pts, dts = packet_pts(packet, container.format.name), packet.dts
                duration = packet.duration or duration
                rows.append((or_unknown(pts), or_unknown(dts), packet.is_keyframe, not packet.is_discard and pts is not None))
        except av.FFmpegError as error:
            fault = error.strerror or str(error)
        columns = np.array(rows, np.int64).reshape(-1, 4).T
        table = _table(container, stream, (columns[0], columns[1], columns[2] == 1, columns[3] == 1))
        return replace(table, cut=_missing(path, container, stream, table, duration, fault))


def _table(container: Any, stream: Any, columns: Columns) -> PacketTable:
    pts, dts, is_keyframe, is_shown = columns
    is_reordered = container.format.name in WITHOUT_PTS and bool(stream.codec_context.has_b_frames)
    return PacketTable(pts, dts, *_decodable(pts, is_keyframe, is_shown), stream.time_base, is_reordered)


def or_unknown(value: int | None) -> int:
    """The value, or UNKNOWN for None."""
    return UNKNOWN if value is None else value


def _decodable(pts: I64, is_keyframe: Bool, is_shown: Bool) -> tuple[Bool, Bool]:
    """Hide packets before the first keyframe, in file order or in time: their reference frames are missing."""
    if not len(pts):
        return is_keyframe, is_shown
    if not is_keyframe.any():
        is_keyframe = np.arange(len(pts)) == 0
    keys = np.flatnonzero(is_keyframe)
    second = keys[1] if len(keys) > 1 else len(pts)
    place = np.arange(len(pts))
    is_lost = (place < keys[0]) | ((place < second) & (pts < pts[keys[0]]))
    return is_keyframe, is_shown & ~is_lost


def _missing(path: str, container: Any, stream: Any, table: PacketTable, duration: int, fault: str) -> str:
    """Describe what is missing at the end; empty if nothing is."""
    pts = table.index().pts
    if not len(pts):
        return ""
    step = float(table.time_base)
    gaps = np.diff(pts)
    end_s = float(pts[-1] - pts[0] + (duration or (gaps[-1] if len(gaps) else 0))) * step
    if fault:
        return f"cannot be read beyond {end_s:.1f} s ({fault})"
    if container.format.name.startswith("mov"):
        # The MP4 index has the position of every packet: nothing needs to be estimated.
        entries = stream.index_entries
        is_cut = len(entries) > 0 and 0 < container.size < entries[-1].pos + entries[-1].size
        promised_s = max(float((stream.duration or 0) * step), (entries[-1].timestamp - entries[0].timestamp) * step) if is_cut else 0.0
        return f"ends after {end_s:.1f} s of {promised_s:.1f} s" if is_cut else ""
    promised_s = _promised(container, stream)
    longest_s = float(gaps.max()) * step if len(gaps) else 0.0
    if not is_cut_short(end_s, promised_s, longest_s) or not is_cut_short(_last_of_all(path, container), promised_s, longest_s):
        return ""
    return f"ends after {end_s:.1f} s of {promised_s:.1f} s"


def _promised(container: Any, stream: Any) -> float:
    """Length according to the header, seconds; 0 if it gives none."""
    name = container.format.name
    if name in WITHOUT_LENGTH:
        return 0.0
    if name in WITHOUT_PTS:
        return float((stream.frames or 0) * stream.time_base)
    return tagged_duration(stream) or float((container.duration or 0) / av.time_base)


def tagged_duration(stream: Any) -> float:
    """Length of a stream according to Matroska's statistics tags ("00:00:03.000000000"), seconds; 0 if there are none."""
    text = next((value for key, value in stream.metadata.items() if key.upper().startswith("DURATION")), "")
    try:
        hours, minutes, seconds = (float(part) for part in text.split(":"))
    except ValueError:
        return 0.0
    return hours * 3600 + minutes * 60 + seconds


def _last_of_all(path: str, container: Any) -> float:
    """Seconds from the container's start to the last packet of any stream: sound may last longer than the pictures."""
    start_s = (container.start_time or 0) / av.time_base
    last_s = 0.0
    with open_container(path) as again:
        try:
            for packet in again.demux():
                value = packet.pts if packet.pts is not None else packet.dts
                if value is not None:
                    last_s = max(last_s, float((value + (packet.duration or 0)) * packet.time_base) - start_s)
        except av.FFmpegError:
            return last_s  # as far as it could be read
    return last_s
