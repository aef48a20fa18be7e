"""Video reader with PyAV (FFmpeg): true presentation times, and single pictures with as little decoding as possible."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np

from meetbefore_assets.core.errors import TruncatedVideoError, UnreadableVideoError
from meetbefore_assets.core.ports import I64, MediaFacts, PacketIndex, Picture, VideoReader
from meetbefore_assets.recordings.identifiers import split_uri
from meetbefore_assets.recordings.video.damage import COPY_AGAIN, is_playlist, unreadable_error
from meetbefore_assets.recordings.video.decoding import PictureDecoder, decode_by_counting
from meetbefore_assets.recordings.video.limits import DEFAULT_MAX_MEGAPIXELS, describe_too_large
from meetbefore_assets.recordings.video.mp4_boxes import is_upright
from meetbefore_assets.recordings.video.orientation import orientation, rotation_tag
from meetbefore_assets.recordings.video.packets import PacketTable, open_container, picture_stream, scan, tagged_duration
from meetbefore_assets.recordings.video.picture_folder import PicturesReader

# FFmpeg prints every oddity of a file to the terminal; what matters is raised as an error here.
av.logging.set_level(None)

_PROBED_PACKETS = 300
# A second try opens the file again (10 ms or more); after so many in vain, a file that is damaged all over gets no more.
_FUTILE_TRIES = 8


def open_video(uri: str, *, allow_truncated: bool = False, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS) -> VideoReader:
    """Open a video file, or a day of pictures (`<folder>?day=YYYYMMDD`).

    Args:
        uri: path, or path and day.
        allow_truncated: see `PyAvReader`.
        max_megapixels: larger videos and pictures are not decoded.

    Raises:
        UnreadableVideoError: it does not exist or cannot be read.
    """
    path, day = split_uri(uri)
    if day:
        return PicturesReader(path, day, max_megapixels)
    return PyAvReader(path, allow_truncated=allow_truncated, max_megapixels=max_megapixels)


class PyAvReader:
    """One video file; implements `VideoReader`.

    Args:
        path: the file.
        allow_truncated: use the readable part of a truncated file, instead of raising TruncatedVideoError.
        max_megapixels: larger pictures are not decoded.

    Raises:
        UnreadableVideoError: it is no video, FFmpeg cannot read it, or its pictures are too large for memory.
    """

    def __init__(self, path: str, *, allow_truncated: bool = False, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS) -> None:
        self._path, self._name = str(path), Path(path).name
        self._allow_truncated, self._max_megapixels = allow_truncated, max_megapixels
        self._is_strict, self._is_probed = True, False
        self._futile_tries = 0
        self._decoders: list[PictureDecoder] = []
        self._upright_facts: MediaFacts | None = None
        if is_playlist(self._path):
            raise unreadable_error(self._path, ValueError("a playlist"))
        self._facts = self._opened(self._describe)

    def facts(self) -> MediaFacts:
        if self._upright_facts is None:
            # Most headers say that nothing is rotated: then no picture is decoded to find out (1080p: 60 to 100 ms).
            self._upright_facts = self._facts if not self._rotation_tag and is_upright(self._path) else self._opened(self._turned)
        return self._upright_facts

    def index(self) -> PacketIndex:
        table = self._table()
        index = table.index()
        if not len(index.pts):
            raise UnreadableVideoError(
                f"{self._name}: expected pictures with time stamps, found {len(table.pts)} packets without a picture to show.",
                remedy=f"{COPY_AGAIN} If players show it, `ffmpeg -i FILE -c copy repaired.mkv` may add the times.",
            )
        if table.cut and not self._allow_truncated:
            raise TruncatedVideoError(
                f"{self._name}: {table.cut}.", remedy=f"{COPY_AGAIN} Or use what is there: set sampling.allow_truncated = true."
            )
        return index

    def is_sought(self) -> bool:
        return not self._table().is_reordered

    def pictures(self, pts: I64) -> Iterator[Picture]:
        self._futile_tries = 0  # the answer does not depend on earlier calls
        wanted = [int(value) for value in pts]
        table = self._table()
        if table.is_reordered:
            yield from decode_by_counting(self._path, table, wanted, self._rotation_tag, self._max_megapixels)
            return
        while wanted:
            start, run = _next_run(table, wanted)
            for picture in self._decoder().run(start, run):
                wanted.pop(0)
                was_strict = self._is_strict
                yield picture if picture.image is not None else self._second_try(table, start, picture)
                if was_strict != self._is_strict:
                    break

    def close(self) -> None:
        for decoder in self._decoders:
            decoder.close()
        self._decoders.clear()

    def __enter__(self) -> "PyAvReader":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _table(self) -> PacketTable:
        try:
            return scan(self._path)
        except (OSError, av.FFmpegError) as error:
            raise unreadable_error(self._path, error) from error

    def _decoder(self) -> PictureDecoder:
        if not self._decoders:
            self._decoders.append(self._new_decoder())
        return self._decoders[0]

    def _new_decoder(self) -> PictureDecoder:
        try:
            return PictureDecoder(
                self._path,
                self._table(),
                is_strict=self._is_strict,
                rotation_deg=self._rotation_tag,
                max_megapixels=self._max_megapixels,
            )
        except (OSError, av.FFmpegError) as error:
            raise unreadable_error(self._path, error) from error

    def _second_try(self, table: PacketTable, start: int, failed: Picture) -> Picture:
        """Decode one picture again from an earlier keyframe: some streams need several pictures to recover after a start."""
        place = table.place(failed.pts)
        if place is None:
            return Picture(failed.pts, None, "no picture of this video has this time")
        self._judge_strictness(table)
        if self._futile_tries >= _FUTILE_TRIES:
            return failed
        earlier = table.keys[max(int(np.searchsorted(table.keys, start)) - 1, 0)]
        picture = self._alone(int(earlier), failed.pts)
        self._futile_tries = self._futile_tries + 1 if picture.image is None else 0
        return picture

    def _alone(self, start: int, pts: int) -> Picture:
        decoder = self._new_decoder()
        try:
            return next(decoder.run(start, [pts]))
        finally:
            decoder.close()

    def _judge_strictness(self, table: PacketTable) -> None:
        """Stop being strict if no keyframe of the file passes: then it is the encoder's habit, not damage."""
        if self._is_probed:
            return
        self._is_probed = True
        shown = table.keys[table.is_shown[table.keys]]
        probes = np.unique(shown[[0, len(shown) // 2, -1]]) if len(shown) else shown
        if len(probes) > 1 and all(self._alone(int(key), int(table.pts[key])).image is None for key in probes):
            self._is_strict = False
            self.close()

    def _opened(self, read: Callable[[Any], MediaFacts]) -> MediaFacts:
        try:
            with open_container(self._path, self._max_megapixels) as container:
                return read(container)
        except (OSError, UnicodeError, av.FFmpegError) as error:
            raise unreadable_error(self._path, error) from error

    def _describe(self, container: Any) -> MediaFacts:
        stream = picture_stream(container)
        if stream is None or container.format.name == "tty":
            raise UnreadableVideoError(
                f"{self._name}: expected a video, found {_kinds(container)}.", remedy="Take it out of the folder, or copy the video again."
            )
        if stream.codec_context is None or not stream.codec_context.width or not stream.codec_context.height:
            codec = stream.codec_context.name if stream.codec_context else "an unknown codec"
            raise UnreadableVideoError(
                f"{self._name}: FFmpeg cannot decode its pictures ({codec}), or they are larger than {self._max_megapixels:g} megapixels "
                "(limits.picture_megapixels).",
                remedy="Convert it with the camera's own program, to H.264 for example.",
            )
        if too_large := describe_too_large(stream.codec_context.width, stream.codec_context.height, self._max_megapixels):
            raise UnreadableVideoError(f"{self._name} {too_large}.", remedy="Make a smaller copy, or raise the limit.")
        tags = {key.lower(): value for key, value in (*container.metadata.items(), *stream.metadata.items())}
        self._rotation_tag = rotation_tag(tags)
        fps = float(stream.average_rate or 0)
        codec = stream.codec_context.codec.canonical_name
        return MediaFacts(_duration(container, stream), stream.width, stream.height, 0, fps, codec, container.format.name, tags)

    def _turned(self, container: Any) -> MediaFacts:
        """The facts with the rotation of the first picture, which must be decoded for it."""
        facts = self._facts
        rotation_deg = _first_rotation(container, picture_stream(container), self._rotation_tag)
        width, height = (facts.width, facts.height) if rotation_deg % 180 == 0 else (facts.height, facts.width)
        return replace(facts, width=width, height=height, rotation_deg=rotation_deg)


def _next_run(table: PacketTable, wanted: Sequence[int]) -> tuple[int, list[int]]:
    """The keyframe to decode from next, and the wanted pictures that are reached from it without a seek."""
    place = table.place(wanted[0])
    start = end = table.start(place) if place is not None else 0
    run: list[int] = []
    for pts in wanted:
        place = table.place(pts)
        if run and (place is None or table.start(place) > end):
            break
        run.append(pts)
        end = max(end, place or 0)
    return start, run


def _kinds(container: Any) -> str:
    if container.format.name == "tty":
        return "text"
    kinds = {stream.type for stream in container.streams}
    if "audio" in kinds:
        return "sound but no pictures"
    if "video" in kinds:
        return "a still picture"
    return f"only {' and '.join(sorted(kinds))}" if kinds else "nothing of a kind that FFmpeg knows"


def _duration(container: Any, stream: Any) -> float:
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return tagged_duration(stream) or float((container.duration or 0) / av.time_base)


def _first_rotation(container: Any, stream: Any, tagged_deg: int) -> int:
    """Rotation of the first picture that can be decoded; that of the tag if none can."""
    stream.thread_type = "NONE"
    context = stream.codec_context
    for number, packet in enumerate(container.demux(stream)):
        try:
            # Draining the decoder returns the picture without waiting for others that might be shown before it.
            for frame in (*context.decode(packet), *context.decode(None)):
                return orientation(frame, tagged_deg)[0]
        except av.FFmpegError:
            pass  # the next one may be whole
        context.flush_buffers()
        if number > _PROBED_PACKETS:
            break
    return tagged_deg
