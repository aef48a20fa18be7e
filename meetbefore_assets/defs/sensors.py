"""Sensors, both on by default: new files in the sources, and identities that are out of date."""

import time
from collections import Counter

import dagster as dg

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.errors import MeetbeforeError
from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.core.words import count
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
from meetbefore_assets.running.partitions import AT_ONCE, ONLY_MISSING_TAG, PARTITIONS_NAME, videos_partitions

# Runs of process_video that wait or work at a time; the next look fills up, so that a thousand files do not make a thousand runs at once.
MAX_RUNS = 25
MAX_ATTEMPTS = 3
# A sensor is given 60 s; files that could not be read by then are read at the next look.
PATIENCE_S = 20.0
# While videos keep coming, identities are brought in step no more often than this.
MATCH_EVERY_S = 600.0
# The database is compared with the record no more often than this.
PUBLISHED_EVERY_S = 600.0
GOAL_TAG = "meetbefore/goal"
PARTITION_TAG = "dagster/partition"
_LOST = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
# How far back failed runs are counted.
_LOOK_BACK = 1000


def build_sensors(interval_s: int) -> list[dg.SensorDefinition]:
    """The two sensors, evaluated every so many seconds."""
    pairs = ((new_videos, process_video), (rematch, match))
    return [
        dg.sensor(job=job, minimum_interval_seconds=interval_s, default_status=dg.DefaultSensorStatus.RUNNING)(function)
        for function, job in pairs
    ]


def new_videos(context: dg.SensorEvaluationContext, home: HomeResource) -> dg.SensorResult | dg.SkipReason:
    """Take in files that did not change since the last look, and ask for a run for each that is not done.

    No partition is dropped because a folder or a disk is away: only one whose recording was overwritten by another, or which the
    record does not know any more.
    """
    close_dead_runs(context.instance)
    memory = ArrivalState.from_text(context.cursor)
    try:
        found = home.adapters.recordings.scan(home.sources())
        version = scan_version(home, found, int(time.time() // 3600))
        if version == memory.quiet:
            return dg.SkipReason(_away(found.missing) or "no file changed since there was nothing to do")
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
    if requests and given_up:
        context.log.warning(reason)
    return dg.SensorResult(
        run_requests=requests,
        cursor=cursor,
        dynamic_partitions_requests=_partition_changes(context.instance, home, intake),
        skip_reason=None if requests else reason,
    )


def _requests(instance: dg.DagsterInstance, todo: list[VideoStatus]) -> tuple[list[dg.RunRequest], list[str], int]:
    """Runs to ask for, videos given up, and how many runs are under way.

    The key of a run names what the video should become and the run before, so that it is asked for once, and again after A, B, A.
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
    """Have the UI know the videos on record; a record that is empty or away drops nothing."""
    have = set(instance.get_dynamic_partitions(PARTITIONS_NAME))
    known = set(known_videos(home))
    gone = sorted(have - known) if known and not intake.missing else sorted(set(intake.replaced) & have)
    changes: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    new = sorted(known - have)
    changes += [videos_partitions.build_add_request(new[at : at + AT_ONCE]) for at in range(0, len(new), AT_ONCE)]
    changes += [videos_partitions.build_delete_request(gone)] if gone else []
    return changes


def _reason(intake: Intake, given_up: list[str], busy: int, restless: int) -> str:
    """Why no run is asked for, or what is wrong besides."""
    parts = [_away(intake.missing)] if intake.missing else []
    if given_up:
        names = ", ".join(given_up[:5]) + (", …" if len(given_up) > 5 else "")
        parts.append(f"given up after {MAX_ATTEMPTS} failed runs each: {names}; look at the last run, then materialise them by hand")
    parts += [f"{_are(busy, 'run')} under way"] if busy else []
    parts += [f"{_are(restless, 'file')} still being written"] if restless else []
    parts += [f"{_are(len(intake.waiting), 'file')} left for the next look"] if intake.waiting else []
    parts += [f"{count(len(intake.unreadable), 'file')} cannot be read: {intake.unreadable[0][1]}"] if intake.unreadable else []
    return "; ".join(parts) or f"{_are(len(intake.present), 'video')} done, or failed and did not change since"


def _are(number: int, noun: str) -> str:
    return f"{count(number, noun)} {'is' if number == 1 else 'are'}"


def _away(missing: tuple[str, ...] | list[str]) -> str:
    return f"not there (an unmounted disk? nothing of it is dropped): {', '.join(missing)}" if missing else ""


def rematch(context: dg.SensorEvaluationContext, home: HomeResource) -> dg.RunRequest | dg.SkipReason:
    """Compare what identities should be made from with what they were made from: a change is noticed whenever it happened."""
    close_dead_runs(context.instance)
    waits_for = _under_way(context.instance)
    if waits_for:
        return dg.SkipReason(waits_for)
    try:
        decided = policy(home)
        tracks = usable_tracks(home, decided.recogniser_id)
        if not tracks:
            return dg.SkipReason("no video has tracks yet")
        last = _last_run(context.instance, dg.RunsFilter(job_name=match.name))
        is_broken = (last is not None and last.status in _LOST) or _is_unpublished(context, home)
        if is_matched(home) and is_scored(home) and not is_broken:
            return dg.SkipReason("identities and scores are in step")
        state = home.store.stamp("encounter_scores", WHOLE)
        goal = digest(fingerprint(home, decided, tracks), scores_version(home), state.data_version if state else "nothing")
    except MeetbeforeError as error:
        return dg.SkipReason(str(error))
    failed = _failures_in_a_row(context.instance, goal)
    if failed >= MAX_ATTEMPTS:
        return dg.SkipReason(f"matching failed {failed} times for the same input: look at its last run, then start the job match by hand")
    # The key names the run before: A, B, A, B asks four times.
    return dg.RunRequest(run_key=f"{goal}#{last.run_id if last else 'first'}", partition_key=min(tracks), tags={GOAL_TAG: goal})


def _is_unpublished(context: dg.SensorEvaluationContext, home: Home) -> bool:
    """Whether the database is out of step, looked at now and then: a file that is away, say, changes its video's status."""
    if time.time() - float(context.cursor or 0) < PUBLISHED_EVERY_S:
        return False
    context.update_cursor(f"{time.time():.0f}")
    return not is_published(home)


def _under_way(instance: dg.DagsterInstance) -> str:
    """What matching waits for: another match, or videos, unless they keep coming for long; "" if nothing."""
    if instance.get_runs_count(dg.RunsFilter(job_name=match.name, statuses=BUSY)):
        return f"a run of {match.name} is under way"
    if not instance.get_runs_count(dg.RunsFilter(job_name=process_video.name, statuses=BUSY)):
        return ""
    done = instance.get_run_records(dg.RunsFilter(job_name=match.name), limit=1)
    first = instance.get_run_records(dg.RunsFilter(job_name=process_video.name), limit=1, ascending=True)
    since_s = (done or first)[0].create_timestamp.timestamp()
    return "" if time.time() - since_s > MATCH_EVERY_S else f"runs of {process_video.name} are under way"


def _failures_in_a_row(instance: dg.DagsterInstance, goal: str) -> int:
    """How often matching failed for a goal since it last came through."""
    count = 0
    for run in instance.get_runs(dg.RunsFilter(job_name=match.name), limit=_LOOK_BACK):
        if run.status not in _LOST:
            return count
        count += run.tags.get(GOAL_TAG) == goal
    return count
