"""Faiss indexes in memory: exact search, or approximate search in cells if exact search is too much work."""

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from meetbefore_assets.core.ports import F32, I64, VectorIndex

# Queries per block: on 1M x 128 vectors a single one takes 50 ms, in blocks of 1024 or more 2.4 ms each.
BLOCK = 4096
# Most multiplications of an exact search: 140,000 vectors of 128 components with each other, or 70,000 of 512.
EXACT_WORK = 2_500_000_000_000
# Share of the cells that is searched. Of pairs above 0.5 among 200,000 synthetic tracks, 81% are found from one end or the other with
# 1/64 of 2,048 cells, 89% with 1/32, and 93% with 1/64 of 8,192, which take eight times as long to build.
PROBED = 1 / 64
_PER_CELL = 100
FEWEST_IN_CELLS = 1000
_TRAINED_ON = 8  # vectors a cell
_ROUNDS = 4
# Candidates compared by their true vectors, per wanted neighbour: codes have only 4 bits for two components.
_REFINED = 2


def faiss_in_force() -> str:
    """Package and version of the loaded Faiss; of several installed packages that is the last one installed."""
    return f"{'faiss-gpu' if hasattr(faiss, 'StandardGpuResources') else 'faiss-cpu'} {faiss.__version__}"


def to_gpu(index: Any) -> Any:
    """Move an index to the first GPU, if this Faiss supports GPUs and there is one; else return it unchanged.

    Similarities are computed in single precision on a GPU too; equally near pairs may come in another order. Cells with 4-bit codes stay on
    the CPU (Faiss has none for GPUs). The gain was not measured.
    """
    if not hasattr(faiss, "StandardGpuResources") or not faiss.get_num_gpus():
        return index
    return faiss.index_cpu_to_gpu(_gpu_resources(), 0, index)


@cache
def _gpu_resources() -> Any:
    return faiss.StandardGpuResources()


def no_neighbours(queries: int, k: int) -> tuple[F32, I64]:
    """The result of a search in an empty index."""
    return np.full((queries, max(k, 0)), -np.inf, np.float32), np.full((queries, max(k, 0)), -1, np.int64)


class FlatIndex:
    """Implements `ports.VectorIndex`: exact search."""

    def __init__(self, vectors: F32) -> None:
        self._index = to_gpu(faiss.IndexFlatIP(vectors.shape[1]))
        self._index.add(np.ascontiguousarray(vectors, dtype=np.float32))

    def search(self, queries: F32, k: int) -> tuple[F32, I64]:
        if k < 1 or not len(queries) or not len(self):
            return no_neighbours(len(queries), k)
        blocks = [self._index.search(np.ascontiguousarray(queries[at : at + BLOCK], np.float32), k) for at in range(0, len(queries), BLOCK)]
        return np.concatenate([block[0] for block in blocks]), np.concatenate([block[1] for block in blocks])

    def __len__(self) -> int:
        return int(self._index.ntotal)


class CellIndex:
    """Implements `ports.VectorIndex`: approximate search in cells of short codes; only the nearest cells are searched.

    Candidates are compared again by their true vectors, which are not copied. Cells are trained on an even sample, the same for the same
    vectors.
    """

    def __init__(self, vectors: F32) -> None:
        self._vectors = vectors
        count, size = vectors.shape
        cells = cells_for(count)
        self._index = _inverted(size, cells)
        self._index.train(sample_of(self._index, vectors, cells))
        self._index.nprobe = probes_for(cells)
        for at in range(0, count, 2**17):
            self._index.add(np.ascontiguousarray(vectors[at : at + 2**17], np.float32))

    def search(self, queries: F32, k: int) -> tuple[F32, I64]:
        return search_refined(self._index, self._vectors, queries, k)

    def __len__(self) -> int:
        return int(self._index.ntotal)


def cells_for(count: int) -> int:
    """Number of cells for `count` vectors."""
    return int(2 ** max(1, round(np.log2(count / _PER_CELL))))


def probes_for(cells: int) -> int:
    """Number of cells that are searched for one query."""
    return max(1, round(cells * PROBED))


def sample_of(index: Any, vectors: F32, cells: int) -> F32:
    """Set up the training of an index's cells; returns the training vectors: an even sample, the same for the same vectors."""
    index.cp.niter = _ROUNDS
    index.cp.min_points_per_centroid = 1
    index.cp.max_points_per_centroid = _TRAINED_ON
    return np.ascontiguousarray(vectors[:: max(1, len(vectors) // (cells * _TRAINED_ON))], np.float32)


def search_refined(index: Any, vectors: F32, queries: F32, k: int) -> tuple[F32, I64]:
    """Search an index of codes for more neighbours than wanted, and compare those by their true vectors; see `ports.VectorIndex`."""
    if k < 1 or not len(queries):
        return no_neighbours(len(queries), k)
    blocks = [
        _refined(index, vectors, np.ascontiguousarray(queries[at : at + BLOCK], np.float32), k) for at in range(0, len(queries), BLOCK)
    ]
    return np.concatenate([block[0] for block in blocks]), np.concatenate([block[1] for block in blocks])


def _refined(index: Any, vectors: F32, queries: F32, k: int) -> tuple[F32, I64]:
    _, rows = index.search(queries, k * _REFINED)
    cosine = np.empty(rows.shape, np.float32)
    for at in range(0, len(rows), 256):
        np.einsum("qd,qkd->qk", queries[at : at + 256], vectors[rows[at : at + 256]], out=cosine[at : at + 256])
    cosine[rows < 0] = -np.inf
    nearest = np.argsort(-cosine, axis=1)[:, :k]
    return np.take_along_axis(cosine, nearest, axis=1), np.take_along_axis(rows, nearest, axis=1)


def _inverted(size: int, cells: int) -> Any:
    return faiss.index_factory(size, f"IVF{cells},PQ{size // 2}x4fs", faiss.METRIC_INNER_PRODUCT)


def is_exact_cheap(vectors: F32, queries: int) -> bool:
    """Whether an exact search of (n, d) vectors is little enough work, or there are too few vectors for cells."""
    return len(vectors) < FEWEST_IN_CELLS or queries * vectors.size <= EXACT_WORK


def index_of(vectors: F32, queries: int) -> AbstractContextManager[VectorIndex]:
    """An index in memory over (n, d) unit vectors for `queries` queries: exact, unless that is too much work."""
    return nullcontext(FlatIndex(vectors) if is_exact_cheap(vectors, queries) else CellIndex(vectors))


def write_l2(path: Path, vectors: F32) -> None:
    """Write (n, d) rows as a flat index of squared L2 distances: row i is number i, and Faiss reads it everywhere."""
    index = faiss.IndexFlatL2(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors, np.float32))
    faiss.write_index(index, str(path))
