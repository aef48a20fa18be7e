"""Decodes single frames with as little work as possible, and detects damaged ones."""

from collections.abc import Iterator, Sequence
from typing import Any

import av
import numpy as np

from meetbefore_assets.core.ports import Picture
from meetbefore_assets.recordings.video.orientation import Uprighter
from meetbefore_assets.recordings.video.packets import UNKNOWN, PacketTable, is_end, open_container, or_unknown, packet_pts, picture_stream

# Reading over packets is cheaper than seeking over them up to about this many (seek: 60-100 us, packet: 3-5 us).
NEAR_PACKETS = 16
# How many keyframes further back a seek is tried if it landed too late.
STEPS_BACK = (0, 1, 4, 16)
RECENT = 64
# In MP4 with B-frames a seek by decoding time lands a keyframe too early, and all packets up to the right one are read.
SOUGHT_BY_PTS = ("matroska", "mov")


class PacketCursor:
    """Reads the packets of one stream from any keyframe on, and checks them against the packet table."""

    def __init__(self, path: str, table: PacketTable, is_strict: bool, max_megapixels: float) -> None:
        self._path, self._table, self._is_strict, self._max_megapixels = path, table, is_strict, max_megapixels
        self._seeks = True
        self._open()

    def _open(self) -> None:
        self._container = open_container(self._path, self._max_megapixels)
        self.stream = picture_stream(self._container)
        for other in self._container.streams:
            if other.index != self.stream.index:
                other.discard = av.stream.Discard.all
        # The filter that hides the edges of blocks stays: leaving it out of keyframes saves 1.2 of 58 ms of H.264 at 1080p and 17 Mbit/s,
        # and 1 of 3 ms only where there are so few bits that the edges would show.
        # Frame threads would decode ahead of what is wanted: 8-16 times the work of a keyframe alone.
        self.stream.thread_type = "NONE"
        # FFmpeg would learn this from decoding some pictures when it opens a file, which is switched off here.
        options = {"has_b_frames": str(max(self._table.delay, self.stream.codec_context.reorder_depth))}
        if self._is_strict:
            # Otherwise FFmpeg conceals damage with copies of earlier pictures, which would pass for this one.
            options["err_detect"] = "explode"
        self.stream.codec_context.options = {**self.stream.codec_context.options, **options}
        self._packets = self._container.demux(self.stream)
        self._next = 0

    def close(self) -> None:
        self._container.close()

    def reopen(self) -> None:
        """Open the file again, with a fresh decoder at its start."""
        self.close()
        self._open()

    def goto(self, place: int) -> bool:
        """Move to the keyframe at a place; returns False if it cannot be found."""
        if self._next <= place and (place - self._next <= NEAR_PACKETS or not self._seeks) and self._skip_to(place):
            return True
        if self._seeks and any(self._seek(place, back) for back in STEPS_BACK):
            return True
        if not self.distrust_seeking():
            self.reopen()
        return self._skip_to(place)

    def distrust_seeking(self) -> bool:
        """Stop seeking and read from the start (MPEG program streams number packets differently after a seek); False if already so."""
        did_seek, self._seeks = self._seeks, False
        if did_seek:
            self.reopen()
        return did_seek

    def read(self) -> Any | None:
        """The next packet; None at the end, or if the file cannot be read there."""
        try:
            packet = next(self._packets, None)
        except av.FFmpegError:
            return None
        self._next += 1
        return None if packet is None or is_end(packet) else packet

    def packet_pts(self, packet: Any) -> int | None:
        return packet_pts(packet, self._container.format.name)

    def _skip_to(self, place: int) -> bool:
        while self._next < place:
            if self.read() is None:
                return False
        return self._next == place

    def _seek(self, place: int, back: int) -> bool:
        keys = self._table.keys
        key = int(keys[max(int(np.searchsorted(keys, place)) - back, 0)])
        by_pts = self._container.format.name.startswith(SOUGHT_BY_PTS) or self._table.dts[key] == UNKNOWN
        moment = int((self._table.pts if by_pts else self._table.dts)[key])
        try:
            self._container.seek(moment, stream=self.stream, backward=True)
        except av.FFmpegError:
            return False
        self._packets = self._container.demux(self.stream)
        while (packet := self.read()) is not None:
            found = self._table.place(self.packet_pts(packet))
            if found is None:
                continue
            if found > place:
                return False
            self._next = found
            # The packet was consumed by the check: put it back in front.
            self._packets = _chain(packet, self._packets)
            return self._skip_to(place)
        return False


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


class PictureDecoder:
    """Decodes runs of pictures that share a keyframe."""

    def __init__(self, path: str, table: PacketTable, *, is_strict: bool, rotation_deg: int, max_megapixels: float) -> None:
        self._table, self._uprighter = table, Uprighter(rotation_deg)
        self._cursor = PacketCursor(path, table, is_strict, max_megapixels)
        self._damage: list[int] = []
        self._fault = ""

    def close(self) -> None:
        self._cursor.close()

    def run(self, start: int, wanted: Sequence[int]) -> Iterator[Picture]:
        """Decode from the keyframe at place `start` until all of `wanted` (rising pts) are decoded; yields one Picture each."""
        pending = list(wanted)
        if self._damage or self._fault:
            # A decoder carries damage into later pictures, which would then depend on what was decoded before them.
            self._cursor.reopen()
        self._damage, self._fault = [], ""
        for frame in self._frames(start, wanted):
            pts = frame.pts
            if pts is None:
                continue
            while pending and pending[0] < pts:
                yield self._lost(pending.pop(0))
            is_bad = self._is_bad(frame, pts)
            if pending and pending[0] == pts:
                pending.pop(0)
                yield self._lost(pts) if is_bad else to_picture(pts, frame, self._uprighter)
            if not pending:
                return
        for pts in pending:
            yield self._lost(pts)

    def _frames(self, start: int, wanted: Sequence[int]) -> Iterator[Any]:
        table, cursor = self._table, self._cursor
        places = {place for pts in wanted if (place := table.place(pts)) is not None}
        if not places or not cursor.goto(start):
            self._fault = "" if not places else "the keyframe before it is not where it was"
            return
        context = cursor.stream.codec_context
        context.flush_buffers()
        for place in range(start, max(places) + 1):
            packet = cursor.read()
            if packet is None or or_unknown(cursor.packet_pts(packet)) != table.pts[place]:
                if cursor.distrust_seeking():
                    yield from self._frames(start, wanted)
                    return
                self._fault = "the file ends before it" if packet is None else "the file changed while it was read"
                break
            if UNKNOWN < table.pts[place] < table.pts[start]:
                continue  # shown before the keyframe: its reference frames were not decoded
            if packet.is_corrupt:
                self._damage.append(place)
                self._fault = "bytes of it are missing"
            # Non-reference frames need no decoding unless they are wanted themselves.
            context.skip_frame = "DEFAULT" if place in places else "NONREF"
            yield from self._decode(context, packet, place)
        # All references of the last wanted picture are in the decoder: draining yields it without reading on.
        yield from self._decode(context, None, max(places))

    def _decode(self, context: Any, packet: Any | None, place: int) -> Sequence[Any]:
        try:
            if packet is not None:
                packet.pts = self._cursor.packet_pts(packet)  # in AVI FFmpeg's own pts is a guess
            frames: Sequence[Any] = context.decode(packet)
        except av.FFmpegError as error:
            self._damage.append(place)
            self._fault = error.strerror or str(error)
            return []
        return frames

    def _is_bad(self, frame: Any, pts: int) -> bool:
        """Whether the picture, or one that it may refer to, is damaged."""
        place = self._table.place(pts)
        if place is None:
            return True
        if frame.is_corrupt:
            self._damage.append(place)
        start = self._table.start(place)
        return any(start <= damaged <= place for damaged in self._damage)

    def _lost(self, pts: int) -> Picture:
        return Picture(pts, None, f"cannot be decoded: {self._fault or 'the decoder left it out'}")


def to_picture(pts: int, frame: Any, uprighter: Uprighter) -> Picture:
    """Convert a frame to a Picture; with an error if its pixel format cannot be converted to B, G, R."""
    try:
        return Picture(pts, uprighter.picture(frame))
    except (ValueError, MemoryError, av.FFmpegError) as error:
        return Picture(pts, None, f"cannot be shown: {frame.format.name} of {frame.width} x {frame.height} ({error})")


def decode_by_counting(path: str, table: PacketTable, wanted: Sequence[int], rotation_deg: int, max_megapixels: float) -> Iterator[Picture]:
    """Decode everything in order and count pictures: for AVI with B-frames, which stores times in decoding order only.

    The n-th decoded picture has the n-th time. Counting restarts at every keyframe (from its number in the file and the later pictures
    that are shown before it), so that damage costs only the pictures up to the next keyframe.
    """
    times, uprighter = np.sort(table.pts), Uprighter(rotation_deg)
    cursor = PacketCursor(path, table, is_strict=True, max_megapixels=max_megapixels)
    try:
        pending = list(wanted)
        recent: list[int] = []
        rank, is_sure = 0, True
        for serial, frame in _numbered(cursor):
            if serial is None or frame is None or frame.is_corrupt:
                is_sure = False
                continue
            if table.is_keyframe[serial]:
                rank, is_sure = serial + sum(earlier > serial for earlier in recent), True
            recent = [*recent[1 - RECENT :], serial]
            pts = int(times[rank]) if is_sure and rank < len(times) else UNKNOWN
            rank += 1
            while pending and pending[0] < pts:
                yield Picture(pending.pop(0), None, "cannot be decoded: damaged, or next to what is")
            if pending and pending[0] == pts:
                yield to_picture(pending.pop(0), frame, uprighter)
            if not pending:
                return
        for pts in pending:
            yield Picture(pts, None, "cannot be decoded: damaged, or next to what is")
    finally:
        cursor.close()


def _numbered(cursor: PacketCursor) -> Iterator[tuple[int | None, Any | None]]:
    """All frames, each with the place of its packet; (None, None) where something could not be decoded."""
    context, place = cursor.stream.codec_context, 0
    while True:
        packet = cursor.read()
        if packet is not None:
            packet.pts = place
            place += 1
        try:
            for frame in context.decode(packet):
                yield frame.pts, frame
        except av.FFmpegError:
            yield None, None
        if packet is None:
            return
