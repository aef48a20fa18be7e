"""The page of a video: who appears when, its start time and how that is known, its place, and the correction of its clock."""

from dataclasses import dataclass
from functools import cache
from zoneinfo import available_timezones

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meetbefore_assets.core.errors import MeetbeforeError, UsageError
from meetbefore_assets.core.words import offset
from meetbefore_assets.publishing.database import failure_rows
from meetbefore_assets.publishing.page.map import Dot, draw_map
from meetbefore_assets.publishing.page.phrases import Phrase, clock, say
from meetbefore_assets.publishing.page.sections import source_phrase, warning_key
from meetbefore_assets.recordings.clocks import to_local
from meetbefore_assets.recordings.correct_clock import (
    ClockStory,
    clock_story,
    correct_clock,
    forget_correction,
    offset_text,
    parse_offset,
    parse_start,
)
from meetbefore_assets.recordings.intake import known_videos
from meetbefore_assets.recordings.places import place_table
from meetbefore_assets.web.pages.acting import correction_saved
from meetbefore_assets.web.pages.cards import full_clock
from meetbefore_assets.web.pages.reading import home_of, live_of, state_of
from meetbefore_assets.web.pages.rendering import field, go_to, language_of, page, quoted
from meetbefore_assets.web.pages.video_strip import strip_of

# Repeated where the form could not be obeyed.
_FIELDS = ("how", "offset", "begins", "zone", "scope", "files")


@dataclass(frozen=True)
class ClockView:
    """When a video began, in words, and the initial values of the correction form.

    Attributes:
        began, said: with the correction, and without.
        source: where what its files say comes from.
        zone: of its camera.
        doubt: why it may be wrong; None where it is certain.
        correction: of the settings: how much, for which files, and its zone ("" for that of the settings); None where there is none.
        is_only_this: the correction is for this video alone.
        camera, alike: a pattern of its camera, and how many videos it fits.
        typed: what the fields hold.
    """

    began: Phrase
    said: Phrase
    source: Phrase
    zone: str
    doubt: Phrase | None
    correction: tuple[str, str, str] | None
    is_only_this: bool
    camera: str
    alike: int
    typed: dict[str, str]


def video(request: Request, problem: MeetbeforeError | None = None) -> Response:
    """The page of a known video, processed or not."""
    home, state, video_id = home_of(request), state_of(request), request.path_params["video_id"]
    if home.store.stamp("sources", video_id) is None:
        return page(request, "gone.html.jinja", status=404, title="video.gone", text="video.gone.text")
    known = known_videos(home, [video_id])[video_id]
    facts = home.store.get("videos", video_id).row(0, named=True) if home.store.stamp("videos", video_id) is not None else None
    failure = failure_rows(home).get(video_id)
    return page(
        request,
        "video.html.jinja",
        back=f"/video/{quoted(video_id)}",
        problem=problem,
        status=409 if problem else 200,
        video_id=video_id,
        file=known.names[0],
        uris=known.uris,
        facts=facts,
        length=offset(facts["duration_s"]) if facts else "",
        failed=str(failure["message"]) if failure else "",
        failed_at=clock(failure["failed_at"], state.zone) if failure else None,  # type: ignore[arg-type]
        is_there=home.is_present(known.uris),
        strip=strip_of(state, video_id, facts["duration_s"]) if facts else None,
        clock=_clock(request, clock_story(home, video_id)) if facts else None,
        map=_map(request, video_id),
        zones=_zones(),
        is_saved=request.query_params.get("clock") == "saved",
    )


def correct(request: Request) -> Response:
    """Correct the clock of this video, or of all videos whose names match."""
    home, video_id = home_of(request), request.path_params["video_id"]
    try:
        _refuse_unread(request)
        how, files = field(request, "how"), field(request, "files") if field(request, "scope") == "camera" else ""
        zone = field(request, "zone")
        if how == "begins":
            correct_clock(home, video_id, begins=parse_start(field(request, "begins")), zone=zone, files=files)
        else:
            correct_clock(home, video_id, offset_s=parse_offset(field(request, "offset")), zone=zone, files=files)
    except MeetbeforeError as error:
        return video(request, error)
    return _saved(request)


def remove(request: Request) -> Response:
    """Remove the clock correction in force."""
    home, video_id = home_of(request), request.path_params["video_id"]
    try:
        _refuse_unread(request)
        story = clock_story(home, video_id)
        if story.correction is not None and story.correction.files == field(request, "files"):
            forget_correction(home, story.correction.files)
    except MeetbeforeError as error:
        return video(request, error)
    return _saved(request)


def _refuse_unread(request: Request) -> None:
    if home_of(request).store.stamp("videos", request.path_params["video_id"]) is None:
        raise UsageError("this video was not read yet, or was forgotten; expected one that was processed.", remedy="Nothing was changed.")


def _saved(request: Request) -> Response:
    """The page again, with its times by the new clock; days and encounters follow with the run."""
    live_of(request).refresh()
    correction_saved(request)
    return go_to(request, f"/video/{quoted(request.path_params['video_id'])}?clock=saved")


def _clock(request: Request, story: ClockStory) -> ClockView:
    zone, now, used = state_of(request).zone, story.now, story.correction
    begins = to_local(now.started_at, now.timezone).replace(microsecond=0).isoformat() if now.started_at else ""
    typed = {
        "how": "offset",
        "offset": offset_text(used.offset_s if used else 0.0),
        "begins": begins,
        "zone": (used.zone or "") if used else "",
        "scope": "camera" if used and used.files != story.only_this else "this",
        "files": used.files if used and used.files != story.only_this else story.camera,
    }
    if request.method == "POST" and field(request, "how"):
        typed |= {name: field(request, name) for name in _FIELDS}
    return ClockView(
        began=full_clock(now.started_at, zone),
        said=full_clock(story.said.started_at, zone),
        source=source_phrase(now.clock_source),
        zone=now.timezone,
        doubt=None if now.is_certain else _without_colon(say(warning_key(now.clock_source, now.warning))),
        correction=(offset_text(used.offset_s), used.files, used.zone or "") if used else None,
        is_only_this=bool(used and used.files == story.only_this),
        camera=story.camera,
        alike=story.alike,
        typed=typed,
    )


def _without_colon(phrase: Phrase) -> Phrase:
    """A sentence of the report, where names follow it."""
    return Phrase(phrase.en.rstrip(":") + ".", phrase.zh.rstrip("：") + "。")


def _map(request: Request, video_id: str) -> Markup:
    places = place_table(home_of(request), [video_id])
    language = language_of(request)
    dots = [Dot(row["latitude"], row["longitude"], offset(row["time_s"])) for row in places.sort("time_s").head(1).to_dicts()]
    return draw_map(dots, places, language.say("video.map"))


@cache
def _zones() -> tuple[str, ...]:
    """Time zone names to choose from, without the outdated ones that name no region."""
    return tuple(sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix/", "right/"))))


ROUTES = [
    Route("/video/{video_id}", video),
    Route("/video/{video_id}/clock", correct, methods=["POST"]),
    Route("/video/{video_id}/clock/remove", remove, methods=["POST"]),
]
