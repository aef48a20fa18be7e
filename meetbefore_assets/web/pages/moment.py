"""A moment: the seconds around a face, playing from the original file or frame by frame, with everybody's boxes and names."""

from dataclasses import dataclass
from itertools import pairwise

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meetbefore_assets.core.words import offset
from meetbefore_assets.home.home import Home
from meetbefore_assets.web.media.clips import AFTER_S, BEFORE_S
from meetbefore_assets.web.pages.cards import cards_of, full_clock
from meetbefore_assets.web.pages.reading import Row, State, home_of, state_of
from meetbefore_assets.web.pages.rendering import page

# How many frames are shown before and after the face.
FRAMES_EACH_SIDE = 3


@dataclass(frozen=True)
class Box:
    """Where a face is seen, in pixels of the upright picture, and from when to when (seconds in the video) it is drawn.

    `name` is "" where nobody gave one.
    """

    person_id: str
    name: str
    is_meant: bool
    x: float
    y: float
    width: float
    height: float
    from_s: float
    to_s: float


@dataclass(frozen=True)
class FrameOfStrip:
    """A frame near the face: seconds in the video, the same in words, whose boxes are drawn in."""

    time_s: float
    offset: str
    is_meant: bool
    boxes: tuple[Box, ...]


def moment(request: Request) -> Response:
    """The moment of a face."""
    state, home = state_of(request), home_of(request)
    face_id = request.path_params["face_id"]
    found = state.view.faces.filter(pl.col("face_id") == face_id)
    if not found.height:
        return page(request, "gone.html.jinja", status=404, title="moment.gone.face", text="gone.person.text")
    face = found.row(0, named=True)
    video = home.store.get("videos", face["video_id"]).row(0, named=True)
    near = _near(state, face)
    previous, following = _neighbours(state, face)
    return page(
        request,
        "moment.html.jinja",
        face_id=face_id,
        person=cards_of(state, [face["person_id"]])[0],
        when=full_clock(face["seen_at"], state.zone),
        offset=offset(face["time_s"]),
        video=video,
        kind=_kind(home, face["video_id"]),
        is_there=_is_there(home, face["video_id"]),
        begins_s=max(0.0, face["time_s"] - BEFORE_S),
        ends_s=face["time_s"] + AFTER_S,
        time_s=face["time_s"],
        boxes=near,
        strip=_strip(near, face["time_s"], state.interval_s),
        people=cards_of(state, dict.fromkeys(box.person_id for box in near)),
        previous=previous,
        following=following,
    )


def _is_there(home: Home, video_id: str) -> bool:
    return home.is_present(home.store.get("sources", video_id, ["uri"])["uri"].to_list())


def _kind(home: Home, video_id: str) -> str:
    """video or pictures: a folder of pictures has frames and nothing to play."""
    return str(home.store.get("sources", video_id, ["kind"])["kind"][0])


def _near(state: State, face: Row) -> list[Box]:
    """Everybody seen in the seconds around a face; a box is drawn until the next of its track, the last for half an interval."""
    there = state.view.faces.filter(
        (pl.col("video_id") == face["video_id"])
        & pl.col("time_s").is_between(face["time_s"] - BEFORE_S - state.interval_s, face["time_s"] + AFTER_S)
    ).sort("time_s", "x1")
    boxes = []
    for (_,), rows in there.group_by("track_id", maintain_order=True):
        seen = rows.to_dicts()
        ends = [min(after["time_s"], before["time_s"] + 2 * state.interval_s) for before, after in pairwise(seen)]
        last = seen[-1]["time_s"] + state.interval_s / 2
        for row, end in zip(seen, [*ends, last], strict=True):
            boxes.append(box_of(state, row, end, is_meant=row["person_id"] == face["person_id"]))
    return boxes


def box_of(state: State, row: Row, to_s: float, *, is_meant: bool) -> Box:
    """The box of a face (a row of FACE_COLUMNS), drawn until `to_s`."""
    width, height = row["x2"] - row["x1"], row["y2"] - row["y1"]
    return Box(row["person_id"], state.names.get(row["person_id"], ""), is_meant, row["x1"], row["y1"], width, height, row["time_s"], to_s)


def _strip(boxes: list[Box], time_s: float, interval_s: float) -> list[FrameOfStrip]:
    """Frames around a face, a sampling interval apart, so that boxes are known in them."""
    step = max(interval_s, 0.5)
    frames = []
    for number in range(-FRAMES_EACH_SIDE, FRAMES_EACH_SIDE + 1):
        at = time_s + number * step
        if at < 0:
            continue
        seen = tuple(box for box in boxes if abs(box.from_s - at) < step / 4)
        # Where faces are known the frame is theirs, or boxes would lie beside them.
        frames.append(FrameOfStrip(seen[0].from_s if seen else at, offset(at), number == 0, seen))
    return frames


def _neighbours(state: State, face: Row) -> tuple[str, str]:
    """Ids of the person's faces before and after this one, by time; "" at an end."""
    own = state.view.faces_of(face["person_id"]).sort("seen_at", "face_id")["face_id"].to_list()
    place = own.index(face["face_id"])
    return own[place - 1] if place else "", own[place + 1] if place + 1 < len(own) else ""


ROUTES = [Route("/moment/{face_id}", moment)]
