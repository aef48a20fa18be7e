"""Similar pairs of tracks: complete, and the same bits whatever the blocks."""

import numpy as np
import pytest

from meetbefore_assets.domain.edges import Edges, all_edges
from meetbefore_assets.domain.vectors import content_hash, dot_pairs


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
