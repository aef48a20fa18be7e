"""The run in progress, in words: what it does, its pace and the time left, as `meetbefore run` prints them."""

import time
from dataclasses import dataclass

from starlette.requests import Request

from meetbefore_assets.core.schema.recordings import FAILURES, SOURCES
from meetbefore_assets.identities.queries import matched_videos
from meetbefore_assets.running.pace import duration_parts
from meetbefore_assets.running.run_in_progress import RunInProgress, run_in_progress
from meetbefore_assets.web.background_run import BackgroundRun
from meetbefore_assets.web.pages.reading import home_of
from meetbefore_assets.web.words import Language


@dataclass(frozen=True)
class RunProgress:
    """A run in progress, in words.

    Attributes:
        title: what it does.
        pace: how fast, and how long it will take; "" before the first video is finished.
        looked: how far it is in the videos that are being processed; "" where it is in none.
        done, of: videos; of is 0 where nothing is processed.
    """

    title: str
    pace: str
    looked: str
    done: int
    of: int


@dataclass(frozen=True)
class Counts:
    """How many videos are processed, waiting and failed."""

    done: int
    waiting: int
    failed: int


def background_run(request: Request) -> BackgroundRun:
    """The runs that are started in the app."""
    found: BackgroundRun | None = getattr(request.app.state, "background_run", None)
    if found is None:
        found = request.app.state.background_run = BackgroundRun(home_of(request).folder)
    return found


def counts_of(request: Request) -> Counts:
    """How many videos are in which state."""
    home = home_of(request)
    known, failed = set(home.store.keys(SOURCES.name)), set(home.store.keys(FAILURES.name))
    done = set(matched_videos(home)) & known
    return Counts(len(done), len(known - done - failed), len(failed & known))


def run_progress(request: Request, language: Language) -> RunProgress | None:
    """The run in progress, started by the app or in a terminal; None if there is none."""
    now = run_in_progress(home_of(request).folder)
    if now is not None:
        return _progress(now, language, time.time())
    return RunProgress(language.say("run.begins"), "", "", 0, 0) if background_run(request).is_running else None


def _progress(now: RunInProgress, language: Language, now_s: float) -> RunProgress:
    if now.phase == "importing":
        title = language.say("run.importing", done=now.files, of=now.of_files)
    elif now.phase == "processing":
        title = language.say("run.processing", done=now.done, of=language.count(now.videos, "video"), jobs=now.jobs)
    else:
        title = language.say(f"run.{now.phase}", files=now.files)
    looked = language.say("run.looked", done=now.frames, of=now.of_frames) if now.of_frames else ""
    return RunProgress(title, _pace(now, language, now_s), looked, now.done, now.videos)


def _pace(now: RunInProgress, language: Language, now_s: float) -> str:
    pace = now.pace
    remaining_s, elapsed_s = pace.remaining_s(now_s), now_s - now.begun_s
    if now.phase != "processing" or remaining_s is None or elapsed_s <= 0:
        return ""
    rate = f"{pace.done / elapsed_s * 3600:,.0f}"
    parts = [language.say("run.rate", videos=rate), language.say("run.footage", seconds=f"{pace.footage_s / elapsed_s:.1f}")]
    if pace.done < pace.videos:
        number, unit = duration_parts(remaining_s)
        parts.append(language.say(f"run.left.{unit}", n=number))
    return language.listed(parts)
