"""The map: a plain drawing of ways and meetings."""

import datetime as dt
from xml.etree import ElementTree

import polars as pl
import pytest

from meetbefore_assets.core.schema.recordings import PLACES
from meetbefore_assets.publishing.page.map import WIDTH, frame_of, map_svg

Met = tuple[str, float | None, float | None]


def met(*rows: Met) -> pl.DataFrame:
    schema = {"person_id": pl.String, "latitude": pl.Float64, "longitude": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.lit(dt.datetime(2025, 3, 7)).alias("started_at"))


def ways(*rows: tuple[str, float, float, float, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=PLACES.dtypes, orient="row")


def test_without_a_place_there_is_no_map() -> None:
    assert map_svg(met(("ann", None, None)), ways(("v", 0, 1, 1, "srt"))) == ""
    assert map_svg(met().drop("latitude"), ways()) == ""


def test_dots_lines_and_a_bar_lie_inside_and_names_are_escaped() -> None:
    rows = [("v", float(i), 48.0 + i / 1000, 2.0 + i / 500, "srt") for i in range(50)]
    drawing = ElementTree.fromstring(map_svg(met(("<b>", 48.01, 2.02), ("ann", 48.04, 2.09)), ways(*rows)))
    height = float(drawing.get("viewBox", "").split()[3])
    dots = [(float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in drawing.iter("circle")]
    line = next(drawing.iter("polyline")).get("points", "").split()
    points = dots + [tuple(map(float, point.split(","))) for point in line]  # type: ignore[operator]
    assert all(0 <= x <= WIDTH and 0 <= y <= height for x, y in points)
    assert dots[0][0] < dots[1][0]
    assert dots[0][1] > dots[1][1]
    assert [title.text for title in drawing.iter("title")] == ["<b> 2025-03-07", "ann 2025-03-07"]
    assert next(text.text for text in drawing.iter("text")) in ("1 km", "2 km", "5 km")


def test_a_way_is_broken_where_nothing_is_known() -> None:
    rows = [("v", time_s, 48 + time_s / 1e4, 2.0, "gpx") for time_s in (0.0, 10.0, 500.0, 510.0)]
    drawing = ElementTree.fromstring(map_svg(met(("ann", 48.0, 2.0)), ways(*rows, ("w", 0, 48.1, 2.1, "location"))))
    assert len(list(drawing.iter("polyline"))) == 2


def test_one_place_alone_is_drawn_in_the_middle() -> None:
    frame = frame_of([48.0], [2.0])
    assert frame.at(48.0, 2.0) == (pytest.approx(WIDTH / 2), pytest.approx(frame.height / 2))


@pytest.mark.parametrize("latitude", [0.0, 60.0])
def test_a_kilometre_is_as_long_eastwards_as_northwards(latitude: float) -> None:
    frame = frame_of([latitude - 0.1, latitude + 0.1], [2.0, 2.5])
    x, y = frame.at(latitude, 2.1)
    step = 0.01
    north, east = frame.at(latitude + step, 2.1), frame.at(latitude, 2.1 + step * (2 if latitude else 1))
    assert y - north[1] == pytest.approx(east[0] - x, rel=0.02)
