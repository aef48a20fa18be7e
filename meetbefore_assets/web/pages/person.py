"""The page of one person: name, encounters, places, company, why this is one person, and all faces."""

import datetime as dt
from dataclasses import dataclass
from itertools import groupby, islice
from operator import itemgetter
from statistics import median
from typing import Any

import polars as pl
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from meetbefore_assets.core import words
from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.core.words import local, offset, sureness
from meetbefore_assets.identities.queries import matched_videos
from meetbefore_assets.publishing.page.cards import clock_range, ranges
from meetbefore_assets.publishing.page.charts import Month, months, strip_path, week
from meetbefore_assets.publishing.page.evidence import habit, rhythm_phrase, runner_up, why
from meetbefore_assets.publishing.page.map import map_svg
from meetbefore_assets.publishing.page.optional_columns import chance_phrase, place_phrase, threshold_range_phrase
from meetbefore_assets.publishing.page.phrases import Phrase, clock, count, say, sentence, span
from meetbefore_assets.publishing.page.sections import joined_from
from meetbefore_assets.publishing.page.translations import WEEKDAY_LETTERS, WEEKDAYS
from meetbefore_assets.recordings.places import place_table
from meetbefore_assets.web.pages.cards import PersonCard, cards_of, full_clock
from meetbefore_assets.web.pages.people import named, paged
from meetbefore_assets.web.pages.people_filter import filter_of
from meetbefore_assets.web.pages.reading import Row, State, home_of, live_of, state_of
from meetbefore_assets.web.pages.rendering import page

FACES_A_PAGE, ENCOUNTERS_AT_FIRST, SHOTS, WITH = 120, 12, 6, 8


@dataclass(frozen=True)
class Shot:
    """One face: its picture, its time in the video, and how well it fits (cosine; "" if there is nothing to compare with)."""

    face_id: str
    video_id: str
    offset: str
    similarity: str
    track_id: str
    when: Phrase


@dataclass(frozen=True)
class Part:
    """The part of an encounter in one video: file, local time, offsets, number of faces, and the best face."""

    file_name: str
    clock: str
    places: str
    faces: int
    shots: tuple[Shot, ...]


@dataclass(frozen=True)
class Meeting:
    """One encounter."""

    when: Phrase
    gap: Phrase | None
    place: Phrase | None
    sure: str
    parts: tuple[Part, ...]
    why: Phrase
    holds: Phrase | None
    company: tuple[PersonCard, ...]


@dataclass(frozen=True)
class Why:
    """Why it is one person: typical and lowest similarity, the least certain encounter, and whom they resemble most."""

    middle: str
    least: str
    least_sure: tuple[Phrase, str] | None
    nearest: PersonCard | None
    nearest_similarity: str


def person_page(
    request: Request, person_id: str, problem: MeetbeforeError | None = None, *, same_as: str = "", typed: str | None = None
) -> Response:
    """The page of a person.

    Args:
        request: its query may ask for a page of the faces and for all encounters.
        person_id: an id the person has or had.
        problem: why something could not be done.
        same_as: id of somebody who has the name that was given: the two may be merged.
        typed: what stands in the field of the name; None: the name.
    """
    state = state_of(request)
    row: Row | None = state.view.person(person_id)
    if row is None:
        return page(request, "gone.html.jinja", status=404, title="gone.person", text="gone.person.text")
    person_id = str(row["person_id"])
    faces, encounters = live_of(request).fit(person_id), state.view.encounters_of(person_id)
    own = state.view.faces_of(person_id).drop("similarity").join(faces, on="face_id", how="left")
    begins: list[dt.datetime] = encounters.group_by("encounter_id").agg(pl.col("started_at").min())["started_at"].sort().to_list()
    days = [local(moment, state.zone) for moment in begins]
    worst_first = own.sort("similarity", "seen_at", "face_id", nulls_last=True)
    shown, pages = paged(worst_first, filter_of(request.query_params).page, FACES_A_PAGE)
    shown_meetings = len(begins) if "encounters" in request.query_params else ENCOUNTERS_AT_FIRST
    return page(
        request,
        "person.html.jinja",
        status=409 if problem else 200,
        problem=problem,
        back=f"/person/{person_id}",
        person=cards_of(state, [person_id])[0],
        typed=(row["name"] or "") if typed is None else typed,
        same_as=cards_of(state, [same_as])[0] if same_as else None,
        names=named(state),
        sentence=sentence(row, state.zone),
        habit=rhythm_phrase(encounters, state.zone) or habit(row),
        chance=chance_phrase(row),
        visible=say("visible", seconds=f"{row['seconds_visible']:,.0f}", videos=count(row["videos"], "video")),
        sure=sureness(row["same_person"]),
        sure_value=row["same_person"] or 0.0,
        strip=_strip(state, begins),
        meetings=_meetings(state, own, encounters, shown_meetings),
        meetings_left=max(0, len(begins) - shown_meetings),
        meetings_count=len(begins),
        week=week(days),
        months=_months(days),
        weekdays=WEEKDAYS,
        letters=WEEKDAY_LETTERS,
        map=_map(request, encounters),
        company=_company(state, encounters),
        why=_why(state, own, encounters),
        joined=joined_from(state.threshold, state.sureness),
        faces=[_shot(one, state) for one in shown.iter_rows(named=True)],
        pages=pages,
    )


def _strip(state: State, begins: list[dt.datetime]) -> str:
    """The encounters as dots on a line from the first to the last moment of all recordings."""
    seen = state.view.faces["seen_at"]
    first: dt.datetime = seen.min()  # type: ignore[assignment]
    last: dt.datetime = seen.max()  # type: ignore[assignment]
    return strip_path(begins, first, last)


def _months(days: list[dt.datetime]) -> tuple[Month, ...]:
    dates = [day.date() for day in days]
    return months(dates, dates)


def _shot(row: Row, state: State) -> Shot:
    similarity = "" if row["similarity"] is None else f"{row['similarity']:.2f}"
    when = full_clock(row["seen_at"], state.zone)
    return Shot(row["face_id"], row["video_id"], offset(row["time_s"]), similarity, row["track_id"], when)


def _meetings(state: State, faces: pl.DataFrame, encounters: pl.DataFrame, most: int) -> list[Meeting]:
    """The encounters, the latest first, at most `most`."""
    ordered = encounters.with_columns(pl.col("started_at").min().over("encounter_id").alias("begins"))
    rows = ordered.sort(["begins", "encounter_id", "started_at"], descending=[True, False, False]).iter_rows(named=True)
    wholes = [list(parts) for _, parts in islice(groupby(rows, itemgetter("encounter_id")), most)]
    videos = pl.DataFrame({"video_id": list({row["video_id"] for parts in wholes for row in parts})}, schema={"video_id": pl.String})
    there = faces.join(videos, on="video_id", how="semi").sort("seen_at")
    by_video = {str(video): own.to_dicts() for (video,), own in there.group_by("video_id", maintain_order=True)}
    return [_meeting(state, parts, by_video) for parts in wholes]


def _meeting(state: State, rows: list[Row], by_video: dict[str, list[Row]]) -> Meeting:
    first = rows[0]
    groups = [_seen_in(by_video.get(row["video_id"], []), row) for row in rows]
    columns = [{name: [face[name] for face in group] for name in ("runner_up_person_id", "runner_up_similarity")} for group in groups]
    similar = [[face["similarity"] for face in group if face["similarity"] is not None] for group in groups]
    seen_with = sorted({other for row in rows for other in row["seen_with"] or ()}, key=state.label)
    return Meeting(
        when=clock(first["started_at"], state.zone),
        gap=None if first["gap_before_h"] is None else say("meeting.gap", span=span(first["gap_before_h"])),
        place=place_phrase(first),
        sure=sureness(first["same_person"]),
        parts=tuple(_part(row, group, state) for row, group in zip(rows, groups, strict=True)),
        why=why([{**own, "similarity": values} for own, values in zip(columns, similar, strict=True)], state.labels),
        holds=threshold_range_phrase(first, state.sureness),
        company=tuple(cards_of(state, seen_with[:WITH])),
    )


def _seen_in(faces: list[Row], row: Row) -> list[Row]:
    """The faces of a video that belong to an encounter (a row of ENCOUNTER_SCORES)."""
    return [face for face in faces if row["started_at"] <= face["seen_at"] <= row["ended_at"]]


def _part(row: Row, faces: list[Row], state: State) -> Part:
    best = sorted(sorted(faces, key=lambda face: (-face["quality"], face["face_id"]))[:SHOTS], key=itemgetter("time_s"))
    begins, ends = (local(row[name], state.zone) for name in ("started_at", "ended_at"))
    places = ranges([face["time_s"] for face in faces], 1.5 * state.interval_s)
    return Part(str(row["file_name"]), clock_range(begins, ends), places, len(faces), tuple(_shot(face, state) for face in best))


def _map(request: Request, encounters: pl.DataFrame) -> Markup:
    if not encounters["latitude"].count():
        return Markup("")
    home = home_of(request)
    return map_svg(encounters, place_table(home, sorted(set(encounters["video_id"]) & set(matched_videos(home)))))


def _company(state: State, encounters: pl.DataFrame) -> list[tuple[PersonCard, int]]:
    """People who were there too, the most frequent first, with the number of shared encounters."""
    others = encounters.select("encounter_id", "seen_with").explode("seen_with", empty_as_null=True).drop_nulls().unique()
    counted = others.group_by("seen_with").len().sort(["len", "seen_with"], descending=[True, False])
    times: dict[str, int] = dict(counted.iter_rows())
    return [(card, times[card.person_id]) for card in cards_of(state, list(times)[:WITH])]


def _why(state: State, faces: pl.DataFrame, encounters: pl.DataFrame) -> Why | None:
    similar = faces["similarity"].drop_nulls().to_list()
    if not similar or faces["track_id"].n_unique() < 2:
        return None
    groups: list[dict[str, Any]] = [faces.select("runner_up_person_id", "runner_up_similarity").to_dict(as_series=False)]
    nearest = runner_up(groups)
    least = encounters.drop_nulls("same_person").sort("same_person", "started_at").head(1).to_dicts()
    return Why(
        middle=f"{median(similar):.2f}",
        least=f"{min(similar):.2f}",
        least_sure=(clock(least[0]["started_at"], state.zone), words.sureness(least[0]["same_person"])) if least else None,
        nearest=next(iter(cards_of(state, [nearest[0]])), None) if nearest else None,
        nearest_similarity=f"{nearest[1]:.2f}" if nearest else "",
    )
