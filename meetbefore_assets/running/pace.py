"""How fast a run is, and how long it will take."""

from dataclasses import dataclass
from typing import Literal


@dataclass
class Pace:
    """Counts finished videos.

    Attributes:
        videos: to be worked on in all.
        begun_s: when work began, on any clock.
        done: videos that are finished, failed ones too.
        footage_s: length of those that came through.
    """

    videos: int
    begun_s: float
    done: int = 0
    footage_s: float = 0.0

    def finished(self, footage_s: float) -> None:
        """Count one more; 0 where it failed."""
        self.done += 1
        self.footage_s += footage_s

    def remaining_s(self, now_s: float) -> float | None:
        """Seconds until all are done, if the rest takes as long as what is finished; None before the first."""
        return (now_s - self.begun_s) / self.done * (self.videos - self.done) if self.done else None

    def words(self, now_s: float) -> str:
        """`36 videos an hour, 14.2 s of footage a second, about 3 min left`; "" before the first is finished."""
        remaining_s, elapsed_s = self.remaining_s(now_s), now_s - self.begun_s
        if remaining_s is None or elapsed_s <= 0:
            return ""
        parts = [f"{self.done / elapsed_s * 3600:,.0f} videos an hour", f"{self.footage_s / elapsed_s:.1f} s of footage a second"]
        return ", ".join([*parts, f"{format_duration(remaining_s)} left"] if self.done < self.videos else parts)


def format_duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> [format_duration(s) for s in (3, 59.6, 200, 7300, 400_000)]
    ['about 3 s', 'about 1 min', 'about 3 min', 'about 2 h', 'about 5 days']
    """
    number, unit = duration_parts(seconds)
    return f"about {number} {unit}"


def duration_parts(seconds: float) -> tuple[int, Literal["s", "min", "h", "days"]]:
    """A length of time in one unit.

    >>> [duration_parts(s) for s in (3, 59.6, 7300)]
    [(3, 's'), (1, 'min'), (2, 'h')]
    """
    if seconds < 59.5:
        return round(seconds), "s"
    if seconds < 59.5 * 60:
        return round(seconds / 60), "min"
    if seconds < 47.5 * 3600:
        return round(seconds / 3600), "h"
    return round(seconds / 86400), "days"
