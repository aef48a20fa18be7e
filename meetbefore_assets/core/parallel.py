"""Ordered parallel map over threads, a resource per thread, and the port of remote workers."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, Protocol, TypeVar


class Closable(Protocol):
    """What is closed in the end."""

    def close(self) -> None: ...


Item = TypeVar("Item")
Result = TypeVar("Result")
Resource = TypeVar("Resource", bound=Closable)


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_order(work: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """Results of the items, in their order, worked out by several threads; by the caller's own where one is enough.

    No more than two items a thread are taken before their turn, so what is waiting stays small however many there are. The first error
    ends it, after what is being worked on.
    """
    if threads <= 1:
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class PerThread(Generic[Resource]):
    """A resource of its own for each thread, opened when it is first asked for; a context manager that closes those it opened.

    Args:
        first: the resource of the thread that made this, which stays open: whoever opened it closes it.
        more: opens another one.
    """

    def __init__(self, first: Resource, more: Callable[[], Resource]) -> None:
        self._more, self._lock, self._opened = more, threading.Lock(), list[Resource]()
        self._local = threading.local()
        self._local.resource = first

    def get(self) -> Resource:
        """The resource of the thread that asks."""
        if not hasattr(self._local, "resource"):
            resource = self._more()
            with self._lock:
                self._opened.append(resource)
            self._local.resource = resource
        found: Resource = self._local.resource
        return found

    def __enter__(self) -> "PerThread[Resource]":
        return self

    def __exit__(self, *exc: object) -> None:
        for resource in self._opened:
            resource.close()


class RemoteWorkers(Protocol):
    """Remote worker pool for chunks of one video.

    Attributes:
        chunk_frames: how many sampled frames make a chunk.
    """

    chunk_frames: int

    def map_in_order(self, work: Callable[[Any, Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Results of the items, in their order; errors of `work` are raised here.

        Args:
            work: a function of a module, given the home of the machine it is executed on, and an item.
            items: can be pickled, as results can. Few are taken before their turn.

        Raises:
            ClusterError: an item's worker died again and again.
        """
