"""Requests to erase videos: files in the home that only the command line writes, each carried out once.

Everybody who reaches Dagster's web server can launch its jobs. So no job is told what to erase: it carries out requests by somebody who
can write to the home.
"""

import json
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.home.home import Home
from meetbefore_assets.storage.atomic_file import write_private

FOLDER = "erase_requests"


@dataclass(frozen=True)
class EraseRequest:
    """One request: the ids of videos to erase, and its file, which is deleted when they are erased."""

    path: Path
    video_ids: tuple[str, ...]


def request_erasure(home: Home, video_ids: Sequence[str]) -> EraseRequest:
    """Write a request to erase videos, in a file that only its owner may read and that survives a crash. Raises StoreError."""
    path = home.folder / FOLDER / f"{secrets.token_hex(8)}.json"
    write_private(path, json.dumps({"videos": list(video_ids)}).encode(), durable=True)
    return EraseRequest(path, tuple(video_ids))


def erase_requests(home: Home) -> list[EraseRequest]:
    """The requests that were not carried out yet.

    Raises:
        StoreError: one of the files is no request, or others can write to it.
    """
    return [EraseRequest(path, _read(path)) for path in sorted((home.folder / FOLDER).glob("[!.]*.json"))]


def _read(path: Path) -> tuple[str, ...]:
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode) or mode & stat.S_IWOTH:
        found = f"one that everybody can write to ({stat.filemode(mode)})" if stat.S_ISREG(mode) else "no regular file"
        raise StoreError(f"{path} is {found}; expected a file of yours that asks for videos to be erased.", remedy=_REMEDY)
    try:
        videos = json.loads(path.read_bytes())["videos"]
        if not isinstance(videos, list) or not all(isinstance(video_id, str) for video_id in videos):
            raise TypeError("videos is no list of ids")
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(f'{path} is no request to erase ({error}); expected {{"videos": [ids]}}.', remedy=_REMEDY) from error
    return tuple(videos)


_REMEDY = "Delete it, and ask again: meetbefore forget VIDEO."
