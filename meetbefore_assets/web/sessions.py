"""Browsers that were let in: a cookie each, and the token that their forms must send."""

import hashlib
import hmac
import secrets
import threading
import time
from dataclasses import dataclass

VALID_S = 7 * 24 * 3600
# More browsers than anybody has: whoever was let in first is asked again.
MOST = 100


@dataclass(frozen=True)
class Session:
    """One browser that was let in.

    Attributes:
        form_token: what its forms send beside the cookie, so that no other page can make the browser send one.
        ends_at: seconds of the monotonic clock.
    """

    form_token: str
    ends_at: float


class Sessions:
    """Sessions by their cookies, in memory: the next start of the app asks everybody again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def begin(self) -> str:
        """The cookie of a new session."""
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            while len(self._sessions) >= MOST:
                del self._sessions[next(iter(self._sessions))]
            self._sessions[_key(cookie)] = Session(secrets.token_urlsafe(32), time.monotonic() + VALID_S)
        return cookie

    def find(self, cookie: str) -> Session | None:
        """The session of a cookie; None where there is none, or it ended."""
        with self._lock:
            session = self._sessions.get(_key(cookie))
            if session is not None and session.ends_at < time.monotonic():
                del self._sessions[_key(cookie)]
                return None
            return session

    def end(self, cookie: str) -> None:
        """Let nobody in by this cookie any more."""
        with self._lock:
            self._sessions.pop(_key(cookie), None)


def _key(cookie: str) -> str:
    # By its hash: how long a look-up takes tells nothing of cookies that are valid.
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).hexdigest()


def is_same(given: str, expected: str) -> bool:
    """Whether two secrets are the same, in a time that does not tell where they part."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode("utf-8", "surrogateescape"))
