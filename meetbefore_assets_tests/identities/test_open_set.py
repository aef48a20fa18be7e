"""Who of an archive's people a face is: odds against everybody at once, and nobody as an answer."""

import math

import numpy as np
import pytest

from meetbefore_assets.core.model_packs import AskingModel
from meetbefore_assets.core.ports import F32
from meetbefore_assets.identities.evidence import EvidenceLinkage, EvidencePolicy, SharedLook
from meetbefore_assets.identities.open_set import NEAREST, Views, compare, probabilities
from meetbefore_assets.identities.vectors import Rows
from meetbefore_assets_tests.support.fakes import MEASURED

ASKING = AskingModel(slope=0.75, offset=0.1)


def unit(rows: np.ndarray) -> F32:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def archive(people: int, tracks: int, seed: int = 3, size: int = 32) -> tuple[Views, F32]:
    """Tracks, and the people's true directions."""
    rng = np.random.default_rng(seed)
    true = rng.normal(size=(people, size))
    person = np.repeat(np.arange(people), tracks)
    vectors = unit(true[person] + 0.35 * rng.normal(size=(len(person), size)))
    return Views(vectors, np.full(len(person), 6.0, np.float32), person.astype(np.int64)), unit(true)


def faces(vectors: F32, lengths: float = 6.0) -> Views:
    return Views(vectors, np.full(len(vectors), lengths, np.float32), np.arange(len(vectors)))


def policy(size: int = 32) -> EvidencePolicy:
    nothing = np.zeros(size, np.float32)
    return EvidencePolicy(MEASURED.threshold, MEASURED, SharedLook(nothing, nothing, 6.0, 0.0, 10.0))


def test_the_odds_of_everybody_and_of_nobody_are_weighed_together() -> None:
    ratios = np.array([[9.0, 8.0, -40.0], [-3.0, -5.0, -90.0]])
    found = probabilities(ratios, 70, ASKING)
    for row, found_row in zip(ratios, found, strict=True):
        odds = [math.exp(0.75 * ratio + 0.1) / 70 for ratio in row]
        assert found_row == pytest.approx([each / (1 + sum(odds)) for each in odds])
    assert found[0].sum() < 1
    assert found[1].sum() < 0.01


def test_the_more_people_the_less_a_likeness_says() -> None:
    chances = [float(probabilities(np.array([[9.0]]), people, ASKING)[0, 0]) for people in (1, 10, 100, 10_000, 1_000_000)]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] > 0.99
    assert chances[-1] < 0.01


@pytest.mark.parametrize("ratio", [1e6, -1e6])
def test_no_ratio_is_too_large(ratio: float) -> None:
    found = probabilities(np.array([[ratio, 0.0]]), 5, ASKING)
    assert np.isfinite(found).all()
    assert found[0, 0] == pytest.approx(float(ratio > 0))


def test_each_is_found_again_among_all_and_a_stranger_is_nobody() -> None:
    known, true = archive(40, 3)
    stranger = unit(np.random.default_rng(99).normal(size=(1, 32)))
    asked = np.concatenate([true, stranger])
    found = compare(known, faces(asked), policy(), ASKING)
    assert found.person[:40, 0].tolist() == list(range(40))
    assert found.probability is not None
    assert found.probability[:40, 0].min() > 0.95
    assert found.probability[40].sum() < 0.1


def test_it_is_the_evidence_of_grouping_against_every_person() -> None:
    """The slow way: each face and each person by themselves."""
    known, _ = archive(7, 4, seed=8)
    asked = unit(np.random.default_rng(5).normal(size=(3, 32)))
    raw = np.array([6.0, 4.0, 7.0], np.float32)
    found = compare(known, Views(asked, raw, np.arange(3)), policy(), ASKING)
    assert found.probability is not None
    for row in range(3):
        ratios = []
        for who in range(7):
            both = np.concatenate([known.vectors[known.person == who], asked[row : row + 1]])
            linkage = EvidenceLinkage(Rows.all(both), np.append(known.lengths[known.person == who], raw[row]).astype(np.float32), policy())
            linkage.begin(np.arange(5), np.array([0, 0, 0, 0, 1]), 2)
            ratios.append(float(linkage.similarity(np.array([[0], [1]]), np.zeros(1, np.float32))[0]))
        chances = probabilities(np.array([ratios]), 7, ASKING)[0]
        order = np.argsort(-chances, kind="stable")
        assert found.person[row].tolist() == order.tolist()
        assert found.probability[row] == pytest.approx(chances[order], rel=1e-4)
        cosines = [float((known.vectors[known.person == who] @ asked[row]).max()) for who in order]
        assert found.similarity[row] == pytest.approx(cosines, abs=1e-6)


def test_several_views_of_one_say_more_than_one_view() -> None:
    known, true = archive(30, 1, seed=4)
    rng = np.random.default_rng(6)
    poor = unit(np.repeat(true[7:8], 4, axis=0) + 0.19 * rng.normal(size=(4, 32)))
    alone = compare(known, faces(poor[:1]), policy(), ASKING)
    together = compare(known, Views(poor, np.full(4, 6.0, np.float32), np.zeros(4, np.int64)), policy(), ASKING)
    assert alone.probability is not None
    assert together.probability is not None
    assert together.person[0, 0] == 7
    assert together.probability.shape == (1, 30)
    assert together.probability[0, 0] > alone.probability[0, 0]


def test_of_many_people_the_nearest_are_looked_at() -> None:
    known, true = archive(NEAREST + 40, 1)
    found = compare(known, faces(true[:2]), policy(), ASKING)
    assert found.person.shape == (2, NEAREST)
    assert found.person[:, 0].tolist() == [0, 1]


def test_without_measurements_likeness_alone_tells() -> None:
    known, true = archive(5, 2)
    found = compare(known, faces(true[2:3]), None, None)
    assert found.probability is None
    assert found.person[0, 0] == 2
    assert (np.diff(found.similarity[0]) <= 0).all()


def test_no_face_gives_no_answer() -> None:
    known, _ = archive(5, 2)
    found = compare(known, faces(np.zeros((0, 32), np.float32)), policy(), ASKING)
    assert found.person.shape == (0, 5)
