"""Ordered parallel map over threads, a resource per thread, and the port for remote workers."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, Protocol, TypeVar


class Closable(Protocol):
    """Has a method `close`."""

    def close(self) -> None: ...


Item = TypeVar("Item")
Result = TypeVar("Result")
Resource = TypeVar("Resource", bound=Closable)


def usable_cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_order(work: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """Apply `work` to items in several threads (in the caller's if `threads` is 1); yields the results in the order of the items.

    At most two items per thread are taken ahead, so that memory stays small. The first error is raised, after the items in progress.
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
    """One resource per thread, opened at first use; a context manager that closes those it opened.

    Args:
        first: the resource of the creating thread, which its owner closes.
        more: opens another one.
    """

    def __init__(self, first: Resource, more: Callable[[], Resource]) -> None:
        self._more, self._lock, self._opened = more, threading.Lock(), list[Resource]()
        self._local = threading.local()
        self._local.resource = first

    def get(self) -> Resource:
        """The resource of the calling thread."""
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
        chunk_frames: sampled frames per chunk.
    """

    chunk_frames: int

    def map_in_order(self, work: Callable[[Any, Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Apply `work` to items on remote workers; yields the results in the order of the items, and raises the errors of `work`.

        Args:
            work: a module-level function; gets the home of the machine it runs on, and an item.
            items: picklable, like the results. Few are taken ahead.

        Raises:
            ClusterError: the worker of an item died repeatedly.
        """
