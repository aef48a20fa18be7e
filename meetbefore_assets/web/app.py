"""The ASGI app over a home: pages, pictures and videos, and Dagster's UI, all behind one guard and one login."""

from collections.abc import Iterable
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from meetbefore_assets.core.errors import MeetbeforeError, UsageError
from meetbefore_assets.home.home import Home
from meetbefore_assets.web.addresses import STATIC, is_dagster
from meetbefore_assets.web.asgi import App, Receive, Scope, Send
from meetbefore_assets.web.guard import Guard
from meetbefore_assets.web.login import Login
from meetbefore_assets.web.media import ROUTES as MEDIA
from meetbefore_assets.web.media.clips import Clips
from meetbefore_assets.web.media.faces import FacePictures
from meetbefore_assets.web.media.frames import Frames
from meetbefore_assets.web.page_templates import STATIC_FOLDER, environment
from meetbefore_assets.web.pages import ROUTES
from meetbefore_assets.web.security_headers import SecurityHeaders
from meetbefore_assets.web.warm import UntilWarm, Warm


def make_app(home: Home, *, applies: bool = False, has_dagster: bool = False, patience_s: float = 60.0) -> Starlette:
    """The pages of the app, without login and guard.

    Pages find in `request.app.state`: `home`, `live` (a LiveIdentities), `has_dagster`, and where answers are applied `applier`
    (an ApplyWhenIdle).

    Args:
        home: whose people are shown.
        applies: whether answers are made official by runs, in processes of their own.
        has_dagster: whether Dagster's UI is served beside it, at `/dagster`.
        patience_s: how long a page waits for the archive to be read, before it says so.
    """
    pictures, frames, clips = FacePictures(home), Frames(home), Clips(home)

    def let_go() -> None:
        pictures.check()
        frames.check()
        clips.check()

    warm = Warm(home, applies=applies, on_change=let_go)
    app = Starlette(
        routes=[*ROUTES, *MEDIA, Mount(STATIC, StaticFiles(directory=STATIC_FOLDER))],
        middleware=[Middleware(UntilWarm, warm, patience_s)],
        exception_handlers={HTTPException: _http_error, MeetbeforeError: _meetbefore_error, Exception: _unexpected_error},
        lifespan=warm.lifespan,
    )
    app.state.home, app.state.has_dagster = home, has_dagster
    app.state.face_pictures, app.state.frames, app.state.clips = pictures, frames, clips
    return app


def guarded(app: App, home: Home, port: int, hosts: Iterable[str], password: str = "", dagster: "DagsterApp | None" = None) -> App:
    """The served ASGI app: the app and Dagster's UI behind one guard and one login.

    Args:
        app: see `make_app`.
        home: whose one-time links let in.
        port: of the address.
        hosts: values of Host that are answered.
        password: lets in too; "" for none.
        dagster: Dagster's UI under `/dagster`; None where it is not served.
    """
    both = _Both(SecurityHeaders(app), dagster)
    login = Login(both, home.folder, port, password, dagster.state if dagster else lambda: "none")
    return Guard(login, hosts, takes_forms=lambda path: not is_dagster(path))


class DagsterApp:
    """Dagster's UI as an ASGI app. It takes seconds to load; until then a page says so."""

    def __init__(self) -> None:
        self.app: App | None = None

    def state(self) -> str:
        """Loading or ready."""
        return "ready" if self.app else "loading"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to Dagster."""
        if self.app is not None:
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await SecurityHeaders(_page(503, "dagster_loading.html.jinja"))(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1013, "reason": "loading"})


class _Both:
    """Hands each request to the app or to Dagster's UI, by its path."""

    def __init__(self, app: App, dagster: DagsterApp | None) -> None:
        self._app, self._dagster = app, dagster

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_for_dagster = self._dagster is not None and scope["type"] in ("http", "websocket") and is_dagster(scope["path"])
        await (self._dagster if self._dagster and is_for_dagster else self._app)(scope, receive, send)


def _page(status: int, template: str, **values: str) -> Response:
    return HTMLResponse(environment().get_template(template).render(values), status)


def _is_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _message(request: Request, status: int, sentence: str, remedy: str = "") -> Response:
    if not _is_page(request):
        return PlainTextResponse(f"{sentence} {remedy}".strip() + "\n", status)
    return _page(status, "error.html.jinja", sentence=sentence, remedy=remedy)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentence = error.detail if error.detail != HTTPStatus(error.status_code).phrase else f"{error.detail}."
    answer = _message(request, error.status_code, sentence)
    answer.headers.update(error.headers or {})
    return answer


def _meetbefore_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, MeetbeforeError)
    return _message(request, 404 if isinstance(error, UsageError) else 500, error.message, error.remedy)


def _unexpected_error(request: Request, _error: Exception) -> Response:
    """Answer 500. Starlette raises the error again afterwards, so its traceback reaches the log."""
    return _message(
        request, 500, "This page could not be made: an error of the program.", "The log names it. Nothing that was said is lost."
    )
