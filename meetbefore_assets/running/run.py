"""Runs the whole pipeline for `meetbefore run`: imports recordings, processes new and changed ones, matches people, publishes."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from meetbefore_assets.core.errors import MeetbeforeError, StoreError, UsageError
from meetbefore_assets.core.schema.lists import assets_of, crop_assets
from meetbefore_assets.core.schema.recordings import FAILURES
from meetbefore_assets.encounters.make_tables import is_scored
from meetbefore_assets.encounters.news import since
from meetbefore_assets.encounters.news_items import News
from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.match import is_matched
from meetbefore_assets.identities.policy import policy, usable_tracks
from meetbefore_assets.open_home import open_home
from meetbefore_assets.publishing.database import failure_rows, is_published
from meetbefore_assets.recordings.clocks import undated_videos
from meetbefore_assets.recordings.failures import clear_failure, due_failures, record_failure
from meetbefore_assets.recordings.intake import Intake, register_recordings
from meetbefore_assets.recordings.places import update_places
from meetbefore_assets.recordings.sources import remember_sources, without_recordings
from meetbefore_assets.recordings.status import VideoStatus, all_statuses
from meetbefore_assets.running.capacity import default_jobs
from meetbefore_assets.running.libraries import FOR_MATCHING, LIBRARIES, check_installed
from meetbefore_assets.running.pool import Pool
from meetbefore_assets.running.run_in_progress import shown_to_others
from meetbefore_assets.running.run_observer import RunObserver
from meetbefore_assets.running.tell_news import tell_news
from meetbefore_assets.running.unchanged import last_quiet_run, note_quiet_run, state_of
from meetbefore_assets.running.worker import BuildDefinitions, Task, Videos, execute_in_this_process
from meetbefore_assets.storage.private_folder import close_new_home
from meetbefore_assets.upkeep.verify_record import clear_litter

# The assets of the job match; `defs.jobs` selects the same.
MATCH_ASSETS = (*assets_of("match"), "meetbefore_db")
# Attempts to bring people up to date after a correction while others change the record, and seconds between them.
UPDATE_ATTEMPTS, PAUSE_S = 5, 2.0


@dataclass(frozen=True)
class RunOptions:
    """Arguments of `meetbefore run`.

    Attributes:
        paths: files and folders to import besides the sources in the settings; text for those in an object store. Folders become
            sources.
        assignments: settings to write first, as KEY=VALUE.
        jobs: videos processed at a time; 0: as many as cores and memory allow.
        retry_failed: try again videos that failed with the same file, settings and program.
        retry: ids of videos to try again, and no others.
        retry_due: try failed videos again, each after a wait that doubles with every attempt.
        is_once: do not add the folders to the sources.
    """

    paths: tuple[Path | str, ...] = ()
    assignments: tuple[str, ...] = ()
    jobs: int = 0
    retry_failed: bool = False
    retry: tuple[str, ...] = ()
    retry_due: bool = False
    is_once: bool = False


@dataclass(kw_only=True)
class Summary:
    """The result of a run.

    Attributes:
        empty: folders without a recording, as the user gave them.
        computed: ids of videos that were processed successfully.
        failed: video_id -> reason, of all present videos that cannot be used, also those that failed earlier and were not tried again.
        untried: ids among `failed` that were not tried again.
        matched: whether identities or scores were computed again.
        problems: why matching or publishing failed, if it did.
        erased: videos that were erased because `forget --later` had asked for it.
        expired: strangers who were forgotten after `privacy.single_sightings_days`.
        spared: a sentence about strangers who were kept because a clock cannot be right.
        undated: ids of present videos whose only date is the modification time of their file.
        news: the news of this run; None unless it processed videos and matched people.
        undelivered: why news could not be passed to news.command or news.file.
    """

    intake: Intake
    empty: list[str] = field(default_factory=list)
    computed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    untried: list[str] = field(default_factory=list)
    matched: bool = False
    problems: list[str] = field(default_factory=list)
    erased: int = 0
    expired: int = 0
    spared: str = ""
    undated: list[str] = field(default_factory=list)
    news: News | None = None
    undelivered: list[str] = field(default_factory=list)

    @property
    def is_success(self) -> bool:
        return not (self.failed or self.problems or self.intake.unreadable)


def run_pipeline(home_folder: Path, options: RunOptions, build_definitions: BuildDefinitions, observer: RunObserver) -> Summary:
    """Bring a home up to date with its files and settings.

    Args:
        build_definitions: makes the Dagster definitions of a home; a function of a module, so that worker processes can import it.

    Raises:
        InstallationError: a library is missing or broken.
        MeetbeforeError: settings, pack or paths are wrong; nothing was changed.
    """
    with shown_to_others(home_folder, observer) as shown:
        return _run_pipeline(home_folder, options, build_definitions, shown)


def _run_pipeline(home_folder: Path, options: RunOptions, build_definitions: BuildDefinitions, observer: RunObserver) -> Summary:
    check_installed()
    if options.assignments:
        settings_file.effective(home_folder, list(options.assignments))
    _refuse_missing(options.paths)
    home = open_home(home_folder)
    _check_models(home, options.assignments)
    close_new_home(home_folder)
    clear_litter(home)
    _refuse_unknown(home, options.retry)
    if options.assignments:
        settings_file.apply(home_folder, list(options.assignments))
    asked = forget.forget_requested(home, lambda videos: _forget_in_dagster(home, videos))
    forget.complete_forgetting(home)
    paths = _paths(home, options)
    if not options.is_once:
        observer.remembered(remember_sources(home, options.paths))
    found = home.adapters.recordings.scan(paths, observer.searching)
    named = options.paths or home.settings().sources or (home.own_videos,)
    empty, erased = without_recordings(found, named), len(asked.videos) if asked else 0
    # A file given by itself is imported without listing its folder, so the files beside it are unknown.
    state = state_of(home, found) if all(Path(path).is_dir() for path in options.paths) else ""
    quiet = last_quiet_run(home, state)
    if quiet is not None and not (quiet.failed and (options.retry_failed or options.retry_due or options.retry)):
        intake = Intake(present=quiet.present, skipped=list(found.skipped), missing=list(found.missing))
        observer.imported(intake)
        summary = Summary(intake=intake, empty=empty, erased=erased, untried=quiet.failed, undated=quiet.undated)
        summary.expired, summary.spared = forget.forget_expired_strangers(home)
        failures = failure_rows(home) if quiet.failed else {}
        summary.failed = {video_id: str(failures[video_id]["message"]) for video_id in quiet.failed if video_id in failures}
        return summary
    intake = register_recordings(home, found, observer.importing)
    observer.imported(intake)
    summary = Summary(intake=intake, empty=empty, erased=erased)
    statuses = all_statuses(home)
    due = due_failures(home) if options.retry_due else set()
    for video_id in {status.video_id for status in statuses if not status.todo} & set(home.store.keys(FAILURES.name)):
        clear_failure(home, video_id)  # it failed after everything had been written
    todo = [status for status in statuses if status.todo and should_retry(status, options, due)]
    summary.untried = [status.video_id for status in statuses if status.todo and status.failed_before and status not in todo]
    update_places(home)
    is_quiet = not (todo or intake.replaced or intake.waiting or intake.unreadable)
    if not is_quiet or not is_up_to_date(home):
        is_quiet = False
        is_gpu = home.adapters.faces.is_gpu_used(home.settings().models.device)
        jobs = min(options.jobs or default_jobs(is_gpu=is_gpu), max(1, len(todo)))
        _Execution(home, build_definitions, jobs, observer, summary).execute(todo)
    _end_of_work(home, summary)
    failures = failure_rows(home)
    present = set(intake.present)
    summary.failed |= {video_id: str(row["message"]) for video_id, row in failures.items() if video_id in present}
    summary.undated = undated_videos(home, intake.present)
    if is_quiet and sorted(summary.failed) == sorted(summary.untried):
        note_quiet_run(home, state, found, intake.present, summary.untried, summary.undated)
    return summary


def _end_of_work(home: Home, summary: Summary) -> None:
    """Do what follows matching: forget expired strangers, and pass on the news."""
    summary.expired, summary.spared = forget.forget_expired_strangers(home)
    summary.news = since(home) if summary.computed and summary.matched else None
    _, summary.undelivered = tell_news(home)


def _forget_in_dagster(home: Home, video_ids: list[str]) -> int:
    from meetbefore_assets.running.instance_cleanup import forget_videos_in_dagster

    return forget_videos_in_dagster(home.folder, video_ids)


def update_identities(home_folder: Path, build_definitions: BuildDefinitions) -> str:
    """Bring identities, scores and database up to date; videos are not processed.

    Other runs on the same home may change the record meanwhile and make an attempt fail; it is then repeated.

    Returns:
        "", or why identities are not up to date yet: other runs are going on, and the last of them will bring them up to date.

    Raises:
        MeetbeforeError: matching or publishing failed, and no other run is going on.
    """
    home = open_home(home_folder)
    error: MeetbeforeError | None = None
    for _ in range(UPDATE_ATTEMPTS):
        try:
            if is_up_to_date(home):
                return ""
            tracks = usable_tracks(home, policy(home).recogniser_id)
            outcome = execute_in_this_process(build_definitions, home_folder, Task("match", min(tracks), MATCH_ASSETS))
            if outcome.is_success:
                return ""
            failed = MeetbeforeError(outcome.message, remedy="The correction is saved; `meetbefore run` tries again.")
        except StoreError as store_error:
            failed = store_error
        if error is not None and not _is_another_run_going_on(home_folder):
            raise failed
        error = failed
        time.sleep(PAUSE_S)
    return error.message if error else ""


def _is_another_run_going_on(home_folder: Path) -> bool:
    import dagster as dg

    from meetbefore_assets.running.instance import BUSY, dead_runs, open_instance

    with open_instance(home_folder) as instance:
        dead = {run.run_id for run in dead_runs(instance)}
        return any(run.run_id not in dead for run in instance.get_runs(dg.RunsFilter(statuses=BUSY)))


def _close_dead_runs(home_folder: Path) -> None:
    """Mark the Dagster runs of dead workers as failed, so that the UI does not show them as running."""
    from meetbefore_assets.running import instance

    with instance.open_instance(home_folder) as dagster:
        instance.close_dead_runs(dagster)


def _refuse_missing(paths: tuple[Path | str, ...]) -> None:
    for path in paths:
        if isinstance(path, Path) and not path.expanduser().exists():
            raise UsageError(
                f"{path} does not exist; expected a recording or a folder with recordings.", remedy="Check the spelling, or mount the disk."
            )


def _refuse_unknown(home: Home, videos: tuple[str, ...]) -> None:
    for video_id in videos:
        if home.store.stamp("sources", video_id) is None:
            raise UsageError(f"expected the id of a video, found '{video_id}'.", remedy="`meetbefore run` names those that failed.")


def _paths(home: Home, options: RunOptions) -> list[Path | str]:
    """Return the sources in the settings, and the paths given; the default folder may be missing if any path is given."""
    if home.settings().sources:
        return [*home.sources(), *options.paths]
    (default,) = (Path(source) for source in home.sources())
    if not options.paths:
        home.make_own_source()
    return [*([default] if default.exists() else []), *options.paths]


def _check_models(home: Home, assignments: tuple[str, ...]) -> None:
    """Check, before anything is written, that the pack exists and its thresholds are known."""
    settings = settings_file.effective(home.folder, list(assignments))
    home.models(settings)
    policy(home, settings)


def should_retry(status: VideoStatus, options: RunOptions, due: set[str]) -> bool:
    """Whether to process an outdated video: its file or crops are there, and it did not fail before with the same input."""
    has_source = status.is_present or status.todo[0] in crop_assets()
    is_asked = options.retry_failed or status.video_id in options.retry
    return has_source and (is_asked or status.video_id in due or not status.failed_before)


def is_up_to_date(home: Home) -> bool:
    """Whether identities, scores and database are up to date with the record and the settings; videos are not checked."""
    decided = policy(home)
    if not usable_tracks(home, decided.recogniser_id):
        return True
    return is_matched(home) and is_scored(home) and is_published(home)


class _Execution:
    """Processes videos in worker processes, then matches and publishes."""

    def __init__(self, home: Home, build_definitions: BuildDefinitions, jobs: int, observer: RunObserver, summary: Summary) -> None:
        self._home, self._jobs, self._observer, self._summary = home, jobs, observer, summary
        self._build_definitions = build_definitions

    def execute(self, todo: list[VideoStatus]) -> None:
        # Dagster and the libraries of the models are loaded by the workers alone.
        self._pool = Pool(self._build_definitions, self._home.folder, self._jobs, tuple(LIBRARIES) if todo else FOR_MATCHING)
        is_begun = False
        try:
            self._pool.warm_up(self._jobs)
            known = (*(status.video_id for status in todo), *self._summary.intake.present)
            self._pool.note(Videos(known, tuple(self._summary.intake.replaced)))
            is_begun = True
            self._process(todo)
            self._match()
        except BaseException:
            self._pool.close(now=True)
            if is_begun:
                _close_dead_runs(self._home.folder)
            raise
        self._pool.close()

    def _process(self, todo: list[VideoStatus]) -> None:
        if not todo:
            return
        self._observer.started(len(todo), self._jobs)
        from_crops = sum(status.todo[0] == "embeddings" for status in todo)
        if from_crops:
            self._observer.embedding_again(from_crops)
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
            # No video was processed successfully yet: only the database is made, which says why.
            task = Task("match", self._summary.intake.present[0], ("meetbefore_db",))
        else:
            return
        for outcome in self._pool.run([task], lambda _progress: None):
            self._summary.matched = bool(tracks) and outcome.is_success
            if not outcome.is_success:
                self._summary.problems.append(outcome.message)
