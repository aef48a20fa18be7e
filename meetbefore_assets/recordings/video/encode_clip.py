"""Encodes pictures as a short clip that browsers play: H.264 in MP4, or VP8 in WebM."""

import io
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import av

from meetbefore_assets.core.errors import UnreadableVideoError
from meetbefore_assets.core.ports import U8

MOST_WIDTH, MOST_HEIGHT = 1280, 720
_TICK = Fraction(1, 1000)
# Kind of file -> encoder and its options, fast ones: somebody waits. The wheels of PyAV hold both.
_ENCODERS = {
    "mp4": ("libx264", {"preset": "veryfast", "crf": "26", "g": "30"}),
    "webm": ("libvpx", {"deadline": "realtime", "cpu-used": "6", "crf": "16", "b": "3M", "g": "30"}),
}


def encode_clip(pictures: Iterable[tuple[float, U8]], kind: str) -> bytes:
    """Encode pictures, without sound.

    Args:
        pictures: seconds since the beginning of the clip, strictly increasing, and upright B, G, R pictures of one size; larger ones than
            MOST_WIDTH by MOST_HEIGHT (or upright, by MOST_WIDTH) are made smaller.
        kind: mp4 or webm.

    Raises:
        UnreadableVideoError: there is no picture, or FFmpeg has no such encoder here.
    """
    name, options = _ENCODERS[kind]
    file = io.BytesIO()
    stream: Any = None
    try:
        with av.open(file, "w", format=kind) as clip:
            for time_s, image in pictures:
                if stream is None:
                    stream = clip.add_stream(name, rate=30, options=options)
                    stream.width, stream.height = fitting(image.shape[1], image.shape[0])
                    stream.pix_fmt, stream.codec_context.time_base = "yuv420p", _TICK
                frame = av.VideoFrame.from_ndarray(image, format="bgr24")
                frame = frame.reformat(stream.width, stream.height, "yuv420p")
                frame.pts, frame.time_base = round(time_s / _TICK), _TICK
                clip.mux(stream.encode(frame))
            if stream is not None:
                clip.mux(stream.encode(None))
    except (av.FFmpegError, ValueError) as error:
        raise UnreadableVideoError(f"no {kind} clip could be encoded ({name}: {error}).") from error
    if stream is None:
        raise UnreadableVideoError("no picture of these seconds can be decoded.")
    return file.getvalue()


def fitting(width: int, height: int) -> tuple[int, int]:
    """Size of a clip of pictures of this size: as large as may be, even numbers.

    >>> [fitting(*size) for size in ((3840, 2160), (1080, 1920), (640, 361), (1, 5000))]
    [(1280, 720), (720, 1280), (640, 360), (2, 1280)]
    """
    most_width, most_height = (MOST_WIDTH, MOST_HEIGHT) if width >= height else (MOST_HEIGHT, MOST_WIDTH)
    scale = min(1.0, most_width / width, most_height / height)
    return max(2, round(width * scale) // 2 * 2), max(2, round(height * scale) // 2 * 2)
