"""The plan of the demo archive: who is where, before any pixel is drawn."""

import re
from datetime import datetime
from itertools import pairwise

import pytest

from meetbefore_assets.demo import cast

SEEDS = (7, 0, 1, 12345)


@pytest.fixture(params=SEEDS)
def clips(request: pytest.FixtureRequest) -> tuple[cast.Clip, ...]:
    return cast.plan(request.param)


def clips_of(clips: tuple[cast.Clip, ...], label: str) -> list[cast.Clip]:
    return [clip for clip in clips if label in clip.people]


def test_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    assert cast.plan(7) == cast.plan()
    assert cast.plan(7) != cast.plan(8)


def test_at_least_eight_clips_can_be_opened_on_at_least_four_days(clips: tuple[cast.Clip, ...]) -> None:
    good = [clip for clip in clips if not clip.is_broken]
    assert len(good) >= 8
    assert len({clip.started_at.date() for clip in good if clip.appearances}) >= 4
    assert all(8 <= clip.duration_s <= 12 for clip in good)


def test_names_are_djis_numbered_in_order_of_time_and_agree_with_the_start(clips: tuple[cast.Clip, ...]) -> None:
    for number, clip in enumerate(clips, 1):
        match = re.fullmatch(r"DJI_(\d{14})_(\d{4})_D\.MP4", clip.name)
        assert match is not None
        assert datetime.strptime(match[1], "%Y%m%d%H%M%S") == clip.started_at
        assert int(match[2]) == number
    assert [clip.started_at for clip in clips] == sorted(clip.started_at for clip in clips)


def test_one_clip_is_broken_and_one_good_clip_is_empty(clips: tuple[cast.Clip, ...]) -> None:
    assert [clip.name for clip in clips if clip.is_broken] == ["DJI_20250311181523_0006_D.MP4"]
    assert sum(not clip.appearances and not clip.is_broken for clip in clips) == 1


def test_roles_are_what_they_say(clips: tuple[cast.Clip, ...]) -> None:
    with_people = [clip for clip in clips if clip.appearances]
    for person in cast.PEOPLE:
        count, days = len(clips_of(clips, person.label)), {clip.started_at.date() for clip in clips_of(clips, person.label)}
        if person.role == "companion":
            assert count >= len(with_people) - 1
        elif person.role == "returning":
            assert 2 <= count <= 4
            assert len(days) == count
        else:
            assert count == 1
    assert [person.role for person in cast.PEOPLE].count("companion") == 1
    assert 3 <= [person.role for person in cast.PEOPLE].count("returning") <= 4


def test_who_comes_back_looks_different_each_time(clips: tuple[cast.Clip, ...]) -> None:
    for person in cast.PEOPLE:
        seen = [appearance for clip in clips for appearance in clip.appearances if appearance.person == person.label]
        greens = sorted(appearance.gain[1] for appearance in seen)
        assert len({appearance.face_px for appearance in seen}) == len(seen)
        assert len(set(greens)) == len(seen)
        if len(seen) > 1:
            assert greens[-1] / greens[0] > 1.08


def test_heads_stay_inside_the_picture_and_never_meet(clips: tuple[cast.Clip, ...]) -> None:
    for clip in clips:
        assert len(clip.appearances) <= 4
        for tenth in range(clip.duration_s * 10):
            spans = []
            for appearance in clip.appearances:
                if appearance.is_there(tenth / 10):
                    x, y, width, _ = appearance.pose(tenth / 10)
                    half = width * cast.person_of(appearance.person).side_per_width / 2
                    assert half - 0.01 <= y <= cast.HEIGHT - half + 0.01
                    spans.append((x - half, x + half))
            ends = [-0.01, *(edge for span in sorted(spans) for edge in span), cast.WIDTH + 0.01]
            assert all(a <= b + 0.02 for a, b in pairwise(ends))


def test_faces_are_between_45_and_140_pixels_wide_and_inside_the_clips_time(clips: tuple[cast.Clip, ...]) -> None:
    for clip in clips:
        for appearance in clip.appearances:
            assert all(cast.MIN_FACE_PX <= size <= cast.MAX_FACE_PX for size in appearance.face_px)
            assert 0 <= appearance.start_s < appearance.end_s <= clip.duration_s
            assert appearance.end_s - appearance.start_s >= 4


def test_box_has_the_width_of_the_pose_and_the_aspect_of_the_person() -> None:
    appearance = cast.Appearance("astronaut", 2.0, 6.0, (100, 300), (200, 240), (50, 70), (0, 8), (1, 1, 1), 0.0, False)
    x1, y1, x2, y2 = appearance.box(4.0)
    assert ((x1 + x2) / 2, (y1 + y2) / 2) == pytest.approx((200, 220))
    assert x2 - x1 == pytest.approx(60)
    assert (y2 - y1) / (x2 - x1) == pytest.approx(114 / 90)


def test_appearance_begins_with_its_start_and_is_over_at_its_end() -> None:
    appearance = cast.plan()[0].appearances[0]
    assert appearance.is_there(appearance.start_s)
    assert not appearance.is_there(appearance.end_s)


def test_truth_has_a_row_a_second_for_everybody_in_a_clip_that_can_be_opened(clips: tuple[cast.Clip, ...]) -> None:
    rows = cast.truth(clips)
    slow = {
        (clip.name, second, appearance.person)
        for clip in clips
        if not clip.is_broken
        for second in range(clip.duration_s)
        for appearance in clip.appearances
        if appearance.start_s <= second < appearance.end_s
    }
    assert {(row.video, row.t_s, row.person) for row in rows} == slow
    assert len(rows) == len(slow)
    assert {row.person for row in rows} == {person.label for person in cast.PEOPLE}
    assert all((datetime.fromisoformat(row.time) - clip_start(clips, row.video)).total_seconds() == row.t_s for row in rows)


def clip_start(clips: tuple[cast.Clip, ...], name: str) -> datetime:
    return next(clip.started_at for clip in clips if clip.name == name)


def test_labels_are_unique_and_unknown_ones_are_refused() -> None:
    assert len({person.label for person in cast.PEOPLE}) == len(cast.PEOPLE)
    with pytest.raises(KeyError):
        cast.person_of("nobody")
