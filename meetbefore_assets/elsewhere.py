"""Pieces of a video on other workers of a cluster: who asks for them, and what such a worker does with one."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar

from meetbefore_assets.engines import PIECE_VARIABLE, for_models
from meetbefore_assets.errors import SettingsError
from meetbefore_assets.hands import FarHands
from meetbefore_assets.wiring import build_workbench
from meetbefore_assets.workbench import Workbench

Item = TypeVar("Item")
Result = TypeVar("Result")


def far_hands(environment: Mapping[str, str] = os.environ) -> FarHands:
    """Workers of the Ray cluster that this process belongs to.

    Raises:
        SettingsError: MEETBEFORE_PIECE_MOMENTS is no such number, or Ray is not installed.
    """
    text = environment.get(PIECE_VARIABLE, "")
    if not text.isdecimal() or not 16 <= int(text) <= 1_000_000:
        raise SettingsError(
            f"{PIECE_VARIABLE} is '{text}', expected how many moments make a piece, 16 or more.",
            remedy="Set it to some hundreds, or leave it out: a video is worked on by one worker then.",
        )
    try:
        from meetbefore_assets.adapters.hands_ray import RayHands
    except ImportError as error:
        raise SettingsError(
            f"{PIECE_VARIABLE} needs the package ray, which cannot be imported ({error}).", remedy="Install it with `uv sync --group ray`."
        ) from error
    return RayHands(int(text), for_models(environment).for_ray(), work_here)


def work_here(work: Callable[[Workbench, Item], Result], item: Item) -> Result:
    """Executed on the worker that was given an item: with a workbench over its own home, which is kept for the next one."""
    return work(_own_bench(), item)


@cache
def _own_bench() -> Workbench:
    bench = build_workbench(Path(os.environ.get("MEETBEFORE_HOME", "data")))
    bench.threads = max(1, int(for_models().cpus))
    return bench
