"""Vectors in Postgres: nothing is left there, and whatever is wrong is said in words."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from meetbefore_assets.core.errors import SettingsError, StoreError
from meetbefore_assets.core.ports import F32
from meetbefore_assets.identities.vector_index import pgvector, pgvector_sql
from meetbefore_assets.identities.vector_index.pgvector import PgVectorIndex, pgvector_index_of
from meetbefore_assets.identities.vector_index.pgvector_rows import pack_rows, unpack_rows

pytestmark = pytest.mark.slow

# What the server's own tables may grow by when tables come and go.
CATALOGUE = 500_000


def vectors(count: int = 1000, size: int = 16) -> F32:
    rows = np.random.default_rng(1).normal(size=(count, size)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@contextmanager
def asking(address: str) -> Iterator[Any]:
    with closing(psycopg2.connect(address)) as connection:
        connection.autocommit = True
        yield connection.cursor()


def one(address: str, question: str) -> Any:
    with asking(address) as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0]


def tables(address: str) -> int:
    """Tables of ours that others can see."""
    return int(one(address, "select count(*) from pg_class where relname like 'meetbefore%'"))


def size(address: str) -> int:
    """Bytes of the database, those of tables that nobody can see included."""
    return int(one(address, "select pg_database_size(current_database())"))


def size_soon(address: str, expected: int) -> int:
    """The size when it is what is expected, or after a minute: the server may take a moment to notice that somebody died."""
    deadline = time.monotonic() + 60
    while size(address) > expected and time.monotonic() < deadline:
        time.sleep(0.2)
    return size(address)


def test_nobody_sees_the_tables_and_nothing_is_left_of_them(postgres: str) -> None:
    with pgvector_index_of(vectors(), 10, postgres):
        pass  # the extension is there from now on
    before, rows = size(postgres), vectors(3000, 128)
    with pgvector_index_of(rows, 10**9, postgres) as index:
        index.search(rows[:3], 2)
        assert isinstance(index, PgVectorIndex)
        assert index.size_bytes() > rows.nbytes
        assert size(postgres) > before + rows.nbytes
        assert tables(postgres) == 0
    assert size_soon(postgres, before + CATALOGUE) <= before + CATALOGUE
    assert tables(postgres) == 0


def test_nothing_is_left_of_a_process_that_was_killed(postgres: str) -> None:
    with pgvector_index_of(vectors(), 10, postgres):
        pass
    before = size(postgres)
    code = (
        "import sys, time\nimport numpy as np\nfrom meetbefore_assets.identities.vector_index.pgvector import pgvector_index_of\n"
        "with pgvector_index_of(np.eye(1500, dtype=np.float32), 10, sys.argv[1]):\n    print('there', flush=True)\n    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, postgres], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        assert size(postgres) > before + 1500 * 1500 * 4
        process.send_signal(signal.SIGKILL)
    assert size_soon(postgres, before + CATALOGUE) <= before + CATALOGUE
    assert tables(postgres) == 0


def test_few_are_compared_exactly_and_more_by_a_graph(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pgvector, "EXACT_WORK", 160_000)
    for queries, methods in ((10, {"btree": 0, "hnsw": 0}), (11, {"btree": 0, "hnsw": 1})):
        with pgvector_index_of(vectors(), queries, postgres) as index:
            assert isinstance(index, PgVectorIndex)
            cursor = index._cursor
            cursor.execute(
                "select count(*) from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam"
                " where i.indrelid = to_regclass(%s) and a.amname = 'hnsw'",
                (index._names["vectors"],),
            )
            assert cursor.fetchone()[0] == methods["hnsw"]


def test_a_connection_that_is_lost_is_said(postgres: str) -> None:
    def lose() -> None:
        with pgvector_index_of(vectors(), 10, postgres) as index, asking(postgres) as cursor:
            cursor.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'meetbefore vectors'")
            index.search(vectors()[:3], 2)

    with pytest.raises(StoreError, match="Postgres did not search the vectors"):
        lose()


def test_no_address_is_said_with_what_to_do() -> None:
    with pytest.raises(SettingsError, match=r"store\.postgres is empty") as caught, pgvector_index_of(vectors(), 10, ""):
        pass
    assert "MEETBEFORE_POSTGRES" in caught.value.remedy


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql://nobody:secret@127.0.0.1:1/nothing", "cannot be reached"),
        ("postgresql://nobody:secret@no-such-host.invalid/nothing", "cannot be reached"),
        ("nonsense secret", "is not a server address"),
        ("postgresql://nobody:secret@127.0.0.1:port/nothing", "store.postgres|cannot be reached"),
    ],
)
def test_a_server_that_is_not_there_is_said_without_the_password(address: str, words: str) -> None:
    with pytest.raises(StoreError, match=words) as caught, pgvector_index_of(vectors(), 10, address):
        pass
    assert "secret" not in str(caught.value)
    assert "index.kind" in caught.value.remedy


def test_a_server_without_the_extension_is_said(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pgvector_sql, "FIND_EXTENSION", pgvector_sql.FIND_EXTENSION.replace("'vector'", "'no such extension'"))
    with pytest.raises(StoreError, match="no extension 'vector'") as caught, pgvector_index_of(vectors(), 10, postgres):
        pass
    assert "pgvector" in caught.value.remedy


def test_a_user_who_may_not_make_tables_is_told(postgres: str) -> None:
    with pgvector_index_of(vectors(), 10, postgres):
        pass
    with asking(postgres) as cursor:
        cursor.execute("create role guest login")
        cursor.execute("revoke create on schema public from public")
    address = postgres.replace("postgres:@", "guest:@")
    with pytest.raises(StoreError, match="does not let this user") as caught, pgvector_index_of(vectors(), 10, address):
        pass
    assert "GRANT CREATE" in caught.value.remedy


def test_a_driver_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(StoreError, match="driver") as caught, pgvector_index_of(vectors(), 10, "postgresql://somewhere"):
        pass
    assert "psycopg2-binary" in caught.value.remedy


SOME = arrays(np.float32, st.tuples(st.integers(0, 20), st.integers(1, 9)), elements=st.floats(-1, 1, width=32))


@given(st.integers(0, 2**31 - 100), SOME)
def test_rows_are_written_as_postgres_reads_them(first: int, rows: F32) -> None:
    """Against the format written out field by field."""

    def whole(value: int, bytes_: int) -> bytes:
        return value.to_bytes(bytes_, "big")

    expected = b"PGCOPY\n\xff\r\n\0" + bytes(8)
    for number, row in enumerate(rows):
        body = whole(len(row), 2) + bytes(2) + b"".join(np.array(value, ">f4").tobytes() for value in row)
        expected += whole(2, 2) + whole(4, 4) + whole(first + number, 4) + whole(len(body), 4) + body
    assert pack_rows(first, rows) == expected + b"\xff\xff"


def test_what_postgres_writes_is_read(postgres: str) -> None:
    import io

    with asking(postgres) as cursor:
        answer = io.BytesIO()
        cursor.copy_expert("copy (select i, i * 7 % 5, i / 8.0::float8 from generate_series(0, 99) i) to stdout (format binary)", answer)
        query, row, cosine = unpack_rows(answer.getvalue())
        assert query.tolist() == list(range(100))
        assert row.tolist() == [i * 7 % 5 for i in range(100)]
        assert cosine.tolist() == [i / 8 for i in range(100)]
        nothing = io.BytesIO()
        cursor.copy_expert("copy (select 1, 1, 1.0::float8 where false) to stdout (format binary)", nothing)
    assert [len(part) for part in unpack_rows(nothing.getvalue())] == [0, 0, 0]
