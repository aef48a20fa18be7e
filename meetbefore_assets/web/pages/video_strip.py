"""Who appears when in a video: one line per person with the stretches in which they are seen, and frames along the time axis."""

from dataclasses import dataclass

import polars as pl

from meetbefore_assets.core.words import offset
from meetbefore_assets.web.pages.cards import PersonCard, cards_of
from meetbefore_assets.web.pages.moment import Box, box_of
from meetbefore_assets.web.pages.reading import State

MOST_LINES, FRAMES = 60, 12
# Units of a line's drawing, and the least of a stretch that one can still point at.
WIDTH, LEAST_WIDTH = 1000.0, 14.0


@dataclass(frozen=True)
class Stretch:
    """Somebody is seen from one moment to another; leads to the best face in it. x and width in 0..WIDTH."""

    face_id: str
    x: float
    width: float
    begins: str
    ends: str


@dataclass(frozen=True)
class Line:
    """A person and where they are seen."""

    person: PersonCard
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True)
class StripFrame:
    """A frame with the faces in it; leads to the moment of one of them."""

    face_id: str
    offset: str
    boxes: tuple[Box, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Strip:
    """The strip of a video; `more` counts people who are not listed, and `marks` are the times below the lines."""

    lines: tuple[Line, ...]
    more: int
    frames: tuple[StripFrame, ...]
    marks: tuple[str, ...]


def strip_of(state: State, video_id: str, duration_s: float) -> Strip:
    """Who appears when in a video of `duration_s` seconds."""
    faces = state.view.faces.filter(pl.col("video_id") == video_id).sort("time_s", "face_id")
    length_s = max(duration_s, *faces["time_s"].tail(1), 1e-3)
    order = faces.unique("person_id", keep="first", maintain_order=True)["person_id"].to_list()
    listed = cards_of(state, order[:MOST_LINES])
    lines = tuple(
        Line(card, _stretches(faces.filter(pl.col("person_id") == card.person_id), length_s, state.interval_s)) for card in listed
    )
    marks = tuple(offset(length_s * part) for part in (0, 0.25, 0.5, 0.75, 1))
    return Strip(lines, len(order) - len(listed), _frames(state, faces, length_s), marks)


def _stretches(faces: pl.DataFrame, length_s: float, interval_s: float) -> tuple[Stretch, ...]:
    """Stretches in which a person is seen without a gap longer than two sampled frames."""
    apart = (pl.col("time_s").diff().fill_null(0.0) > 2.5 * interval_s).cum_sum().alias("stretch")
    seen = faces.with_columns(apart).group_by("stretch", maintain_order=True)
    rows = seen.agg(
        pl.col("face_id").sort_by("quality", "face_id", descending=[True, False]).first(),
        pl.col("time_s").min().alias("first"),
        pl.col("time_s").max().alias("last"),
    )
    found = []
    for face_id, first, last in rows.select("face_id", "first", "last").iter_rows():
        begins, ends = max(first - interval_s / 2, 0.0), min(last + interval_s / 2, length_s)
        width = max((ends - begins) / length_s * WIDTH, LEAST_WIDTH)
        x = min(begins / length_s * WIDTH, WIDTH - width)
        found.append(Stretch(face_id, round(max(x, 0.0), 1), round(width, 1), offset(first), offset(last)))
    return tuple(found)


def _frames(state: State, faces: pl.DataFrame, length_s: float) -> tuple[StripFrame, ...]:
    """Frames with somebody in them, as evenly along the video as there are."""
    times = faces["time_s"].unique().sort()
    if not len(times):
        return ()
    wanted = [length_s * (number + 0.5) / FRAMES for number in range(FRAMES)]
    nearest = sorted({times[int((times - at).abs().arg_min() or 0)] for at in wanted})
    found = []
    for time_s in nearest:
        rows = faces.filter(pl.col("time_s") == time_s).to_dicts()
        boxes = tuple(box_of(state, row, time_s, is_meant=False) for row in rows)
        names = tuple(dict.fromkeys(box.name for box in boxes if box.name))
        found.append(StripFrame(max(rows, key=lambda row: row["quality"])["face_id"], offset(time_s), boxes, names))
    return tuple(found)
