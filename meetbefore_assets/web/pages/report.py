"""The report from the app: makes the page for oneself or the blurred one to pass on, then opens or downloads it."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.home_files import PAGE_NAME
from meetbefore_assets.publishing.page.phrases import Phrase, clock
from meetbefore_assets.publishing.page.render import write_report, written_policy
from meetbefore_assets.publishing.page.sharing import blurred_but, blurred_page, clear_people
from meetbefore_assets.web.pages.reading import home_of, state_of
from meetbefore_assets.web.pages.rendering import field, go_to, page

WHOLE, BLURRED = "whole", "blurred"


@dataclass(frozen=True)
class Made:
    """One kind of report, and the file of it: when it was written and its megabytes; None: there is none."""

    kind: str
    file_name: str
    when: Phrase | None
    megabytes: str


def report(request: Request, problem: MeetbeforeError | None = None) -> Response:
    """The page: both kinds of report."""
    home, zone = home_of(request), state_of(request).zone
    made = [_made(kind, _path(home, kind), zone) for kind in (WHOLE, BLURRED)]
    return page(request, "report.html.jinja", back="/report", problem=problem, status=409 if problem else 200, made=made)


def make(request: Request) -> Response:
    """Write a report from the tables of the last run."""
    home = home_of(request)
    try:
        if field(request, "kind") == BLURRED:
            write_report(home, blurred_page(home), blurred_but(home, clear_people(home, ())))
        else:
            write_report(home)
    except MeetbeforeError as error:
        return report(request, error)
    return go_to(request, "/report")


def whole(request: Request) -> Response:
    """The file for oneself."""
    return _file(request, WHOLE)


def blurred(request: Request) -> Response:
    """The file to pass on."""
    return _file(request, BLURRED)


def _file(request: Request, kind: str) -> Response:
    """The file of a report; where it was not made, the page that makes it."""
    path = _path(home_of(request), kind)
    policy = written_policy(path)
    if not policy:
        return go_to(request, "/report")
    # Its own style and script stand in it, and are known by their hashes.
    headers = {"content-security-policy": f"{policy}; frame-ancestors 'none'"}
    return FileResponse(path, media_type="text/html", headers=headers)


def _path(home: Home, kind: str) -> Path:
    return blurred_page(home) if kind == BLURRED else home.folder / PAGE_NAME


def _made(kind: str, path: Path, zone: str) -> Made:
    if not path.is_file():
        return Made(kind, path.name, None, "")
    facts = path.stat()
    when = dt.datetime.fromtimestamp(facts.st_mtime, dt.UTC).replace(tzinfo=None)
    return Made(kind, path.name, clock(when, zone), f"{facts.st_size / 1e6:.1f}")


ROUTES = [
    Route("/report", report),
    Route("/report/make", make, methods=["POST"]),
    Route("/report/whole.html", whole),
    Route("/report/blurred.html", blurred),
]
