"""Endpoints for the page script: whether anything changed, and which answers and videos are being processed; and the language switch."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from meetbefore_assets.web.pages.acting import own_path
from meetbefore_assets.web.pages.frame import version_of, way_of
from meetbefore_assets.web.pages.rendering import LANGUAGE_COOKIE, field, go_to, language_of
from meetbefore_assets.web.words import LANGUAGES

_YEAR_S = 365 * 24 * 3600


def state(request: Request) -> Response:
    """The version of everything that pages show, and a sentence about the answers and videos being processed."""
    way = way_of(request, language_of(request))
    return JSONResponse({"version": version_of(request), "way": way.text, "is_busy": way.is_busy, "is_trouble": way.is_trouble})


def language(request: Request) -> Response:
    """Choose a language for this browser."""
    answer, wanted = go_to(request, own_path(field(request, "back"))), field(request, "language")
    if wanted in LANGUAGES:
        answer.set_cookie(LANGUAGE_COOKIE, wanted, max_age=_YEAR_S, samesite="strict", httponly=True)
    return answer


ROUTES = [Route("/state", state), Route("/language", language, methods=["POST"])]
