"""Pictures of faces as stored in the record: the face with its surroundings."""

import threading

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meetbefore_assets.home.home import Home
from meetbefore_assets.web.media.cache import Cache
from meetbefore_assets.web.media.ids import id_in

# A page shows some hundreds of faces of some dozens of videos; a picture has 4 to 15 kB.
CACHE_BYTES = 64 * 2**20
# The pictures of a video lie in groups of so many faces, which are read together.
_AT_ONCE = 1024


class FacePictures:
    """Finds the pictures of faces and caches the neighbours of a requested one, which are usually requested next."""

    def __init__(self, home: Home) -> None:
        self._home, self._cache = home, Cache(CACHE_BYTES)
        self._one_reads = threading.Lock()

    def jpeg(self, video_id: str, face_id: str) -> bytes | None:
        """The JPEG of a face of a video; None if there is no such face or no picture of it.

        Raises:
            RecordTornError: the record cannot be read.
        """
        version = self._version(video_id)
        if not version:
            return None
        known = self._cache.get(video_id, version, face_id)
        if known is not None:
            return known
        with self._one_reads:  # a page asks for all of them at once: the first reads for the others
            known = self._cache.get(video_id, version, face_id)
            return known if known is not None else self._read(video_id, version, face_id)

    def check(self) -> None:
        """Drop cached pictures of videos that changed, for example by forgetting somebody."""
        self._cache.check(self._version)

    def _version(self, video_id: str) -> str:
        stamp = self._home.store.stamp("detections", video_id)
        return stamp.data_version if stamp else ""

    def _read(self, video_id: str, version: str, face_id: str) -> bytes | None:
        try:
            for part in self._home.store.parts("detections", video_id, ["face_id", "thumbnail"], _AT_ONCE):
                pictures = {face: bytes(picture) for face, picture in part.iter_rows() if picture}
                if face_id in pictures:
                    self._cache.put(video_id, version, pictures.items())
                    return pictures[face_id]
        except KeyError:  # the video was forgotten just now
            pass
        return None


def face(request: Request) -> Response:
    """The picture of a face."""
    pictures: FacePictures = request.app.state.face_pictures
    jpeg = pictures.jpeg(id_in(request, "video_id"), id_in(request, "face_id"))
    if jpeg is None:
        raise HTTPException(404, "There is no picture of this face, or it was forgotten.")
    return Response(jpeg, media_type="image/jpeg")


ROUTES = [Route("/media/face/{video_id}/{face_id}.jpg", face)]
