"""`meetbefore run`: imports, processes what is new or changed, matches and publishes, through the Dagster assets."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from meetbefore_assets.core.errors import MeetbeforeError, UsageError
from meetbefore_assets.core.schema.lists import assets_of
from meetbefore_assets.core.schema.recordings import FAILURES
from meetbefore_assets.encounters.make_tables import is_scored
from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.match import is_matched
from meetbefore_assets.identities.policy import policy, usable_tracks
from meetbefore_assets.open_home import open_home
from meetbefore_assets.publishing.database import failure_rows, is_published
from meetbefore_assets.recordings.failures import clear_failure, due_failures, record_failure
from meetbefore_assets.recordings.intake import Intake, import_recordings
from meetbefore_assets.recordings.places import update_places
from meetbefore_assets.recordings.status import VideoStatus, all_statuses
from meetbefore_assets.running.capacity import default_jobs
from meetbefore_assets.running.pool import Pool
from meetbefore_assets.running.worker import BuildDefinitions, Outcome, Progress, Task, execute_in_this_process

# What the job match makes; `defs.jobs` selects the same.
MATCH_ASSETS = (*assets_of("match"), "meetbefore_db", "encounter_report")


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


class RunObserver(Protocol):
    """Told what happens, to show it."""

    def imported(self, intake: Intake) -> None: ...
    def importing(self, done: int, total: int, name: str) -> None: ...
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


def run_pipeline(home_folder: Path, options: RunOptions, build_definitions: BuildDefinitions, observer: RunObserver) -> Summary:
    """Bring a home up to date with its files and settings.

    Args:
        build_definitions: the Dagster definitions over a home; a function of a module, which worker processes are handed.

    Raises:
        MeetbeforeError: settings, pack or paths are wrong; nothing was changed then.
    """
    if options.assignments:
        settings_file.effective(home_folder, list(options.assignments))
    _refuse_missing(options.paths)
    home = open_home(home_folder)
    _check_models(home, options.assignments)
    if options.assignments:
        settings_file.apply(home_folder, list(options.assignments))
    forget.complete_forgetting(home)
    intake = import_recordings(home, _paths(home, options), observer.importing)
    observer.imported(intake)
    summary = Summary(intake)
    statuses = all_statuses(home)
    due = due_failures(home) if options.retry_due else set()
    for video_id in {status.video_id for status in statuses if not status.todo} & set(home.store.keys(FAILURES.name)):
        clear_failure(home, video_id)  # everything was written before it failed
    todo = [status for status in statuses if status.todo and should_retry(status, options, due)]
    summary.untried = [status.video_id for status in statuses if status.todo and status.failed_before and status not in todo]
    update_places(home)
    if todo or intake.replaced or not _is_up_to_date(home):
        is_gpu = home.adapters.faces.is_gpu_used(home.settings().models.device)
        jobs = min(options.jobs or default_jobs(is_gpu=is_gpu), max(1, len(todo)))
        _Execution(home, build_definitions, jobs, observer, summary).execute(todo)
    summary.expired = forget.forget_expired_strangers(home)
    failures = failure_rows(home)
    present = set(intake.present)
    summary.failed |= {video_id: str(row["message"]) for video_id, row in failures.items() if video_id in present}
    return summary


def update_identities(home_folder: Path, build_definitions: BuildDefinitions) -> None:
    """Decide identities anew, score and publish, where anything of it is out of step; videos are left alone.

    Raises:
        MeetbeforeError: matching or publishing failed.
    """
    home = open_home(home_folder)
    if _is_up_to_date(home):
        return
    tracks = usable_tracks(home, policy(home).recogniser_id)
    outcome = execute_in_this_process(build_definitions, home_folder, Task("match", min(tracks), MATCH_ASSETS))
    if not outcome.is_success:
        raise MeetbeforeError(outcome.message, remedy="What was said is on record; `meetbefore run` tries again.")


def _refuse_missing(paths: tuple[Path | str, ...]) -> None:
    for path in paths:
        if isinstance(path, Path) and not path.expanduser().exists():
            raise UsageError(
                f"{path} does not exist; expected a recording or a folder with recordings.", remedy="Check the spelling, or mount the disk."
            )


def _paths(home: Home, options: RunOptions) -> list[Path | str]:
    """The sources of the settings, and what was named; the default folder need not be there when something was named."""
    if home.settings().sources:
        return [*home.sources(), *options.paths]
    (default,) = (Path(source) for source in home.sources())
    if not options.paths:
        default.mkdir(parents=True, exist_ok=True, mode=0o700)
    return [*([default] if default.exists() else []), *options.paths]


def _check_models(home: Home, assignments: tuple[str, ...]) -> None:
    """Fail before anything is written: the pack must be there, and its thresholds known."""
    settings = settings_file.effective(home.folder, list(assignments))
    home.models(settings)
    policy(home, settings)


def should_retry(status: VideoStatus, options: RunOptions, due: set[str]) -> bool:
    """Whether an outdated video is worked on: its file or crops are there, and it did not just fail with the same input."""
    has_source = status.is_present or status.todo[0] in ("embeddings", "tracks")
    return has_source and (options.retry_failed or status.video_id in due or not status.failed_before)


def _is_up_to_date(home: Home) -> bool:
    decided = policy(home)
    if not usable_tracks(home, decided.recogniser_id):
        return True
    return is_matched(home) and is_scored(home) and is_published(home)


class _Execution:
    """Videos in worker processes, then matching and publishing."""

    def __init__(self, home: Home, build_definitions: BuildDefinitions, jobs: int, observer: RunObserver, summary: Summary) -> None:
        self._home, self._jobs, self._observer, self._summary = home, jobs, observer, summary
        self._pool = Pool(build_definitions, home.folder, jobs)

    def execute(self, todo: list[VideoStatus]) -> None:
        from meetbefore_assets.running import instance

        self._pool.warm_up(self._jobs)
        try:
            with instance.open_instance(self._home.folder) as dagster:
                instance.close_dead_runs(dagster)
                instance.add_partitions(dagster, [status.video_id for status in todo] + self._summary.intake.present)
                instance.drop_partitions(dagster, self._summary.intake.replaced)
                try:
                    self._process(todo)
                    self._match()
                except BaseException:
                    self._pool.close(now=True)
                    instance.close_dead_runs(dagster)
                    raise
        except BaseException:
            self._pool.close(now=True)
            raise
        self._pool.close()

    def _process(self, todo: list[VideoStatus]) -> None:
        if not todo:
            return
        self._observer.started(len(todo), self._jobs)
        tasks = [Task("process_video", status.video_id, status.todo) for status in todo]
        for outcome in self._pool.run(tasks, self._observer.progressed):
            self._observer.finished(outcome)
            if outcome.is_success:
                self._summary.computed.append(outcome.task.partition)
                continue
            self._summary.failed[outcome.task.partition] = outcome.message
            if outcome.is_crash:
                record_failure(self._home, outcome.task.partition, "process", outcome.message)

    def _match(self) -> None:
        tracks = usable_tracks(self._home, policy(self._home).recogniser_id)
        if tracks:
            self._observer.matching()
            task = Task("match", min(tracks), MATCH_ASSETS)
        elif self._summary.intake.present:
            # No video came through yet: the database says why.
            task = Task("match", self._summary.intake.present[0], ("meetbefore_db",))
        else:
            return
        for outcome in self._pool.run([task], lambda _progress: None):
            self._summary.matched = bool(tracks) and outcome.is_success
            if not outcome.is_success:
                self._summary.problems.append(outcome.message)
