"""The published database: replaced as a whole, only where something changed."""

import datetime as dt
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest

from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.core.schema.lists import published_tables
from meetbefore_assets.core.schema.table import Table
from meetbefore_assets.storage.database_duckdb import DuckDbPublisher

SIZE = 4
_VALUES: dict[pl.DataType, object] = {
    pl.String(): "text",
    pl.Int64(): 7,
    pl.Float64(): 0.5,
    pl.Float32(): 0.25,
    pl.Boolean(): True,
    pl.Datetime("us"): dt.datetime(2025, 3, 7, 8, 12, 5),
    pl.List(pl.Float32): [1.0, 0.0, 0.0, 0.0],
    pl.List(pl.String): ["a"],
    pl.List(pl.Int64): [1],
}


def rows(table: Table, parts: list[str]) -> pl.DataFrame:
    """Two rows a part."""
    public = {column.name: column.dtype for column in table.public}
    made = []
    for part in parts:
        for number in range(2):
            row = {name: _VALUES[dtype] for name, dtype in public.items()}
            row |= {name: f"{part}-{number}" for name in table.key if public[name] == pl.String()}
            made.append({**row, **({"video_id": part} if "video_id" in public else {})})
    return pl.DataFrame(made, schema=public, orient="row")


def wanted(**parts: str) -> dict[str, dict[str, str]]:
    whole = {table.name for table in published_tables() if "video_id" not in table.dtypes} | {"videos", "corrections"}
    return {table.name: ({WHOLE: "w1"} if table.name in whole else dict(parts)) for table in published_tables()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "meetbefore.duckdb"


def count(path: Path, table: str = "detections") -> int:
    with duckdb.connect(str(path), read_only=True) as connection:
        return int(connection.execute(f"select count(*) from {table}").fetchall()[0][0])


def test_every_table_is_there_with_its_types_and_comments(path: Path) -> None:
    DuckDbPublisher(path).publish(wanted(v1="1", v2="1"), rows, SIZE)
    with duckdb.connect(str(path), read_only=True) as connection:
        for table in published_tables():
            found = connection.execute(f"select * from {table.name}").fetchall()
            assert len(found) == (2 if WHOLE in wanted()[table.name] else 4)
        kinds = dict(connection.execute("select column_name, data_type from duckdb_columns() where table_name = 'embeddings'").fetchall())
        assert kinds["vector"] == "FLOAT[4]"
        texts = connection.execute("select comment from duckdb_columns() where table_name = 'people'").fetchall()
        assert all(text for (text,) in texts)


def test_no_picture_is_published(path: Path) -> None:
    DuckDbPublisher(path).publish(wanted(v1="1"), rows, SIZE)
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("select count(*) from duckdb_columns() where data_type = 'BLOB'").fetchall() == [(0,)]


def test_what_is_in_step_is_not_touched(path: Path) -> None:
    publisher = DuckDbPublisher(path)
    publisher.publish(wanted(v1="1"), rows, SIZE)
    before = path.stat().st_ino
    assert publisher.is_in_step(wanted(v1="1"), SIZE)
    assert publisher.publish(wanted(v1="1"), rows, SIZE).changed_parts == 0
    assert path.stat().st_ino == before


def test_only_changed_parts_are_fetched(path: Path) -> None:
    publisher = DuckDbPublisher(path)
    publisher.publish(wanted(v1="1", v2="1"), rows, SIZE)
    fetched: set[str] = set()

    def watch(table: Table, parts: list[str]) -> pl.DataFrame:
        fetched.update(parts)
        return rows(table, parts)

    publisher.publish(wanted(v1="1", v2="2", v3="1"), watch, SIZE)
    assert fetched == {"v2", "v3"}
    assert count(path) == 6
    assert count(path, "people") == 2


def test_parts_that_are_gone_are_gone(path: Path) -> None:
    publisher = DuckDbPublisher(path)
    publisher.publish(wanted(v1="1", v2="1"), rows, SIZE)
    publisher.publish(wanted(v2="1"), rows, SIZE)
    assert count(path) == 2


def test_an_open_reader_keeps_what_it_has_and_blocks_nobody(path: Path) -> None:
    publisher = DuckDbPublisher(path)
    publisher.publish(wanted(v1="1"), rows, SIZE)
    with duckdb.connect(str(path), read_only=True) as reader:
        publisher.publish(wanted(v1="1", v2="1"), rows, SIZE)
        assert reader.execute("select count(*) from detections").fetchall() == [(2,)]
    assert count(path) == 4


@pytest.mark.parametrize("content", [b"", b"\0" * 8 + b"DUCK" + b"\0" * 9000])
def test_a_torn_file_is_made_anew(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    DuckDbPublisher(path).publish(wanted(v1="1"), rows, SIZE)
    assert count(path) == 2


def test_somebody_who_has_it_open_for_writing_blocks_nobody(path: Path) -> None:
    publisher = DuckDbPublisher(path)
    publisher.publish(wanted(v1="1"), rows, SIZE)
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.readline()"
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        assert publisher.is_in_step(wanted(v1="1"), SIZE)
        assert publisher.publish(wanted(v1="2"), rows, SIZE).changed_parts > 0
        other.communicate(b"\n")
    assert publisher.is_in_step(wanted(v1="2"), SIZE)


def test_another_size_of_vector_makes_it_anew(path: Path) -> None:
    publisher = DuckDbPublisher(path)
    publisher.publish(wanted(v1="1"), rows, SIZE)
    publisher.publish(wanted(v1="1"), lambda table, parts: rows(table, parts).with_columns(_longer(table)), SIZE + 1)
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("select typeof(vector) from embeddings limit 1").fetchall() == [("FLOAT[5]",)]


def _longer(table: Table) -> list[pl.Expr]:
    return [pl.lit([1.0] * 5, pl.List(pl.Float32)).alias("vector")] if "vector" in table.dtypes else []


def test_a_failure_leaves_the_last_one_and_no_litter(path: Path) -> None:
    publisher = DuckDbPublisher(path)
    publisher.publish(wanted(v1="1"), rows, SIZE)

    def fail(_table: Table, _parts: list[str]) -> pl.DataFrame:
        raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        publisher.publish(wanted(v1="2"), fail, SIZE)
    assert count(path) == 2
    left = [entry for entry in path.parent.rglob("*") if entry.is_file() and entry.suffix != ".lock"]
    assert left == [path]


PUBLISHER = """
import sys, time
from pathlib import Path
from meetbefore_assets.storage.database_duckdb import DuckDbPublisher
from meetbefore_assets_tests.storage.test_database_duckdb import SIZE, wanted
def wait(table, parts):
    print(flush=True)
    time.sleep(600)
DuckDbPublisher(Path(sys.argv[1])).publish(wanted(v1="2"), wait, SIZE)
"""


def test_what_a_killed_publisher_leaves_is_closed_to_others_and_goes_at_the_next(path: Path) -> None:
    publisher = DuckDbPublisher(path)
    publisher.publish(wanted(v1="1"), rows, SIZE)
    with subprocess.Popen([sys.executable, "-c", PUBLISHER, str(path)], stdout=subprocess.PIPE, umask=0o022) as killed:
        assert killed.stdout is not None
        killed.stdout.readline()
        killed.kill()
    (left,) = (each for each in path.parent.rglob("*.duckdb") if each != path)
    assert stat.S_IMODE(left.parent.stat().st_mode) == 0o700
    publisher.publish(wanted(v1="2"), rows, SIZE)
    assert list(path.parent.rglob("*.duckdb")) == [path]
