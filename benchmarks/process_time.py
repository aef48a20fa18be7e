"""CPU time of a command and of all processes that it started, including those that outlive it."""

import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Linux: whoever loses its parent becomes a child of this process, so that its time is counted when it ends.
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Spent:
    """CPU and wall-clock seconds of a command.

    Attributes:
        cpu_s: seconds of the processor, all processes together.
        clock_s: seconds until the command ended.
        code: its exit status.
        last: the last line that it printed.
    """

    cpu_s: float
    clock_s: float
    code: int
    last: str


def spend(words: list[str], *, program: Path | None = None, environment: Mapping[str, str] | None = None) -> Spent:
    """Run Python with some arguments and wait for every process that it started.

    Args:
        words: behind `python`.
        program: a checkout whose modules are taken instead of this one's.
        environment: variables besides those of this process.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    root = program or Path(__file__).resolve().parents[1]
    variables = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(root), **(environment or {})}
    before, started = _children_s(), time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen([sys.executable, *words], stdout=out, stderr=subprocess.STDOUT, cwd=root, env=variables)
        code = process.wait()
        clock_s = time.perf_counter() - started
        while True:
            try:
                os.wait()
            except ChildProcessError:
                break
        out.seek(0)
        lines = out.read().strip().splitlines()
    return Spent(_children_s() - before, clock_s, code, lines[-1] if lines else "")


def _children_s() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime
