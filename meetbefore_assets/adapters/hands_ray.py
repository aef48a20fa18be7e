"""Work that the workers of a Ray cluster share."""

import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError, TaskCancelledError

from meetbefore_assets.errors import ClusterError, MeetbeforeError

Item = TypeVar("Item")
Result = TypeVar("Result")
# How often a piece is given to another worker when its own died.
RETRIES = 3
# So long a step waits for a piece before it works on one itself: its own core is idle, and where steps hold all the cores there are, or
# the only worker left, nobody else ever would.
PATIENCE_S = 10.0
# Ray's own annotations leave out what is used here.
_RAY: Any = ray


@dataclass
class _Given:
    """A piece that was given away, and its result where it was worked on here after all."""

    item: Any
    reference: Any
    is_done: bool = False
    result: Any = None


class RayHands:
    """Implements `hands.FarHands` with tasks of Ray.

    Args:
        moments: how many make a piece.
        asks_for: what a task asks for: num_cpus, memory in bytes, num_gpus.
        call: executed on the worker, or here where nobody takes a piece, with `work` and an item.
    """

    def __init__(self, moments: int, asks_for: Mapping[str, object], call: Callable[[Callable[[Any, Any], Any], Any], Any]) -> None:
        self.moments = moments
        self._asks_for, self._call = dict(asks_for), call

    def in_order(self, work: Callable[[Any, Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        if not _RAY.is_initialized():
            # Of the job that Ray started this process for; the log of a worker stays with the worker.
            _RAY.init(log_to_driver=False)
        task = _RAY.remote(max_retries=RETRIES, retry_exceptions=False, **self._asks_for)(self._call)
        waiting: deque[_Given] = deque()
        try:
            for item in items:
                waiting.append(_Given(item, task.remote(work, item)))
                if len(waiting) >= self._at_once():
                    yield self._first(waiting, work)
            while waiting:
                yield self._first(waiting, work)
        finally:
            for given in waiting:
                _RAY.cancel(given.reference, force=True)

    def _first(self, waiting: "deque[_Given]", work: Callable[[Any, Any], Any]) -> Any:
        """The result of the piece that was given away first, which is no longer waited for."""
        first = waiting[0]
        while not first.is_done and not _RAY.wait([first.reference], timeout=PATIENCE_S)[0]:
            # The last one is the least likely to have been begun; if it was, it is done twice, with the same answer.
            last = next(given for given in reversed(waiting) if not given.is_done)
            last.result, last.is_done = self._call(work, last.item), True
            _RAY.cancel(last.reference)
        waiting.popleft()
        return first.result if first.is_done else _result(first.reference)

    def _at_once(self) -> int:
        """Twice what the cluster can work on now: workers come and go."""
        return 2 * max(1, int(_RAY.cluster_resources().get("CPU", 1) / float(str(self._asks_for["num_cpus"]))))


def _result(reference: Any) -> Any:
    try:
        return _RAY.get(reference)
    except RayTaskError as error:
        raise _cause(error) from error
    except (RayError, TaskCancelledError, pickle.PickleError) as error:
        raise ClusterError(
            f"a piece of the video was lost {RETRIES + 1} times: {error}.",
            remedy="Look at `ray status` and at the log of the worker (too little memory is a usual reason), then run again.",
        ) from error


def _cause(error: RayTaskError) -> Exception:
    """What a worker raised: in our words where it was one of our errors."""
    cause = error.cause
    return cause if isinstance(cause, MeetbeforeError) else error
