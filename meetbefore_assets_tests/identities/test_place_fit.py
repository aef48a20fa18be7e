"""A place finds the face of its track in a home that samples other frames, and never a face of which nothing is known."""

import itertools

import numpy as np
import pytest

from meetbefore_assets.identities.corrections import LEAST_IOU, NEAR_S, Anchor
from meetbefore_assets.identities.place_fit import VideoFaces, find_face

Seen = tuple[int, float, float, float]  # track, second, left edge, side


def video(*seen: Seen) -> VideoFaces:
    boxes = np.array([[x, 0.0, x + side, side] for _, _, x, side in seen]).reshape(-1, 4)
    return VideoFaces(np.array([at for _, at, _, _ in seen]), boxes, np.array([track for track, *_ in seen], np.int64))


def place(time_s: float, x: float, side: float = 10.0) -> Anchor:
    return Anchor("v", time_s, x, 0.0, x + side, side)


def test_a_face_within_the_tolerance_is_found_the_nearest_in_time_first() -> None:
    faces = video((1, 0.0, 0, 10), (1, 0.9, 0, 10), (2, 0.9, 50, 10))
    assert find_face([place(0.4, 0)], faces) == 0
    assert find_face([place(0.5, 0)], faces) == 1
    assert find_face([place(0.9, 49)], faces) == 2


def test_between_two_faces_of_a_track_its_box_moves_evenly() -> None:
    faces = video((1, 0.0, 0, 10), (1, 10.0, 100, 10))
    assert find_face([place(3.0, 30)], faces) == 0
    assert find_face([place(7.0, 70)], faces) == 1
    assert find_face([place(3.0, 70)], faces) is None


@pytest.mark.parametrize("time_s", [-0.6, 10.6])
def test_before_and_after_a_track_nothing_is_guessed(time_s: float) -> None:
    assert find_face([place(time_s, 0)], video((1, 0.0, 0, 10), (1, 10.0, 0, 10))) is None


def test_between_faces_of_two_tracks_nothing_is_guessed() -> None:
    assert find_face([place(5.0, 0)], video((1, 0.0, 0, 10), (2, 10.0, 0, 10))) is None


def test_the_other_places_of_a_track_are_tried_in_turn() -> None:
    faces = video((1, 6.0, 60, 10))
    assert find_face([place(3.0, 30), place(4.5, 45), place(6.0, 60)], faces) == 0
    assert find_face([place(3.0, 30), place(4.5, 45)], faces) is None
    assert find_face([], faces) is None


def test_there_may_be_no_faces_at_all() -> None:
    assert find_face([place(0.0, 0)], video()) is None


def slow(one: Anchor, faces: VideoFaces) -> set[int]:
    """All rows that may be told, straight from the description: of equals, any."""

    def overlap(box: list[float]) -> float:
        width = max(0.0, min(box[2], one.x2) - max(box[0], one.x1))
        height = max(0.0, min(box[3], one.y2) - max(box[1], one.y1))
        area = (box[2] - box[0]) * (box[3] - box[1]) + (one.x2 - one.x1) * (one.y2 - one.y1)
        return width * height / (area - width * height)

    near = [
        (round(abs(at - one.time_s), 3), -overlap(box), row)
        for row, (at, box) in enumerate(zip(faces.time_s.tolist(), faces.boxes.tolist(), strict=True))
        if round(abs(at - one.time_s), 3) <= NEAR_S and overlap(box) >= LEAST_IOU
    ]
    if near:
        best = min(near)
        return {row for away, fit, row in near if (away, fit) == best[:2]}
    found: list[tuple[float, int]] = []
    for track in set(faces.track.tolist()):
        rows = sorted((float(faces.time_s[row]), row) for row in np.flatnonzero(faces.track == track))
        for (before, first), (after, second) in itertools.pairwise(rows):
            if before < one.time_s < after:
                share = (one.time_s - before) / (after - before)
                box = [a + share * (b - a) for a, b in zip(faces.boxes[first].tolist(), faces.boxes[second].tolist(), strict=True)]
                if overlap(box) >= LEAST_IOU:
                    found.append((overlap(box), first if share <= 0.5 else second))
    return {row for fit, row in found if fit >= max(found)[0] - 1e-9}


@pytest.mark.parametrize("seed", range(20))
def test_it_finds_what_a_slow_search_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seen = [
        (track, float(at), float(rng.uniform(0, 60)), float(rng.uniform(5, 30)))
        for track in range(6)
        for at in np.sort(rng.choice(20, int(rng.integers(1, 6)), replace=False))
    ]
    faces = video(*seen)
    for _ in range(50):
        one = place(round(float(rng.uniform(-1, 21)), 2), float(rng.uniform(0, 60)), float(rng.uniform(5, 30)))
        found = find_face([one], faces)
        assert {found} <= slow(one, faces) if found is not None else slow(one, faces) == set()
