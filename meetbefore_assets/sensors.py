"""Sensors, both on by default: files that arrive, and identities that fell out of step."""

import json

import dagster as dg

from meetbefore_assets.assets.common import Bench
from meetbefore_assets.errors import MeetbeforeError
from meetbefore_assets.jobs import match, process_video
from meetbefore_assets.partitions import PARTITIONS_NAME, videos_partitions
from meetbefore_assets.settings import digest
from meetbefore_assets.steps.intake import register
from meetbefore_assets.steps.matching import is_matched
from meetbefore_assets.steps.policy import fingerprint, policy, usable_tracks
from meetbefore_assets.steps.scoring import goal_version, is_scored
from meetbefore_assets.steps.status import all_statuses
from meetbefore_assets.workbench import WHOLE, Found, Workbench

MAX_RUNS_A_TICK = 25
MAX_ATTEMPTS = 3
GOAL_TAG = "meetbefore/goal"
_BUSY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dg.sensor(job=process_video, minimum_interval_seconds=15, default_status=dg.DefaultSensorStatus.RUNNING)
def new_videos(context: dg.SensorEvaluationContext, bench: Bench) -> dg.SensorResult | dg.SkipReason:
    """Take in files that did not change since the last look, and ask for a run for each that is not done."""
    try:
        found = bench.tools.scan(bench.sources())
        seen = {entry.uri: f"{entry.size_bytes}:{entry.mtime_ns}" for entry in found.recordings}
        before = json.loads(context.cursor or "{}")
        stable = tuple(entry for entry in found.recordings if entry.size_bytes > 0 and before.get(entry.uri) == seen[entry.uri])
        intake = register(bench, Found(stable, found.skipped, found.missing))
        requests = _requests(bench, intake.present)
    except MeetbeforeError as error:
        return dg.SkipReason(str(error))
    known = set(context.instance.get_dynamic_partitions(PARTITIONS_NAME))
    add = sorted({str(request.partition_key) for request in requests} - known)
    gone = sorted(set(intake.replaced) & known)
    changes: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    changes += [videos_partitions.build_add_request(add)] if add else []
    changes += [videos_partitions.build_delete_request(gone)] if gone else []
    return dg.SensorResult(run_requests=requests, cursor=json.dumps(seen), dynamic_partitions_requests=changes)


def _requests(bench: Workbench, video_ids: list[str]) -> list[dg.RunRequest]:
    """A run for each video that lacks something; the key names what it should become, so it is asked for once."""
    requests = []
    for status in all_statuses(bench, video_ids):
        if status.todo and not status.failed_before:
            key = f"{status.video_id}@{status.failure_version}"
            requests.append(dg.RunRequest(run_key=key, partition_key=status.video_id))
    return requests[:MAX_RUNS_A_TICK]


@dg.sensor(job=match, minimum_interval_seconds=15, default_status=dg.DefaultSensorStatus.RUNNING)
def rematch(context: dg.SensorEvaluationContext, bench: Bench) -> dg.RunRequest | dg.SkipReason:
    """Compare what identities should be made from with what they were made from: a change is noticed whenever it happened."""
    for job in ("process_video", "match"):
        if context.instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=_BUSY)):
            return dg.SkipReason(f"a run of {job} is under way")
    try:
        decided = policy(bench)
        tracks = usable_tracks(bench, decided.recogniser_id)
        if not tracks:
            return dg.SkipReason("no video has tracks yet")
        if is_matched(bench) and is_scored(bench):
            return dg.SkipReason("identities and scores are in step")
        state = bench.store.stamp("encounter_scores", WHOLE)
        goal = digest(fingerprint(bench, decided, tracks), goal_version(bench), state.data_version if state else "nothing")
    except MeetbeforeError as error:
        return dg.SkipReason(str(error))
    failed = context.instance.get_runs_count(
        dg.RunsFilter(job_name="match", tags={GOAL_TAG: goal}, statuses=[dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED])
    )
    if failed >= MAX_ATTEMPTS:
        return dg.SkipReason(f"matching failed {failed} times for the same input: look at its last run, then start the job match by hand")
    return dg.RunRequest(run_key=f"{goal}#{failed}", partition_key=min(tracks), tags={GOAL_TAG: goal})
