"""Review: one question at a time, the most valuable first."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.core.words import sureness
from meetbefore_assets.publishing.page.phrases import Phrase
from meetbefore_assets.review.question_queue import Part
from meetbefore_assets.web.pages.acting import acted
from meetbefore_assets.web.pages.cards import PersonCard, cards_of, short_clock
from meetbefore_assets.web.pages.reading import State, live_of, state_of
from meetbefore_assets.web.pages.rendering import field, page

FACES_A_SIDE = 9


@dataclass(frozen=True)
class Face:
    """A face of a side, and its moment: seconds in the video, local time."""

    face_id: str
    video_id: str
    file_name: str
    time_s: float
    when: Phrase


@dataclass(frozen=True)
class Side:
    """One of the two people, or parts of one, that are compared."""

    person: PersonCard | None
    faces_count: int
    encounters: int
    faces: tuple[Face, ...]


def review(request: Request, problem: MeetbeforeError | None = None, done: int | None = None) -> Response:
    """The page with the most valuable question."""
    state = state_of(request)
    answered = _number(request.query_params.get("done", "")) if done is None else done
    queue = state.view.questions(limit=2)
    question = queue.questions[0] if queue.questions else None
    following = queue.questions[1] if len(queue.questions) > 1 else None
    return page(
        request,
        "review.html.jinja",
        back=f"/review?done={answered}",
        problem=problem,
        status=409 if problem else 200,
        question=question,
        first=_side(question.first, state) if question else None,
        second=_side(question.second, state) if question else None,
        sure=sureness(question.sureness) if question else "",
        # The script loads these pictures while one looks at the question before.
        next_faces=[(face.video_id, face.face_id) for part in (following.first, following.second) for face in _side(part, state).faces]
        if following
        else [],
        done=answered,
        of=answered + queue.open,
        settles=queue.settles_faces,
    )


def answer(request: Request) -> Response:
    """Record an answer and redirect to the next question."""
    done, answer_given, question_id = _number(field(request, "done")), field(request, "answer"), field(request, "question")
    return acted(
        request,
        lambda: [live_of(request).answer(question_id, answer_given)],
        lambda: f"/review?done={done + 1}",
        lambda problem: review(request, problem, done),
    )


def _side(part: Part, state: State) -> Side:
    person = next(iter(cards_of(state, [part.person_id])), None)
    faces = tuple(
        Face(moment.face_id, moment.video_id, moment.file_name, moment.time_s, short_clock(moment.seen_at, state.zone))
        for moment in part.moments[:FACES_A_SIDE]
    )
    return Side(person, part.faces, part.encounters, faces)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


ROUTES = [Route("/review", review), Route("/review/answer", answer, methods=["POST"])]
