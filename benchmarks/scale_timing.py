"""Timing helpers for `benchmarks.scale_model`."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Found = dict[str, Any]


def cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds of this process and its threads."""
    before = time.process_time()
    work()
    return time.process_time() - before


def clock_s(work: Callable[[], object]) -> float:
    """Wall-clock seconds."""
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    return path.stat().st_size if path.is_file() else sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
