"""One suite over both kinds of locks: one holder at a time, and a dead one holds nothing."""

import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import psycopg2
import pytest

from meetbefore_assets.core.errors import LockTimeoutError, StoreError
from meetbefore_assets.storage import file_locks, postgres_locks
from meetbefore_assets_tests.support.postgres import address

Hold = Callable[[str, float], AbstractContextManager[None]]


@pytest.fixture(params=["files", "postgres"])
def hold(request: pytest.FixtureRequest, tmp_path: Path) -> Hold:
    if request.param == "files":
        return partial(file_locks.hold, tmp_path)
    return partial(postgres_locks.hold, address(), str(tmp_path))


def test_one_at_a_time(hold: Hold) -> None:
    with hold("index", 0), pytest.raises(LockTimeoutError, match="'index' was held by another process for more than 0 s"), hold("index", 0):
        raise AssertionError("two hold it")


def test_locks_of_other_names_are_others(hold: Hold) -> None:
    with hold("index", 0), hold("index 2", 0), hold("video-ä", 0):
        pass


@pytest.mark.parametrize("timeout_s", [0.0, 5.0, -1.0])
def test_it_is_free_again_whatever_happened(hold: Hold, timeout_s: float) -> None:
    with pytest.raises(ZeroDivisionError), hold("index", 0):
        raise ZeroDivisionError
    with hold("index", timeout_s):
        pass


@pytest.mark.parametrize("timeout_s", [30.0, -1.0])
def test_whoever_waits_gets_it(hold: Hold, timeout_s: float) -> None:
    events: list[str] = []
    is_held = threading.Event()

    def first() -> None:
        with hold("index", 0):
            is_held.set()
            time.sleep(0.3)
            events.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert is_held.wait(30)
    with hold("index", timeout_s):
        events.append("second")
    thread.join()
    assert events == ["first", "second"]


def test_many_threads_never_hold_it_together(hold: Hold) -> None:
    inside, most, done = [0], [0], [0]

    def work() -> None:
        for _ in range(5):
            with hold("index", 60):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.001)
                inside[0] -= 1
                done[0] += 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most[0], done[0]) == (1, 30)


@pytest.mark.parametrize("kind", ["files", "postgres"])
def test_a_killed_process_holds_nothing(kind: str, tmp_path: Path) -> None:
    module = "file_locks" if kind == "files" else "postgres_locks"
    arguments = f"Path({str(tmp_path)!r})" if kind == "files" else f"{address()!r}, {str(tmp_path)!r}"
    code = (
        f"import time\nfrom pathlib import Path\nfrom meetbefore_assets.storage.{module} import hold\n"
        f"with hold({arguments}, 'index', 0):\n    print('held', flush=True)\n    time.sleep(600)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout
        assert holder.stdout.readline().strip() == "held"
        hold = partial(file_locks.hold, tmp_path) if kind == "files" else partial(postgres_locks.hold, address(), str(tmp_path))
        with pytest.raises(LockTimeoutError), hold("index", 0):
            raise AssertionError("two hold it")
        holder.kill()
        holder.wait(30)
        with hold("index", 30):
            pass
    finally:
        holder.kill()
        holder.wait(30)


def test_archives_on_one_server_do_not_wait_for_each_other() -> None:
    with postgres_locks.hold(address(), "s3://one", "index", 0), postgres_locks.hold(address(), "s3://two", "index", 0):
        pass


def test_a_lost_connection_is_told_because_others_may_hold_the_lock() -> None:
    def work() -> None:
        with postgres_locks.hold(address(), "lost", "index", 0):
            others = psycopg2.connect(address())
            others.autocommit = True
            others.cursor().execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'meetbefore locks'")
            others.close()

    with pytest.raises(StoreError, match="connection to Postgres was lost while 'index' was held"):
        work()


def test_a_server_that_is_not_there_is_told() -> None:
    with (
        pytest.raises(StoreError, match="Postgres cannot be reached") as caught,
        postgres_locks.hold("postgresql://me:secret@127.0.0.1:1/none", "x", "y", 0),
    ):
        raise AssertionError("held nothing")
    assert "store.postgres" in caught.value.remedy
    assert "secret" not in str(caught.value)


def test_what_is_no_address_is_told_without_the_password() -> None:
    wrong = "postgresql://me:secret@[x"
    with pytest.raises(StoreError, match="not a server address") as caught, postgres_locks.hold(wrong, "x", "y", 0):
        raise AssertionError("held nothing")
    assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_a_driver_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with (
        pytest.raises(StoreError, match=r"store\.postgres is set, but the driver") as caught,
        postgres_locks.hold("postgresql://x", "x", "y", 0),
    ):
        raise AssertionError("held nothing")
    assert "psycopg2-binary" in caught.value.remedy
