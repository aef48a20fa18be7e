"""News in words."""

import datetime as dt

from meetbefore_assets.encounters.news_items import News
from meetbefore_assets.publishing.news import lines

SINCE = dt.datetime(2025, 3, 7, 8)


def test_videos_without_anybody_to_tell_of_are_no_heading_alone() -> None:
    head, rest = lines(News(SINCE, SINCE, videos=1), "UTC")
    assert head.en == "News of 1 video since 2025-03-07 08:00:"
    assert (rest.en, rest.zh) == ("nobody new, and no stranger met again", "没有新的人，也没有再次遇见陌生人")


def test_one_line_of_news_stands_alone() -> None:
    _, *rest = lines(News(SINCE, SINCE, videos=1, new_people=2), "UTC")
    assert [line.en for line in rest] == ["2 people seen for the first time"]
