"""The settings shared by several machines: `settings.toml` beside the record in an object store."""

import random
import time
from collections.abc import Callable

from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.storage.object_store import objects_at

NAME = "settings.toml"
# Settings are read many times a second, so a copy is used for this long; changes by other machines are seen that much later.
BELIEVED_S = 2.0
# A change that another machine overtook is tried again for this long.
PATIENCE_S = 120.0
_LONGEST_PAUSE_S = 2.0

_known: dict[str, tuple[float, str, str]] = {}


def read(uri: str) -> tuple[str, str]:
    """Text and tag of the settings below a URL; both empty if there are none. Raises StoreError."""
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
    """Replace the text by `rewritten(text)`; concurrent changes are not lost.

    Raises:
        StoreError: the store cannot be reached, or other machines write all the time.
    """
    until_s, pause_s = time.monotonic() + PATIENCE_S, 0.02
    while True:
        text, tag = _fetch(uri)
        try:
            objects_at(uri).put(NAME, rewritten(text).encode(), tag)
        except FileExistsError:
            if time.monotonic() > until_s:
                break
            time.sleep(random.uniform(0, pause_s))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            continue
        _known.pop(uri, None)
        return
    raise StoreError(f"{uri}/{NAME} was changed by others all the time for {PATIENCE_S:g} s.", remedy="Try again.")
