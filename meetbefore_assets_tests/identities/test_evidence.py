"""Evidence adds up: the ratio of one person against two, and groups by it, the same whatever the order."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meetbefore_assets.core.model_packs import SFACE, EvidenceModel
from meetbefore_assets.identities.edges import all_edges
from meetbefore_assets.identities.evidence import (
    EvidenceLinkage,
    EvidencePolicy,
    SharedLook,
    fidelity,
    part_probabilities,
    poorness,
    shared_look,
)
from meetbefore_assets.identities.grouping import canonical_labels, group_tracks
from meetbefore_assets.identities.vectors import Rows

NONE = np.empty((0, 2), dtype=np.int64)
assert SFACE.evidence is not None
MODEL: EvidenceModel = SFACE.evidence
GOOD, POOR = 12.0, 7.0


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def no_look(size):
    nothing = np.zeros(size, np.float32)
    return SharedLook(nothing, nothing, 0.0, 0.0, 150.0)


def ratio(vectors, lengths, groups, model=MODEL):
    """Log-likelihood ratio of the first two of some groups of rows."""
    label = np.empty(len(vectors), np.int64)
    for number, rows in enumerate(groups):
        label[rows] = number
    linkage = EvidenceLinkage(Rows.all(vectors), lengths.astype(np.float32), EvidencePolicy(0.4, model, no_look(vectors.shape[1])))
    linkage.begin(np.arange(len(vectors)), label, len(groups))
    return float(linkage.similarity(np.array([[0], [1]]), np.zeros(1, np.float32))[0])


def log_density(x, g, e, size):
    """Of rows of one person, by the covariance between all of them."""
    covariance = np.outer(g, g) + np.diag(e)
    _sign, volume = np.linalg.slogdet(covariance)
    square = np.einsum("id,ij,jd->", x, np.linalg.inv(covariance), x) * size
    return -0.5 * (size * volume + square + x.size * np.log(2 * np.pi / size))


def test_the_ratio_is_that_of_the_densities():
    rng = np.random.default_rng(0)
    model, size = replace(MODEL, dependence=0.0, look_weight=0.0, poor_price=0.0), int(MODEL.dimensions)
    x = (0.6 * rng.normal(size=(5, size)) / np.sqrt(size)).astype(np.float32)
    lengths = np.array([6.0, 8, 10, 12, 14])
    g = fidelity(lengths, model)
    e = model.variance - g**2
    a, b = [0, 2], [1, 3, 4]
    wanted = log_density(x, g, e, size) - sum(log_density(x[rows], g[rows], e[rows], size) for rows in (a, b))
    assert ratio(x, lengths, [a, b], model) == pytest.approx(wanted, rel=1e-4)


def pair(cosine, size=80):
    vectors = np.zeros((2, size), np.float32)
    vectors[0, 0] = 1
    vectors[1, :2] = cosine, np.sqrt(1 - cosine**2)
    return vectors


def test_the_same_cosine_says_more_between_good_faces_than_between_poor_ones():
    good, mixed, poor = (ratio(pair(0.6), np.array(lengths), [[0], [1]]) for lengths in ((GOOD, GOOD), (GOOD, POOR), (POOR, POOR)))
    assert good > mixed > poor > 0


def test_strangers_are_told_apart_more_surely_by_good_faces():
    good, poor = (ratio(pair(0.0), np.array(lengths), [[0], [1]]) for lengths in ((GOOD, GOOD), (POOR, POOR)))
    assert good < poor < 0


def looks(person, count, likeness, rng):
    return unit(likeness * person + np.sqrt(1 - likeness**2) * unit(rng.normal(size=(count, len(person)))))


def test_many_tracks_of_a_cosine_that_one_pair_would_not_do_for():
    rng = np.random.default_rng(1)
    person = unit(rng.normal(size=(1, 80)))[0]
    vectors = np.concatenate([looks(person, 6, 0.6, rng), looks(person, 6, 0.6, rng)])
    policy = EvidencePolicy(MODEL.threshold, MODEL, no_look(80))
    alone = ratio(vectors, np.full(12, GOOD), [[0], [6], [*range(1, 6), *range(7, 12)]])
    together = ratio(vectors, np.full(12, GOOD), [list(range(6)), list(range(6, 12))])
    assert alone < policy.least_ratio < together


def two_looks(likeness, again, rng):
    """A person in two looks, each seen so often: rows of the one, then of the other."""
    person = unit(rng.normal(size=(1, 80)))[0]
    seen = [np.repeat(looks(person, 1, likeness, rng), again, axis=0) for _ in "ab"]
    return np.concatenate([unit(one + 0.02 * rng.normal(size=one.shape)) for one in seen])


def test_one_look_seen_again_and_again_does_not_make_another_look_a_stranger():
    rng = np.random.default_rng(5)
    once, often = two_looks(0.85, 1, rng), two_looks(0.85, 30, rng)
    groups = [list(range(30)), list(range(30, 60))]
    believed = ratio(often, np.full(60, GOOD), groups, replace(MODEL, look_weight=0.0))
    assert believed < -20
    assert ratio(often, np.full(60, GOOD), groups) > 0.5 * ratio(once, np.full(2, GOOD), [[0], [1]]) > 0


def test_independent_looks_all_count():
    rng = np.random.default_rng(6)
    person = unit(rng.normal(size=(1, 80)))[0]
    vectors, groups = looks(person, 20, 0.55, rng), [list(range(10)), list(range(10, 20))]
    counted = ratio(vectors, np.full(20, GOOD), groups, replace(MODEL, look_weight=0.0))
    assert ratio(vectors, np.full(20, GOOD), groups) > 0.9 * counted


def test_a_higher_threshold_asks_for_more():
    ratios = [EvidencePolicy(at, MODEL, no_look(8)).least_ratio for at in (0.3, MODEL.threshold, 0.5)]
    assert ratios == sorted(ratios)
    assert ratios[1] == MODEL.least_ratio


def test_a_threshold_near_one_joins_only_copies_of_one_picture():
    cosines = {at: EvidencePolicy(at, MODEL, no_look(8)).least_cosine for at in (0.3, MODEL.threshold, 0.5, 0.99, 1.0)}
    assert cosines[0.3] == pytest.approx(0.25)
    assert cosines[MODEL.threshold] == pytest.approx(MODEL.threshold - 0.05)
    assert cosines[0.99] == pytest.approx(0.99, abs=0.001)
    assert cosines[1.0] == 1.0
    assert list(cosines.values()) == sorted(cosines.values())


def test_of_few_people_less_is_asked_for_in_steps():
    looks_of = [replace(no_look(8), people=people) for people in (3, 50, 85, 95, 150, 5000)]
    asked = [EvidencePolicy(MODEL.threshold, MODEL, look).least_ratio for look in looks_of]
    assert asked[0] == asked[1] < asked[2] == asked[3] < asked[4] == asked[5] == MODEL.least_ratio


# ---- parts of one person


def test_a_part_that_is_like_the_others_is_surer_than_one_that_is_not():
    rng = np.random.default_rng(8)
    people = unit(rng.normal(size=(2, 80)))
    vectors = np.concatenate([looks(people[0], 6, 0.8, rng), looks(people[1], 1, 0.8, rng), looks(people[1], 2, 0.8, rng)])
    lengths = np.full(9, GOOD, np.float32)
    policy = EvidencePolicy(MODEL.threshold, MODEL, no_look(80))
    sure = part_probabilities(vectors, lengths, np.array([0, 0, 1, 1, 2, 2, 3, 4, 5]), np.array([0, 0, 0, 0, 1, 1]), policy)
    assert sure[:3].min() > 0.99
    assert sure[3] < 0.01
    assert sure[4] == pytest.approx(sure[5])


def test_a_part_against_the_rest_is_that_pair_of_groups():
    rng = np.random.default_rng(9)
    vectors, lengths = looks(unit(rng.normal(size=(1, 80)))[0], 5, 0.6, rng), np.linspace(POOR, GOOD, 5).astype(np.float32)
    policy = EvidencePolicy(MODEL.threshold, MODEL, no_look(80))
    sure = part_probabilities(vectors, lengths, np.array([0, 0, 1, 2, 2]), np.zeros(3, np.int64), policy)
    wanted = [ratio(vectors, lengths, [rows, [row for row in range(5) if row not in rows]]) for rows in ([0, 1], [2], [3, 4])]
    assert sure == pytest.approx(policy.probability(np.array(wanted)), abs=1e-4)


def test_the_threshold_in_force_does_not_change_what_is_probable():
    probable = [EvidencePolicy(at, MODEL, no_look(8)).probability(np.array([6.0]))[0] for at in (0.3, 0.5)]
    assert probable[0] == probable[1]


# ---- what an archive shares


def crowd(people, seed, shared=0.1, size=80):
    rng = np.random.default_rng(seed)
    common = np.eye(size)[0]
    return unit(np.sqrt(shared) * common + np.sqrt(1 - shared) * unit(rng.normal(size=(people, size))))


def test_what_everybody_shares_is_found_and_taken_off():
    vectors, lengths = crowd(400, seed=1), np.full(400, GOOD, np.float32)
    look = shared_look(vectors, lengths)
    assert look.mean[0] == pytest.approx(np.sqrt(0.1), abs=0.04)
    assert np.abs(look.take_off(vectors, lengths).mean(axis=0)).max() < 0.05


def test_what_is_shared_leans_with_the_length():
    vectors, lengths = crowd(600, seed=2), np.tile([POOR, GOOD], 300).astype(np.float32)
    vectors[::2] = unit(vectors[::2] + 0.5 * np.eye(80)[1])
    look = shared_look(vectors, lengths)
    assert vectors[::2, 1].mean() > 0.4
    assert abs(look.take_off(vectors, lengths)[::2, 1].mean()) < 0.15
    assert look.slope[1] < -0.1


def test_somebody_seen_all_the_time_is_not_what_everybody_shares():
    rng = np.random.default_rng(3)
    companion = looks(np.eye(80)[5], 300, 0.9, rng)
    vectors = np.concatenate([crowd(100, seed=3), companion])
    assert shared_look(vectors, np.full(400, GOOD, np.float32)).mean[5] < 0.1


def test_little_is_taken_off_in_a_small_archive_and_nothing_in_an_empty_one():
    vectors = crowd(2, seed=4)
    assert shared_look(vectors, np.full(2, GOOD, np.float32)).trust < 0.2
    assert shared_look(vectors[:0], np.empty(0, np.float32)).trust == 0


def test_of_many_tracks_a_sample_says_it_that_no_order_moves(monkeypatch):
    monkeypatch.setattr("meetbefore_assets.identities.evidence.SAMPLE", 100)
    vectors, lengths = crowd(300, seed=5), np.linspace(POOR, GOOD, 300, dtype=np.float32)
    order = np.random.default_rng(0).permutation(300)
    here, there = shared_look(vectors, lengths), shared_look(vectors[order], lengths[order])
    assert np.array_equal(here.mean, there.mean)
    assert np.array_equal(here.slope, there.slope)
    assert (here.length, here.trust) == (there.length, there.trust)


# ---- groups


def group(vectors, lengths, threshold=0.4, cannot=NONE, must=NONE):
    """Both ways: every two rows compared, and from edges that were found before. They must agree."""
    policy = EvidencePolicy(threshold, MODEL, shared_look(vectors, lengths))
    cannot, must = (np.asarray(pairs, np.int64).reshape(-1, 2) for pairs in (cannot, must))
    quality = np.ones(len(vectors), np.float32)
    edges = all_edges(vectors, -1.1)
    found = group_tracks(vectors, quality, cannot, must, policy, edges.above, lengths).tolist()
    assert group_tracks(vectors, quality, cannot, must, policy, lengths=lengths).tolist() == found
    return found


def slow_rounds(vectors, lengths, threshold, cannot):
    """Join all groups that are each other's best, in rounds; every ratio worked out anew from all tracks."""
    policy = EvidencePolicy(threshold, MODEL, shared_look(vectors, lengths))
    x = policy.look.take_off(vectors, lengths).astype(np.float64)
    g = fidelity(lengths, MODEL)
    e = MODEL.variance - g**2
    cosine = vectors @ vectors.T
    apart = {tuple(pair) for pair in cannot} | {tuple(pair[::-1]) for pair in cannot}

    def counted(rows):
        weighed, each = x[rows] * (g / e)[rows, None], g[rows] ** 2 / e[rows]
        held, typical = each.sum(), (each**2).sum() / each.sum()
        repeated = 0.0
        if len(rows) > 1:
            pairs = [(p, q) for p in range(len(rows)) for q in range(len(rows)) if p != q]
            agreement = sum(weighed[p] @ weighed[q] for p, q in pairs) / sum(each[p] * each[q] for p, q in pairs)
            repeated = MODEL.look_weight * min(1, typical / 0.5) * (held - typical) * max(0, agreement - 1)
        share = 1 / (1 + MODEL.dependence * held + repeated)
        return held * share, weighed.sum(axis=0) * share, (each * poorness(lengths[rows], MODEL)).sum() / held

    def likelihood(held, total):
        return MODEL.dimensions / 2 * (total @ total / (1 + held) - np.log1p(held))

    def compared(a, b):
        if any((p, q) in apart for p in a for q in b) or cosine[np.ix_(a, b)].max() < policy.least_cosine:
            return -np.inf
        (held_a, sum_a, poor_a), (held_b, sum_b, poor_b) = counted(a), counted(b)
        both = likelihood(held_a + held_b, sum_a + sum_b)
        return both - likelihood(held_a, sum_a) - likelihood(held_b, sum_b) - MODEL.poor_price * poor_a * poor_b

    groups = [[row] for row in range(len(vectors))]
    while True:
        best = {}
        for i, a in enumerate(groups):
            top = max(((compared(a, b), j) for j, b in enumerate(groups) if i != j), default=(-np.inf, i))
            if top[0] >= policy.least_ratio:
                best[i] = top[1]
        joined = [(i, j) for i, j in best.items() if i < j and best.get(j) == i]
        if not joined:
            labels = np.empty(len(vectors), np.int64)
            for number, rows in enumerate(groups):
                labels[rows] = number
            return canonical_labels(labels).tolist()
        for i, j in joined:
            groups[i] = groups[i] + groups[j]
        gone = {j for _, j in joined}
        groups = [rows for i, rows in enumerate(groups) if i not in gone]


@st.composite
def archives(draw):
    count = draw(st.integers(2, 18))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    people = unit(rng.normal(size=(draw(st.integers(1, 6)), 24)))
    vectors = unit(people[rng.integers(len(people), size=count)] + draw(st.sampled_from([0.1, 0.2, 0.3])) * rng.normal(size=(count, 24)))
    lengths = rng.uniform(6, 14, count).astype(np.float32)
    pairs = np.array([(i, j) for i in range(count) for j in range(i)], dtype=np.int64)
    chosen = pairs[rng.permutation(len(pairs))[: draw(st.integers(0, 4))]]
    half = draw(st.integers(0, len(chosen)))
    return vectors, lengths, chosen[:half], chosen[half:], rng.permutation(count), draw(st.sampled_from([0.3, 0.4, 0.5]))


@settings(max_examples=60, deadline=None)
@given(archives())
def test_equals_rounds_with_everything_recomputed(archive):
    vectors, lengths, cannot, _, _, threshold = archive
    assert group(vectors, lengths, threshold, cannot) == slow_rounds(vectors, lengths, threshold, cannot.tolist())


@settings(max_examples=60, deadline=None)
@given(archives())
def test_rows_in_another_order_are_the_same_people_and_links_hold(archive):
    vectors, lengths, cannot, must, order, threshold = archive
    must = must[~np.isin(must, cannot).any(axis=1)][:1]
    labels = np.array(group(vectors, lengths, threshold, cannot, must))
    assert (labels[cannot[:, 0]] != labels[cannot[:, 1]]).all()
    assert (labels[must[:, 0]] == labels[must[:, 1]]).all()
    place = np.argsort(order)
    moved = np.array(group(vectors[order], lengths[order], threshold, place[cannot], place[must]))
    assert canonical_labels(moved[place]).tolist() == labels.tolist()


def test_equal_vectors_of_other_lengths_are_told_apart_by_those_not_by_their_order():
    vectors = unit(np.repeat(np.random.default_rng(0).normal(size=(4, 24)), 3, axis=0))
    lengths = np.tile([6.0, 9.0, 13.0], 4).astype(np.float32)
    order = np.random.default_rng(1).permutation(12)
    labels = np.array(group(vectors, lengths))
    assert canonical_labels(np.array(group(vectors[order], lengths[order]))[np.argsort(order)]).tolist() == labels.tolist()


def test_without_lengths_nobody_is_judged_by_evidence():
    vectors = crowd(3, seed=6)
    policy = EvidencePolicy(0.4, MODEL, no_look(80))
    with pytest.raises(ValueError, match="lengths"):
        group_tracks(vectors, np.ones(3, np.float32), NONE, NONE, policy)
