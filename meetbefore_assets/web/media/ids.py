"""Ids in addresses of media."""

import re

from starlette.exceptions import HTTPException
from starlette.requests import Request

# Ids are made of a file's name without special signs and of hashes; whatever else is asked for is nothing of ours.
_ID = re.compile(r"[\w-]{1,200}")


def id_in(request: Request, name: str) -> str:
    """An id of the path. Raises HTTPException (404) where it cannot be one."""
    text = str(request.path_params[name])
    if not _ID.fullmatch(text):
        raise HTTPException(404, f"There is no {name.removesuffix('_id')} of this id.")
    return text
