"""Guards the servers of this machine against pages of other sites: ASGI middleware for HTTP and WebSocket.

The user's browser is let in (see `login`), and what keeps the server to its user is that no page of another site can make that browser
speak to it:

- Host must be a name of this server, or a foreign name that was pointed at this machine (DNS rebinding) would make a foreign page its own.
- Origin, which browsers send with every WebSocket and every POST of a page, must be the server's own.
- Sec-Fetch-Site, which browsers send with everything, must say that the user or a page of the server itself asked. The exception is a link
  that the user follows from elsewhere (from the report, a mail): a whole page in a window of its own, by GET. It changes nothing, as the
  next rules see to, and the page that links cannot read it; in a frame or as an image it is refused.
- GraphQL is spoken by POST alone: Dagster executes a mutation that comes by GET.
- A body for Dagster must be JSON by its content type. Browsers send other bodies to foreign servers without asking these first (no
  preflight), and Dagster falls back to the query of the address where the body is no JSON. A body for pages of our own must be a plain
  form, whose token the login asks for.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from meetbefore_assets.web.asgi import App, Message, Receive, Scope, Send

_LOG = logging.getLogger(__name__)
_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
_READING = ("GET", "HEAD", "OPTIONS")
_POLICY_VIOLATION = 1008  # close code of RFC 6455
# For browsers that do not send Sec-Fetch-Site: no page of others shows these pages in a frame, embeds them, or is told their addresses.
_HEADERS = [
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
]


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused: a status of HTTP and sentences for whoever sent it."""

    status: int
    reason: str


def local_hosts(port: int) -> tuple[str, ...]:
    """The values of Host by which this machine reaches its own port; 80 need not be named."""
    return tuple(f"{name}:{port}" for name in _LOCAL_NAMES) + (_LOCAL_NAMES if port == 80 else ())


class Guard:
    """ASGI middleware that passes on only requests of the user's own browser or of programs on this machine."""

    def __init__(self, app: App, hosts: Iterable[str], takes_forms: Callable[[str], bool] = lambda _path: False) -> None:
        """Guard `app`, which is reached by `hosts`.

        Args:
            app: is behind the guard.
            hosts: values of Host, with the port unless it is the usual one.
            takes_forms: whether what is sent to a path is a form; JSON otherwise.
        """
        self._app, self._takes_forms = app, takes_forms
        self._hosts = tuple(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403, 405 or 415 with the reason, or let the app answer; a WebSocket is closed before it is accepted (also 403)."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        body_kind = FORM if self._takes_forms(scope["path"]) else JSON
        refusal = refusal_of(scope, self._hosts, body_kind)
        if refusal is None:
            await self._app(scope, receive, _with_headers(send))
            return
        _LOG.warning("refused %s %s: %s", scope.get("method", "WebSocket"), ascii(scope["path"]), refusal.reason)
        if scope["type"] == "websocket":
            await receive()  # websocket.connect
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": "refused"})
        else:
            await _answer(send, refusal)


def refusal_of(scope: Scope, hosts: tuple[str, ...], body_kind: str = JSON) -> Refusal | None:
    """Why a request is refused, or None.

    Args:
        scope: of an ASGI connection, HTTP or WebSocket.
        hosts: the names of this server, in lower case.
        body_kind: content type that a body must have.
    """
    headers = _Headers(scope)
    host = headers.only("host").lower()
    if host not in hosts:
        return Refusal(403, f"This server answers to {', '.join(hosts)}; the request was for {host!a}. Open http://{hosts[0]} instead.")
    origin = headers.only("origin").lower()
    if headers.has("origin") and origin not in (f"http://{host}", f"https://{host}"):
        return Refusal(403, f"A page of {origin!a} asked; only pages of this server may. Open http://{host} in a window of its own.")
    if (
        headers.has("sec-fetch-site")
        and headers.only("sec-fetch-site") not in ("same-origin", "none")
        and not _is_followed_link(scope, headers)
    ):
        return Refusal(403, f"A page of another site asked; only pages of this server may. Open http://{host} in a window of its own.")
    return _refused_method(scope, headers, body_kind) if scope["type"] == "http" else None


def _is_followed_link(scope: Scope, headers: "_Headers") -> bool:
    is_page = (headers.only("sec-fetch-mode"), headers.only("sec-fetch-dest")) == ("navigate", "document")
    return scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and is_page


def _refused_method(scope: Scope, headers: "_Headers", body_kind: str) -> Refusal | None:
    if scope["method"] in _READING:
        is_graphql = scope["path"].rstrip("/").rpartition("/")[2] == "graphql"
        if is_graphql and scope["query_string"]:
            return Refusal(405, "GraphQL is answered by POST only, with a body of JSON: a GET must change nothing.")
        return None
    kind = headers.only("content-type").partition(";")[0].strip().lower()
    if kind != body_kind:
        return Refusal(415, f"Expected Content-Type: {body_kind}, found {ascii(kind) if kind else 'none'}.")
    return None


class _Headers:
    """The headers of a connection; a header sent twice counts as having no trustworthy value."""

    def __init__(self, scope: Scope) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            self._values.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))

    def has(self, name: str) -> bool:
        return name in self._values

    def only(self, name: str) -> str:
        """The header's value; "" if there is none, or more than one."""
        values = self._values.get(name, [])
        return values[0].strip() if len(values) == 1 else ""


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            set_already = {name.lower() for name, _ in message.get("headers", [])}
            added = [(name, value) for name, value in _HEADERS if name not in set_already]
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return sending


async def _answer(send: Send, refusal: Refusal) -> None:
    body = f"Refused. {refusal.reason}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": refusal.status, "headers": [*headers, *_HEADERS]})
    await send({"type": "http.response.body", "body": body})
