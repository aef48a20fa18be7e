"""The settings that several machines share: `settings.toml` beside the record in an object store."""

import time
from collections.abc import Callable

from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.storage.object_store import objects_at

NAME = "settings.toml"
# Settings are asked for many times a second, and a change by another machine may take as long as this to be seen.
BELIEVED_S = 2.0
ATTEMPTS = 8

_known: dict[str, tuple[float, str, str]] = {}


def read(uri: str) -> tuple[str, str]:
    """Text and tag of the settings below a URL; both empty where there are none. Raises StoreError."""
    at, text, tag = _known.get(uri, (-BELIEVED_S, "", ""))
    if time.monotonic() - at >= BELIEVED_S:
        text, tag = _fetch(uri)
    return text, tag


def _fetch(uri: str) -> tuple[str, str]:
    try:
        content, tag = objects_at(uri).get(NAME)
        text = content.decode()
    except KeyError:
        text = tag = ""
    except UnicodeDecodeError as error:
        raise StoreError(f"{uri}/{NAME} is no text ({error}).", remedy="Put a settings file there, or remove it.") from error
    _known[uri] = (time.monotonic(), text, tag)
    return text, tag


def change(uri: str, rewritten: Callable[[str], str]) -> None:
    """Replace the text; nobody's change is lost, whoever else makes one at the same time.

    Raises:
        StoreError: the store cannot be reached, or others write all the time.
    """
    for _ in range(ATTEMPTS):
        text, tag = _fetch(uri)
        try:
            objects_at(uri).put(NAME, rewritten(text).encode(), tag)
        except FileExistsError:
            continue
        _known.pop(uri, None)
        return
    raise StoreError(f"{uri}/{NAME} was changed by others {ATTEMPTS} times in a row.", remedy="Try again.")
