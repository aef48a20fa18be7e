"""One suite for every `ports.VectorIndex`: in memory, in files, in Postgres; exact, and for archives too large for that."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meetbefore_assets.core.ports import F32, I64, MakeIndex
from meetbefore_assets.identities.vector_index import faiss_disk, faiss_memory, pgvector
from meetbefore_assets.storage.scratch import map_blocks

EXACT = ["memory flat", "disk blocks", "pgvector exact"]
APPROXIMATE = ["memory cells", "disk cells", "pgvector hnsw", "pgvector ivfflat"]
# Postgres draws random numbers that nobody can set where it makes a graph or cells.
REPEATABLE = [*EXACT, "memory cells", "disk cells"]

Choose = Callable[[str], MakeIndex]


@pytest.fixture
def choose(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Choose:
    """Gives an index of a kind, with limits so small that all that is done in blocks is."""

    def of_kind(kind: str) -> MakeIndex:
        is_exact = kind in EXACT
        monkeypatch.setattr(faiss_memory, "EXACT_WORK", 10**18 if is_exact else 0)
        monkeypatch.setattr(faiss_memory, "BLOCK", 100)
        if kind.startswith("disk"):
            monkeypatch.setattr(faiss_disk, "ROWS", 150)
            monkeypatch.setattr(faiss_disk, "FILE_BYTES", 40_000)
            return partial(faiss_disk.disk_index_of, folder=tmp_path / "scratch")
        if kind.startswith("pgvector"):
            monkeypatch.setattr(pgvector, "EXACT_WORK", 10**18 if is_exact else 0)
            monkeypatch.setattr(pgvector, "ROWS", 700)
            monkeypatch.setattr(pgvector, "QUERIES", 100)
            address = request.getfixturevalue("postgres")
            return partial(pgvector.pgvector_index_of, address=address, method="hnsw" if is_exact else kind.split()[1])
        return faiss_memory.index_of

    return of_kind


def unit(rows: np.ndarray) -> F32:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def people(count: int, size: int, seed: int, each: int = 10, noise: float = 0.1) -> F32:
    """Some tracks of each of some people who are little alike, in random order."""
    rng = np.random.default_rng(seed)
    centre = np.repeat(unit(rng.normal(size=(count // each, size))), each, axis=0)
    return unit(centre + noise * rng.normal(size=(count, size)))[rng.permutation(count)]


def nearest(vectors: F32, queries: F32, k: int) -> tuple[F32, I64]:
    """Slow: every two are compared, in double precision."""
    cosine = queries.astype(np.float64) @ vectors.astype(np.float64).T
    rows = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(cosine, rows, axis=1).astype(np.float32), rows


@pytest.mark.parametrize("kind", EXACT)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.integers(2, 40), st.integers(1, 40), st.booleans())
def test_exact_ones_find_what_comparing_everything_finds(
    choose: Choose, kind: str, seed: int, count: int, size: int, k: int, is_twice: bool
) -> None:
    vectors = unit(np.random.default_rng(seed).normal(size=(count, size)))
    if is_twice:
        vectors[count // 2 :] = vectors[: count - count // 2]
    expected, _ = nearest(vectors, vectors[:20], k)
    with choose(kind)(vectors, 20) as index:
        cosine, rows = index.search(vectors[:20], k)
    assert rows.shape == cosine.shape == (min(count, 20), k)
    assert cosine[:, :count] == pytest.approx(expected, abs=1e-5)
    assert (rows[:, min(k, count) :] == -1).all()
    for own, query in zip(rows[:, :count], vectors[:20], strict=True):
        assert len(set(own.tolist())) == len(own)
        assert vectors[own] @ query == pytest.approx(np.sort(vectors @ query)[::-1][: len(own)], abs=1e-5)


@pytest.mark.parametrize("kind", [*EXACT, *APPROXIMATE])
@pytest.mark.parametrize("size", [32, 512])
def test_neighbours_come_with_their_true_cosines_the_nearest_first(choose: Choose, kind: str, size: int) -> None:
    vectors = people(1500, size, seed=1)
    before = vectors.copy()
    with choose(kind)(vectors, 250) as index:
        assert len(index) == 1500
        cosine, rows = index.search(vectors[:250], 8)
    assert (vectors == before).all()
    assert (cosine.dtype, rows.dtype) == (np.float32, np.int64)
    assert (rows[:, 0] == np.arange(250)).mean() > 0.99
    is_there = rows >= 0
    true = np.einsum("qd,qkd->qk", vectors[:250], vectors[rows])
    assert cosine[is_there] == pytest.approx(true[is_there], abs=1e-5)
    assert (np.diff(np.where(is_there, cosine, -1), axis=1) <= 1e-6).all()


@pytest.mark.parametrize("kind", [*EXACT, *APPROXIMATE])
def test_most_of_what_comparing_everything_finds_is_found(choose: Choose, kind: str) -> None:
    vectors = people(4000, 32, seed=2, noise=0.03)
    _, expected = nearest(vectors, vectors[:300], 10)
    with choose(kind)(vectors, 300) as index:
        _, rows = index.search(vectors[:300], 10)
    recall = np.mean([len(set(a) & set(b)) for a, b in zip(rows.tolist(), expected.tolist(), strict=True)]) / 10
    # Of 32 cells one is looked through: 0.86 was found.
    assert recall > (0.999 if kind in EXACT else 0.8 if kind.endswith("cells") else 0.9)


@pytest.mark.parametrize("kind", [*EXACT, *APPROXIMATE])
@pytest.mark.parametrize("count", [1, 3, 1500])
def test_whoever_asks_for_more_than_there_are_gets_each_once_and_then_nothing(choose: Choose, kind: str, count: int) -> None:
    vectors = unit(np.random.default_rng(3).normal(size=(count, 16)))
    with choose(kind)(vectors, 2) as index:
        cosine, rows = index.search(vectors[:2], count + 5)
    assert rows.shape == cosine.shape == (min(count, 2), count + 5)
    for own in rows:
        found = own[own >= 0]
        assert len(set(found.tolist())) == len(found) <= count
        assert (own[len(found) :] == -1).all()
        assert len(found) == count or kind.endswith("cells")
    assert rows[0, 0] == 0


@pytest.mark.parametrize("kind", [*EXACT, *APPROXIMATE])
def test_nothing_to_search_in_or_for(choose: Choose, kind: str) -> None:
    vectors = people(1200, 16, seed=4)
    with choose(kind)(vectors[:0], 3) as index:
        assert len(index) == 0
        assert index.search(vectors[:3], 2)[1].tolist() == [[-1, -1]] * 3
    with choose(kind)(vectors, 3) as index:
        assert [part.shape for part in index.search(vectors[:0], 2)] == [(0, 2), (0, 2)]
        assert [part.shape for part in index.search(vectors[:3], 0)] == [(3, 0), (3, 0)]


@pytest.mark.parametrize("kind", [*EXACT, *APPROXIMATE])
def test_rows_that_are_all_the_same_are_told_apart_by_their_numbers(choose: Choose, kind: str) -> None:
    vectors = people(1200, 16, seed=5)
    vectors[100:130] = vectors[100]
    with choose(kind)(vectors, 1) as index:
        cosine, rows = index.search(vectors[100:101], 30)
    found = rows[0][rows[0] >= 0]
    assert len(set(found.tolist())) == len(found)
    assert set(found[:20].tolist()) <= set(range(100, 130))
    assert cosine[0, :20] == pytest.approx(np.ones(20), abs=1e-5)
    assert kind in APPROXIMATE or set(found.tolist()) == set(range(100, 130))


@pytest.mark.parametrize("kind", REPEATABLE)
def test_the_same_vectors_give_the_same_answer(choose: Choose, kind: str) -> None:
    vectors = people(2000, 32, seed=6, noise=0.6)
    make, answers = choose(kind), []
    for _ in range(2):
        with make(vectors, 200) as index:
            answers.append(index.search(vectors[:200], 12))
    assert (answers[0][0] == answers[1][0]).all()
    assert (answers[0][1] == answers[1][1]).all()


def test_two_graphs_of_postgres_give_nearly_the_same_answer(choose: Choose) -> None:
    vectors = people(2000, 32, seed=6)
    make, answers = choose("pgvector hnsw"), []
    for _ in range(2):
        with make(vectors, 200) as index:
            answers.append(index.search(vectors[:200], 10)[1])
    assert (answers[0] == answers[1]).mean() > 0.95


@pytest.mark.parametrize("kind", [*EXACT, *APPROXIMATE])
def test_vectors_may_be_mapped_from_a_file_that_nobody_may_write_to(choose: Choose, kind: str, tmp_path: Path) -> None:
    vectors = people(1500, 16, seed=7)
    held = map_blocks((vectors[at : at + 400] for at in range(0, 1500, 400)), tmp_path)
    answers = []
    for given_vectors in (vectors, held) if kind in REPEATABLE else (held,):
        with choose(kind)(given_vectors, 50) as index:
            answers.append(index.search(given_vectors[:50], 3)[1])
    assert (answers[0] == answers[-1]).all()
    assert (answers[0][:, 0] == np.arange(50)).mean() > 0.9
