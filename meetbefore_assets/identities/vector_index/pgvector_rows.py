"""Converts between arrays and rows in Postgres' binary COPY format.

https://www.postgresql.org/docs/current/sql-copy.html (File Formats, Binary Format). A vector is its length and an unused number, 16 bits
each, then the components: pgvector's `vector_recv`, https://github.com/pgvector/pgvector/blob/master/src/vector.c.
"""

import numpy as np

from meetbefore_assets.core.ports import F32, F64, I64

_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"
_FOUND = np.dtype(
    [
        ("columns", ">i2"),
        *(("query_bytes", ">i4"), ("query", ">i4")),
        *(("row_bytes", ">i4"), ("row", ">i4")),
        *(("cosine_bytes", ">i4"), ("cosine", ">f8")),
    ]
)


def pack_rows(first: int, vectors: F32) -> bytes:
    """Rows (number, vector) of (n, d) vectors, numbered from `first` on."""
    count, size = vectors.shape
    rows = np.empty(count, _row_type(size))
    rows["columns"], rows["number_bytes"], rows["vector_bytes"] = 2, 4, 4 + 4 * size
    rows["number"] = np.arange(first, first + count)
    rows["size"], rows["unused"], rows["vector"] = size, 0, vectors
    return _HEADER + rows.tobytes() + _TRAILER


def _row_type(size: int) -> np.dtype[np.void]:
    head = [("columns", ">i2"), ("number_bytes", ">i4"), ("number", ">i4"), ("vector_bytes", ">i4"), ("size", ">i2"), ("unused", ">i2")]
    return np.dtype([*head, ("vector", ">f4", (size,))])


def unpack_rows(data: bytes) -> tuple[I64, I64, F64]:
    """Unpack (int4, int4, float8) rows to arrays of queries, rows and cosines."""
    rows = np.frombuffer(data, _FOUND, offset=len(_HEADER), count=(len(data) - len(_HEADER) - len(_TRAILER)) // _FOUND.itemsize)
    return rows["query"].astype(np.int64), rows["row"].astype(np.int64), rows["cosine"].astype(np.float64)
