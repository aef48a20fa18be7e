"""A Postgres server on this machine, for tests: one a process, reached by a socket in a temporary folder."""

import atexit
import shutil
import tempfile
import warnings
from functools import cache

import pytest


@cache
def address() -> str:
    """Start the server; its address. It ends with the process."""
    pgserver = pytest.importorskip("pgserver", reason="the package with a Postgres server has no build for this system")
    folder = tempfile.mkdtemp(prefix="meetbefore-postgres-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it misses a runtime folder of the user, and takes another
        server = pgserver.get_server(folder, cleanup_mode="delete")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return str(server.get_uri())
