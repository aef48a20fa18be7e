"""The page of corrections: what, when and about whom, with undo and redo of each; export to a file, and import from one."""

import base64
import binascii
import datetime as dt
import threading
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meetbefore_assets.core.errors import MeetbeforeError, UsageError
from meetbefore_assets.identities.corrections import Correction
from meetbefore_assets.publishing.page.phrases import Phrase, clock
from meetbefore_assets.review.export_corrections import export_corrections
from meetbefore_assets.review.fit_corrections import LeftOut
from meetbefore_assets.review.import_corrections import Imported, import_corrections
from meetbefore_assets.review.live_view import Said
from meetbefore_assets.web.addresses import IMPORT, MOST_IMPORT_BYTES
from meetbefore_assets.web.pages.acting import acted, correction_saved
from meetbefore_assets.web.pages.correction_notice import sentence
from meetbefore_assets.web.pages.people import Pages
from meetbefore_assets.web.pages.people_filter import filter_of
from meetbefore_assets.web.pages.reading import State, home_of, live_of, state_of
from meetbefore_assets.web.pages.rendering import chosen, field, language_of, page
from meetbefore_assets.web.words import WORDS, Language

CORRECTIONS_A_PAGE, FACES_SHOWN = 50, 6
LEFT_OUT_SHOWN, PLACES_SHOWN = 100, 2
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Entry:
    """One correction of the list.

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


@dataclass(frozen=True)
class Left:
    """Something in a file that does not fit: what it says, when it was said, where it was to apply, and why it does not."""

    text: str
    when: Phrase
    where: str
    why: str


@dataclass(frozen=True)
class TakenOver:
    """What became of a file; `missed`: a sentence for each recording in which faces were not found."""

    text: str
    missed: tuple[str, ...]
    left: tuple[Left, ...]
    left_in_all: int


def corrections(request: Request, problem: MeetbeforeError | None = None, imported: Imported | None = None) -> Response:
    """The page: all corrections, the latest first. An undo is shown as the state of the correction that it took back."""
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
        taken_over=_taken_over(imported, state, language) if imported else None,
        most_bytes=MOST_IMPORT_BYTES,
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
    """Undo the named corrections (or undos), or the latest one if none is named."""
    named = chosen(request, "correction")

    def say() -> list[Correction]:
        return [live_of(request).undo(one) for one in named or [""]]

    return acted(request, say, lambda: field(request, "back") or "/corrections", lambda problem: corrections(request, problem))


def export(request: Request) -> Response:
    """Download all corrections in force as a file."""
    data, _ = export_corrections(home_of(request))
    name = f"meetbefore-corrections-{dt.datetime.now(dt.UTC):%Y-%m-%d}.json"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(data, media_type="application/json", headers=headers)


def import_file(request: Request) -> Response:
    """Import the file in the form field `file` (URL-safe base64), and list what does not fit."""
    try:
        text = field(request, "file").encode()
        data = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if not data:
            raise UsageError(language_of(request).say("import.none"))
        with _ONE_AT_A_TIME:
            imported = import_corrections(home_of(request), data)
    except (binascii.Error, UnicodeEncodeError):
        return corrections(request, UsageError(language_of(request).say("import.none")))
    except MeetbeforeError as error:
        return corrections(request, error)
    if imported.new:
        live_of(request).refresh()
        correction_saved(request)
    return corrections(request, imported=imported)


def _taken_over(done: Imported, state: State, language: Language) -> TakenOver:
    counted = (language.count(len(done.new), "correction"), done.before, len(done.left_out))
    missed = tuple(
        language.say("import.missed", faces=language.count(faces, "face"), file=file_name, why=language.say(f"left.{reason}", detail=""))
        for (file_name, reason), faces in sorted(done.missed.items())
    )
    left = tuple(_left(one, state, language) for one in done.left_out[:LEFT_OUT_SHOWN])
    new, before, left_out = counted
    return TakenOver(language.say("import.done", new=new, before=before, left=left_out), missed, left, left_out)


def _left(one: LeftOut, state: State, language: Language) -> Left:
    said, where = one.correction, [language.say("import.at", file=name, s=f"{at:.1f}") for name, at in one.places[:PLACES_SHOWN]]
    more = [language.say("import.more", n=len(one.places) - PLACES_SHOWN)] if len(one.places) > PLACES_SHOWN else []
    kind = said.kind if said.kind != "role" else f"role.{said.text or 'none'}"
    key = f"carried.{kind}" if f"carried.{kind}" in WORDS else "said.other"
    text = language.say(key, text=said.text, what=said.kind)
    why = language.say(f"left.{one.reason}", detail=one.detail)
    return Left(text, clock(said.created_at, state.zone), language.listed([*where, *more]), why)


ROUTES = [
    Route("/corrections", corrections),
    Route("/corrections/undo", undo, methods=["POST"]),
    Route("/corrections/export", export),
    Route(IMPORT, import_file, methods=["POST"]),
]
