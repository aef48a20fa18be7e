"""What threshold an archive asks for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meetbefore_assets.identities import thresholds
from meetbefore_assets.identities.thresholds import calibrate

NO_PAIRS = np.empty((0, 2), np.int64)
NO_MOMENTS = np.empty(0, np.float32)
OWN = 0.40


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def archive(people, each, seed=0, shared=0.104, size=106, noise=0.6):
    """Some tracks of each of some people; strangers' cosines scatter around `shared`."""
    rng = np.random.default_rng(seed)
    centre = np.repeat(unit(rng.normal(size=(people, size))), each, axis=0)
    own = unit(centre + noise * unit(rng.normal(size=centre.shape)))
    common = np.full((len(own), 1), np.sqrt(shared))
    return np.hstack([common, np.sqrt(1 - shared) * own]).astype(np.float32)


def learn(vectors, tracks=None, pairs=NO_PAIRS, moments=NO_MOMENTS, default=OWN):
    return calibrate(tracks or len(vectors), vectors, pairs, moments, default)


@pytest.mark.parametrize(("people", "each"), [(0, 1), (1, 1), (10, 3), (40, 20), (100, 1)])
def test_with_too_little_to_learn_from_the_recognisers_own_holds_and_that_is_said(people, each):
    found = learn(archive(people, each))
    assert found.threshold == OWN
    assert found.strangers is None
    assert "too few" in found.sentence


def test_how_alike_strangers_are_is_found():
    found = learn(archive(400, 2))
    assert found.strangers is not None
    assert found.strangers.centre == pytest.approx(0.104, abs=0.01)
    assert found.strangers.spread == pytest.approx(0.896 / np.sqrt(106), abs=0.005)


def test_a_companion_in_a_third_of_all_tracks_is_no_stranger():
    alone, company = archive(300, 1, seed=1), archive(1, 150, seed=2)
    with_companion = learn(np.concatenate([alone, company]))
    assert with_companion.strangers is not None
    assert with_companion.wanted == pytest.approx(learn(alone, tracks=450).wanted, abs=0.015)


def test_it_rises_with_the_archive_and_never_falls_below_the_recognisers_own():
    vectors = archive(500, 2)
    found = [learn(vectors, tracks).threshold for tracks in (300, 1000, 10_000, 100_000, 1_000_000)]
    assert found == sorted(found)
    assert found[:2] == [OWN, OWN]
    assert found[2:] == pytest.approx([0.44, 0.49, 0.53], abs=0.015)
    assert "is enough" in learn(vectors, 300).sentence
    assert "needs 0.49" in learn(vectors, 100_000).sentence


def test_the_budget_of_false_links_grows_as_the_tracks_do():
    vectors = archive(500, 2)
    links = [learn(vectors, tracks).false_links for tracks in (10_000, 100_000, 1_000_000)]
    assert links == sorted(links)
    assert [link / tracks for link, tracks in zip(links, (10_000, 100_000, 1_000_000), strict=True)] == pytest.approx([0.25] * 3, rel=0.3)


def test_strangers_who_are_more_alike_in_one_frame_ask_for_more():
    vectors = archive(400, 1)
    dim = vectors.copy()
    dim[:100] = unit(dim[:100] + 0.5 * dim[:100].mean(axis=0) / np.linalg.norm(dim[:100].mean(axis=0)))
    pairs = np.array([(i, j) for i in range(100) for j in range(i)])
    found = learn(dim, 20_000, pairs)
    assert found.frame_strangers is not None
    assert found.frame_strangers.centre > found.strangers.centre
    assert found.threshold > learn(dim, 20_000).threshold
    assert learn(dim, 20_000, pairs[:999]).frame_strangers is None


def test_consecutive_faces_are_shown_and_decide_nothing():
    vectors, moments = archive(400, 2), np.linspace(0.5, 0.9, 500, dtype=np.float32)
    found = learn(vectors, moments=moments)
    assert found.seen.moments == (0.52, 0.7)
    assert "same light" in found.sentence
    assert found.threshold == learn(vectors).threshold
    assert learn(vectors, moments=moments[:99]).seen.moments is None


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_arrival_does_not_matter(seed):
    vectors = archive(150, 2, seed=seed % 7)
    order = np.random.default_rng(seed).permutation(len(vectors))
    assert learn(vectors[order], 5000).threshold == learn(vectors, 5000).threshold


def test_of_a_large_archive_a_sample_is_looked_at(monkeypatch):
    monkeypatch.setattr(thresholds, "SAMPLE", 300)
    vectors = archive(600, 2)
    found = learn(vectors)
    assert found.seen.sampled == 300
    assert found.strangers.centre == pytest.approx(0.104, abs=0.015)
    order = np.random.default_rng(1).permutation(len(vectors))
    assert learn(vectors[order]) == found
