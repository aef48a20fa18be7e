"""The page of videos: counts, the run in progress, failed videos with reasons, waiting ones, missing files, and a map."""

import datetime as dt
from dataclasses import dataclass

import polars as pl
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.core.words import offset
from meetbefore_assets.identities.queries import matched_videos
from meetbefore_assets.publishing.database import failure_rows
from meetbefore_assets.publishing.page.map import Dot, draw_map
from meetbefore_assets.publishing.page.phrases import Phrase, clock
from meetbefore_assets.recordings.clocks import clock_table
from meetbefore_assets.recordings.intake import known_videos
from meetbefore_assets.recordings.places import place_table
from meetbefore_assets.web.page_templates import environment
from meetbefore_assets.web.pages.cards import short_clock
from meetbefore_assets.web.pages.people import paged
from meetbefore_assets.web.pages.reading import home_of, state_of
from meetbefore_assets.web.pages.rendering import address, field, go_to, language_of, page, quoted
from meetbefore_assets.web.pages.run_progress import background_run, counts_of, run_progress

MOST_LISTED, A_PAGE = 200, 60


@dataclass(frozen=True)
class VideoRow:
    """A processed video of the list."""

    video_id: str
    file: str
    began: Phrase
    is_certain: bool
    length: str
    people: int


@dataclass(frozen=True)
class FailedRow:
    """A video that could not be used."""

    video_id: str
    file: str
    message: str
    when: Phrase
    attempts: int


def videos(request: Request, problem: MeetbeforeError | None = None) -> Response:
    """The page: all videos by state."""
    home, zone, language = home_of(request), state_of(request).zone, language_of(request)
    known, failures, matched = known_videos(home), failure_rows(home), set(matched_videos(home))
    missing = sorted(video.names[0] for key, video in known.items() if key not in failures and not home.is_present(video.uris))
    waiting = sorted((video.names[0], key) for key, video in known.items() if key not in matched and key not in failures)
    failed = [
        FailedRow(key, known[key].names[0], str(row["message"]), clock(_moment(row["failed_at"]), zone), int(str(row["attempts"])))
        for key, row in failures.items()
        if key in known
    ]
    read = sorted(key for key in matched & known.keys() if home.store.stamp("videos", key) is not None)
    table, pages = paged(_by_start(request, read), _number(request), A_PAGE)
    return page(
        request,
        "videos.html.jinja",
        back="/videos",
        problem=problem,
        status=409 if problem else 200,
        counts=counts_of(request),
        run=run_progress(request, language),
        failed=sorted(failed, key=lambda one: one.file),
        waiting=waiting[:MOST_LISTED],
        missing=missing[:MOST_LISTED],
        missing_count=len(missing),
        rows=_rows(request, table),
        pages=pages,
        page_address=lambda number: address(request, f"/videos?page={number}"),
        map=_map(request, table),
        sources=[str(source) for source in home.sources()],
        trouble=background_run(request).trouble,
    )


def run(request: Request) -> Response:
    """The part of the page about the run in progress, which the script refreshes."""
    language = language_of(request)
    given = {"counts": counts_of(request), "run": run_progress(request, language), "t": language.say, "n": language.count}
    return Response(environment().get_template("run.html.jinja").render(**given), media_type="text/html")


def process(request: Request) -> Response:
    """Start a run; with `retry` it tries all failed videos again, with `video` one of them."""
    chosen = field(request, "video")
    try:
        background_run(request).start(retry_failed=bool(field(request, "retry")), retry=[chosen] if chosen else [])
    except MeetbeforeError as error:
        return videos(request, error)
    return go_to(request, "/videos")


def _moment(found: object) -> dt.datetime:
    assert isinstance(found, dt.datetime)
    return found


def _number(request: Request) -> int:
    text = request.query_params.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 9 else 1


def _by_start(request: Request, read: list[str]) -> pl.DataFrame:
    """The clocks of some videos, the latest first; those without a start last."""
    return clock_table(home_of(request), read).sort(["started_at", "video_id"], descending=[True, False], nulls_last=True)


def _rows(request: Request, clocks: pl.DataFrame) -> list[VideoRow]:
    state, video_ids = state_of(request), clocks["video_id"].to_list()
    if not video_ids:
        return []
    facts = home_of(request).store.scan("videos", video_ids, ["video_id", "file_name", "duration_s"]).rows_by_key("video_id", unique=True)
    counted = state.view.faces.filter(pl.col("video_id").is_in(video_ids)).group_by("video_id").agg(pl.col("person_id").n_unique())
    people: dict[str, int] = dict(counted.iter_rows())
    return [
        VideoRow(key, facts[key][0], short_clock(began, state.zone), is_certain, offset(facts[key][1]), people.get(key, 0))
        for key, began, is_certain in clocks.select("video_id", "started_at", "is_certain").iter_rows()
    ]


def _map(request: Request, clocks: pl.DataFrame) -> Markup:
    """Map of the listed videos: the first place of each, and its GPS track."""
    home, zone, language = home_of(request), state_of(request).zone, language_of(request)
    places = place_table(home, clocks["video_id"].to_list())
    if not places.height:
        return Markup("")
    began: dict[str, dt.datetime | None] = dict(clocks.select("video_id", "started_at").iter_rows())
    names = dict(home.store.scan("videos", sorted(set(places["video_id"])), ["video_id", "file_name"]).iter_rows())
    first = places.sort("time_s").unique("video_id", keep="first", maintain_order=True)
    dots = [
        Dot(latitude, longitude, f"{names[key]} {language.of(short_clock(began[key], zone))}", address(request, f"/video/{quoted(key)}"))
        for key, latitude, longitude in first.select("video_id", "latitude", "longitude").iter_rows()
    ]
    return draw_map(dots, places, language.say("videos.map"))


ROUTES = [Route("/videos", videos), Route("/videos/run", run), Route("/videos/process", process, methods=["POST"])]
