"""The jobs: process one video, match all, catch up nightly, weekly upkeep, forget."""

from typing import Any

import dagster as dg

from meetbefore_assets.core.schema.lists import decided_per_video, is_made_anew, pipeline_assets
from meetbefore_assets.core.words import count, folder_not_found
from meetbefore_assets.defs.materialize import HomeResource
from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.record import journal
from meetbefore_assets.identities.face_index import build_face_index
from meetbefore_assets.recordings.intake import Intake
from meetbefore_assets.running import executors, instance_cleanup
from meetbefore_assets.running.instance import close_dead_runs
from meetbefore_assets.running.instance_cleanup import forget_in_instance, report_matching_tables, vacuum_instance
from meetbefore_assets.running.run import MATCH_ASSETS, RunOptions, Summary, run_pipeline
from meetbefore_assets.running.worker import BuildDefinitions, Outcome, Progress
from meetbefore_assets.upkeep.access import access_of_home
from meetbefore_assets.upkeep.corrections_copies import write_copy
from meetbefore_assets.upkeep.verify_record import maintain_home

_ENGINE = executors.chosen_executor()

process_video = dg.define_asset_job(
    "process_video",
    selection=dg.AssetSelection.assets(*pipeline_assets(), "meetbefore_db"),
    description="Process one video, from its file to its tracks, and publish. The job match then decides who is who.",
    executor_def=executors.executor(_ENGINE),
    op_retry_policy=executors.retry_policy(_ENGINE),
)

match = dg.define_asset_job(
    "match",
    selection=dg.AssetSelection.assets(*MATCH_ASSETS),
    description="Decide who is who over all videos: policy, index, identities, encounters, people, database. "
    "Choose any one partition: the run updates all of them. A threshold in the config of matching_policy is kept in the settings.",
)


@dg.op
def erase_requested_videos(context: dg.OpExecutionContext, home: HomeResource) -> None:
    """Erase what requests in the home name, and nothing else, because anybody who reaches the web server can launch this."""

    def forget_in_dagster(videos: list[str]) -> int:
        runs = forget_in_instance(context.instance, videos)
        reported = report_matching_tables(context.instance, home)
        vacuum_instance(home.folder)
        context.log.info(f"{len(runs)} runs deleted, {reported} partitions of other videos reported again")
        return len(runs)

    done = forget.forget_requested(home, forget_in_dagster)
    if done is None:
        context.log.warning("Nothing was erased: nobody asked for it. `meetbefore forget VIDEO` erases a video, or asks for it (--later).")
    else:
        context.log.info(f"{count(len(done.erased.dropped), 'video')} with {count(done.erased.faces, 'face')} erased")


@dg.job(
    description="Erase the videos that `meetbefore forget VIDEO --later` asked for, everywhere; without a request it does nothing. "
    "Their files stay where they are and are not imported again.",
)
def forget_videos() -> None:
    """Erase the videos that requests in the home name."""
    erase_requested_videos()


@dg.op
def erase_strangers(context: dg.OpExecutionContext, home: HomeResource) -> None:
    """Complete interrupted attempts to forget, and forget expired strangers (`privacy.single_sightings_days`)."""
    forget.complete_forgetting(home)
    erased, spared = forget.forget_expired_strangers(home)
    context.log.info(f"{erased} people erased")
    if spared:
        context.log.warning(spared)


@dg.job(description="Forget strangers met once, after privacy.single_sightings_days (0 keeps everybody).")
def forget_strangers() -> None:
    """Forget expired strangers."""
    erase_strangers()


class _RunLog:
    """Implements `run.RunObserver` on the log of a run."""

    def __init__(self, context: dg.OpExecutionContext) -> None:
        self._log = context.log

    def imported(self, intake: Intake) -> None:
        self._log.info(f"{count(len(intake.present), 'video')} present, {len(intake.new)} new, {len(intake.replaced)} replaced")
        for source in intake.missing:
            self._log.warning(folder_not_found(source))

    def remembered(self, folders: list[str]) -> None: ...

    def searching(self, files: int) -> None: ...

    def importing(self, done: int, total: int, name: str) -> None: ...

    def started(self, videos: int, jobs: int) -> None:
        self._log.info(f"{count(videos, 'video')} to process, {jobs} at a time, each in its own run")

    def progressed(self, progress: Progress) -> None: ...

    def finished(self, outcome: Outcome) -> None:
        self._log.info(f"{outcome.task.partition}: {'done' if outcome.is_success else outcome.message}")

    def embedding_again(self, videos: int) -> None:
        self._log.info(f"{count(videos, 'video')} from stored face crops: nothing is decoded again")

    def matching(self) -> None:
        self._log.info("matching, scoring, publishing")


@dg.op(description="Imports new files, retries failed videos (after 1, 2, 4, … 32 days), matches, publishes.")
def catch_up_with_everything(
    context: dg.OpExecutionContext, home: HomeResource, build_definitions: dg.ResourceParam[BuildDefinitions]
) -> None:
    """Do what `meetbefore run` does, and retry failed videos that are due.

    Raises:
        dg.Failure: matching or publishing failed. A failed video is logged, and does not fail the job.
    """
    close_dead_runs(context.instance)
    summary: Summary = run_pipeline(home.folder, RunOptions(retry_due=True), build_definitions, _RunLog(context))
    facts: dict[str, Any] = {
        "videos present": len(summary.intake.present),
        "videos processed": len(summary.computed),
        "videos failed": len(summary.failed),
        "matched": summary.matched,
    }
    journal.log_event(home, "caught up", run_id=context.run_id, **facts)
    context.add_output_metadata(facts)
    for video_id, message in summary.failed.items():
        context.log.warning(f"{video_id}: {message}")
    if summary.problems:
        raise dg.Failure(description="; ".join(summary.problems), allow_retries=False)


@dg.op(description="Checks the record and the index, copies corrections, removes leftovers, deletes old runs.")
def keep_in_order(context: dg.OpExecutionContext, home: HomeResource) -> None:
    """Check and clean up the home and the Dagster instance; the next run rebuilds what was torn."""
    closed = close_dead_runs(context.instance)
    found = maintain_home(home)
    for asset, key in found.torn:
        what = "the next run makes it again" if is_made_anew(asset) else "it cannot be made again: restore it from a backup"
        context.log.warning(f"{asset} of {key} could not be read; {what}")
    for finding in access_of_home(home).findings:
        context.log.warning(finding)
    index = build_face_index(home)
    copy = write_copy(home)
    pruned = instance_cleanup.prune_runs(context.instance, home.settings().upkeep.keep_runs_days)
    told = instance_cleanup.report_record(context.instance, home, (*pipeline_assets(), *decided_per_video()))
    facts: dict[str, Any] = {
        "tables checked": found.verified,
        "tables damaged": len(found.torn),
        "tables of unknown videos dropped": len(found.orphans),
        "temporary files deleted": len(found.litter),
        "history objects merged": found.compacted,
        "index was up to date": index.was_in_step,
        "corrections copied": copy is not None,
        "dead runs closed": closed,
        "old runs deleted": pruned,
        "tables reported to the UI": told,
    }
    journal.log_event(home, "kept in order", run_id=context.run_id, **facts)
    context.add_output_metadata(facts)


@dg.job(description="Nightly: finish whatever was left undone.")
def catch_up() -> None:
    """See the op."""
    catch_up_with_everything()


@dg.job(description="Weekly: check and clean up the record, the index and the Dagster instance.")
def upkeep() -> None:
    """See the op."""
    keep_in_order()
