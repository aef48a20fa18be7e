"""What a run shows while it works: bars for people, plain lines where nobody watches."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from meetbefore_assets.reading import people_table
from meetbefore_assets.report import words
from meetbefore_assets.report.pace import Pace
from meetbefore_assets.report.terminal import printable
from meetbefore_assets.runner import Summary
from meetbefore_assets.steps.intake import Intake
from meetbefore_assets.workbench import Workbench
from meetbefore_assets.worker import Outcome, Progress

LISTED = 8


class RunView:
    """Implements `runner.Watcher` on a terminal or a log."""

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

    def taking_in(self, done: int, total: int, name: str) -> None:
        task = self._tasks.setdefault("", self._bars.add_task("looking", total=total)) if "" not in self._tasks else self._tasks[""]
        self._bars.update(task, completed=done, total=total)

    def taken_in(self, intake: Intake) -> None:
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

    def summarise(self, bench: Workbench, summary: Summary) -> None:
        """The last lines: what was done, what failed, what to look at."""
        seconds = time.monotonic() - self._begun
        people = people_table(bench)
        again = people.filter(people["encounters"] > 1).height
        known = len(summary.intake.present)
        if not known:
            looked = ", ".join(printable(str(source)) for source in bench.sources())
            before = len(bench.store.keys("sources"))
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
            page = bench.home / "report.html"
            where = page if page.is_file() else bench.address(page)  # another machine may have written it
            self._console.print(f"Look:  meetbefore people --home {bench.home}   or open {printable(str(where))}")

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
