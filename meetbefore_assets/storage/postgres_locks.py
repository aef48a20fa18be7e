"""Locks for several machines: advisory locks of a Postgres server, which end with the holder's connection.

https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

import contextlib
import hashlib
from collections.abc import Iterator
from typing import Any

from meetbefore_assets.core.errors import LockTimeoutError, StoreError
from meetbefore_assets.storage.postgres import SERVER_ALIVE, connect, first_line, load_driver

_REMEDY = "Check store.postgres (or MEETBEFORE_POSTGRES) and that the server runs."
# A holder whose machine vanished loses its locks; one that only works for a long time does not.
_SESSION = f"{SERVER_ALIVE} -c idle_session_timeout=0"


@contextlib.contextmanager
def hold(address: str, scope: str, name: str, timeout_s: float) -> Iterator[None]:
    """Hold the lock `name` of an archive.

    Args:
        address: postgresql://….
        scope: tells archives on the same server apart: the store.uri.
        name: what is locked.
        timeout_s: how long to wait for another holder, seconds; negative: forever.

    Raises:
        LockTimeoutError: another process held it for longer.
        StoreError: the server cannot be reached, or the connection broke while the lock was held, so that others may have taken it.
    """
    driver = load_driver("store.postgres is set")
    with contextlib.closing(connect(driver, address, "locks", _REMEDY, _SESSION)) as connection:
        connection.autocommit = True
        _acquire(driver, connection, _key(scope, name), name, timeout_s)
        yield
        try:
            connection.cursor().execute("select pg_advisory_unlock(%s)", (_key(scope, name),))
        except driver.Error as error:
            raise StoreError(
                f"the connection to Postgres was lost while '{name}' was held ({first_line(error)}).",
                remedy="Run again: nothing is lost, and what is missing is processed.",
            ) from error


def _acquire(driver: Any, connection: Any, key: int, name: str, timeout_s: float) -> None:
    # 0 means forever to Postgres, so not waiting at all is one millisecond.
    wait_ms = 0 if timeout_s < 0 else max(1, round(timeout_s * 1000))
    try:
        with connection.cursor() as cursor:
            cursor.execute("select set_config('lock_timeout', %s, false)", (str(wait_ms),))
            cursor.execute("select pg_advisory_lock(%s)", (key,))
    except driver.errors.LockNotAvailable as error:
        raise LockTimeoutError(
            f"'{name}' was held by another process for more than {timeout_s:g} s.",
            remedy="Wait for that process, or end it.",
        ) from error
    except driver.Error as error:
        raise StoreError(f"Postgres did not give the lock '{name}': {first_line(error)}.", remedy=_REMEDY) from error


def _key(scope: str, name: str) -> int:
    """Key of an advisory lock: 64 bits, signed."""
    return int.from_bytes(hashlib.sha256(f"meetbefore {scope} {name}".encode()).digest()[:8], "big", signed=True)
