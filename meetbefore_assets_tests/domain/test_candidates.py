"""Each other's best: what looking at all pairs says, whatever is at rest and whatever moves."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meetbefore_assets.domain import candidates as candidates_module
from meetbefore_assets.domain.candidates import Candidates


def of(*pairs, count):
    """Candidates from (group, group, similarity)."""
    return Candidates(count, *columns(pairs))


def columns(pairs):
    numbers = np.array([pair[:2] for pair in pairs], np.int64).reshape(-1, 2).T
    return numbers, np.array([pair[2] for pair in pairs], np.float64)


def mutual(found):
    return sorted((int(a), int(b)) for a, b in found.mutual().T)


def slow(pairs):
    """The pairs before which no pair of their groups comes."""
    order = sorted((-similarity, a, b) for (a, b), similarity in pairs.items())
    first = {}
    for place, (_, a, b) in enumerate(order):
        first.setdefault(a, place)
        first.setdefault(b, place)
    return sorted((a, b) for place, (_, a, b) in enumerate(order) if first[a] == first[b] == place)


@pytest.fixture(params=["all move", "all rest"], autouse=True)
def _rest(request):
    """Whatever is put to rest is to change nothing."""
    fewest = 10**9 if request.param == "all move" else -1
    with mock.patch.multiple(candidates_module, FEWEST=fewest, UNCHANGED=-1, AT_REST=-1):
        yield


def test_of_a_chain_the_best_pair_and_who_is_left_without_it():
    found = of((0, 1, 0.5), (1, 2, 0.7), (2, 3, 0.6), count=4)
    assert mutual(found) == [(1, 2)]
    found.replace(np.array([[1], [2]]), *columns([(0, 1, 0.4), (1, 3, 0.3)]))
    assert mutual(found) == [(0, 1)]
    found.replace(np.array([[0], [1]]), *columns([]))
    assert mutual(found) == []


def test_of_equally_similar_pairs_the_first():
    assert mutual(of((0, 2, 0.5), (1, 2, 0.5), (1, 3, 0.5), (3, 4, 0.5), count=5)) == [(0, 2)]


def test_nobody_alike_nobody_joined():
    assert mutual(of(count=3)) == []


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 14), st.sampled_from([4, 1000]), st.sampled_from([-1, 3, 10**9]))
def test_equals_looking_at_all_pairs_while_groups_are_joined(seed, count, levels, fewest):
    with mock.patch.multiple(candidates_module, FEWEST=fewest, UNCHANGED=0.5, AT_REST=0):
        check(np.random.default_rng(seed), count, levels)


def check(rng, count, levels):
    """Join some of the mutual pairs again and again; what is left gets other similarities where it touches them."""
    pairs = {(a, b): int(rng.integers(levels)) / levels for a in range(count) for b in range(a + 1, count) if rng.random() < 0.6}
    found = of(*((a, b, similarity) for (a, b), similarity in pairs.items()), count=count)
    while pairs:
        wanted = slow(pairs)
        assert mutual(found) == wanted
        chosen = [pair for pair in wanted if rng.random() < 0.7] or wanted
        gone = {b for _, b in chosen}
        touched = {a for a, _ in chosen}
        kept = {pair: similarity for pair, similarity in pairs.items() if not set(pair) & (gone | touched)}
        left = sorted({group for pair in pairs for group in pair} - gone)
        again = {
            (a, b): int(rng.integers(levels)) / levels for a in left for b in left if a < b and {a, b} & touched and rng.random() < 0.5
        }
        pairs = kept | again
        found.replace(np.array(chosen).T, *columns([(a, b, similarity) for (a, b), similarity in again.items()]))
    assert mutual(found) == []
