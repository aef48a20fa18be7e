"""`meetbefore run`: take in, make what is missing or out of date, match, publish, through the Dagster assets."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from meetbefore_assets import forget
from meetbefore_assets import settings as settings_module
from meetbefore_assets.domain.lineage import MATCHING, PUBLISHING
from meetbefore_assets.errors import MeetbeforeError, UsageError
from meetbefore_assets.pool import Pool, default_jobs
from meetbefore_assets.schema import FAILURES
from meetbefore_assets.steps.failing import due_failures, forget_failure, remember_failure
from meetbefore_assets.steps.intake import Intake, take_in
from meetbefore_assets.steps.matching import is_matched
from meetbefore_assets.steps.places import update_places
from meetbefore_assets.steps.policy import policy, usable_tracks
from meetbefore_assets.steps.publishing import failure_rows, is_published
from meetbefore_assets.steps.scoring import is_scored
from meetbefore_assets.steps.status import VideoStatus, all_statuses
from meetbefore_assets.wiring import build_workbench
from meetbefore_assets.workbench import Workbench
from meetbefore_assets.worker import Outcome, Progress, Task, execute_here

OTHERS_WAIT_S = 3600.0


@dataclass(frozen=True)
class RunOptions:
    """What the user asked for.

    Attributes:
        paths: files and folders to take in besides the sources of the settings; as text those in an object store.
        assignments: KEY=VALUE settings to write first.
        jobs: videos at a time; 0: as many as cores and memory allow.
        retry_failed: try videos again that failed with the same file, settings and program.
        retry_due: the same, but each only after a while that doubles with every attempt.
    """

    paths: tuple[Path | str, ...] = ()
    assignments: tuple[str, ...] = ()
    jobs: int = 0
    retry_failed: bool = False
    retry_due: bool = False


class Watcher(Protocol):
    """Told what happens, to show it."""

    def taken_in(self, intake: Intake) -> None: ...
    def taking_in(self, done: int, total: int, name: str) -> None: ...
    def started(self, videos: int, jobs: int) -> None: ...
    def progressed(self, progress: Progress) -> None: ...
    def finished(self, outcome: Outcome) -> None: ...
    def matching(self) -> None: ...


@dataclass
class Summary:
    """What a run did.

    Attributes:
        computed: ids of videos that were worked on and came through.
        failed: video_id -> why, of all present videos that cannot be used (also those that failed before and were not tried).
        untried: ids among `failed` that were not tried again.
        matched: whether identities or scores were decided anew.
        problems: why matching or publishing failed, if it did.
        expired: strangers whose time was over (`privacy.single_sightings_days`).
    """

    intake: Intake
    computed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    untried: list[str] = field(default_factory=list)
    matched: bool = False
    problems: list[str] = field(default_factory=list)
    expired: int = 0

    @property
    def is_success(self) -> bool:
        return not (self.failed or self.problems or self.intake.unreadable)


def run(home: Path, options: RunOptions, watcher: Watcher) -> Summary:
    """Bring a home in step with its files and settings.

    Raises:
        MeetbeforeError: settings, pack or paths are wrong; nothing was changed then.
    """
    if options.assignments:
        settings_module.effective(home, list(options.assignments))
    _refuse_missing(options.paths)
    bench = build_workbench(home)
    _check_models(bench, options.assignments)
    if options.assignments:
        settings_module.apply(home, list(options.assignments))
    forget.complete(bench)
    intake = take_in(bench, _paths(bench, options), watcher.taking_in)
    watcher.taken_in(intake)
    summary = Summary(intake)
    statuses = all_statuses(bench)
    due = due_failures(bench) if options.retry_due else set()
    for video_id in {status.video_id for status in statuses if not status.todo} & set(bench.store.keys(FAILURES.name)):
        forget_failure(bench, video_id)  # everything was written before it failed
    todo = [status for status in statuses if status.todo and _is_worth_trying(status, options, due)]
    summary.untried = [status.video_id for status in statuses if status.todo and status.failed_before and status not in todo]
    update_places(bench)
    if todo or intake.replaced or not _is_in_step(bench):
        _execute(bench, todo, options, watcher, summary)
    summary.expired = forget.expire(bench)
    failures = failure_rows(bench)
    present = set(intake.present)
    summary.failed |= {video_id: str(row["message"]) for video_id, row in failures.items() if video_id in present}
    return summary


def bring_in_step(home: Path) -> None:
    """Decide identities anew, score and publish, where anything of it is out of step; videos are left alone.

    Raises:
        MeetbeforeError: matching or publishing failed.
    """
    bench = build_workbench(home)
    if _is_in_step(bench):
        return
    tracks = usable_tracks(bench, policy(bench).recogniser_id)
    outcome = execute_here(home, Task("match", min(tracks), (*MATCHING, *PUBLISHING)))
    if not outcome.is_success:
        raise MeetbeforeError(outcome.message, remedy="What was said is on record; `meetbefore run` tries again.")


def _refuse_missing(paths: tuple[Path | str, ...]) -> None:
    for path in paths:
        if isinstance(path, Path) and not path.expanduser().exists():
            raise UsageError(
                f"{path} does not exist; expected a recording or a folder with recordings.", remedy="Check the spelling, or mount the disk."
            )


def _paths(bench: Workbench, options: RunOptions) -> list[Path | str]:
    """The sources of the settings, and what was named; the default folder need not be there when something was named."""
    if bench.settings().sources:
        return [*bench.sources(), *options.paths]
    (default,) = (Path(source) for source in bench.sources())
    if not options.paths:
        default.mkdir(parents=True, exist_ok=True, mode=0o700)
    return [*([default] if default.exists() else []), *options.paths]


def _check_models(bench: Workbench, assignments: tuple[str, ...]) -> None:
    """Fail before anything is written: the pack must be there, and its thresholds known."""
    settings = settings_module.effective(bench.home, list(assignments))
    bench.models(settings)
    policy(bench, settings)


def _is_worth_trying(status: VideoStatus, options: RunOptions, due: set[str]) -> bool:
    has_source = status.is_present or status.todo[0] in ("embeddings", "tracks")
    return has_source and (options.retry_failed or status.video_id in due or not status.failed_before)


def _is_in_step(bench: Workbench) -> bool:
    decided = policy(bench)
    if not usable_tracks(bench, decided.recogniser_id):
        return True
    return is_matched(bench) and is_scored(bench) and is_published(bench)


def _execute(bench: Workbench, todo: list[VideoStatus], options: RunOptions, watcher: Watcher, summary: Summary) -> None:
    is_gpu = bench.tools.is_gpu_used(bench.settings().models.device)
    jobs = min(options.jobs or default_jobs(is_gpu=is_gpu), max(1, len(todo)))
    pool = Pool(bench.home, jobs)
    pool.warm_up(jobs)
    try:
        _with_dagster(bench, pool, todo, jobs, watcher, summary)
    except BaseException:
        pool.close(now=True)
        raise
    pool.close()


def _with_dagster(bench: Workbench, pool: Pool, todo: list[VideoStatus], jobs: int, watcher: Watcher, summary: Summary) -> None:
    from meetbefore_assets import instance

    with instance.opened(bench.home) as dagster:
        instance.close_dead_runs(dagster)
        instance.add_partitions(dagster, [status.video_id for status in todo] + summary.intake.present)
        instance.drop_partitions(dagster, summary.intake.replaced)
        try:
            _videos(bench, pool, todo, jobs, watcher, summary)
            _match(bench, pool, watcher, summary)
        except BaseException:
            pool.close(now=True)
            instance.close_dead_runs(dagster)
            raise


def _videos(bench: Workbench, pool: Pool, todo: list[VideoStatus], jobs: int, watcher: Watcher, summary: Summary) -> None:
    if not todo:
        return
    watcher.started(len(todo), jobs)
    for outcome in pool.run([Task("process_video", status.video_id, status.todo) for status in todo], watcher.progressed):
        watcher.finished(outcome)
        if outcome.is_success:
            summary.computed.append(outcome.task.partition)
            continue
        summary.failed[outcome.task.partition] = outcome.message
        if outcome.is_crash:
            remember_failure(bench, outcome.task.partition, "process", outcome.message)


def _match(bench: Workbench, pool: Pool, watcher: Watcher, summary: Summary) -> None:
    tracks = usable_tracks(bench, policy(bench).recogniser_id)
    if not tracks:
        _only_publish(pool, summary)
        return
    watcher.matching()
    task = Task("match", min(tracks), (*MATCHING, *PUBLISHING))
    for outcome in pool.run([task], _ignore):
        summary.matched = outcome.is_success
        if not outcome.is_success:
            summary.problems.append(outcome.message)


def _only_publish(pool: Pool, summary: Summary) -> None:
    """No video came through yet: the database says why."""
    partition = next(iter(summary.intake.present), "")
    if partition:
        task = Task("match", partition, ("meetbefore_db",))
        summary.problems += [outcome.message for outcome in pool.run([task], _ignore) if not outcome.is_success]


_ignore: Callable[[Progress], None] = lambda _progress: None  # noqa: E731
