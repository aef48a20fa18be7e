"""Corrections from the page of a person: name, role, same or different person, and faces that are not theirs."""

from collections.abc import Callable

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meetbefore_assets.core.errors import MeetbeforeError, UsageError
from meetbefore_assets.identities.corrections import Correction
from meetbefore_assets.web.pages.acting import acted
from meetbefore_assets.web.pages.person import person_page
from meetbefore_assets.web.pages.reading import State, live_of, state_of
from meetbefore_assets.web.pages.rendering import chosen, field, language_of, quoted


def show(request: Request) -> Response:
    """The page of a person."""
    return person_page(request, request.path_params["person_id"])


def name(request: Request) -> Response:
    """Name a person; if somebody else has the name, offer to merge the two."""
    person_id, text = request.path_params["person_id"], " ".join(field(request, "name").split())
    other = _bearer(state_of(request), text, person_id)

    def again(problem: MeetbeforeError) -> Response:
        if other:
            said = language_of(request).say("name.taken", other=text)
            return person_page(request, person_id, UsageError(said), same_as=other, typed=text)
        return person_page(request, person_id, problem, typed=text)

    return acted(request, lambda: [live_of(request).name(person_id, text)], lambda: _address(person_id), again)


def role(request: Request) -> Response:
    """Set the role of a person."""
    person_id, role = request.path_params["person_id"], field(request, "role")
    return acted(request, lambda: [live_of(request).role(person_id, role)], lambda: _address(person_id), _again(request, person_id))


def other(request: Request) -> Response:
    """Record that another person is the same, is not, or may be."""
    person_id, second, action = request.path_params["person_id"], field(request, "other"), field(request, "do")

    def say() -> list[Correction]:
        live = live_of(request)
        if action == "merge":
            return [live.merge([person_id, second])]
        return [live.unsure(person_id, second) if action == "unsure" else live.not_same(person_id, second)]

    return acted(request, say, lambda: _address(person_id), _again(request, person_id))


def faces(request: Request) -> Response:
    """Correct selected faces: not this person, another person, not a face, or the portrait."""
    person_id, action, selected = request.path_params["person_id"], field(request, "do"), chosen(request, "face")
    only_these, language = bool(field(request, "only")), language_of(request)

    def say() -> list[Correction]:
        live = live_of(request)
        if not selected:
            raise UsageError(language.say("trouble.select", least=1))
        if action == "portrait" and len(selected) > 1:
            raise UsageError(language.say("trouble.select.one"))
        if action == "portrait":
            return [live.portrait(selected[0])]
        if action == "not-a-face":
            return [live.not_a_face(selected)]
        if action == "move":
            return [
                live.move(
                    selected, _named(state_of(request), field(request, "to"), language.say("trouble.move.who")), only_these=only_these
                )
            ]
        return [live.split(person_id, selected, only_these=only_these)]

    rest = _left(state_of(request), person_id, selected, only_these=only_these)
    return acted(request, say, lambda: _address(_whose(state_of(request), rest, person_id)), _again(request, person_id))


def _left(state: State, person_id: str, selected: list[str], *, only_these: bool) -> list[str]:
    """The faces of a person that remain when some are removed together with their tracks (or alone with `only_these`)."""
    own = state.view.faces_of(person_id)
    left = own.filter(pl.col("face_id").is_in(selected))
    column = "face_id" if only_these else "track_id"
    return own.join(left.select(column).unique(), on=column, how="anti", maintain_order="left")["face_id"].to_list()


def _whose(state: State, faces: list[str], person_id: str) -> str:
    """The person who has most of some faces. Needed because a person's id is that of the earliest face, and moves with it."""
    now = state.view.faces.filter(pl.col("face_id").is_in(faces))["person_id"]
    return str(now.mode().sort()[0]) if len(now) else person_id


def _named(state: State, text: str, expected: str) -> str:
    """The person of a name or an id. Raises UsageError if there is none."""
    bearer = _bearer(state, text, "")
    row = state.view.person(bearer or text) if text else None
    if row is None:
        raise UsageError(expected)
    return str(row["person_id"])


def _bearer(state: State, text: str, but: str) -> str:
    """The other person who has this name, ignoring case; "" if there is none."""
    return next((person for person, name in state.names.items() if text and name.lower() == text.lower() and person != but), "")


def _again(request: Request, person_id: str) -> Callable[[MeetbeforeError], Response]:
    return lambda problem: person_page(request, person_id, problem)


def _address(person_id: str) -> str:
    return f"/person/{quoted(person_id)}"


ROUTES = [
    Route("/person/{person_id}", show),
    Route("/person/{person_id}/name", name, methods=["POST"]),
    Route("/person/{person_id}/role", role, methods=["POST"]),
    Route("/person/{person_id}/other", other, methods=["POST"]),
    Route("/person/{person_id}/faces", faces, methods=["POST"]),
]
