"""The page "Have we met?": asks with a photograph that is dropped, pasted or chosen. The photograph is not stored."""

import base64
import binascii
import threading

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meetbefore_assets.asking import whois
from meetbefore_assets.core.errors import MeetbeforeError, UsageError
from meetbefore_assets.web.pages.reading import home_of, state_of
from meetbefore_assets.web.pages.rendering import form_of, language_of, page

# Models are loaded once, and one photograph after the other takes the processor.
_ONE_AT_A_TIME = threading.Lock()


def asking(request: Request) -> Response:
    """The page with the form."""
    return _page(request)


def ask(request: Request) -> Response:
    """Who is in the photograph of the field `picture`, in base64."""
    language = language_of(request)
    try:
        data = base64.b64decode(form_of(request).get("picture", "").encode(), validate=True)
        if not data:
            raise UsageError(language.say("whois.none"))
        with _ONE_AT_A_TIME:
            answers = whois.ask(home_of(request), data, language.say("whois.photograph"))
    except (binascii.Error, UnicodeEncodeError):
        return _page(request, problem=UsageError(language.say("whois.none")))
    except MeetbeforeError as error:
        return _page(request, problem=error)
    return _page(request, answers)


def _page(request: Request, answers: whois.PictureAnswers | None = None, problem: MeetbeforeError | None = None) -> Response:
    zone = state_of(request).zone
    faces = answers.faces if answers else ()
    answered = [(face, whois.sentence(face, zone, answers.people)) for face in faces] if answers else []
    return page(request, "whois.html.jinja", status=409 if problem else 200, problem=problem, back="/whois", answered=answered)


ROUTES = [Route("/whois", asking), Route("/whois", ask, methods=["POST"])]
