"""Which videos say what an archive's people share."""

import numpy as np
import polars as pl
import pytest

from meetbefore_assets.identities.look_sample import look_videos, tells_the_look


def archive(videos, tracks=12):
    return {f"video {number}": tracks for number in range(videos)}


@pytest.mark.parametrize("videos", [0, 1, 16, 31])
def test_a_small_archive_is_asked_whole(videos):
    assert look_videos(archive(videos)) == set(archive(videos))


@pytest.mark.parametrize(("videos", "share"), [(200, 1 / 8), (2000, 1 / 64), (20000, 1 / 1024)])
def test_of_a_large_one_so_many_videos_are_asked(videos, share):
    assert len(look_videos(archive(videos))) == pytest.approx(videos * share, rel=0.5)


def test_a_few_videos_of_many_faces_are_all_asked():
    assert look_videos(archive(20, tracks=1000)) == set(archive(20))


def test_many_videos_of_few_faces_are_asked_until_there_are_enough():
    assert len(look_videos(archive(300, tracks=1))) == 300
    assert len(look_videos(archive(4000, tracks=1))) == pytest.approx(250, abs=60)


def test_videos_without_faces_do_not_count():
    empty = {f"landscape {number}": 0 for number in range(500)}
    assert look_videos(archive(20) | empty) == set(archive(20))


def test_the_order_of_arrival_does_not_matter():
    there = archive(300)
    assert look_videos(dict(reversed(there.items()))) == look_videos(there)


@pytest.mark.parametrize(("videos", "most"), [(200, 0.2), (2000, 0.04), (20000, 0.01)])
def test_one_more_video_seldom_changes_it(videos, most):
    there = archive(videos)
    before = look_videos(there)
    changed = [look_videos({**there, f"one more {number}": 12}) != before for number in range(200 if videos < 20000 else 30)]
    assert np.mean(changed) <= most


def test_who_is_in_it_stays_in_it_until_the_archive_has_doubled():
    assert look_videos(archive(270)) <= look_videos(archive(500))
    assert look_videos(archive(520)) < look_videos(archive(500))


def test_the_tracks_of_those_videos_are_marked():
    video_of = pl.Series([f"video {number}" for number in range(300) for _ in range(12)])
    asked = look_videos(archive(300))
    assert tells_the_look(video_of).tolist() == [video in asked for video in video_of]
