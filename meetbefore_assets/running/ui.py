"""Dagster's web app of a home, as an ASGI app that `web` guards and serves."""

import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster._grpc.client import DagsterGrpcClient
from dagster_webserver.app import create_app_from_workspace_process_context

from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.running.code_location import LOCATION_NAME
from meetbefore_assets.running.instance import open_instance

# Defaults of dagster-webserver: milliseconds, seconds, connections.
_STATEMENT_TIMEOUT_MS, _POOL_RECYCLE_S, _POOL_OVERFLOW = 15_000, 3600, 20
_POLL_MS = 2000
# Loading the definitions takes seconds; on a machine that is busy with videos, a minute.
_PATIENCE_S = 300.0


@contextlib.contextmanager
def dagster_app(home_folder: Path, code_server: Path, path_prefix: str = "") -> Iterator[Any]:
    """Dagster's web app.

    Args:
        home_folder: the home whose instance is shown.
        code_server: socket of the code server process.
        path_prefix: path below which it is served, such as `/dagster`; "" for the root.

    Raises:
        MeetbeforeError: the code server does not answer, or what Dagster keeps of the home is torn.
    """
    with open_instance(home_folder) as instance:
        instance.optimize_for_webserver(_STATEMENT_TIMEOUT_MS, _POOL_RECYCLE_S, _POOL_OVERFLOW)
        _wait_for(code_server)
        target = GrpcServerTarget(host="localhost", port=None, socket=str(code_server), location_name=LOCATION_NAME)
        with WorkspaceProcessContext(instance, workspace_load_target=target, version=dg.__version__) as context:
            yield create_app_from_workspace_process_context(context, path_prefix, live_data_poll_rate=_POLL_MS, lifespan=_lifespan)


@contextlib.asynccontextmanager
async def _lifespan(_app: object) -> AsyncIterator[None]:
    yield


def _wait_for(code_server: Path) -> None:
    client, begun = DagsterGrpcClient(socket=str(code_server)), time.monotonic()
    while True:
        try:
            client.ping("")
            return
        except DagsterUserCodeUnreachableError as error:
            if time.monotonic() - begun > _PATIENCE_S:
                raise MeetbeforeError(f"the process with the definitions does not answer after {_PATIENCE_S:g} s: {error}") from error
            time.sleep(0.1)
