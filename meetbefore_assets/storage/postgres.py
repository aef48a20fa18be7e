"""Loads Postgres's driver where a server is asked for, and opens connections whose loss is noticed."""

from typing import Any

from meetbefore_assets.core.errors import StoreError

# A server, or a machine, that vanished is noticed after about a minute: 20 s of silence, then 4 questions, 10 s apart.
_IDLE_S, _INTERVAL_S, _COUNT = 20, 10, 4
_ALIVE = {"keepalives": 1, "keepalives_idle": _IDLE_S, "keepalives_interval": _INTERVAL_S, "keepalives_count": _COUNT}
# The same for the server, which then gives up what the vanished machine held.
SERVER_ALIVE = f"-c tcp_keepalives_idle={_IDLE_S} -c tcp_keepalives_interval={_INTERVAL_S} -c tcp_keepalives_count={_COUNT}"


def load_driver(setting: str) -> Any:
    """The module psycopg2.

    Args:
        setting: what wants it, for the error: "store.postgres is set".

    Raises:
        StoreError: it is not installed.
    """
    try:
        import psycopg2
        import psycopg2.errors
    except ImportError as error:
        raise StoreError(
            f"{setting}, but the driver of Postgres is not installed.", remedy="Install the group: `uv sync --group postgres`."
        ) from error
    return psycopg2


def connect(driver: Any, address: str, purpose: str, remedy: str, options: str = "") -> Any:
    """A connection that is nobody else's; to be closed by whoever asked for it.

    Args:
        driver: see `load_driver`.
        address: postgresql://….
        purpose: what it is for, one word: Postgres shows it, and so does the error.
        remedy: what to do where it cannot be had.
        options: of the session, as for `psql`.

    Raises:
        StoreError: the address is none, or the server cannot be reached. The address, which holds a password, is not repeated.
    """
    try:
        return driver.connect(address, connect_timeout=20, application_name=f"meetbefore {purpose}", options=options, **_ALIVE)
    except driver.ProgrammingError as error:  # its text repeats the address, with the password
        raise StoreError("store.postgres is no address of a server; expected postgresql://USER@HOST/DATABASE.", remedy=remedy) from error
    except driver.Error as error:
        raise StoreError(f"Postgres cannot be reached for {purpose}: {first_line(error)}.", remedy=remedy) from error


def first_line(error: Exception) -> str:
    """The first line of what the server or the driver said."""
    return str(error).strip().split("\n")[0]
