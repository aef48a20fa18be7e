"""Neighbours of groups that are joined: what a table of all pairs says, however often and in whatever order."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from meetbefore_assets.identities.group_neighbours import APART, Neighbourhoods, highest_per_key

NONE = np.empty((2, 0), np.int64)


def of(*pairs, count):
    """Neighbourhoods from (group, group, similarity)."""
    numbers = np.array([pair[:2] for pair in pairs], np.int64).reshape(-1, 2).T
    return Neighbourhoods(count, numbers, np.array([pair[2] for pair in pairs], np.float32))


def join(near, *pairs):
    stays, goes = np.array(pairs, np.int64).T
    owner, other, nearest = near.join(stays, goes)
    return {(int(a), int(b)): float(c) for a, b, c in zip(owner, other, nearest, strict=True)}


def test_a_joined_group_has_the_neighbours_of_both_and_of_parallel_edges_the_highest():
    near = of((0, 1, 0.9), (0, 2, 0.5), (1, 2, 0.75), (1, 3, 0.25), count=5)
    assert join(near, (0, 1)) == {(0, 2): 0.75, (0, 3): 0.25}


def test_what_is_apart_from_one_half_is_apart_from_the_whole():
    near = of((0, 1, 0.9), (0, 2, 0.5), (1, 2, APART), count=3)
    assert join(near, (0, 1)) == {(0, 2): np.inf}


def test_two_that_are_joined_at_once_find_each_other():
    near = of((0, 1, 0.9), (2, 3, 0.9), (1, 3, 0.5), count=4)
    assert join(near, (0, 1), (2, 3)) == {(0, 2): 0.5, (2, 0): 0.5}


def test_nobody_has_neighbours_in_an_archive_without_pairs():
    near = Neighbourhoods(2, NONE, np.empty(0, np.float32))
    assert join(near, (0, 1)) == {}
    assert near.found(np.array([0, 1])).tolist() == [0, 0]


def test_of_each_key_the_highest():
    keys, nearest = highest_per_key(np.array([7, 3, 7]), np.array([0.25, 0.5, 0.75], np.float32))
    assert keys.tolist() == [3, 7]
    assert nearest.tolist() == [0.5, 0.75]
    assert len(highest_per_key(np.empty(0, np.int64), np.empty(0, np.float32))[0]) == 0


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 14))
def test_equals_a_table_of_all_pairs(seed, count):
    rng = np.random.default_rng(seed)
    similarity = rng.choice(np.array([-np.inf, 0.25, 0.5, 0.75, np.inf], np.float32), (count, count), p=[0.5, 0.15, 0.15, 0.1, 0.1])
    table = np.triu(similarity, 1) + np.triu(similarity, 1).T
    a, b = np.nonzero(np.triu(table > -np.inf, 1))
    near = Neighbourhoods(count, np.stack([a, b]), table[a, b])
    into, left = np.arange(count), list(range(count))
    while len(left) > 1:
        chosen = rng.permutation(left)[: 2 * int(rng.integers(1, len(left) // 2 + 1))].reshape(-1, 2)
        for stays, goes in chosen:
            table[stays] = table[:, stays] = np.maximum(table[stays], table[goes])
            table[goes] = table[:, goes] = table[stays, stays] = -np.inf
            into[into == goes] = stays
            left.remove(goes)
        wanted = {(int(g), int(n)): float(table[g, n]) for g in chosen[:, 0] for n in np.flatnonzero(table[g] > -np.inf)}
        assert join(near, *chosen) == wanted
        assert near.found(np.arange(count)).tolist() == into.tolist()
