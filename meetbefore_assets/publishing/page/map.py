"""Draws the map of the page as SVG, without map tiles or network: the camera's GPS tracks, and a dot for each encounter."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl
from markupsafe import Markup, escape

WIDTH, MARGIN = 800.0, 24.0
LEAST_HEIGHT, MOST_HEIGHT = 160.0, 800.0
# Seconds without a position that break a line; least width of the map, in degrees.
APART_S, LEAST_DEG = 120.0, 0.002
# Points less than so many pixels from the last one drawn are left out: they cannot be seen, and days of GPS have many.
LEAST_STEP = 0.7
_BAR_SHARE = 0.25


@dataclass(frozen=True)
class Frame:
    """Converts degrees to pixels (equirectangular: distances are true near the middle of the map)."""

    west: float
    north: float
    per_degree: float
    narrowing: float
    height: float

    def at(self, latitude: float, longitude: float) -> tuple[float, float]:
        """Return the pixel of a place: x to the right, y down."""
        return (longitude - self.west) * self.narrowing * self.per_degree + MARGIN, (self.north - latitude) * self.per_degree + MARGIN


def frame_of(latitudes: list[float], longitudes: list[float]) -> Frame:
    """Return the frame that shows all points, WIDTH pixels wide."""
    south, north, west, east = min(latitudes), max(latitudes), min(longitudes), max(longitudes)
    narrowing = max(math.cos(math.radians((south + north) / 2)), 0.01)
    wide, high = max((east - west) * narrowing, LEAST_DEG), max(north - south, LEAST_DEG / 4)
    per_degree = min((WIDTH - 2 * MARGIN) / wide, (MOST_HEIGHT - 2 * MARGIN) / high)
    height = max(high * per_degree + 2 * MARGIN, LEAST_HEIGHT)
    left = ((WIDTH - 2 * MARGIN) / per_degree - (east - west) * narrowing) / 2 / narrowing
    top = ((height - 2 * MARGIN) / per_degree - (north - south)) / 2
    return Frame(west - left, north + top, per_degree, narrowing, height)


@dataclass(frozen=True)
class Dot:
    """A place, degrees north and east; where it leads, if anywhere."""

    latitude: float
    longitude: float
    title: str
    address: str = ""


def map_svg(encounters: pl.DataFrame, tracks: pl.DataFrame) -> Markup:
    """Draw the map; the style sheet colours its classes way, met and bar. Empty where no place is known.

    Args:
        encounters: person_id, started_at, latitude, longitude (null where unknown); a dot each.
        tracks: video_id, time_s, latitude, longitude, source; a line each video, of what is no single location.
    """
    known = encounters.filter(pl.col("latitude").is_not_null()) if "latitude" in encounters.columns else encounters.clear()
    rows = known.select("person_id", "started_at", "latitude", "longitude").iter_rows() if known.height else ()
    dots = [Dot(latitude, longitude, f"{person} {moment:%Y-%m-%d}") for person, moment, latitude, longitude in rows]
    return draw_map(dots, tracks, f"{known.height} encounters")


def draw_map(dots: Sequence[Dot], tracks: pl.DataFrame, label: str) -> Markup:
    """Draw dots, and the ways of cameras; empty where there is no dot.

    Args:
        dots: places.
        tracks: as for `map_svg`.
        label: what the map shows, in words.
    """
    if not dots:
        return Markup("")
    ways = tracks.filter(pl.col("source") != "location").sort("video_id", "source", "time_s")
    frame = frame_of([*(dot.latitude for dot in dots), *ways["latitude"]], [*(dot.longitude for dot in dots), *ways["longitude"]])
    parts = [*(_line(points) for points in _runs(ways, frame)), *(_dot(dot, frame) for dot in dots), _bar(frame)]
    # What holds links is no single picture to those who do not see it.
    role = "group" if any(dot.address for dot in dots) else "img"
    head = f'<svg class="map" viewBox="0 0 {WIDTH:g} {frame.height:.0f}" role="{role}" aria-label="{escape(label)}">'
    return Markup(head + "".join(parts) + "</svg>")


def _runs(ways: pl.DataFrame, frame: Frame) -> Iterator[list[tuple[float, float]]]:
    points: list[tuple[float, float]] = []
    before: tuple[str, str, float] | None = None
    for video_id, source, time_s, latitude, longitude in ways.select("video_id", "source", "time_s", "latitude", "longitude").iter_rows():
        if before and (before[:2] != (video_id, source) or time_s - before[2] > APART_S):
            yield points
            points = []
        here = frame.at(latitude, longitude)
        if not points or math.dist(points[-1], here) >= LEAST_STEP:
            points.append(here)
        before = (video_id, source, time_s)
    yield points


def _line(points: list[tuple[float, float]]) -> str:
    return f'<polyline class="way" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>' if len(points) > 1 else ""


def _dot(dot: Dot, frame: Frame) -> str:
    x, y = frame.at(dot.latitude, dot.longitude)
    circle = f'<circle class="met" cx="{x:.1f}" cy="{y:.1f}" r="{6 if dot.address else 4}"><title>{escape(dot.title)}</title></circle>'
    return f'<a href="{escape(dot.address)}" aria-label="{escape(dot.title)}">{circle}</a>' if dot.address else circle


def _bar(frame: Frame) -> str:
    """Draw the scale bar: 1, 2 or 5 times a power of ten metres."""
    metres_per_pixel = 111_195 / frame.per_degree
    most = WIDTH * _BAR_SHARE * metres_per_pixel
    steps = [base * 10**power for power in range(-1, 8) for base in (1, 2, 5)]
    length = max((step for step, following in pairwise(steps) if step <= most), default=steps[0])
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    y, end = frame.height - 8, MARGIN + length / metres_per_pixel
    return f'<path class="bar" d="M{MARGIN:g} {y:.0f}H{end:.1f}"/><text class="bar" x="{end + 6:.1f}" y="{y + 4:.0f}">{text}</text>'
