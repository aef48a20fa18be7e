"""Remote worker pool on a Ray cluster."""

import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError, TaskCancelledError

from meetbefore_assets.core.errors import ClusterError, MeetbeforeError

Item = TypeVar("Item")
Result = TypeVar("Result")
# Retries of a chunk on other workers, if its worker died.
RETRIES = 3
# A step that has waited this long for a chunk processes one itself: its own core is idle, and if steps hold all cores, or the only worker
# left, nobody else ever would.
LOCAL_FALLBACK_AFTER_S = 10.0
# Ray's type annotations lack what is used here.
_RAY: Any = ray


@dataclass
class _SubmittedChunk:
    """A chunk that was submitted to a worker, and its result if it was processed here instead."""

    item: Any
    reference: Any
    is_done: bool = False
    result: Any = None


class RayWorkers:
    """Implements `parallel.RemoteWorkers` with tasks of Ray.

    Args:
        chunk_frames: sampled frames per chunk.
        resources: requests of a task: num_cpus, memory in bytes, num_gpus.
        call: called with `work` and an item on the worker, or here if no worker takes the chunk.
    """

    def __init__(self, chunk_frames: int, resources: Mapping[str, object], call: Callable[[Callable[[Any, Any], Any], Any], Any]) -> None:
        self.chunk_frames = chunk_frames
        self._resources, self._call = dict(resources), call

    def map_in_order(self, work: Callable[[Any, Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        if not _RAY.is_initialized():
            # Joins the job that Ray started this process for; logs of workers stay with the workers.
            _RAY.init(log_to_driver=False)
        task = _RAY.remote(max_retries=RETRIES, retry_exceptions=False, **self._resources)(self._call)
        waiting: deque[_SubmittedChunk] = deque()
        try:
            for item in items:
                waiting.append(_SubmittedChunk(item, task.remote(work, item)))
                if len(waiting) >= self._at_once():
                    yield self._first(waiting, work)
            while waiting:
                yield self._first(waiting, work)
        finally:
            for submitted in waiting:
                _RAY.cancel(submitted.reference, force=True)

    def _first(self, waiting: "deque[_SubmittedChunk]", work: Callable[[Any, Any], Any]) -> Any:
        """Wait for the chunk that was submitted first; removes it and returns its result."""
        first = waiting[0]
        while not first.is_done and not _RAY.wait([first.reference], timeout=LOCAL_FALLBACK_AFTER_S)[0]:
            # The last one is the least likely to have been started; if it was, it is done twice, with the same result.
            last = next(submitted for submitted in reversed(waiting) if not submitted.is_done)
            last.result, last.is_done = self._call(work, last.item), True
            _RAY.cancel(last.reference)
        waiting.popleft()
        return first.result if first.is_done else _result(first.reference)

    def _at_once(self) -> int:
        """Number of chunks to submit: twice what the cluster can process now, because workers come and go."""
        return 2 * max(1, int(_RAY.cluster_resources().get("CPU", 1) / float(str(self._resources["num_cpus"]))))


def _result(reference: Any) -> Any:
    try:
        return _RAY.get(reference)
    except RayTaskError as error:
        raise _original_error(error) from error
    except (RayError, TaskCancelledError, pickle.PickleError) as error:
        raise ClusterError(
            f"a chunk of the video was lost {RETRIES + 1} times: {error}.",
            remedy="Look at `ray status` and at the log of the worker (too little memory is a usual reason), then run again.",
        ) from error


def _original_error(error: RayTaskError) -> Exception:
    """The error that a worker raised, if it was one of ours; else Ray's error."""
    cause = error.cause
    return cause if isinstance(cause, MeetbeforeError) else error
