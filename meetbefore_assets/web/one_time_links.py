"""One-time links: log the user's browser in without a password.

Whoever can write into the home may make one, which is what tells the user from other accounts of this machine: a file in
`<home>/web/links/` that is named by the hash of the token. The server takes the file away when the token is used, so that no two
browsers get in by one token, and the token itself is nowhere but in the address that its user was shown.
"""

import hashlib
import secrets
import time
from pathlib import Path

from meetbefore_assets.storage.atomic_file import write_private

# Long enough to copy the address to another machine's browser, through a tunnel.
VALID_S = 3600
_TOKEN_BYTES = 32
_LONGEST_TOKEN = 200


def web_folder(home_folder: Path) -> Path:
    """The folder with the app's own files: unused links and its address. It holds no faces and no names."""
    return home_folder / "web"


def _folder(home_folder: Path) -> Path:
    return web_folder(home_folder) / "links"


def make_token(home_folder: Path) -> str:
    """A token that opens the app once, within an hour. Raises StoreError."""
    _remove_old(home_folder)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    write_private(_path(home_folder, token), b"")
    return token


def use_token(home_folder: Path, token: str) -> bool:
    """Whether a token is one that was made within an hour and not used; from now on it is used."""
    if not token or len(token) > _LONGEST_TOKEN:
        return False
    path = _path(home_folder, token)
    try:
        made_at = path.stat().st_mtime
        path.unlink()  # of two that come at once, one finds nothing to take away
    except FileNotFoundError:
        return False
    return _is_fresh(made_at)


def _path(home_folder: Path, token: str) -> Path:
    return _folder(home_folder) / hashlib.sha256(token.encode()).hexdigest()


def _is_fresh(made_at: float) -> bool:
    return abs(time.time() - made_at) <= VALID_S  # of the future: the clock was set back


def _remove_old(home_folder: Path) -> None:
    folder = _folder(home_folder)
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            if not _is_fresh(path.stat().st_mtime):
                path.unlink()
        except FileNotFoundError:  # used, or removed by another command
            pass
