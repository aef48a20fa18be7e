"""Pairs of groups: those that are the best of both are found among all, also among those that were set aside."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meetbefore_assets.core.model_packs import SFACE
from meetbefore_assets.identities import alike_pairs
from meetbefore_assets.identities.alike_pairs import AlikePairs
from meetbefore_assets.identities.edges import all_edges
from meetbefore_assets.identities.evidence import EvidenceLinkage, EvidencePolicy, SharedLook
from meetbefore_assets.identities.joining import Groups
from meetbefore_assets.identities.vectors import Rows

GROUPS = 8


def best_of_both(pairs):
    """The slow, obvious way: all pairs that no other pair of either group exceeds."""
    best = {}
    for pair, similarity in pairs.items():
        for group in pair:
            best[group] = max(best.get(group, similarity), similarity)
    return {pair for pair, similarity in pairs.items() if all(best[group] == similarity for group in pair)}


def as_arrays(pairs):
    return np.array(list(pairs), np.int64).reshape(-1, 2).T, np.array(list(pairs.values()), np.float64)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_best_pairs_are_those_of_all_pairs(data):
    """Few similarities, so that many are equal; pairs are added, and groups joined with new pairs, in any order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alike_pairs, "_FEW", data.draw(st.sampled_from([0, 2])))
        there, kept = {}, AlikePairs(GROUPS)
        for _ in range(data.draw(st.integers(1, 6))):
            some = data.draw(st.dictionaries(st.sampled_from([(a, b) for b in range(GROUPS) for a in range(b)]), st.integers(0, 5)))
            new = {pair: similarity for pair, similarity in some.items() if pair not in there}
            there |= new
            kept.add(*as_arrays(new))
            assert {tuple(pair) for pair in kept.mutual_best().T.tolist()} == best_of_both(there)
            joined = data.draw(st.sets(st.integers(0, GROUPS - 1), max_size=3))
            there = {pair: similarity for pair, similarity in there.items() if not joined & set(pair)}
            kept.drop(np.array(sorted(joined), np.int64), np.isin(np.arange(GROUPS), sorted(joined)))


@pytest.mark.parametrize("seed", range(4))
def test_groups_are_joined_the_same_whether_pairs_are_set_aside_or_not(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    who = np.minimum(rng.integers(0, 14, size=160), 6)
    vectors = rng.normal(size=(7, 24))[who] + rng.normal(scale=0.9, size=(160, 24))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    lengths = rng.uniform(7, 13, size=160).astype(np.float32)
    assert SFACE.evidence is not None
    nothing = np.zeros(24, np.float32)
    policy = EvidencePolicy(0.45, SFACE.evidence, SharedLook(nothing, nothing, 0.0, 0.0, 150.0))
    set_aside, original = [], AlikePairs._set_aside
    monkeypatch.setattr(AlikePairs, "_set_aside", lambda self, is_low: (set_aside.append(is_low.sum()), original(self, is_low))[1])
    found = []
    for few in (10**9, 0):
        monkeypatch.setattr(alike_pairs, "_FEW", few)
        linkage = EvidenceLinkage(Rows.all(vectors), lengths, policy)
        groups = Groups(linkage, np.arange(160), all_edges(vectors, policy.least_cosine), np.empty((0, 2), np.int64))
        found.append((groups.join_all(policy.least_ratio), groups.joins))
        assert bool(set_aside) == (few == 0)
    (plain, rounds), (quick, quick_rounds) = found
    assert (plain == quick).all()
    assert 3 < len(rounds) == len(quick_rounds)
    assert all(np.array_equal(one, other) for one, other in zip(rounds, quick_rounds, strict=True))
