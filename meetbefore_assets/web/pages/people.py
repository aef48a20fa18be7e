"""The pages of people: the ranking with filters and corrections of several people at once, and the people seen once."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meetbefore_assets.core.errors import MeetbeforeError, UsageError
from meetbefore_assets.identities.corrections import Correction
from meetbefore_assets.publishing.page.data import HIDDEN_ROLES
from meetbefore_assets.publishing.page.optional_columns import beyond_chance
from meetbefore_assets.publishing.page.phrases import Phrase, count, day, say
from meetbefore_assets.publishing.page.translations import WEEKDAYS
from meetbefore_assets.web.pages.acting import acted
from meetbefore_assets.web.pages.cards import cards
from meetbefore_assets.web.pages.news import latest
from meetbefore_assets.web.pages.people_filter import PEOPLE_A_PAGE, SORTS, WHO, Filter, filter_of, filtered, people_of, places_of
from meetbefore_assets.web.pages.reading import State, home_of, live_of, state_of
from meetbefore_assets.web.pages.rendering import chosen, field, go_to, language_of, page


@dataclass(frozen=True)
class Pages:
    """The current page of a long list."""

    now: int
    of: int
    total: int


def paged(rows: pl.DataFrame, number: int, size: int) -> tuple[pl.DataFrame, Pages]:
    """The rows of a page, counted from 1; the last page if there are fewer."""
    of = max(1, -(-rows.height // size))
    now = min(number, of)
    return rows.slice((now - 1) * size, size), Pages(now, of, rows.height)


def people(request: Request) -> Response:
    """The ranking; if nobody is known yet, how to begin."""
    return _people(request, filter_of(request.query_params))


def _people(request: Request, wanted: Filter, problem: MeetbeforeError | None = None) -> Response:
    state = state_of(request)
    if state.people.is_empty() and not problem:
        return _start(request)
    rows, pages = paged(filtered(state.people, state.view.scored, wanted, state.zone), wanted.page, PEOPLE_A_PAGE)
    strangers = people_of(state.people, "strangers")
    return page(
        request,
        "people.html.jinja",
        back=f"/people?{query}" if (query := wanted.query()) else "/people",
        problem=problem,
        status=409 if problem else 200,
        wanted=wanted,
        counts={who: people_of(state.people, who).height for who in WHO},
        people=cards(state, rows),
        pages=pages,
        sorts=SORTS,
        weekdays=[Phrase(*names) for names in WEEKDAYS],
        places=places_of(state.view.scored),
        chance=beyond_chance(strangers),
        summary=_summary(state),
        news=latest(request),
        names=named(state),
    )


def _summary(state: State) -> Phrase:
    faces = state.view.faces
    strangers, companions = (people_of(state.people, who).height for who in ("strangers", "companions"))
    return say(
        "summary",
        videos=count(faces["video_id"].n_unique(), "video"),
        first=day(faces["seen_at"].min(), state.zone),  # type: ignore[arg-type]
        last=day(faces["seen_at"].max(), state.zone),  # type: ignore[arg-type]
        people=count(state.people.height, "person"),
        strangers=count(strangers, "stranger"),
        companions=say("summary.companions", companions=count(companions, "companion")) if companions else "",
    )


def named(state: State) -> list[str]:
    """All given names in order, for the completion of name fields."""
    return sorted(name for name in state.names.values() if name)


def _start(request: Request) -> Response:
    home = home_of(request)
    known = home.store.keys("sources")
    return page(
        request,
        "start.html.jinja",
        folder=str(home.own_videos),
        command=["run", "FOLDER"],
        sources=[str(source) for source in home.sources()],
        known=len(known),
        home_folder=str(home.folder),
    )


def once(request: Request) -> Response:
    """People who were met once, the latest first."""
    return _once(request)


def _once(request: Request, problem: MeetbeforeError | None = None) -> Response:
    state, wanted = state_of(request), filter_of(request.query_params)
    hidden = pl.col("role").fill_null("").is_in(HIDDEN_ROLES)
    met_once = state.people.filter((pl.col("encounters") == 1) & ~hidden).sort(["last_seen", "faces"], descending=True, maintain_order=True)
    rows, pages = paged(met_once, wanted.page, PEOPLE_A_PAGE)
    return page(
        request,
        "once.html.jinja",
        back=f"/once?{query}" if (query := wanted.query()) else "/once",
        problem=problem,
        status=409 if problem else 200,
        people=cards(state, rows),
        pages=pages,
        wanted=wanted,
        names=named(state),
    )


def act(request: Request) -> Response:
    """Correct the selected people: merge, or set the role ignored, companion, me or none."""
    live, action, selected = live_of(request), field(request, "do"), chosen(request, "person")
    language = language_of(request)

    def answer() -> list[Correction]:
        least = 2 if action == "merge" else 1
        if len(selected) < least:
            raise UsageError(language.say("trouble.select", least=least))
        if action == "merge":
            return [live.merge(selected)]
        return [live.role(person, action) for person in selected]

    back = field(request, "back")
    again: Callable[[MeetbeforeError], Response] = (
        (lambda problem: _once(request, problem)) if back.startswith("/once") else (lambda problem: _people(request, Filter(), problem))
    )
    return acted(request, answer, lambda: back or "/people", again)


ROUTES = [
    Route("/", lambda request: go_to(request, "/people")),
    Route("/people", people),
    Route("/once", once),
    Route("/people/act", act, methods=["POST"]),
]
