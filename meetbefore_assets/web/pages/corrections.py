"""Corrections: what was said, when and about whom, with undo and redo of each."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.identities.corrections import Correction
from meetbefore_assets.publishing.page.phrases import Phrase, clock
from meetbefore_assets.review.live_view import Said
from meetbefore_assets.web.pages.acting import acted
from meetbefore_assets.web.pages.people import Pages
from meetbefore_assets.web.pages.people_filter import filter_of
from meetbefore_assets.web.pages.reading import State, live_of, state_of
from meetbefore_assets.web.pages.rendering import chosen, field, language_of, page
from meetbefore_assets.web.pages.told import sentence
from meetbefore_assets.web.words import Language

CORRECTIONS_A_PAGE, FACES_SHOWN = 50, 6


@dataclass(frozen=True)
class Entry:
    """One thing that was said.

    Attributes:
        undo: id that an undo names: the correction's own, or where it is undone that of the undo.
        is_redo: the undo brings it in again.
    """

    correction_id: str
    text: str
    when: Phrase
    state: str
    is_waiting: bool
    here: tuple[tuple[str, str], ...]
    there: tuple[tuple[str, str], ...]
    faces: int
    undo: str
    is_redo: bool


def corrections(request: Request, problem: MeetbeforeError | None = None) -> Response:
    """All that was said, the latest first; an undo is told by the state of what it took back."""
    state, language = state_of(request), language_of(request)
    all_said = state.view.corrections
    by_id = {one.correction.correction_id: one for one in all_said}
    # Of undo, redo and undo again the last undo stands, and is undone to bring it in again.
    taken_back = {one.correction.text: one.correction.correction_id for one in all_said if one.correction.kind == "undo"}
    stated = [one for one in reversed(all_said) if one.correction.kind != "undo"]
    of = max(1, -(-len(stated) // CORRECTIONS_A_PAGE))
    now = min(filter_of(request.query_params).page, of)
    shown = stated[(now - 1) * CORRECTIONS_A_PAGE : now * CORRECTIONS_A_PAGE]
    return page(
        request,
        "corrections.html.jinja",
        back=f"/corrections?page={now}",
        problem=problem,
        status=409 if problem else 200,
        entries=[_entry(one, by_id, taken_back, state, language) for one in shown],
        pages=Pages(now, of, len(stated)),
    )


def _entry(one: Said, by_id: dict[str, Said], taken_back: dict[str, str], state: State, language: Language) -> Entry:
    correction, is_undone = one.correction, one.state == "undone"
    return Entry(
        correction_id=correction.correction_id,
        text=sentence(one, by_id, state, language),
        when=clock(correction.created_at, state.zone),
        state=one.state,
        is_waiting=one.is_waiting,
        here=_faces(one.here, state),
        there=_faces((*one.there, *one.to), state),
        faces=len(one.here) + len(one.there) + len(one.to),
        undo=taken_back[correction.correction_id] if is_undone else correction.correction_id,
        is_redo=is_undone,
    )


def _faces(face_ids: tuple[str, ...], state: State) -> tuple[tuple[str, str], ...]:
    known = [(state.videos_of_faces[face], face) for face in face_ids if face in state.videos_of_faces]
    return tuple(known[:FACES_SHOWN])


def undo(request: Request) -> Response:
    """Undo corrections (or undos), or the latest where none is named."""
    named = chosen(request, "correction")

    def say() -> list[Correction]:
        return [live_of(request).undo(one) for one in named or [""]]

    return acted(request, say, lambda: field(request, "back") or "/corrections", lambda problem: corrections(request, problem))


ROUTES = [Route("/corrections", corrections), Route("/corrections/undo", undo, methods=["POST"])]
