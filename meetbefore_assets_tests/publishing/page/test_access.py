"""The page for everybody: both languages, headings and labels, contrast."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from meetbefore_assets.publishing.page import render
from meetbefore_assets.publishing.page.render import write_report
from meetbefore_assets_tests.support.page_reader import read
from meetbefore_assets_tests.support.record import Record, dji

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_each_language_is_whole_and_free_of_the_other(record: Record) -> None:
    path = Path(write_report(record.finish()).path)
    english, chinese = read(path, "en").text, read(path, "zh-CN").text
    assert not CHINESE.search(english)
    assert "2 次相遇，分布在 2 天，前后跨越 36 小时，最近一次在2025年3月4日周二" in chinese
    prose = " ".join(read(path, "zh-CN").prose)
    for known in ("holiday.mp4", "cy2", "cy", "torn.mp4", dji(3), dji(4, 20), dji(9), "ann", "bob", "UTC", "dji", "QuickTime"):
        prose = prose.replace(known, "")
    assert not re.findall(r"[A-Za-z]+", prose.replace("People you keep meeting", ""))


def test_headings_landmarks_and_labels(record: Record) -> None:
    shown = read(Path(write_report(record.finish()).path))
    tags = [tag for tag, _ in shown.elements]
    assert tags.count("h1") == tags.count("main") == tags.count("header") == tags.count("nav") == 1
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attrs["id"] for _, attrs in shown.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in shown.elements:
        for name in ("aria-labelledby", "for"):
            assert name not in attrs or attrs[name] in ids
        assert not str(attrs.get("href", "#")).removeprefix("#") or str(attrs["href"])[1:] in ids


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_every_ground(theme: int) -> None:
    style = (Path(render.__file__).parent / "page.css").read_text(encoding="utf-8")
    colours = {name: pair[theme] for name, *pair in re.findall(r"--(\w+): light-dark\((#\w{6}), (#\w{6})\)", style)}
    for ink in ("ink", "quiet", "accent", "warn"):
        for ground in ("ground", "card", "soft"):
            bright, dim = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
            assert (bright + 0.05) / (dim + 0.05) >= 4.5, (ink, ground)
