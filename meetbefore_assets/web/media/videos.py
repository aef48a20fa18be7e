"""Serves the recordings for the browser to play: the unchanged file, with byte ranges for seeking (RFC 9110, section 14)."""

import os
import re
import stat
from pathlib import PurePath

import polars as pl
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from meetbefore_assets.core.errors import UnreadableVideoError
from meetbefore_assets.home.home import Home
from meetbefore_assets.recordings.open_video import check_unchanged
from meetbefore_assets.web.media.ids import id_in

# By the ending of the file, which FFmpeg does not ask for, but browsers do.
KINDS = {
    ".3gp": "video/3gpp",
    ".avi": "video/x-msvideo",
    ".m4v": "video/mp4",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp4": "video/mp4",
    ".mpg": "video/mpeg",
    ".mts": "video/mp2t",
    ".ogv": "video/ogg",
    ".ts": "video/mp2t",
    ".webm": "video/webm",
}
_RANGE = re.compile(r"bytes=(?:(?P<first>\d{1,18})-(?P<last>\d{0,18})|-\d{1,18})", re.IGNORECASE)


def is_one_range(method: str, text: str) -> bool:
    """Whether a GET has a Range header with a single byte range, as browsers send it when they play.

    Any other is ignored and the whole file sent, as RFC 9110 wants it for other methods and units, and allows for ranges that make no
    sense and for several at once.
    """
    found = _RANGE.fullmatch(text.replace(" ", "")) if method == "GET" else None
    return found is not None and not (found["last"] and int(found["last"]) < int(found["first"]))


class _File(FileResponse):
    """A file of which one range may be asked for."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ranges = [value.decode("latin-1") for name, value in scope["headers"] if name == b"range"]
        if not (len(ranges) == 1 and is_one_range(scope["method"], ranges[0])):
            scope = {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"range"]}
        await super().__call__(scope, receive, send)


def find_file(home: Home, video_id: str) -> str:
    """Path of the recording on this machine, the same that was imported.

    Raises:
        HTTPException: 404 where nothing of this id is known, its file is away, or it is no file; 410 where the file is another one now.
    """
    if home.store.stamp("sources", video_id) is None:
        raise HTTPException(404, "There is no video of this id, or it was forgotten.")
    sources = home.store.get("sources", video_id, ["uri", "kind"]).filter(pl.col("kind") == "video")["uri"].to_list()
    if not sources:
        raise HTTPException(404, "This is a folder of pictures, which have nothing to play: see its frames.")
    for uri in sources:
        if home.is_present([uri]):
            try:
                check_unchanged(home, video_id, uri)
                return home.adapters.recordings.local_path(uri)
            except UnreadableVideoError as error:
                raise HTTPException(410, str(error)) from error
    raise HTTPException(404, f"The file is not there: {' or '.join(sources)}. Attach the disk, or run with the folder it was moved to.")


def video(request: Request) -> Response:
    """The file of a video."""
    path = find_file(request.app.state.home, id_in(request, "video_id"))
    try:
        status = os.stat(path)
    except FileNotFoundError as error:
        raise HTTPException(404, f"The file went away just now: {path}.") from error
    if not stat.S_ISREG(status.st_mode):
        raise HTTPException(410, f"{path} is no file any more.")
    return _File(path, media_type=KINDS.get(PurePath(path).suffix.lower(), "application/octet-stream"), stat_result=status)


ROUTES = [Route("/media/video/{video_id}", video)]
