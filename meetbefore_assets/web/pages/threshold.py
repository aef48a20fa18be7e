"""The threshold page: shows what another threshold would change while one drags, applies it, and takes it back."""

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meetbefore_assets.core.errors import MeetbeforeError, ThresholdUnknownError, UsageError
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings.sections import MatchingSettings
from meetbefore_assets.identities.policy import policy
from meetbefore_assets.identities.policy_history import BY_SETTINGS, apply_threshold, former_setting, record_policy
from meetbefore_assets.identities.threshold_survival import cliff_below
from meetbefore_assets.publishing.page.phrases import Phrase
from meetbefore_assets.review.live_view import View
from meetbefore_assets.review.what_if import Example, ThresholdTrials, VideoMoment, WhatIf, threshold_trials
from meetbefore_assets.web.pages.acting import correction_saved
from meetbefore_assets.web.pages.cards import short_clock
from meetbefore_assets.web.pages.reading import State, home_of, state_of
from meetbefore_assets.web.pages.rendering import field, go_to, language_of, page
from meetbefore_assets.web.words import Language

LEAST, MOST, STEP = 0.25, 0.75, 0.01
EXAMPLES = 6
# The curve is worked out beside the answers: that of a small archive is waited for when the page is opened.
_PATIENCE_S = 0.4
# Between two steps of a drag nothing else is worked out.
_PAUSE_S = 0.5
# Vectors and edges of an archive are let go when nobody asked for so long.
_KEPT_S = 300.0
# Of the drawing.
WIDTH, HEIGHT = 640, 150
_MARGIN = 4


@dataclass(frozen=True)
class Shown:
    """One side of an example: a face, when it was seen, and whom it belongs to now."""

    video_id: str
    face_id: str
    when: Phrase
    person_id: str
    label: str


@dataclass(frozen=True)
class Pair:
    """Two sightings that would become, or would no longer be, one person."""

    earlier: Shown
    later: Shown
    cosine: str


@dataclass(frozen=True)
class Line:
    """A line of the drawing: its name, and points for SVG."""

    name: str
    points: str


@dataclass(frozen=True)
class Chart:
    """People by threshold.

    Attributes:
        lines: people, and people met again.
        now_x, at_x, cliff_x: where the threshold in force, the one that is looked at, and the cliff are drawn.
        auto_x: where the threshold is that `auto` chooses; None: it cannot choose one.
        cliff: the threshold up to which one person takes in more and more, and their share there.
    """

    lines: tuple[Line, ...]
    now_x: float
    at_x: float
    auto_x: float | None
    cliff_x: float
    cliff: tuple[str, str] | None


class _Trials:
    """The trials of the latest view, and the thread that computes their curve."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version = ""
        self._trials: ThresholdTrials | None = None
        self.auto: float | None = None
        self._known: dict[float, WhatIf] = {}
        self._is_drawn = threading.Event()
        self._asking, self._dragged_at = 0, -_PAUSE_S
        self._timer: threading.Timer | None = None

    def of(self, home: Home, view: View) -> ThresholdTrials:
        """Raises UsageError if there are no tracks yet."""
        with self._lock:
            if self._trials is None or self._version != view.version:
                self._trials, self._version = threshold_trials(home, view.archive.threshold), view.version
                self._known, self._is_drawn, self.auto = {}, threading.Event(), _automatic(home)
                threading.Thread(target=self._draw, args=(self._trials, self._known, self._is_drawn), daemon=True).start()
            if self._timer:
                self._timer.cancel()
            self._timer = threading.Timer(_KEPT_S, self._let_go)
            self._timer.daemon = True
            self._timer.start()
            return self._trials

    def at(self, trials: ThresholdTrials, at: float, patience_s: float) -> tuple[WhatIf, dict[float, WhatIf]]:
        """What a threshold would change, and the part of the curve that is computed after so many more seconds."""
        with self._lock:
            known, is_drawn = self._known, self._is_drawn
            self._asking += 1
        try:
            known[at] = found = trials.at(at, EXAMPLES)
        finally:
            with self._lock:
                self._asking -= 1
                if not patience_s:
                    self._dragged_at = time.monotonic()
        is_drawn.wait(patience_s)
        return found, dict(known)

    def _draw(self, trials: ThresholdTrials, known: dict[float, WhatIf], is_drawn: threading.Event) -> None:
        """Try all thresholds of the slider, coarse steps first; requests of the page take precedence. The lowest take longest."""
        steps = range(round((MOST - LEAST) / STEP) + 1)
        for step in sorted(steps, key=lambda number: (number == 0, number % 10 != 0, -number)):
            while self._trials is trials and (self._asking or time.monotonic() - self._dragged_at < _PAUSE_S):
                time.sleep(0.02)
            if self._trials is not trials:
                return
            at = _rounded(LEAST + step * STEP)
            known[at] = trials.at(at, EXAMPLES)
        is_drawn.set()

    def _let_go(self) -> None:
        with self._lock:
            self._trials, self._known = None, {}


def threshold(request: Request, problem: MeetbeforeError | None = None) -> Response:
    """What a threshold would change."""
    home, state = home_of(request), state_of(request)
    kept: _Trials | None = getattr(request.app.state, "trials", None)
    if kept is None:
        kept = request.app.state.trials = _Trials()
    try:
        trials = kept.of(home, state.view)
    except UsageError:
        return page(request, "threshold.html.jinja", trial=None)
    asked = request.query_params.get("at", "")
    at = _asked(asked, trials.threshold)
    trial, known = kept.at(trials, at, 0.0 if asked else _PATIENCE_S)
    now, setting = trials.at(trials.threshold, EXAMPLES), _setting(home)
    language = language_of(request)
    return page(
        request,
        "threshold.html.jinja",
        problem=problem,
        status=409 if problem else 200,
        back="/threshold",
        trial=trial,
        now=now,
        at=f"{at:g}",
        at_now=f"{trials.threshold:g}",
        least=LEAST,
        most=MOST,
        step=STEP,
        setting=setting,
        is_following=setting not in ("auto", f"{trials.threshold:g}"),
        former=former_setting(home),
        sure="" if trial.sureness is None else f"{trial.sureness:.0%}",
        largest=f"{trial.change.largest_share:.1%}",
        in_words=_in_words(language, f"{at:g}", trial),
        chart=_chart(known, trials.threshold, at, kept.auto),
        auto="" if kept.auto is None else f"{kept.auto:g}",
        width=WIDTH,
        height=HEIGHT,
        ticks=[f"{LEAST + (MOST - LEAST) * number / 5:g}" for number in range(6)],
        gained=_pairs(state, trial.gained),
        lost=_pairs(state, trial.lost),
    )


def apply(request: Request) -> Response:
    """Apply a threshold: write the setting as `meetbefore config` does, and start the run that follows."""
    home, text = home_of(request), field(request, "threshold")
    try:
        if text != "auto":
            text = f"{_number(text, language_of(request)):g}"
        record_policy(home, policy(home), BY_SETTINGS)  # the policy to go back to
        apply_threshold(home, text)
    except MeetbeforeError as error:
        return threshold(request, error)
    correction_saved(request)
    return go_to(request, "/threshold" if text == "auto" else f"/threshold?at={text}")


def _number(text: str, language: Language) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(language.say("threshold.number")) from None


def _asked(text: str, now: float) -> float:
    """The threshold in the URL, limited to the slider's range; the one in force if there is none."""
    try:
        at = float(text)
    except ValueError:
        return now
    return now if math.isnan(at) else _rounded(min(max(at, LEAST), MOST))


def _rounded(at: float) -> float:
    return round(at, 4)


def _setting(home: Home) -> str:
    now = home.settings().matching.threshold
    return now if isinstance(now, str) else f"{now:g}"


def _automatic(home: Home) -> float | None:
    """What `auto` would choose; None for a recogniser that nobody measured."""
    settings = home.settings().model_copy(update={"matching": MatchingSettings()})
    try:
        return policy(home, settings).threshold
    except ThresholdUnknownError:
        return None


def _in_words(language: Language, at: str, trial: WhatIf) -> str:
    return language.say("threshold.in-words", at=at, people=language.count(trial.change.people, "person"), again=trial.change.met_again)


def _pairs(state: State, examples: Sequence[Example]) -> list[Pair]:
    ids = [moment.face_id for one in examples for moment in (one.earlier, one.later)]
    faces = state.view.faces.filter(pl.col("face_id").is_in(ids)).select("face_id", "person_id", "seen_at")
    whose = {face_id: (person_id, seen_at) for face_id, person_id, seen_at in faces.iter_rows()}

    def shown(moment: VideoMoment) -> Shown:
        person_id, seen_at = whose.get(moment.face_id, ("", None))
        return Shown(moment.video_id, moment.face_id, short_clock(seen_at, state.zone), person_id, state.names.get(person_id, ""))

    return [Pair(shown(one.earlier), shown(one.later), f"{one.similarity:.2f}") for one in examples]


def _chart(known: dict[float, WhatIf], now: float, at: float, auto: float | None) -> Chart:
    """Draw people, and people met again, by threshold.

    Args:
        known: threshold -> what it would change, as far as it was tried.
        now: the threshold in force.
        at: the one that is looked at.
        auto: the one that `auto` chooses.
    """
    tried = sorted(known.items())
    highest = max(1, *(one.change.people for _, one in tried))
    lines = []
    for name in ("people", "met_again"):
        points = ((_x(where), _y(getattr(one.change, name), highest)) for where, one in tried)
        lines.append(Line(name, " ".join(f"{x:.1f},{y:.1f}" for x, y in points)))
    shares = [(where, one.change.largest_share) for where, one in tried]
    cliff = next((found for where, _ in reversed(shares) if (found := cliff_below(where, shares))), None)
    return Chart(
        tuple(lines),
        _x(now),
        _x(at),
        None if auto is None else _x(auto),
        _x(cliff[0]) if cliff else 0.0,
        (f"{cliff[0]:g}", f"{cliff[1]:.0%}") if cliff else None,
    )


def _x(where: float) -> float:
    return (min(max(where, LEAST), MOST) - LEAST) / (MOST - LEAST) * WIDTH


def _y(count: int, highest: int) -> float:
    return HEIGHT - _MARGIN - count / highest * (HEIGHT - 2 * _MARGIN)


ROUTES = [Route("/threshold", threshold), Route("/threshold/apply", apply, methods=["POST"])]
