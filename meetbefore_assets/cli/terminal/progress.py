"""Shows the progress of a run: bars on a terminal, plain lines in a log."""

import time
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from meetbefore_assets.cli.terminal.ranking import printable
from meetbefore_assets.core import words
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.queries import people_table
from meetbefore_assets.recordings.intake import Intake
from meetbefore_assets.running.run import Summary
from meetbefore_assets.running.worker import Outcome, Progress

LISTED = 8


class RunView:
    """Implements `run.RunObserver` on a terminal or a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Bars(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}
        self._videos: TaskID | None = None
        self._begun = time.monotonic()
        self._pace = Pace(0, self._begun)

    def __enter__(self) -> "RunView":
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def importing(self, done: int, total: int, name: str) -> None:
        task = self._tasks.setdefault("", self._bars.add_task("looking", total=total)) if "" not in self._tasks else self._tasks[""]
        self._bars.update(task, completed=done, total=total)

    def imported(self, intake: Intake) -> None:
        if "" in self._tasks:
            self._bars.remove_task(self._tasks.pop(""))
        for source in intake.missing:
            self._console.print(f"[yellow]not there:[/yellow] {printable(source)} (an unmounted disk? what was found there before is kept)")
        for uri, reason in intake.unreadable:
            self._console.print(f"[red]not readable:[/red] {printable(uri)}: {printable(reason)}")
        for uri, other in intake.duplicates[:LISTED]:
            self._console.print(f"same content: {printable(uri)} is {printable(other)}; it counts once")
        self._list_skipped(intake)

    def _list_skipped(self, intake: Intake) -> None:
        for uri, reason in intake.skipped[:LISTED]:
            self._console.print(f"[dim]skipped: {printable(uri)}: {printable(reason)}[/dim]")
        if len(intake.skipped) > LISTED:
            self._console.print(f"[dim]skipped: {len(intake.skipped) - LISTED:,} more[/dim]")

    def started(self, videos: int, jobs: int) -> None:
        self._pace = Pace(videos, time.monotonic())
        self._videos = self._bars.add_task("videos", total=videos)
        self._console.print(f"{words.count(videos, 'video')} to work on, {jobs} at a time")

    def progressed(self, progress: Progress) -> None:
        name = printable(progress.partition)
        if progress.partition not in self._tasks:
            self._tasks[progress.partition] = self._bars.add_task(f"  {name}", total=progress.total)
        self._bars.update(self._tasks[progress.partition], completed=progress.done)

    def finished(self, outcome: Outcome) -> None:
        task = self._tasks.pop(outcome.task.partition, None)
        if task is not None:
            self._bars.remove_task(task)
        self._pace.finished(outcome.footage_s)
        pace = self._pace.words(time.monotonic())
        if self._videos is not None:
            self._bars.update(self._videos, advance=1, description=f"videos: {pace}")
        place = f"[{self._pace.done}/{self._pace.videos}]".replace("[", r"\[")
        name = printable(outcome.task.partition)
        if outcome.is_success:
            # A terminal shows the pace beside the bar; in a log it stands behind each video.
            self._console.print(f"{place} {name}: done" + ("" if self._console.is_terminal or not pace else f" ({pace})"))
        else:
            self._console.print(f"{place} {name}: [red]failed[/red]: {printable(outcome.message)}")

    def matching(self) -> None:
        self._console.print("matching all videos, scoring, publishing")

    def summarise(self, home: Home, summary: Summary) -> None:
        """The last lines: what was done, what failed, what to look at."""
        seconds = time.monotonic() - self._begun
        people = people_table(home)
        again = people.filter(people["encounters"] > 1).height
        known = len(summary.intake.present)
        if not known:
            looked = ", ".join(printable(str(source)) for source in home.sources())
            before = len(home.store.keys("sources"))
            if before:
                self._console.print(f"No recordings in {looked}; {words.count(before, 'video')} known from before ({seconds:.1f} s).")
            else:
                self._console.print(f"No recordings found in {looked}. Copy some there, or name a folder: meetbefore run FOLDER")
        elif not summary.computed and not summary.matched and not summary.problems:
            failed = f", {len(summary.failed)} failed before" if summary.failed else ""
            self._console.print(f"Nothing to do: {words.count(known, 'video')} known and in step{failed} ({seconds:.1f} s).")
        else:
            computed = f"{words.count(len(summary.computed), 'video')}{self._footage()} computed"
            self._console.print(f"{computed}, {words.count(known, 'video')} in all, in {seconds:.1f} s.")
        self._list_failures(summary)
        for problem in summary.problems:
            self._console.print(f"[red]matching failed:[/red] {printable(problem)}")
        if summary.expired:
            strangers = words.count(summary.expired, "stranger")
            self._console.print(f"{strangers} met once, longer ago than privacy.single_sightings_days, forgotten.")
        if people.height:
            self._console.print(f"{words.count(people.height, 'person', 'people')}, {again:,} of them met more than once.")
            page = home.folder / "report.html"
            where = page if page.is_file() else home.address(page)  # another machine may have written it
            self._console.print(f"Look:  meetbefore people --home {home.folder}   or open {printable(str(where))}")

    def _footage(self) -> str:
        footage_s = self._pace.footage_s
        said = f"{footage_s:.0f} s" if footage_s < 90 else f"{footage_s / 60:,.1f} min"
        return f" ({said})" if footage_s else ""

    def _list_failures(self, summary: Summary) -> None:
        if not summary.failed:
            return
        self._console.print(f"[red]{words.count(len(summary.failed), 'video')} failed[/red] (all others are done):")
        alike: dict[tuple[str, bool], list[str]] = {}
        for video_id, message in sorted(summary.failed.items()):
            alike.setdefault((message, video_id in summary.untried), []).append(video_id)
        for (message, is_untried), videos in alike.items():
            again = " (failed before, not tried again: --retry-failed)" if is_untried else ""
            self._console.print(f"  {printable(', '.join(videos))}: {printable(message)}{again}")


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

    >>> [duration(s) for s in (3, 59.6, 200, 7300, 400_000)]
    ['about 3 s', 'about 1 min', 'about 3 min', 'about 2 h', 'about 5 days']
    """
    if seconds < 59.5:
        return f"about {seconds:.0f} s"
    if seconds < 59.5 * 60:
        return f"about {seconds / 60:.0f} min"
    if seconds < 47.5 * 3600:
        return f"about {seconds / 3600:.0f} h"
    return f"about {seconds / 86400:.0f} days"
