"""Coordinates from what files say, and the place of a moment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.core.ports import GpsFix
from meetbefore_assets.recordings.gps import cell, is_on_earth, parse_iso6709, place_at, tagged_location


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+31.2304+121.4737+010.000/", (31.2304, 121.4737)),
        ("-33.8688+151.2093/", (-33.8688, 151.2093)),
        ("+40.7-074.0", (40.7, -74.0)),
        ("+4012.22-07500.25/", (40 + 12.22 / 60, -75 - 0.25 / 60)),
        ("+401213.1-0750015.1/", (40 + 12 / 60 + 13.1 / 3600, -75 - 15.1 / 3600)),
        ("+48.8577+002.295/", (48.8577, 2.295)),
        ("+00.0000+000.0000/", None),
        ("+91.0+000.5/", None),
        ("48.8, 2.3", None),
        ("+48.8", None),
        ("", None),
    ],
)
def test_iso_6709(text: str, expected: tuple[float, float] | None) -> None:
    found = parse_iso6709(text)
    assert found == (None if expected is None else pytest.approx(expected))


@given(st.floats(-89.9, 89.9), st.floats(-179.9, 179.9))
def test_degrees_come_back_as_they_were_written(latitude: float, longitude: float) -> None:
    expected = (round(latitude, 4), round(longitude, 4))
    assert parse_iso6709(f"{latitude:+08.4f}{longitude:+09.4f}/") == (pytest.approx(expected) if is_on_earth(*expected) else None)


def test_the_most_precise_tag_is_taken() -> None:
    tags = {"location": "+10.0000+020.0000/", "com.apple.quicktime.location.iso6709": "+11.0000+021.0000/"}
    assert tagged_location(tags) == (11.0, 21.0)
    assert tagged_location({"location": "somewhere", "location-eng": "+1.5+2.5/"}) == (1.5, 2.5)
    assert tagged_location({}) is None


def test_between_two_fixes_the_place_lies_between_them() -> None:
    fixes = [GpsFix(0, 10, 20), GpsFix(100, 11, 22)]
    assert place_at(25, fixes) == pytest.approx((10.25, 20.5))
    assert place_at(0, fixes) == (10, 20)


def test_over_a_long_gap_only_what_is_near_is_known() -> None:
    fixes = [GpsFix(0, 10, 20), GpsFix(1000, 11, 22)]
    assert [place_at(time_s, fixes) for time_s in (50, 500, 950, 1050, 1100)] == [(10, 20), None, (11, 22), (11, 22), None]
    assert place_at(0, []) is None


def test_the_date_line_is_crossed_the_short_way() -> None:
    assert place_at(50, [GpsFix(0, 0.5, 179.9), GpsFix(100, 0.5, -179.9)]) == pytest.approx((0.5, -180), abs=1e-9)


def test_near_places_share_a_cell() -> None:
    assert cell(31.2304, 121.4737) == cell(31.2310, 121.4731)
    assert cell(31.2304, 121.4737) != cell(31.2504, 121.4737)
