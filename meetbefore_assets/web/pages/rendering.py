"""Renders a template as a response, in the reader's language and inside the frame of every page."""

from typing import Any
from urllib.parse import quote, urlencode

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.web.page_templates import environment
from meetbefore_assets.web.words import Language, wanted_language

LANGUAGE_COOKIE = "meetbefore-language"
# A page is asked for anew whenever one goes back to it: somebody may have said something meanwhile.
_FRESH = {"cache-control": "no-store"}


def form_of(request: Request) -> "ImmutableMultiDict[str, str]":
    """The posted form fields. The login has already read them and checked their token."""
    fields: ImmutableMultiDict[str, str] = request.state.form
    return fields


def chosen(request: Request, name: str) -> list[str]:
    """All distinct values of a posted field, in order."""
    return list(dict.fromkeys(form_of(request).getlist(name)))


def field(request: Request, name: str) -> str:
    """A posted field without surrounding spaces; "" if there is none."""
    return form_of(request).get(name, "").strip()


def language_of(request: Request) -> Language:
    """The reader's language: the one chosen with the switch, else the browser's."""
    return wanted_language(request.headers.get("accept-language", ""), chosen=request.cookies.get(LANGUAGE_COOKIE, ""))


def address(request: Request, path: str) -> str:
    """URL of a page of the app, including the path where the app is mounted."""
    return f"{request.scope.get('root_path', '')}{path}"


def quoted(text: str) -> str:
    """An id as a part of an address."""
    return quote(text, safe="")


def page(
    request: Request, template: str, *, status: int = 200, problem: MeetbeforeError | None = None, back: str = "", **given: Any
) -> Response:
    """Render a template as a page; a `problem` is shown at its top.

    Args:
        request: what is answered.
        template: file name of `web/templates/`.
        status: of HTTP.
        problem: why something could not be done.
        back: path of the page, where that is not what was asked for.
        given: what the template needs besides the frame.
    """
    from meetbefore_assets.web.pages.frame import frame_of

    language = language_of(request)
    html = (
        environment()
        .get_template(template)
        .render(
            language=language,
            t=language.say,
            n=language.count,
            p=language.of,
            url=lambda path: address(request, path),
            face=lambda video_id, face_id: address(request, f"/media/face/{quoted(video_id)}/{quoted(face_id)}.jpg"),
            token=getattr(request.state, "form_token", ""),
            frame=frame_of(request, language),
            problem=problem,
            back=back or _here(request),
            **given,
        )
    )
    return HTMLResponse(html, status, _FRESH)


def go_to(request: Request, path: str) -> Response:
    """Redirect (303) to a page after a change, so that reloading sends nothing twice."""
    return RedirectResponse(address(request, path), 303)


def _here(request: Request) -> str:
    """The requested path with its query but without the notice; the first page after a form."""
    if request.method != "GET":
        return "/people"
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    query = urlencode([(name, value) for name, value in request.query_params.multi_items() if name != "said"])
    return f"{path}?{query}" if query else path
