"""Whole frames around a face, decoded on request, for browsers that cannot play the recording itself."""

import threading
from dataclasses import dataclass

import numpy as np
import polars as pl
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meetbefore_assets.core.errors import UnreadableVideoError
from meetbefore_assets.core.ports import I64
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppression_match import boxes_at
from meetbefore_assets.home.record.suppressions import suppressions_of, suppressions_version
from meetbefore_assets.recordings.open_video import open_video
from meetbefore_assets.web.media.cache import Cache
from meetbefore_assets.web.media.ids import id_in

CACHE_BYTES = 64 * 2**20
LEAST_WIDTH, MOST_WIDTH, USUAL_WIDTH = 160, 1920, 640
FARTHEST_MS = 60_000
_JPEG_QUALITY = 80


@dataclass(frozen=True)
class Moment:
    """A frame that is wanted.

    Attributes:
        face_id: near which face.
        offset_ms: from the face's own frame; the nearest frame is taken.
        width: of the picture, pixels; the longer side has no more.
    """

    face_id: str
    offset_ms: int
    width: int


class Frames:
    """Decodes frames, one video at a time, because decoding takes CPU time from runs and from the next frame.

    Browsers ask for the frames of a strip one by one, several at once. All that are waited for are decoded in one go, since each alone
    begins at the keyframe before it (a strip of seven of a clip without keyframes: 5.6 s one by one, 1.7 s so).
    """

    def __init__(self, home: Home) -> None:
        self._home, self._cache = home, Cache(CACHE_BYTES)
        self._one_decodes, self._one_asks = threading.Lock(), threading.Lock()
        self._wanted: dict[str, set[Moment]] = {}

    def jpeg(self, video_id: str, wanted: Moment) -> bytes | None:
        """The frame as JPEG; None if there is no such face, or a forgotten person is in the frame.

        Raises:
            UnreadableVideoError: the file is away, was changed, or the frame cannot be decoded.
            RecordTornError: nobody knows who was forgotten in this video.
        """
        version = self._version(video_id)
        if not version:
            return None
        with self._one_asks:
            self._wanted.setdefault(video_id, set()).add(wanted)
        with self._one_decodes:
            known = self._cache.get(video_id, version, wanted)
            with self._one_asks:
                waited_for = {wanted} | (self._wanted.pop(video_id, set()) if known is None else set())
                self._wanted.get(video_id, set()).discard(wanted)
            if known is None:
                decoded = self._decode(video_id, sorted(waited_for, key=lambda one: (one != wanted, one.offset_ms)))
                self._cache.put(video_id, version, decoded.items())
                known = decoded.get(wanted)
            return known

    def check(self) -> None:
        """Drop cached frames of videos that changed, for example by forgetting somebody."""
        self._cache.check(self._version)

    def _version(self, video_id: str) -> str:
        stamp = self._home.store.stamp("detections", video_id)
        return f"{stamp.data_version} {suppressions_version(self._home, video_id)}" if stamp else ""

    def _decode(self, video_id: str, moments: list[Moment]) -> dict[Moment, bytes]:
        """Decode the wanted frames; raises if the first cannot be decoded, skips others that cannot."""
        try:
            rows = self._home.store.get("detections", video_id, ["face_id", "pts"])
        except KeyError:  # the video was forgotten just now
            return {}
        of_faces: dict[str, int] = dict(rows.filter(pl.col("face_id").is_in([one.face_id for one in moments])).iter_rows())
        if moments[0].face_id not in of_faces:
            return {}
        reader, uri = open_video(self._home, video_id)
        with reader:
            index, forgotten = reader.index(), suppressions_of(self._home, video_id)
            at = {
                one: nearest(index.pts, of_faces[one.face_id] + round(one.offset_ms / 1000 / index.time_base))
                for one in moments
                if one.face_id in of_faces
            }
            seconds = {pts: float((pts - int(index.pts[0])) * index.time_base) for pts in at.values()}
            shown = sorted(pts for pts, time_s in seconds.items() if not len(boxes_at(time_s, forgotten)[0]))
            images = {picture.pts: picture for picture in reader.pictures(np.array(shown, np.int64))}
        first = images.get(at[moments[0]])
        if first is not None and first.image is None:
            raise UnreadableVideoError(f"{uri.rpartition('/')[2]}: this frame cannot be decoded ({first.error}).")
        return {
            one: self._home.imaging.encode_jpeg(image, _JPEG_QUALITY, one.width)
            for one, pts in at.items()
            if pts in images and (image := images[pts].image) is not None
        }


def nearest(pts: I64, wanted: int) -> int:
    """The time stamp that is nearest to a wanted one; of two as near, the earlier.

    Args:
        pts: (n,) strictly increasing, at least one.
        wanted: may lie outside.
    """
    after = int(np.searchsorted(pts, wanted))
    around = pts[max(after - 1, 0) : after + 1]
    return int(around[np.argmin(np.abs(around - wanted))])


def frame(request: Request) -> Response:
    """A frame around a face: `?width=` pixels, `?offset_ms=` from the face."""
    frames: Frames = request.app.state.frames
    wanted = Moment(
        id_in(request, "face_id"),
        _number(request, "offset_ms", 0, -FARTHEST_MS, FARTHEST_MS),
        _number(request, "width", USUAL_WIDTH, LEAST_WIDTH, MOST_WIDTH),
    )
    try:
        jpeg = frames.jpeg(id_in(request, "video_id"), wanted)
    except UnreadableVideoError as error:
        raise HTTPException(404, str(error)) from error
    if jpeg is None:
        raise HTTPException(404, "There is no frame of this face, or somebody is in it who was forgotten.")
    return Response(jpeg, media_type="image/jpeg")


def _number(request: Request, name: str, usual: int, least: int, most: int) -> int:
    text = request.query_params.get(name, str(usual))
    if not (text.removeprefix("-").isascii() and text.removeprefix("-").isdigit() and len(text) <= 9):
        raise HTTPException(400, f"{name}: expected a whole number from {least} to {most}, found {text[:20]!a}.")
    return min(max(int(text), least), most)


ROUTES = [Route("/media/frame/{video_id}/{face_id}.jpg", frame)]
