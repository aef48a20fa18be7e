"""Chunks of one video on the workers of a Ray cluster: the worker pool, and the home of a worker."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar

from meetbefore_assets.core.errors import SettingsError
from meetbefore_assets.core.installing import extra_requirements, install_command
from meetbefore_assets.core.parallel import RemoteWorkers
from meetbefore_assets.home.home import Home
from meetbefore_assets.open_home import open_home
from meetbefore_assets.running.executors import CHUNK_VARIABLE, is_chunked, model_resources

Item = TypeVar("Item")
Result = TypeVar("Result")


def remote_workers(environment: Mapping[str, str] = os.environ) -> RemoteWorkers | None:
    """The worker pool of the Ray cluster that this process belongs to; None if videos are not divided among workers.

    Raises:
        SettingsError: MEETBEFORE_PIECE_MOMENTS is not a valid number, or Ray is not installed.
    """
    if not is_chunked(environment):
        return None
    text = environment.get(CHUNK_VARIABLE, "")
    if not text.isdecimal() or not 16 <= int(text) <= 1_000_000:
        raise SettingsError(
            f"{CHUNK_VARIABLE} is '{text}', expected how many sampled frames make a chunk, 16 or more.",
            remedy="Set it to some hundreds, or leave it out: a video is worked on by one worker then.",
        )
    try:
        from meetbefore_assets.running.ray_pool import RayWorkers
    except ImportError as error:
        raise SettingsError(
            f"{CHUNK_VARIABLE} needs the package ray, which cannot be imported ({error}).",
            remedy=f"Install it: `{install_command(extra_requirements('ray'))}`.",
        ) from error
    return RayWorkers(int(text), model_resources(environment).for_ray(), run_on_worker)


def run_on_worker(work: Callable[[Home, Item], Result], item: Item) -> Result:
    """Call `work` on this worker, with the worker's own home, which is kept for the next item."""
    return work(_worker_home(), item)


@cache
def _worker_home() -> Home:
    home = open_home(Path(os.environ.get("MEETBEFORE_HOME", "data")))
    home.threads = max(1, int(model_resources().cpus))
    return home
