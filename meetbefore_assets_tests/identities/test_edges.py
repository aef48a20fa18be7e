"""Similar pairs of tracks: complete, and the same bits whatever the blocks."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meetbefore_assets.identities import edges as edges_module
from meetbefore_assets.identities.edges import (
    NO_EDGES,
    ComparedEdges,
    Edges,
    all_edges,
    find_edges,
    nearest_only,
    neighbours_for,
    weakest_kept,
)
from meetbefore_assets.identities.vector_index.faiss_memory import index_of
from meetbefore_assets.identities.vectors import content_hash, dot_pairs


def unit(rows):
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_pairs_that_reach_the_floor_are_found_over_block_borders():
    vectors = unit(np.random.default_rng(5).normal(size=(2100, 4)))
    edges = all_edges(vectors, 0.99)
    cosine = vectors @ vectors.T
    assert len(edges.pairs) == (np.triu(cosine, 1) >= 0.99).sum()
    assert edges.cosine == pytest.approx(cosine[edges.pairs[:, 0], edges.pairs[:, 1]], abs=1e-6)
    assert edges.above(0.999).cosine.min() >= 0.999


def test_edges_of_several_floors_are_those_of_each_alone_in_any_order():
    rng = np.random.default_rng(5)
    vectors = unit(rng.normal(size=(300, 8)))
    for _ in range(5):
        compared = ComparedEdges(vectors)
        for floor in rng.permutation([-1.5, 0.0, 0.3, 0.30001, 0.6, 0.6, 0.99]):
            found, alone = compared.above(floor), all_edges(vectors, floor)
            assert np.array_equal(found.pairs, alone.pairs)
            assert np.array_equal(found.cosine, alone.cosine)
    assert not len(ComparedEdges(vectors[:0]).above(0.2).pairs)


def test_no_vectors_no_edges():
    assert all_edges(np.empty((0, 4), np.float32), 0.0).pairs.shape == (0, 2)


@pytest.mark.parametrize("size", [5, 128, 512])
def test_a_dot_product_has_the_same_bits_wherever_its_rows_stand(size):
    rng = np.random.default_rng(size)
    vectors = unit(rng.normal(size=(300, size)))
    pairs = rng.integers(300, size=(1000, 2))
    order = rng.permutation(300)
    place = np.argsort(order)
    dots = dot_pairs(vectors, pairs)
    assert (dot_pairs(vectors[order], place[pairs])[::-1] == dots[::-1]).all()
    assert (dot_pairs(vectors, pairs[:7, ::-1]) == dots[:7]).all()
    assert dots == pytest.approx((vectors[pairs[:, 0]].astype(float) * vectors[pairs[:, 1]]).sum(axis=1), abs=1e-6)


def test_the_hash_of_a_row_depends_on_what_it_holds_alone():
    vectors = np.random.default_rng(1).normal(size=(50, 128)).astype(np.float32)
    hashes = content_hash(vectors)
    assert len(np.unique(hashes)) == 50
    assert (content_hash(vectors[7:9]) == hashes[7:9]).all()


def test_edges_are_kept_from_the_floor_on():
    edges = Edges(np.array([[0, 1], [1, 2]]), np.array([0.5, 0.25], np.float32))
    assert edges.above(0.5).pairs.tolist() == [[0, 1]]


def everything(cosine, neighbours, floor):
    """Slow: a pair is an edge if one end is among the other's nearest."""
    count = len(cosine)
    ranks = [sorted((j for j in range(count) if j != i), key=lambda j, i=i: -cosine[i, j])[:neighbours] for i in range(count)]
    return {(min(i, j), max(i, j)) for i in range(count) for j in ranks[i] if cosine[i, j] >= floor}


def as_set(edges):
    return {(min(a, b), max(a, b)) for a, b in edges.pairs.tolist()}


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 6), st.sampled_from([-1.0, 0.0, 0.4]), st.booleans())
def test_edges_found_batch_by_batch_are_those_found_at_once(seed, count, neighbours, floor, by_index):
    with mock.patch.object(edges_module, "FEW", 0 if by_index else 2048), mock.patch.object(edges_module, "_BLOCK", 2):
        check_batches(seed, count, neighbours, floor)


def check_batches(seed, count, neighbours, floor):
    rng = np.random.default_rng(seed)
    vectors = unit(rng.normal(size=(count, 5)))
    arrival = rng.permutation(count)
    edges, known = NO_EDGES, np.empty(0, np.int64)
    for batch in np.array_split(arrival, rng.integers(1, 5)):
        known = np.concatenate([known, batch])
        weakest = weakest_kept(edges, len(known), neighbours)
        is_new = np.arange(len(known)) >= len(known) - len(batch)
        edges = edges.and_also(find_edges(index_of, vectors[known], is_new, weakest, neighbours, floor))
    edges = nearest_only(edges, count, neighbours)
    moved = Edges(known[edges.pairs], edges.cosine)
    assert len(as_set(moved)) == len(moved.pairs)
    assert as_set(moved) == everything(vectors @ vectors.T, neighbours, floor)
    at_once = nearest_only(
        find_edges(index_of, vectors, np.ones(count, bool), np.full(count, -1, np.float32), neighbours, floor), count, neighbours
    )
    assert as_set(at_once) == as_set(moved)
    assert sorted(at_once.cosine.tolist()) == sorted(moved.cosine.tolist())


def test_nothing_new_brings_no_edges():
    vectors = np.eye(3, dtype=np.float32)
    assert len(find_edges(index_of, vectors, np.zeros(3, bool), np.full(3, -1, np.float32), 2).pairs) == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_the_last_of_the_nearest(seed, neighbours):
    rng = np.random.default_rng(seed)
    pairs = np.array([(i, j) for i in range(8) for j in range(i)])[rng.random(28) < 0.5].reshape(-1, 2)
    edges = Edges(pairs, rng.uniform(-1, 1, len(pairs)).astype(np.float32))
    lists = [sorted((float(c) for pair, c in zip(pairs, edges.cosine, strict=True) if i in pair), reverse=True) for i in range(8)]
    assert weakest_kept(edges, 8, neighbours).tolist() == [row[neighbours - 1] if len(row) >= neighbours else -1 for row in lists]


def test_a_small_archive_keeps_all_that_matter_and_a_large_one_sixteen():
    counts = [neighbours_for(tracks) for tracks in (0, 1, 1000, 32_768, 32_769, 100_000, 1_000_000, 10**8)]
    assert counts == [256, 256, 256, 256, 128, 64, 16, 16]
