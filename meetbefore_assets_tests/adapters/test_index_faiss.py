"""One suite for both kinds of index: exact, and cells."""

import numpy as np
import pytest

from meetbefore_assets.adapters import index_faiss
from meetbefore_assets.adapters.index_faiss import CellIndex, FlatIndex, index_of


def people(count, size, seed, noise=0.7):
    """Two tracks of each of some people, in random order."""
    rng = np.random.default_rng(seed)
    centre = np.repeat(rng.normal(size=(count // 2, size)), 2, axis=0)
    vectors = (centre + noise * rng.normal(size=(count, size))).astype(np.float32)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True))[rng.permutation(count)]


@pytest.mark.parametrize("kind", [FlatIndex, CellIndex])
@pytest.mark.parametrize("size", [128, 512])
def test_neighbours_come_with_their_true_cosines_the_nearest_first(kind, size):
    vectors = people(3000, size, seed=1)
    index = kind(vectors)
    assert len(index) == 3000
    cosine, rows = index.search(vectors[:5000], 5)
    assert (rows[:, 0] == np.arange(3000)).mean() > 0.99
    is_there = rows >= 0
    true = np.einsum("qd,qkd->qk", vectors, vectors[rows])
    assert cosine[is_there] == pytest.approx(true[is_there], abs=1e-5)
    assert (np.diff(np.where(is_there, cosine, -1), axis=1) <= 1e-6).all()


def test_cells_find_most_pairs_from_one_end_or_the_other():
    vectors = people(20_000, 64, seed=2, noise=0.45)
    partner = (vectors @ vectors[:400].T - np.eye(20_000, 400) * 2).argmax(axis=0)
    _, rows = CellIndex(vectors).search(vectors, 3)
    found = [partner[i] in rows[i] or i in rows[partner[i]] for i in range(400)]
    assert np.mean(found) > 0.7


@pytest.mark.parametrize("kind", [FlatIndex, CellIndex])
def test_the_same_vectors_give_the_same_answer(kind):
    vectors = people(2000, 32, seed=3)
    first, second = (kind(vectors).search(vectors, 4) for _ in range(2))
    assert (first[1] == second[1]).all()
    assert (first[0] == second[0]).all()


def test_nothing_to_search_in_or_for():
    assert FlatIndex(np.empty((0, 4), np.float32)).search(np.eye(4, dtype=np.float32), 3)[1].shape == (4, 0)
    assert FlatIndex(np.eye(4, dtype=np.float32)).search(np.empty((0, 4), np.float32), 3)[1].shape[0] == 0


def test_too_much_work_is_done_in_cells(monkeypatch):
    vectors = people(1000, 16, seed=4)
    assert isinstance(index_of(vectors, 1000), FlatIndex)
    monkeypatch.setattr(index_faiss, "EXACT_WORK", 160_000)
    assert isinstance(index_of(vectors, 10), FlatIndex)
    assert isinstance(index_of(vectors, 11), CellIndex)


def test_the_exact_index_is_put_on_a_gpu_where_faiss_and_the_machine_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = []

    def to_gpu(_resources: object, device: int, index: object) -> object:
        moved.append(device)
        return index

    index_faiss._gpu_resources.cache_clear()
    monkeypatch.setattr(index_faiss.faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(index_faiss.faiss, "index_cpu_to_gpu", to_gpu, raising=False)
    vectors = np.eye(4, dtype=np.float32)
    for gpus, expected in ((0, []), (1, [0])):
        monkeypatch.setattr(index_faiss.faiss, "get_num_gpus", lambda gpus=gpus: gpus, raising=False)
        similarity, rows = FlatIndex(vectors).search(vectors, 1)
        assert moved == expected
        assert rows[:, 0].tolist() == [0, 1, 2, 3]
        assert similarity[:, 0].tolist() == [1.0] * 4
    index_faiss._gpu_resources.cache_clear()
