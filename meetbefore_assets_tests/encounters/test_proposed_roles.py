"""Who is proposed as oneself or as a companion."""

import polars as pl

from meetbefore_assets.encounters.person_facts import proposed_roles

VIDEOS = [f"v{number}" for number in range(5)]


def roles(seen: list[tuple[str, str, float]], videos: list[str] = VIDEOS, duration_s: float = 60.0) -> dict[str, str]:
    table = pl.DataFrame(seen, schema={"person_id": pl.String, "video_id": pl.String, "time_s": pl.Float64}, orient="row")
    known = pl.DataFrame(
        {"video_id": videos, "duration_s": [duration_s] * len(videos)}, schema={"video_id": pl.String, "duration_s": pl.Float64}
    )
    return proposed_roles(table, known, 1.0)


def test_nobody_is_proposed_from_nothing() -> None:
    assert roles([]) == {}
    assert roles([], []) == {}


def test_few_videos_say_nothing() -> None:
    assert roles([("p", video, 30.0) for video in VIDEOS[:3]], VIDEOS[:3]) == {}


def test_whoever_is_in_most_videos_goes_along() -> None:
    assert roles([("p", video, 30.0) for video in VIDEOS[:4]]) == {"p": "companion"}
    assert roles([("p", video, 30.0) for video in VIDEOS[:3]]) == {}


def test_whoever_is_there_for_a_large_share_of_the_time_goes_along() -> None:
    long = [("p", video, float(second)) for video in VIDEOS[:2] for second in range(10, 48)]
    assert roles(long) == {"p": "companion"}
    assert roles(long[:70]) == {}
    assert roles([("p", "v0", second / 10) for second in range(100, 400)], duration_s=20.0) == {}


def test_a_large_share_of_very_little_says_nothing() -> None:
    brief = [("p", video, float(second)) for video in VIDEOS[:2] for second in range(6, 14)]
    assert roles(brief, duration_s=20.0) == {}
    assert roles([("p", video, float(second)) for video in VIDEOS[:3] for second in range(6, 26)], duration_s=48.0) == {"p": "companion"}


def test_many_faces_of_one_moment_are_one_moment() -> None:
    assert roles([("p", video, 30.0) for video in VIDEOS[:2] for _ in range(200)]) == {}


def test_whoever_is_seen_when_recording_starts_or_stops_is_oneself() -> None:
    assert roles([("p", video, at) for video, at in zip(VIDEOS, (0.0, 3.0, 57.0, 60.0, 30.0), strict=True)]) == {"p": "me"}
    assert roles([("p", video, at) for video, at in zip(VIDEOS, (0.0, 3.5, 56.5, 60.0, 30.0), strict=True)]) == {"p": "companion"}


def test_one_person_is_oneself() -> None:
    seen = [("p", video, 0.0) for video in VIDEOS] + [("q", video, 0.0) for video in VIDEOS[:4]]
    assert roles(seen) == {"p": "me", "q": "companion"}
    tied = [(one, video, 0.0) for one in ("q", "p") for video in VIDEOS]
    assert roles(tied) == {"p": "me", "q": "companion"}
