"""Faiss indexes on disk, for more vectors than fit into memory: codes in memory-mapped files, written block by block.

Vectors come as one matrix, which may be memory-mapped too (`scratch.map_blocks`) and is read in blocks. In memory are only the centres of
the cells (one per hundred vectors), a block, and the parts of mapped files that the system caches.

Codes have 8 bits per component: the 4-bit codes of `faiss_memory.CellIndex` cannot be memory-mapped.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.core.ports import F32, I64, VectorIndex
from meetbefore_assets.identities.vector_index.faiss_memory import (
    cells_for,
    is_exact_cheap,
    no_neighbours,
    probes_for,
    sample_of,
    search_refined,
)
from meetbefore_assets.storage.scratch import scratch

# Rows of vectors per block.
ROWS = 2**17
# Size of a file of codes, which is built in memory: a million vectors of 128 components.
FILE_BYTES = 2**27
# Bytes per code besides its components: its number.
_NUMBER = 8


class BlockIndex:
    """Implements `ports.VectorIndex`: exact search, a block of vectors at a time."""

    def __init__(self, vectors: F32) -> None:
        self._vectors = vectors

    def search(self, queries: F32, k: int) -> tuple[F32, I64]:
        if k < 1 or not len(queries) or not len(self):
            return no_neighbours(len(queries), k)
        found = [self._block(np.ascontiguousarray(queries[at : at + ROWS], np.float32), k) for at in range(0, len(queries), ROWS)]
        return np.concatenate([part[0] for part in found]), np.concatenate([part[1] for part in found])

    def _block(self, queries: F32, k: int) -> tuple[F32, I64]:
        nearest = faiss.ResultHeap(len(queries), k, keep_max=True)
        for at in range(0, len(self), ROWS):
            block = np.ascontiguousarray(self._vectors[at : at + ROWS], np.float32)
            cosine, rows = faiss.knn(queries, block, min(k, len(block)), faiss.METRIC_INNER_PRODUCT)
            nearest.add_result(cosine, rows + at)
        nearest.finalize()
        return nearest.D, nearest.I

    def __len__(self) -> int:
        return len(self._vectors)


class DiskIndex:
    """Implements `ports.VectorIndex`: approximate search in cells of codes in memory-mapped files; only the nearest cells are searched.

    Candidates are compared again by their true vectors. The same vectors give the same answers.

    Args:
        vectors: (n, d) float32, unit rows, n at least 2; kept, not copied.
        folder: an empty folder that exists until the index is closed.

    Raises:
        StoreError: a file could not be written or mapped.
    """

    def __init__(self, vectors: F32, folder: Path) -> None:
        self._vectors = vectors
        cells = cells_for(len(vectors))
        self._index = _untrained(vectors.shape[1], cells)
        self._index.train(sample_of(self._index, vectors, cells))
        try:
            self._parts: list[Any] = [faiss.read_index(name, faiss.IO_FLAG_MMAP) for name in _written(self._index, vectors, folder)]
        except RuntimeError as error:
            raise StoreError(
                f"the index could not be written to {folder}: {str(error).strip().splitlines()[-1]}.",
                remedy="Free some space, then run again.",
            ) from error
        self._stack = _stacked(self._parts)
        self._index.replace_invlists(self._stack, False)
        self._index.ntotal = len(vectors)
        self._index.nprobe = probes_for(cells)

    def search(self, queries: F32, k: int) -> tuple[F32, I64]:
        return search_refined(self._index, self._vectors, queries, k)

    def close(self) -> None:
        """Close the files; the index cannot be searched any more."""
        del self._index, self._stack
        self._parts.clear()

    def __len__(self) -> int:
        return len(self._vectors)


def _untrained(size: int, cells: int) -> Any:
    return faiss.index_factory(size, f"IVF{cells},SQ8", faiss.METRIC_INNER_PRODUCT)


def _written(trained: Any, vectors: F32, folder: Path) -> list[str]:
    """Write the codes of vectors to files; returns their names."""
    names, rows = [], max(1, FILE_BYTES // (vectors.shape[1] + _NUMBER))
    for begin in range(0, len(vectors), rows):
        part, end = faiss.clone_index(trained), min(begin + rows, len(vectors))
        for at in range(begin, end, ROWS):
            block = np.ascontiguousarray(vectors[at : min(at + ROWS, end)], np.float32)
            part.add_with_ids(block, np.arange(at, at + len(block)))
        names.append(str(folder / f"codes-{begin:012d}.faiss"))
        faiss.write_index(part, names[-1])
    return names


def _stacked(parts: list[Any]) -> Any:
    """Combine the cells of several indexes into one index, without copying them into one file.

    Faiss can also merge the files (`contrib.ondisk.merge_ondisk`). One file is searched in four fifths of the time of four, with the same
    answers, but merging takes as much disk space again and prints to standard output.
    """
    lists: Any = faiss.InvertedListsPtrVector()  # type: ignore[attr-defined]  # made by SWIG
    for part in parts:
        lists.push_back(part.invlists)
    return faiss.HStackInvertedLists(lists.size(), lists.data())


@contextlib.contextmanager
def disk_index_of(vectors: F32, queries: int, folder: Path) -> Iterator[VectorIndex]:
    """Yield an index over (n, d) unit vectors for `queries` queries; exact if that is little enough work, as in memory.

    Its files are in `folder`, and deleted at the end.

    Raises:
        StoreError: the disk has too little space, or is read-only.
    """
    if is_exact_cheap(vectors, queries):
        yield BlockIndex(vectors)
        return
    with scratch(folder, len(vectors) * (vectors.shape[1] + _NUMBER)) as made, contextlib.closing(DiskIndex(vectors, made)) as index:
        yield index
