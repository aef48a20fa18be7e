"""Sensors, both on by default: `new_videos` watches the sources, `rematch` watches whether identities are out of date."""

import time
from collections import Counter

import dagster as dg

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.core.words import count, folder_not_found
from meetbefore_assets.defs.jobs import match, process_video
from meetbefore_assets.defs.materialize import HomeResource
from meetbefore_assets.encounters.make_tables import is_scored, scores_version
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.match import is_matched
from meetbefore_assets.identities.policy import fingerprint, policy, usable_tracks
from meetbefore_assets.publishing.database import is_published
from meetbefore_assets.recordings.arrivals import ArrivalState, file_signature, find_arrivals, scan_version
from meetbefore_assets.recordings.intake import Intake, known_videos, register_recordings
from meetbefore_assets.recordings.status import VideoStatus, all_statuses
from meetbefore_assets.running.instance import BUSY, close_dead_runs
from meetbefore_assets.running.libraries import check_libraries
from meetbefore_assets.running.partitions import AT_ONCE, ONLY_MISSING_TAG, PARTITION_TAG, PARTITIONS_NAME, videos_partitions
from meetbefore_assets.running.tell_news import tell_news

# Most queued and running runs of process_video; later evaluations add more, so that a thousand files do not start a thousand runs at once.
MAX_RUNS = 25
MAX_ATTEMPTS = 3
# A sensor evaluation may take 60 s; files that are not read after this time are left to the next one.
PATIENCE_S = 20.0
# While videos keep coming, identities are matched no more often than this.
MATCH_EVERY_S = 600.0
# The database is compared with the record no more often than this.
PUBLISHED_EVERY_S = 600.0
GOAL_TAG = "meetbefore/goal"
_LOST = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
# Number of latest failed runs that are counted.
_LOOK_BACK = 1000


def build_sensors(interval_s: int) -> list[dg.SensorDefinition]:
    """The three sensors, evaluated every `interval_s` seconds."""
    pairs = ((new_videos, process_video), (rematch, match))
    is_on = dg.DefaultSensorStatus.RUNNING
    return [
        *(dg.sensor(job=job, minimum_interval_seconds=interval_s, default_status=is_on)(function) for function, job in pairs),
        dg.sensor(minimum_interval_seconds=interval_s, default_status=is_on)(news),
    ]


def new_videos(context: dg.SensorEvaluationContext, home: HomeResource) -> dg.SensorResult | dg.SkipReason:
    """Import new files once they stop changing, and request a run for each video that is out of date.

    A missing folder or disk drops nothing: a partition is deleted only if its recording was overwritten by another, or is no longer on
    record.
    """
    close_dead_runs(context.instance)
    memory = ArrivalState.from_text(context.cursor)
    try:
        home.make_own_source()
        found = home.adapters.recordings.scan(home.sources())
        version = scan_version(home, found, int(time.time() // 3600))
        if version == memory.quiet:
            return dg.SkipReason(_away(found.missing) or "no new or changed files")
        check_libraries()
        settled = find_arrivals(home, found, memory)
        intake = register_recordings(home, settled.found, patience_s=PATIENCE_S)
        todo = [status for status in all_statuses(home, intake.present) if status.todo and not status.failed_before]
    except MeetbeforeError as error:
        return dg.SkipReason(str(error))
    requests, given_up, busy = _requests(context.instance, todo)
    taken = {recording.uri: file_signature(recording) for recording in settled.found.recordings}
    unreadable = {uri: state for uri, state in memory.unreadable.items() if settled.restless.get(uri) == state}
    unreadable |= {uri: taken[uri] for uri, _ in intake.unreadable}
    is_quiet = not (todo or intake.waiting or set(settled.restless) - set(taken) or unreadable)
    cursor = ArrivalState(settled.restless, unreadable, version if is_quiet else "").to_text()
    reason = _reason(intake, given_up, busy, len(set(settled.restless) - set(taken)))
    if requests and (given_up or intake.missing):
        context.log.warning(reason)
    return dg.SensorResult(
        run_requests=requests,
        cursor=cursor,
        dynamic_partitions_requests=_partition_changes(context.instance, home, intake),
        skip_reason=None if requests else reason,
    )


def _requests(instance: dg.DagsterInstance, todo: list[VideoStatus]) -> tuple[list[dg.RunRequest], list[str], int]:
    """Run requests, videos that are given up, and the number of unfinished runs.

    The run key names the wanted version and the previous run, so that a run is requested once, but again if a setting goes A, B, A.
    """
    runs = instance.get_runs(dg.RunsFilter(job_name=process_video.name, statuses=BUSY))
    busy = {run.tags.get(PARTITION_TAG, "") for run in runs}
    lost = instance.get_runs(dg.RunsFilter(job_name=process_video.name, statuses=_LOST), limit=_LOOK_BACK)
    attempts = Counter(run.tags.get(GOAL_TAG, "") for run in lost)
    requests: list[dg.RunRequest] = []
    given_up: list[str] = []
    for status in todo:
        goal = f"{status.video_id}@{status.failure_version}"
        if status.video_id in busy:
            continue
        if attempts[goal] >= MAX_ATTEMPTS:
            given_up.append(status.video_id)
        elif len(runs) + len(requests) < MAX_RUNS:
            before = _last_run(instance, dg.RunsFilter(job_name=process_video.name, tags={PARTITION_TAG: status.video_id}))
            key = f"{goal}#{before.run_id if before else 'first'}"
            requests.append(dg.RunRequest(run_key=key, partition_key=status.video_id, tags={GOAL_TAG: goal, ONLY_MISSING_TAG: "true"}))
    return requests, given_up, len(runs)


def _last_run(instance: dg.DagsterInstance, which: dg.RunsFilter) -> dg.DagsterRun | None:
    return next(iter(instance.get_runs(which, limit=1)), None)


def _partition_changes(
    instance: dg.DagsterInstance, home: Home, intake: Intake
) -> list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest]:
    """Requests that bring the partitions in the UI up to date with the record; an empty or missing record deletes none."""
    have = set(instance.get_dynamic_partitions(PARTITIONS_NAME))
    known = set(known_videos(home))
    gone = sorted(have - known) if known and not intake.missing else sorted(set(intake.replaced) & have)
    changes: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    new = sorted(known - have)
    changes += [videos_partitions.build_add_request(new[at : at + AT_ONCE]) for at in range(0, len(new), AT_ONCE)]
    changes += [videos_partitions.build_delete_request(gone)] if gone else []
    return changes


def _reason(intake: Intake, given_up: list[str], busy: int, restless: int) -> str:
    """Why no run is requested, or what else is wrong."""
    parts = [_away(intake.missing)] if intake.missing else []
    if given_up:
        names = ", ".join(given_up[:5]) + (", …" if len(given_up) > 5 else "")
        parts.append(f"given up after {MAX_ATTEMPTS} failed runs each: {names}; see the last run, then materialise by hand")
    parts += [f"{count(busy, 'run')} in progress"] if busy else []
    parts += [f"{_are(restless, 'file')} still being written"] if restless else []
    parts += [f"{_are(len(intake.waiting), 'file')} left for the next check"] if intake.waiting else []
    parts += [f"{count(len(intake.unreadable), 'file')} cannot be read: {intake.unreadable[0][1]}"] if intake.unreadable else []
    return "; ".join(parts) or f"{_are(len(intake.present), 'video')} finished, or failed and unchanged since"


def _are(number: int, noun: str) -> str:
    return f"{count(number, noun)} {'is' if number == 1 else 'are'}"


def _away(missing: tuple[str, ...] | list[str]) -> str:
    return " ".join(map(folder_not_found, missing))


def rematch(context: dg.SensorEvaluationContext, home: HomeResource) -> dg.RunRequest | dg.SkipReason:
    """Request a run of `match` if videos, settings or corrections changed."""
    close_dead_runs(context.instance)
    waits_for = _under_way(context.instance)
    if waits_for:
        return dg.SkipReason(waits_for)
    try:
        decided = policy(home)
        tracks = usable_tracks(home, decided.recogniser_id)
        if not tracks:
            return dg.SkipReason("no video is processed yet")
        last = _last_run(context.instance, dg.RunsFilter(job_name=match.name))
        is_broken = (last is not None and last.status in _LOST) or _is_unpublished(context, home)
        if is_matched(home) and is_scored(home) and not is_broken:
            return dg.SkipReason("identities and scores are up to date")
        state = home.store.stamp("encounter_scores", WHOLE)
        goal = digest(fingerprint(home, decided, tracks), scores_version(home), state.data_version if state else "nothing")
    except MeetbeforeError as error:
        return dg.SkipReason(str(error))
    failed = _failures_in_a_row(context.instance, goal)
    if failed >= MAX_ATTEMPTS:
        return dg.SkipReason(f"matching failed {failed} times for the same input: see its last run, then start the job match by hand")
    # The key names the previous run, so that a setting that goes A, B, A, B is matched four times.
    return dg.RunRequest(run_key=f"{goal}#{last.run_id if last else 'first'}", partition_key=min(tracks), tags={GOAL_TAG: goal})


def news(context: dg.SensorEvaluationContext, home: HomeResource) -> dg.SkipReason:
    """Give news to the program or file that the settings name (`news.command`, `news.file`); without them it does nothing."""
    try:
        settings = home.settings().news
        if not settings.command and not settings.file:
            return dg.SkipReason("nobody is told: news.command and news.file are not set")
        if not (is_matched(home) and is_scored(home)):
            return dg.SkipReason("identities are not up to date yet")
        is_delivered, problems = tell_news(home)
    except MeetbeforeError as error:
        return dg.SkipReason(str(error))
    for problem in problems:
        context.log.warning(problem)
    return dg.SkipReason("; ".join(problems) or ("news delivered" if is_delivered else "nothing new"))


def _is_unpublished(context: dg.SensorEvaluationContext, home: Home) -> bool:
    """Whether the database is out of date, checked every PUBLISHED_EVERY_S: for example a missing file changes its video's status."""
    if 0 <= time.time() - float(context.cursor or 0) < PUBLISHED_EVERY_S:  # less than 0: the clock was set back since
        return False
    context.update_cursor(str(int(time.time())))
    return not is_published(home)


def _under_way(instance: dg.DagsterInstance) -> str:
    """What matching waits for: another match, or videos (unless they have kept coming for long); "" if nothing."""
    if instance.get_runs_count(dg.RunsFilter(job_name=match.name, statuses=BUSY)):
        return f"a run of {match.name} is in progress"
    if not instance.get_runs_count(dg.RunsFilter(job_name=process_video.name, statuses=BUSY)):
        return ""
    done = instance.get_run_records(dg.RunsFilter(job_name=match.name), limit=1)
    first = instance.get_run_records(dg.RunsFilter(job_name=process_video.name), limit=1, ascending=True)
    since_s = (done or first)[0].create_timestamp.timestamp()
    return "" if time.time() - since_s > MATCH_EVERY_S else f"runs of {process_video.name} are in progress"


def _failures_in_a_row(instance: dg.DagsterInstance, goal: str) -> int:
    """How often matching failed for this goal since its last success."""
    count = 0
    for run in instance.get_runs(dg.RunsFilter(job_name=match.name), limit=_LOOK_BACK):
        if run.status not in _LOST:
            return count
        count += run.tags.get(GOAL_TAG) == goal
    return count
