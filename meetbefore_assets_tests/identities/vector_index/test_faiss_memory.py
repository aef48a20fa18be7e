"""What is particular to Faiss in memory; `test_open_index` has what all kinds have in common."""

import numpy as np
import pytest

from meetbefore_assets.identities.vector_index import faiss_memory
from meetbefore_assets.identities.vector_index.faiss_memory import CellIndex, FlatIndex, index_of


def people(count, size, seed, noise=0.7):
    """Two tracks of each of some people, in random order."""
    rng = np.random.default_rng(seed)
    centre = np.repeat(rng.normal(size=(count // 2, size)), 2, axis=0)
    vectors = (centre + noise * rng.normal(size=(count, size))).astype(np.float32)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True))[rng.permutation(count)]


def test_cells_find_most_pairs_from_one_end_or_the_other():
    vectors = people(20_000, 64, seed=2, noise=0.45)
    partner = (vectors @ vectors[:400].T - np.eye(20_000, 400) * 2).argmax(axis=0)
    _, rows = CellIndex(vectors).search(vectors, 3)
    found = [partner[i] in rows[i] or i in rows[partner[i]] for i in range(400)]
    assert np.mean(found) > 0.7


def test_too_much_work_is_done_in_cells(monkeypatch):
    vectors = people(1000, 16, seed=4)
    monkeypatch.setattr(faiss_memory, "EXACT_WORK", 160_000)
    for of, queries, kind in ((vectors, 10, FlatIndex), (vectors, 11, CellIndex), (vectors[:999], 11, FlatIndex)):
        with index_of(of, queries) as index:
            assert isinstance(index, kind)


def test_the_exact_index_is_put_on_a_gpu_where_faiss_and_the_machine_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = []

    def to_gpu(_resources: object, device: int, index: object) -> object:
        moved.append(device)
        return index

    faiss_memory._gpu_resources.cache_clear()
    monkeypatch.setattr(faiss_memory.faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(faiss_memory.faiss, "index_cpu_to_gpu", to_gpu, raising=False)
    vectors = np.eye(4, dtype=np.float32)
    for gpus, expected in ((0, []), (1, [0])):
        monkeypatch.setattr(faiss_memory.faiss, "get_num_gpus", lambda gpus=gpus: gpus, raising=False)
        similarity, rows = FlatIndex(vectors).search(vectors, 1)
        assert moved == expected
        assert rows[:, 0].tolist() == [0, 1, 2, 3]
        assert similarity[:, 0].tolist() == [1.0] * 4
    faiss_memory._gpu_resources.cache_clear()
