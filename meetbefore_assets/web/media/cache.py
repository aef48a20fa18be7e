"""A bounded cache of what was read or decoded lately, in memory only, so that nothing of it outlives the app."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable


class Cache:
    """Least recently used cache of values (bytes by key) in groups; a group is dropped as soon as its version changes.

    Args:
        most_bytes: of all values together; the least recently used go first.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes, self._bytes = most_bytes, 0
        self._lock = threading.Lock()
        self._values: OrderedDict[tuple[str, Hashable], bytes] = OrderedDict()
        self._versions: dict[str, str] = {}

    def get(self, group: str, version: str, key: Hashable) -> bytes | None:
        """The cached value of a key for this version of a group, or None."""
        with self._lock:
            self._set_version(group, version)
            value = self._values.get((group, key))
            if value is not None:
                self._values.move_to_end((group, key))
            return value

    def put(self, group: str, version: str, values: Iterable[tuple[Hashable, bytes]]) -> None:
        """Keep values of a group."""
        with self._lock:
            self._set_version(group, version)
            for key, value in values:
                self._remove((group, key))
                self._values[group, key] = value
                self._bytes += len(value)
            while self._bytes > self._most_bytes:
                self._remove(next(iter(self._values)))

    def check(self, version_of: Callable[[str], str]) -> None:
        """Drop all groups whose version has changed since, so that pictures of forgotten people go."""
        for group, version in list(self._versions.items()):
            now = version_of(group)
            if now != version:
                with self._lock:
                    self._set_version(group, now)

    def _set_version(self, group: str, version: str) -> None:
        if self._versions.get(group) != version:
            for key in [key for key in self._values if key[0] == group]:
                self._remove(key)
            self._versions[group] = version

    def _remove(self, key: tuple[str, Hashable]) -> None:
        value = self._values.pop(key, None)
        self._bytes -= len(value) if value is not None else 0
