"""Data for one page: a single snapshot of the identities, so that all parts of a page agree, with lookups in it."""

import threading
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl
from starlette.requests import Request

from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.threshold_sweep import sureness_of_thresholds
from meetbefore_assets.review.live_identities import LiveIdentities
from meetbefore_assets.review.live_view import View

Row = dict[str, Any]


@dataclass(frozen=True)
class State:
    """One view of the identities, with lookups.

    Attributes:
        view: who is who.
        zone: IANA name of the zone that people read times in.
        threshold: least cosine at which groups were joined; None if nothing was matched yet.
        interval_s: seconds between two sampled frames.
        sureness: from which probability on, 0..1, each threshold that was tried joins two groups.
    """

    view: View
    zone: str
    threshold: float | None
    interval_s: float
    sureness: dict[float, float]

    @property
    def people(self) -> pl.DataFrame:
        return self.view.people

    @cached_property
    def videos_of_faces(self) -> dict[str, str]:
        """face_id -> video_id, of faces and of what was said to be none."""
        both = pl.concat([self.view.faces.select("face_id", "video_id"), self.view.not_faces.select("face_id", "video_id")])
        return dict(both.iter_rows())

    @cached_property
    def portraits(self) -> dict[str, tuple[str, str]]:
        """person_id -> (video_id, face_id) of the best face."""
        where = self.view.faces.select("face_id", "video_id")
        best = self.people.select("person_id", "best_face_id").join(where, left_on="best_face_id", right_on="face_id")
        return {person: (video, face) for person, face, video in best.select("person_id", "best_face_id", "video_id").iter_rows()}

    @cached_property
    def names(self) -> dict[str, str]:
        """person_id -> name; "" where there is none."""
        return {person: name or "" for person, name in self.people.select("person_id", "name").iter_rows()}

    @cached_property
    def labels(self) -> dict[str, str]:
        """person_id -> name, or the id where there is none."""
        return {person: name or person for person, name in self.names.items()}

    def label(self, person_id: str) -> str:
        """The name, or the id where there is none."""
        return self.labels.get(person_id, person_id)


def home_of(request: Request) -> Home:
    """The home that is shown."""
    home: Home = request.app.state.home
    return home


def live_of(request: Request) -> LiveIdentities:
    """The identities in memory, in which corrections are visible at once."""
    live: LiveIdentities = request.app.state.live
    return live


class _Latest:
    """The state of the latest view."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: State | None = None

    def of(self, home: Home, view: View) -> State:
        with self._lock:
            if self._state is None or self._state.view is not view:
                stamp = home.store.stamp("identity_assignments", WHOLE)
                threshold = float(stamp.facts["threshold"]) if stamp and "threshold" in stamp.facts else None
                self._state = State(view, home.zone(), threshold, home.settings().sampling.interval_s, sureness_of_thresholds(home))
            return self._state


def state_of(request: Request) -> State:
    """The current state."""
    kept: _Latest | None = getattr(request.app.state, "kept", None)
    if kept is None:
        kept = request.app.state.kept = _Latest()
    return kept.of(home_of(request), live_of(request).view())
