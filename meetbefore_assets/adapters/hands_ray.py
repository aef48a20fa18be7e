"""Work that the workers of a Ray cluster share."""

import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError, TaskCancelledError

from meetbefore_assets.errors import ClusterError, MeetbeforeError

Item = TypeVar("Item")
Result = TypeVar("Result")
# How often a piece is given to another worker when its own died.
RETRIES = 3
# Ray's own annotations leave out what is used here.
_RAY: Any = ray


class RayHands:
    """Implements `hands.FarHands` with tasks of Ray.

    Args:
        moments: how many make a piece.
        asks_for: what a task asks for: num_cpus, memory in bytes, num_gpus.
        call: executed on the worker with `work` and an item.
    """

    def __init__(self, moments: int, asks_for: Mapping[str, object], call: Callable[[Callable[[Any, Any], Any], Any], Any]) -> None:
        self.moments = moments
        self._asks_for, self._call = dict(asks_for), call

    def in_order(self, work: Callable[[Any, Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        if not _RAY.is_initialized():
            # Of the job that Ray started this process for; the log of a worker stays with the worker.
            _RAY.init(log_to_driver=False)
        task = _RAY.remote(max_retries=RETRIES, retry_exceptions=False, **self._asks_for)(self._call)
        waiting: deque[Any] = deque()
        try:
            for item in items:
                waiting.append(task.remote(work, item))
                if len(waiting) >= self._at_once():
                    yield _result(waiting.popleft())
            while waiting:
                yield _result(waiting.popleft())
        finally:
            for reference in waiting:
                _RAY.cancel(reference, force=True)

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
