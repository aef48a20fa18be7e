"""Vector index in a Postgres server with the extension pgvector.

Why pgvector and not Qdrant or another vector database: several machines share a Postgres server anyway, for Dagster's instance and locks,
so there is nothing more to run, protect and update; unfinished work is rolled back; and tests use a real server from a wheel, while
Qdrant needs a container (its client alone searches by brute force).

Everything happens in one transaction that is always rolled back: table and index are only visible to its connection, and gone when it is
closed, when its process dies, or when the machine vanishes. Nothing is written to the write-ahead log, and nothing is left to clean up.

Few vectors are searched exactly, more by HNSW. Postgres builds its graph, and the cells of IVFFlat, with random numbers that cannot be
seeded: two builds of the same vectors may miss different pairs. See docs/indexes.md.
"""

import contextlib
import io
import secrets
from collections.abc import Iterator
from typing import Any

import numpy as np

from meetbefore_assets.core.errors import SettingsError, StoreError
from meetbefore_assets.core.ports import F32, I64, VectorIndex
from meetbefore_assets.identities.vector_index import pgvector_sql
from meetbefore_assets.identities.vector_index.pgvector_rows import pack_rows, unpack_rows
from meetbefore_assets.storage.postgres import connect, first_line, load_driver

# Most multiplications of an exact search: 4,400 vectors of 128 components with each other, about 15 s.
EXACT_WORK = 2_500_000_000
# Rows sent, and queries asked, at once.
ROWS, QUERIES = 8192, 4096
# Candidates of an HNSW search: at least this many, and twice the wanted number; pgvector allows 1,000.
_HELD, _MOST_HELD = 64, 1000
# Memory of HNSW's graph while it is built, besides the vectors: with 512 bytes each it was full at 860,000 of a million vectors of 128
# components, and the rest took six times as long, on disk.
_GRAPH_BYTES = 800
_MOST_MEMORY_KIB = 4 * 2**20
_REMEDY = "Check store.postgres (or MEETBEFORE_POSTGRES) and that the server runs, or set index.kind to auto."


class PgVectorIndex:
    """Implements `ports.VectorIndex` within an open transaction.

    Args:
        cursor: of a connection that nobody else uses.
        vectors: (n, d) float32, unit rows; sent in blocks.
        method: hnsw, ivfflat, or exact.
    """

    def __init__(self, cursor: Any, vectors: F32, method: str) -> None:
        self._cursor, self._count, self._method = cursor, len(vectors), method
        name = f"meetbefore_{secrets.token_hex(6)}"
        self._names = {"vectors": f"{name}_vectors", "queries": f"{name}_queries"}
        cursor.execute(pgvector_sql.SET_UP)
        for table in self._names.values():
            cursor.execute(pgvector_sql.CREATE_TABLE.format(table=table, size=vectors.shape[1]))
        for at in range(0, len(vectors), ROWS):
            self._send("vectors", at, vectors[at : at + ROWS])
        self._make(vectors.shape[1])
        cursor.execute(pgvector_sql.ANALYZE_TABLE.format(table=self._names["vectors"]))

    def _send(self, table: str, first: int, vectors: F32) -> None:
        self._cursor.copy_expert(pgvector_sql.COPY_IN.format(table=self._names[table]), io.BytesIO(pack_rows(first, vectors)), 2**20)

    def _make(self, size: int) -> None:
        if self._method == "hnsw":
            needed_kib = self._count * (4 * size + _GRAPH_BYTES) // 1024
            self._cursor.execute(pgvector_sql.SET_BUILD_MEMORY, (min(needed_kib, _MOST_MEMORY_KIB),))
            self._cursor.execute(pgvector_sql.CREATE_HNSW.format(**self._names))
        elif self._method == "ivfflat":
            lists = max(1, round(self._count**0.5))
            self._cursor.execute(pgvector_sql.SET_BUILD_MEMORY, (min(_cells_kib(lists, size), _MOST_MEMORY_KIB),))
            self._cursor.execute(pgvector_sql.CREATE_IVFFLAT.format(**self._names, lists=lists))
            self._cursor.execute(pgvector_sql.SET_IVFFLAT_PROBES.format(probes=max(1, lists // 64)))

    def search(self, queries: F32, k: int) -> tuple[F32, I64]:
        """See `ports.VectorIndex`; equally near rows are sorted by row. Raises StoreError."""
        cosine = np.full((len(queries), max(k, 0)), -np.inf, np.float32)
        rows = np.full(cosine.shape, -1, np.int64)
        if k < 1 or not self._count:
            return cosine, rows
        self._set_search(k)
        for at in range(0, len(queries), QUERIES):
            found = self._ask(np.ascontiguousarray(queries[at : at + QUERIES], np.float32), min(k, self._count))
            _place(*found, cosine[at : at + QUERIES], rows[at : at + QUERIES])
        return cosine, rows

    def _set_search(self, k: int) -> None:
        is_used = self._method != "exact" and 2 * k <= _MOST_HELD and k < self._count
        self._cursor.execute(pgvector_sql.SET_INDEX_USED.format(on_or_off="on" if is_used else "off"))
        if is_used and self._method == "hnsw":
            self._cursor.execute(pgvector_sql.SET_HNSW_SEARCHED.format(searched=max(_HELD, 2 * k)))

    def _ask(self, queries: F32, k: int) -> tuple[I64, I64, F32]:
        self._cursor.execute(pgvector_sql.CLEAR_TABLE.format(table=self._names["queries"]))
        self._send("queries", 0, queries)
        self._cursor.execute(pgvector_sql.ANALYZE_TABLE.format(table=self._names["queries"]))
        answer = io.BytesIO()
        self._cursor.copy_expert(pgvector_sql.FIND_NEAREST.format(**self._names, k=k), answer, 2**20)
        query, row, cosine = unpack_rows(answer.getvalue())
        return query, row, cosine.astype(np.float32)

    def size_bytes(self) -> int:
        """Size of table and index on the server, bytes."""
        self._cursor.execute(pgvector_sql.SIZE_ON_DISK.format(**self._names))
        return int(self._cursor.fetchone()[0])

    def __len__(self) -> int:
        return self._count


def _cells_kib(lists: int, size: int) -> int:
    """Memory that pgvector needs to train cells: a sample of 50 vectors per cell, and distance bounds for each vector and cell."""
    sample = max(50 * lists, 10_000)
    return (sample * (4 * size + 4 * lists) + 8 * lists * (size + lists)) * 5 // 4 // 1024


def _place(query: I64, row: I64, cosine: F32, cosines: F32, rows: I64) -> None:
    """Write results into the result arrays, nearest first."""
    order = np.lexsort((row, -cosine, query))
    query, row, cosine = query[order], row[order], cosine[order]
    count = np.bincount(query, minlength=len(rows))
    rank = np.arange(len(query)) - np.repeat(np.cumsum(count) - count, count)
    cosines[query, rank], rows[query, rank] = cosine, row


@contextlib.contextmanager
def pgvector_index_of(vectors: F32, queries: int, address: str, method: str = "hnsw") -> Iterator[VectorIndex]:
    """Yield an index over (n, d) unit vectors, dropped at the end.

    Args:
        vectors: float32.
        queries: number of queries; if an exact search is little enough work, it is used.
        address: postgresql://… of a server with pgvector 0.5 or later.
        method: hnsw or ivfflat, if an exact search is too much work.

    Raises:
        SettingsError: there is no address.
        StoreError: the server cannot be reached, lacks the extension, refuses or is lost.
    """
    if not address:
        raise SettingsError(
            "index.kind is pgvector, but store.postgres is empty; expected postgresql://USER@HOST/DATABASE.",
            remedy="Set store.postgres (or MEETBEFORE_POSTGRES), or set index.kind to auto.",
        )
    driver = load_driver("index.kind is pgvector")
    # Nothing is committed but the extension: the server rolls everything back when the connection is closed.
    with contextlib.closing(connect(driver, address, "vectors", _REMEDY)) as connection:
        try:
            _add_extension(connection)
            yield PgVectorIndex(connection.cursor(), vectors, "exact" if queries * vectors.size <= EXACT_WORK else method)
        except driver.Error as error:
            raise _refused(driver, error) from error


def _add_extension(connection: Any) -> None:
    """Create the extension in the database if missing. Raises StoreError if the server does not have it."""
    with connection.cursor() as cursor:
        cursor.execute(pgvector_sql.FIND_EXTENSION)
        found = cursor.fetchone()
        if found is None:
            raise StoreError(
                "the Postgres server has no extension 'vector'; expected pgvector 0.5 or later.",
                remedy="Install it (package postgresql-NN-pgvector, image pgvector/pgvector), or set index.kind to auto.",
            )
        if found[0] is None:
            cursor.execute(pgvector_sql.WAIT_FOR_OTHERS)
            cursor.execute(pgvector_sql.CREATE_EXTENSION)
    connection.commit()


def _refused(driver: Any, error: Exception) -> StoreError:
    if isinstance(error, driver.errors.InsufficientPrivilege):
        remedy = "Let the user create tables (GRANT CREATE ON SCHEMA public), or let an administrator do CREATE EXTENSION vector."
        return StoreError(f"Postgres does not let this user keep vectors: {first_line(error)}.", remedy=remedy)
    if isinstance(error, driver.errors.DiskFull | driver.errors.OutOfMemory):
        remedy = "Give it more room (a container: more shared memory, --shm-size), or set index.kind to disk."
        return StoreError(f"Postgres has too little room for vectors: {first_line(error)}.", remedy=remedy)
    return StoreError(f"Postgres did not search the vectors: {first_line(error)}.", remedy=_REMEDY)
