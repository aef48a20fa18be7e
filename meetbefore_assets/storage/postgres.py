"""Postgres connections that notice when the server is gone; the driver is loaded only if a server is set."""

from typing import Any

from meetbefore_assets.core.errors import StoreError
from meetbefore_assets.core.installing import extra_requirements, install_command

# A vanished server or machine is noticed after about a minute: 20 s of silence, then 4 probes, 10 s apart.
_IDLE_S, _INTERVAL_S, _COUNT = 20, 10, 4
_ALIVE = {"keepalives": 1, "keepalives_idle": _IDLE_S, "keepalives_interval": _INTERVAL_S, "keepalives_count": _COUNT}
# The same for the server, which then releases the locks of the vanished machine.
SERVER_ALIVE = f"-c tcp_keepalives_idle={_IDLE_S} -c tcp_keepalives_interval={_INTERVAL_S} -c tcp_keepalives_count={_COUNT}"


def load_driver(setting: str) -> Any:
    """Import psycopg2.

    Args:
        setting: what needs it, for the error message: "store.postgres is set".

    Raises:
        StoreError: it is not installed.
    """
    try:
        import psycopg2
        import psycopg2.errors
    except ImportError as error:
        raise StoreError(
            f"{setting}, but the driver of Postgres is not installed.",
            remedy=f"Install it: `{install_command(extra_requirements('postgres'))}`.",
        ) from error
    return psycopg2


def connect(driver: Any, address: str, purpose: str, remedy: str, options: str = "") -> Any:
    """Open a connection, which the caller closes.

    Args:
        driver: see `load_driver`.
        address: postgresql://….
        purpose: one word for what it is used for, shown by Postgres and in the error message.
        remedy: what to do if it fails.
        options: session options, as for `psql`.

    Raises:
        StoreError: the address is invalid, or the server cannot be reached. The message omits the address, which holds a password.
    """
    try:
        return driver.connect(address, connect_timeout=20, application_name=f"meetbefore {purpose}", options=options, **_ALIVE)
    except driver.ProgrammingError:  # its text repeats the address with the password, which must not reach logs or events
        raise StoreError("store.postgres is not a server address; expected postgresql://USER@HOST/DATABASE.", remedy=remedy) from None
    except driver.Error as error:
        raise StoreError(f"Postgres cannot be reached for {purpose}: {first_line(error)}.", remedy=remedy) from error


def first_line(error: Exception) -> str:
    """The first line of an error message of the server or the driver."""
    return str(error).strip().split("\n")[0]
