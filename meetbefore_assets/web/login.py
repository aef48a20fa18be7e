"""The login before every page of this server, Dagster's too: ASGI middleware for HTTP and WebSocket.

127.0.0.1 is open to every account of this machine. So a browser is let in by a token in the address, which the command line prints and
which is good once (or by a password, where one was set), and is known by a cookie from then on. A change needs a second token, which
only pages of this server hold. What is open to everybody: style and script (they tell nothing), and whether the server runs.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from meetbefore_assets.web.addresses import ALIVE, ENTER, IMPORT, LEAVE, MOST_IMPORT_BYTES, STATIC, is_dagster
from meetbefore_assets.web.asgi import App, Message, Receive, Scope, Send
from meetbefore_assets.web.enter_page import enter_page, reload_page
from meetbefore_assets.web.one_time_links import use_token
from meetbefore_assets.web.security_headers import SecurityHeaders
from meetbefore_assets.web.sessions import VALID_S, Session, Sessions, is_same

# A selection of some ten thousand faces; a body is held in memory.
MOST_BODY_BYTES, MOST_FIELDS = 4 * 2**20, 50_000
_READING = ("GET", "HEAD", "OPTIONS")
_WRONG_PASSWORD_PAUSE_S = 1.0
_POLICY_VIOLATION = 1008  # close code of RFC 6455


class Login:
    """ASGI middleware that passes on only requests of logged-in browsers.

    What it hands on carries `request.state.form_token`, which forms send as the field `token`, and for a form `request.state.form`.
    """

    def __init__(self, app: App, home_folder: Path, port: int, password: str = "", dagster: Callable[[], str] = lambda: "none") -> None:
        """Accept the one-time links of a home, and a password if one is set.

        Args:
            app: what is behind the login.
            home_folder: whose one-time links are good.
            port: of the address; browsers send a host's cookies to all its ports, so each has one of its own.
            password: "" where nobody is let in by one.
            dagster: none, loading or ready; told to whoever waits for the server to start.
        """
        self._app, self._home_folder, self._password, self._dagster = app, home_folder, password, dagster
        self._cookie_name = f"meetbefore_{port}"
        self._sessions = Sessions()
        self._one_try_at_a_time = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, 403, 411 or 413 with a sentence, log in, or pass the request to the app."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        session = self._sessions.find(self._cookie(connection))
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send, session)
            return
        answer = await self._own_answer(connection, receive, session)
        if answer is not None:
            await SecurityHeaders(answer)(scope, receive, send)
            return
        if session is not None:
            scope.setdefault("state", {})["form_token"] = session.form_token
        await self._app(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send, session: Session | None) -> None:
        if session is not None:
            await self._app(scope, receive, send)
            return
        await receive()  # websocket.connect
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": "not let in"})

    async def _own_answer(self, connection: HTTPConnection, receive: Receive, session: Session | None) -> Response | None:
        """The login's own answer; None if the app is to answer."""
        method, path = connection.scope["method"], connection.scope["path"]
        if method in _READING and path == ALIVE:
            return JSONResponse({"app": "ready", "dagster": self._dagster()})
        if method in ("GET", "HEAD") and path.startswith(f"{STATIC}/"):
            return None
        if path == ENTER:
            return await self._enter(connection, receive)
        if session is None:
            return self._not_let_in(connection)
        if method in _READING or is_dagster(path):
            return None  # Dagster's pages know nothing of the token; the guard lets nothing but JSON of its own pages reach them
        form = await _form(connection, receive)
        if isinstance(form, Response):
            return form
        if not is_same(str(form.get("token", "")), session.form_token):
            return PlainTextResponse("Refused. The form's token is missing or not of this session: reload the page, then try again.\n", 403)
        if path == LEAVE:
            self._sessions.end(self._cookie(connection))
            return RedirectResponse(ENTER, 303)
        connection.scope.setdefault("state", {})["form"] = form
        return None

    def _not_let_in(self, connection: HTTPConnection) -> Response:
        headers = connection.headers
        is_page = headers.get("sec-fetch-dest", "document") == "document" and "text/html" in headers.get("accept", "")
        if not is_page or connection.scope["method"] != "GET":
            return PlainTextResponse("Not let in. Open the app with an address of `meetbefore app --link`.\n", 401)
        if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            # A strict cookie is not sent with a link from elsewhere, but is when this page asks for itself.
            return reload_page()
        return enter_page(401, has_password=bool(self._password))

    async def _enter(self, connection: HTTPConnection, receive: Receive) -> Response:
        method, has_password = connection.scope["method"], bool(self._password)
        token = connection.query_params.get("token", "")
        if method == "GET" and token:
            is_good = await asyncio.to_thread(use_token, self._home_folder, token)
            return self._let_in(connection) if is_good else enter_page(403, has_password=has_password, problem="link")
        if method in ("GET", "HEAD"):
            return enter_page(200, has_password=has_password)
        if method != "POST" or not has_password:
            return PlainTextResponse("Refused. This app is opened by an address of `meetbefore app --link`.\n", 405)
        form = await _form(connection, receive)
        if isinstance(form, Response):
            return form
        async with self._one_try_at_a_time:  # wrong ones wait for each other: 86,400 tries a day
            if not is_same(str(form.get("password", "")), self._password):
                await asyncio.sleep(_WRONG_PASSWORD_PAUSE_S)
                return enter_page(403, has_password=True, problem="password")
        return self._let_in(connection)

    def _let_in(self, connection: HTTPConnection) -> Response:
        response, is_encrypted = RedirectResponse("/", 303), connection.scope.get("scheme") == "https"  # as a proxy of this machine tells
        cookie = self._sessions.begin()
        response.set_cookie(self._cookie_name, cookie, max_age=VALID_S, path="/", secure=is_encrypted, httponly=True, samesite="strict")
        return response

    def _cookie(self, connection: HTTPConnection) -> str:
        return connection.cookies.get(self._cookie_name, "")


async def _form(connection: HTTPConnection, receive: Receive) -> "ImmutableMultiDict[str, str] | Response":
    """The fields of a form in the order in which they were sent, or why there are none; the guard has seen to the content type."""
    # In base64 four bytes stand for three of a file; the token comes with it.
    most = MOST_IMPORT_BYTES // 3 * 4 + 1024 if connection.scope["path"] == IMPORT else MOST_BODY_BYTES
    body = bytearray()
    is_more = True
    while is_more:
        message: Message = await receive()
        body += message.get("body", b"")
        is_more = message["type"] == "http.request" and message.get("more_body", False)
        if len(body) > most:
            return PlainTextResponse(f"Refused. The body has more than {most >> 20} MiB.\n", 413)
    try:
        fields = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return PlainTextResponse(f"Refused. Expected a form in UTF-8 with {MOST_FIELDS} fields at most.\n", 400)
    return ImmutableMultiDict(fields)
