from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.recordings.video.packets import LONGEST_DELAY, PacketTable, open_container, picture_stream, scan
from meetbefore_assets_tests.support.builders import draw_clip

SMALL = (160, 96)


def table_of(pts: list[int]) -> PacketTable:
    shown = np.ones(len(pts), bool)
    return PacketTable(np.array(pts, np.int64), np.arange(len(pts)), shown, shown, Fraction(1, 30), False)


@given(st.lists(st.integers(0, 200), unique=True, max_size=40))
def test_the_delay_is_the_most_pictures_that_one_overtakes(pts: list[int]) -> None:
    slow = max((sum(earlier > later for earlier in pts[max(0, i - LONGEST_DELAY) : i]) for i, later in enumerate(pts)), default=0)
    assert table_of(pts).delay == slow


@pytest.mark.parametrize(("bframes", "delays"), [(0, {0}), (2, {1, 2})])
def test_pictures_come_out_in_order_though_nothing_was_decoded_beforehand(tmp_path: Path, bframes: int, delays: set[int]) -> None:
    path = str(draw_clip(tmp_path / "a.mp4", size=SMALL, gop=10, bframes=bframes))
    table = scan(path)
    assert table.delay in delays
    with open_container(path) as quick, av.open(path) as thorough:
        found, expected = picture_stream(quick), thorough.streams.video[0]
        assert found.codec_context.pix_fmt is None
        assert (found.width, found.average_rate, found.duration) == (expected.width, expected.average_rate, expected.duration)
        assert [(p.pts, p.dts, p.is_keyframe) for p in quick.demux(found)] == [
            (p.pts, p.dts, p.is_keyframe) for p in thorough.demux(expected)
        ]


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "mpeg4"), ("a.mkv", "libx264")])
def test_what_the_header_does_not_say_is_found_by_decoding(tmp_path: Path, name: str, codec: str) -> None:
    with open_container(str(draw_clip(tmp_path / name, size=SMALL, codec=codec))) as container:
        assert picture_stream(container).codec_context.pix_fmt is not None
