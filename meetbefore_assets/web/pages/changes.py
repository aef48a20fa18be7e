"""Endpoints for the page script (what changed, what is being processed), and the language switch."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from meetbefore_assets.web.pages.acting import own_path
from meetbefore_assets.web.pages.frame import pending_of, version_of
from meetbefore_assets.web.pages.rendering import LANGUAGE_COOKIE, field, go_to, language_of
from meetbefore_assets.web.words import LANGUAGES

_YEAR_S = 365 * 24 * 3600


def state(request: Request) -> Response:
    """The version of everything that pages show, and a sentence about the answers and videos being processed."""
    pending = pending_of(request, language_of(request))
    return JSONResponse(
        {"version": version_of(request), "pending": pending.text, "is_busy": pending.is_busy, "is_trouble": pending.is_trouble}
    )


def language(request: Request) -> Response:
    """Choose a language for this browser."""
    answer, wanted = go_to(request, own_path(field(request, "back"))), field(request, "language")
    if wanted in LANGUAGES:
        answer.set_cookie(LANGUAGE_COOKIE, wanted, max_age=_YEAR_S, samesite="strict", httponly=True)
    return answer


ROUTES = [Route("/state", state), Route("/language", language, methods=["POST"])]
