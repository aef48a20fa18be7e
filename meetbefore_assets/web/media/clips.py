"""The seconds around a face as a short clip, made on demand: for browsers that cannot play the recording (HEVC, AVI, 10 bits)."""

import threading
from collections.abc import Iterator

import numpy as np
import polars as pl
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meetbefore_assets.core.errors import UnreadableVideoError
from meetbefore_assets.core.ports import I64, U8, VideoReader
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppressions import suppressions_of, suppressions_version
from meetbefore_assets.recordings.open_video import open_video
from meetbefore_assets.web.media.cache import Cache
from meetbefore_assets.web.media.ids import id_in
from meetbefore_assets.web.media.videos import is_one_range

# How much is played before and after a face.
BEFORE_S, AFTER_S = 4.0, 6.0
MOST_FPS = 30.0
CACHE_BYTES = 64 * 2**20
# Who else asks while so many wait is told to come again: each clip takes a core for seconds.
MOST_WAITING = 4
# Times that differ by rounding only.
SAME_S = 0.002
TYPES = {"mp4": "video/mp4", "webm": "video/webm"}


class TooManyError(Exception):
    """Too many requests for clips are waiting."""


class Clips:
    """Encodes clips one at a time and caches the latest in memory, so that nothing of them outlives the app."""

    def __init__(self, home: Home) -> None:
        self._home, self._cache = home, Cache(CACHE_BYTES)
        self._one_encodes, self._places = threading.Lock(), threading.BoundedSemaphore(MOST_WAITING)

    def clip(self, video_id: str, face_id: str, kind: str) -> bytes | None:
        """The seconds around a face, a file of a kind of TYPES; None where there is no such face, or somebody in them was forgotten.

        Raises:
            UnreadableVideoError: the file is away, was changed, or cannot be decoded or encoded.
            RecordTornError: nobody knows who was forgotten in this video.
            TooManyError: MOST_WAITING are being made or waited for.
        """
        version = self._version(video_id)
        if not version:
            return None
        known = self._cache.get(video_id, version, (face_id, kind))
        if known is not None:
            return known
        if not self._places.acquire(blocking=False):
            raise TooManyError
        try:
            with self._one_encodes:
                known = self._cache.get(video_id, version, (face_id, kind))
                if known is None and (known := self._encode(video_id, face_id, kind)) is not None:
                    self._cache.put(video_id, version, [((face_id, kind), known)])
                return known
        finally:
            self._places.release()

    def check(self) -> None:
        """Drop cached clips of videos that changed, for example by forgetting somebody."""
        self._cache.check(self._version)

    def _version(self, video_id: str) -> str:
        stamp = self._home.store.stamp("detections", video_id)
        return f"{stamp.data_version} {suppressions_version(self._home, video_id)}" if stamp else ""

    def _encode(self, video_id: str, face_id: str, kind: str) -> bytes | None:
        try:
            times = self._home.store.get("detections", video_id, ["face_id", "time_s"]).filter(pl.col("face_id") == face_id)["time_s"]
        except KeyError:  # the video was forgotten just now
            return None
        if not len(times):
            return None
        begins_s, ends_s = max(0.0, times[0] - BEFORE_S), times[0] + AFTER_S
        forgotten = suppressions_of(self._home, video_id)
        if np.any((forgotten.from_s <= ends_s) & (forgotten.until_s >= begins_s)):
            return None
        reader, _ = open_video(self._home, video_id)
        with reader:
            index = reader.index()
            pts = played(index.pts, begins_s, ends_s, float(index.time_base))
            return self._home.adapters.recordings.encode_clip(_timed(reader, pts, begins_s), kind)


def _timed(reader: VideoReader, pts: I64, begins_s: float) -> Iterator[tuple[float, U8]]:
    """Pictures with their seconds in the clip; those that cannot be decoded are left out."""
    index, last_s = reader.index(), -1.0
    for picture in reader.pictures(pts):
        time_s = max(0.0, float((picture.pts - int(index.pts[0])) * index.time_base) - begins_s)
        if picture.image is not None and time_s >= last_s + SAME_S:  # encoders refuse two pictures of one millisecond
            last_s = time_s
            yield time_s, picture.image


def played(pts: I64, begins_s: float, ends_s: float, tick_s: float) -> I64:
    """Time stamps of a clip's frames: the one shown at its beginning, then up to MOST_FPS a second until its end.

    Args:
        pts: (n,) strictly increasing, ticks.
        begins_s, ends_s: seconds since the first.
        tick_s: length of a tick.
    """
    seconds = (pts - pts[0]) * tick_s
    first = max(int(np.searchsorted(seconds, begins_s + SAME_S, side="right")) - 1, 0)
    near = pts[first : int(np.searchsorted(seconds, ends_s, side="right"))]
    # The first picture of each thirtieth of a second.
    _, kept = np.unique(np.floor((near - near[:1]) * tick_s * MOST_FPS + 0.01).astype(np.int64), return_index=True)
    return near[kept]


def clip(request: Request) -> Response:
    """The clip around a face, or a range of its bytes."""
    clips: Clips = request.app.state.clips
    kind = request.scope["path"].rpartition(".")[2]
    try:
        found = clips.clip(id_in(request, "video_id"), id_in(request, "face_id"), kind)
    except UnreadableVideoError as error:
        raise HTTPException(404, str(error)) from error
    except TooManyError as error:
        raise HTTPException(503, "Several clips are being made already.", {"Retry-After": "5"}) from error
    if found is None:
        raise HTTPException(404, "There is no clip of this face, or somebody is in it who was forgotten.")
    return in_range(found, TYPES[kind], request.method, request.headers.get("range", ""))


def in_range(body: bytes, media_type: str, method: str, wanted: str) -> Response:
    """A response with the body, or with the one range of it that a Range header requests (RFC 9110, section 14)."""
    headers = {"accept-ranges": "bytes"}
    if not is_one_range(method, wanted):
        return Response(body, 200, headers, media_type)
    first_text, _, last_text = wanted.replace(" ", "").lower().removeprefix("bytes=").partition("-")
    if first_text:
        first, last = int(first_text), min(int(last_text), len(body) - 1) if last_text else len(body) - 1
    else:
        first, last = max(len(body) - int(last_text), 0), len(body) - 1
    if first > last:
        return Response(b"", 416, headers | {"content-range": f"bytes */{len(body)}"}, media_type)
    return Response(body[first : last + 1], 206, headers | {"content-range": f"bytes {first}-{last}/{len(body)}"}, media_type)


ROUTES = [Route(f"/media/clip/{{video_id}}/{{face_id}}.{kind}", clip) for kind in TYPES]
