"""Shows the progress of a run: bars on a terminal, plain lines in a log."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from meetbefore_assets.cli.terminal.corrections import print_damaged
from meetbefore_assets.cli.terminal.ranking import printable
from meetbefore_assets.core import words
from meetbefore_assets.core.command_line import command_line
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.match import EVIDENCE, LastMatch, last_match
from meetbefore_assets.identities.queries import people_table
from meetbefore_assets.publishing.news import lines
from meetbefore_assets.recordings.intake import Intake
from meetbefore_assets.running.pace import Pace
from meetbefore_assets.running.run import Summary
from meetbefore_assets.running.worker import Outcome, Progress

LISTED = 8
LISTED_FAILURES = 40
# How often a log gets a line while folders are searched.
LOG_EVERY_S = 10.0


class RunView:
    """Implements `run.RunObserver` on a terminal or a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Bars(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}
        self._videos: TaskID | None = None
        self._begun = time.monotonic()
        self._logged_s = -LOG_EVERY_S
        self._pace = Pace(0, self._begun)

    def __enter__(self) -> "RunView":
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def searching(self, files: int) -> None:
        """Show that folders are being searched: a network disk may take minutes."""
        self._search(f"searching folders: {files:,} files", files, None)

    def importing(self, done: int, total: int, name: str) -> None:
        self._search(f"reading new files: {done:,} of {total:,}", done, total)

    def _search(self, text: str, done: int, total: int | None) -> None:
        if self._console.is_terminal:
            if "" not in self._tasks:
                self._tasks[""] = self._bars.add_task(text, total=total)
            self._bars.update(self._tasks[""], description=text, completed=done, total=total)
        elif time.monotonic() - self._logged_s >= LOG_EVERY_S:
            self._logged_s = time.monotonic()
            self._console.print(text)

    def remembered(self, folders: list[str]) -> None:
        for folder in folders:
            self._console.print(f"{printable(folder)} is a source from now on: `meetbefore run` and the sensor in Dagster look there too.")

    def imported(self, intake: Intake) -> None:
        if "" in self._tasks:
            self._bars.remove_task(self._tasks.pop(""))
        for source in intake.missing:
            self._console.print(f"[yellow]{printable(words.folder_not_found(source))}[/yellow]")
        for uri, reason in intake.unreadable[:LISTED_FAILURES]:
            self._console.print(f"[red]not readable:[/red] {printable(uri)}: {printable(reason)}")
        if len(intake.unreadable) > LISTED_FAILURES:
            self._console.print(f"[red]not readable:[/red] {len(intake.unreadable) - LISTED_FAILURES:,} more")
        for uri, other in intake.duplicates[:LISTED]:
            self._console.print(f"duplicate: {printable(uri)} is the same video as {printable(other)}")
        if len(intake.duplicates) > LISTED:
            self._console.print(f"duplicate: {len(intake.duplicates) - LISTED:,} more")
        self._list_skipped(intake)

    def _list_skipped(self, intake: Intake) -> None:
        for uri, reason in intake.skipped[:LISTED]:
            self._console.print(f"[dim]skipped: {printable(uri)}: {printable(reason)}[/dim]")
        if len(intake.skipped) > LISTED:
            self._console.print(f"[dim]skipped: {len(intake.skipped) - LISTED:,} more[/dim]")

    def started(self, videos: int, jobs: int) -> None:
        self._pace = Pace(videos, time.monotonic())
        self._videos = self._bars.add_task("videos", total=videos)
        self._console.print(f"{words.count(videos, 'video')} to process, {jobs} at a time")

    def embedding_again(self, videos: int) -> None:
        self._console.print(f"{words.count(videos, 'video')} from stored face crops: nothing is decoded again")

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
            if outcome.message:
                self._console.print(f"  [yellow]{printable(outcome.message)}[/yellow]")
        else:
            self._console.print(f"{place} {name}: [red]failed[/red]: {printable(outcome.message)}")

    def matching(self) -> None:
        self._console.print("matching, scoring, publishing")

    def summarise(self, home: Home, summary: Summary) -> None:
        """Print the last lines: what was done, what failed, and which commands show the result."""
        seconds = time.monotonic() - self._begun
        people = people_table(home)
        again = people.filter(people["encounters"] > 1).height
        known, failed_now = len(summary.intake.present), len(summary.failed) - len(summary.untried)
        if known and summary.empty:
            self._console.print(f"No recordings in {', '.join(map(printable, summary.empty))}.")
        if not known:
            looked = ", ".join(map(printable, summary.empty or summary.intake.missing or map(str, home.sources())))
            before = len(home.store.keys("sources"))
            if before:
                self._console.print(f"No recordings in {looked}; {words.count(before, 'video')} known from before ({seconds:.1f} s).")
            else:
                self._console.print(f"No recordings found in {looked}. Copy some there, or name a folder: meetbefore run FOLDER")
        elif not summary.computed and not summary.matched and not summary.problems and not failed_now:
            failed = f", {len(summary.failed)} failed before" if summary.failed else ""
            self._console.print(f"Nothing to do: {words.count(known, 'video')}, all up to date{failed} ({seconds:.1f} s).")
        else:
            failed = f", {failed_now} failed" if failed_now else ""
            computed = f"{words.count(len(summary.computed), 'video')}{self._footage()} processed{failed}"
            self._console.print(f"{computed}, {words.count(known, 'video')} in all, in {seconds:.1f} s.")
        self._list_failures(summary)
        for problem in summary.problems:
            self._console.print(f"[red]matching failed:[/red] {printable(problem)}")
        print_damaged(self._console, home)
        if summary.erased:
            self._console.print(f"{words.count(summary.erased, 'video')} erased that you had asked to be forgotten.")
        if summary.expired:
            strangers = words.count(summary.expired, "stranger")
            self._console.print(f"{strangers} met once, longer ago than privacy.single_sightings_days, were forgotten.")
        if summary.spared:
            self._console.print(printable(summary.spared))
        self._explain_rule(home, last_match(home) if summary.matched else None)
        self._print_news(home, summary)
        if people.height:
            self._warn_of_file_dates(home, summary)
            met = f"{again:,} of them met" if again else "nobody met"
            self._console.print(f"{words.count(people.height, 'person', 'people')}, {met} more than once.")
            listed, app = (printable(command_line(home.folder, name)) for name in ("people", "app"))
            self._console.print(f"To see them: {listed}   or with faces, in the browser: {app}")

    def _print_news(self, home: Home, summary: Summary) -> None:
        """Print the news of this run (not after the first import, when everything is new), and why `news.command` failed."""
        found = summary.news
        if found is not None and found.videos < len(summary.intake.present) and not found.is_empty:
            for number, line in enumerate(lines(found, home.zone())):
                self._console.print(f"{'  ' if number else ''}{printable(line.en)}")
        for problem in summary.undelivered:
            self._console.print(f"[yellow]news not delivered:[/yellow] {printable(problem)}")

    def _explain_rule(self, home: Home, last: LastMatch | None) -> None:
        """Explain how people are told apart, if the rule is new or the recogniser was never measured."""
        if last is None:
            return
        if last.rule != EVIDENCE:
            self._console.print(printable(home.model_pack().recogniser.not_measured))
        elif last.has_new_rule:
            self._console.print(_describe_new_rule(last))

    def _warn_of_file_dates(self, home: Home, summary: Summary) -> None:
        """Warn of videos whose only date is the file's own: if that is the day of copying, their encounters are on the wrong day."""
        undated = summary.undated
        if not undated:
            return
        names = home.store.scan("videos", sorted(undated[:LISTED]), ["file_name"])["file_name"].to_list()
        listed = ", ".join(map(printable, names)) + (f" and {len(undated) - LISTED:,} more" if len(undated) > LISTED else "")
        self._console.print(f"[yellow]Date uncertain[/yellow] (only the file's own date, often the day it was copied): {listed}")
        self._console.print("  To correct: put the date into the file name, for example 20250307_081205.mp4, and run again.")

    def _footage(self) -> str:
        footage_s = self._pace.footage_s
        said = f"{footage_s:.0f} s" if footage_s < 90 else f"{footage_s / 60:,.1f} min"
        return f" ({said})" if footage_s else ""

    def _list_failures(self, summary: Summary) -> None:
        if not summary.failed:
            return
        self._console.print(f"[red]{words.count(len(summary.failed), 'video')} failed[/red] (all others are finished):")
        alike: dict[tuple[str, bool], list[str]] = {}
        for video_id, message in sorted(summary.failed.items()):
            alike.setdefault((message, video_id in summary.untried), []).append(video_id)
        for (message, is_untried), videos in list(alike.items())[:LISTED_FAILURES]:
            again = " (failed before; to try again: --retry-failed)" if is_untried else ""
            self._console.print(f"  {printable(', '.join(videos))}: {printable(message)}{again}")
        if len(alike) > LISTED_FAILURES:
            self._console.print(f"  {len(alike) - LISTED_FAILURES:,} more reasons: all are in the table videos of meetbefore.duckdb")


def _describe_new_rule(last: LastMatch) -> str:
    names = "every name stayed with its person" if not last.names_moved else f"{words.count(last.names_moved, 'name')} moved"
    return (
        "New: good views of a face count more than poor ones, and views of one person add up. "
        f"{last.churn:,} of {words.count(last.faces, 'face')} changed their person, {words.count(last.new_aliases, 'id')} went out of use "
        f"(they still find their people), {names}. Your matching.threshold stays {last.threshold:g} (higher: surer)."
    )
