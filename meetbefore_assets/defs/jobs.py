"""The jobs: process one video, match all, catch up nightly, weekly upkeep, forget."""

from typing import Any

import dagster as dg

from meetbefore_assets.core.schema.lists import decided_per_video, pipeline_assets
from meetbefore_assets.core.words import count
from meetbefore_assets.defs.materialize import HomeResource
from meetbefore_assets.forgetting import forget
from meetbefore_assets.home.record import journal
from meetbefore_assets.identities.face_index import build_face_index
from meetbefore_assets.recordings.intake import Intake
from meetbefore_assets.running import executors, instance_cleanup
from meetbefore_assets.running.instance import close_dead_runs
from meetbefore_assets.running.instance_cleanup import forget_in_instance, report_matching_tables
from meetbefore_assets.running.partitions import videos_partitions
from meetbefore_assets.running.run import MATCH_ASSETS, RunOptions, Summary, run_pipeline
from meetbefore_assets.running.worker import BuildDefinitions, Outcome, Progress
from meetbefore_assets.upkeep.verify_record import maintain_home

_ENGINE = executors.chosen_executor()

process_video = dg.define_asset_job(
    "process_video",
    selection=dg.AssetSelection.assets(*pipeline_assets(), "meetbefore_db"),
    description="One video from its file to its tracks, and publish. Who is who is decided by the job match.",
    executor_def=executors.executor(_ENGINE),
    op_retry_policy=executors.retry_policy(_ENGINE),
)

match = dg.define_asset_job(
    "match",
    selection=dg.AssetSelection.assets(*MATCH_ASSETS),
    description="Who is who, over all videos: policy, index, identities, encounters, people, database, report. "
    "Any one partition will do: the run brings all of them in step.",
)


@dg.op
def erase_video(context: dg.OpExecutionContext, home: HomeResource) -> None:
    """Take the run's video out of record, index, database, pictures and page; decide anew who is who; delete its partition and runs."""
    done = forget.forget_videos(home, [context.partition_key])
    runs = forget_in_instance(context.instance, done.videos)
    reported = report_matching_tables(context.instance, home)
    context.log.info(f"{done.faces} faces erased, {len(runs)} runs deleted, {reported} partitions of other videos reported anew")


@dg.job(
    partitions_def=videos_partitions,
    description="Erase one video everywhere. Its file stays where it is, and is not taken in again. This run itself stays in the history.",
)
def forget_video() -> None:
    """One video, by its partition."""
    erase_video()


@dg.op
def erase_strangers(context: dg.OpExecutionContext, home: HomeResource) -> None:
    """End broken attempts to forget, and forget the people met once whose time is over (`privacy.single_sightings_days`)."""
    forget.complete_forgetting(home)
    context.log.info(f"{forget.forget_expired_strangers(home)} people erased")


@dg.job(description="Forget the people met once whose time is over (privacy.single_sightings_days; 0 keeps everybody).")
def forget_strangers() -> None:
    """Retention."""
    erase_strangers()


class _RunLog:
    """Implements `run.RunObserver` on the log of a run."""

    def __init__(self, context: dg.OpExecutionContext) -> None:
        self._log = context.log

    def imported(self, intake: Intake) -> None:
        self._log.info(f"{count(len(intake.present), 'video')} present, {len(intake.new)} new, {len(intake.replaced)} replaced")
        for source in intake.missing:
            self._log.warning(f"{source} is not there (an unmounted disk?); nothing of it is dropped")

    def importing(self, done: int, total: int, name: str) -> None: ...

    def started(self, videos: int, jobs: int) -> None:
        self._log.info(f"{count(videos, 'video')} to work on, {jobs} at a time; each is a run of its own")

    def progressed(self, progress: Progress) -> None: ...

    def finished(self, outcome: Outcome) -> None:
        self._log.info(f"{outcome.task.partition}: {'done' if outcome.is_success else outcome.message}")

    def matching(self) -> None:
        self._log.info("matching all videos, scoring, publishing")


@dg.op(description="Syncs the folders, tries failed videos again (after 1, 2, 4, … 32 days), matches, publishes, writes the page.")
def catch_up_with_everything(
    context: dg.OpExecutionContext, home: HomeResource, build_definitions: dg.ResourceParam[BuildDefinitions]
) -> None:
    """What `meetbefore run` does, with patience for what failed before.

    Raises:
        dg.Failure: matching or publishing failed. A video that fails is told, and is no failure of the night.
    """
    close_dead_runs(context.instance)
    summary: Summary = run_pipeline(home.folder, RunOptions(retry_due=True), build_definitions, _RunLog(context))
    facts: dict[str, Any] = {
        "videos present": len(summary.intake.present),
        "videos computed": len(summary.computed),
        "videos that cannot be used": len(summary.failed),
        "matched": summary.matched,
    }
    journal.log_event(home, "caught up", run_id=context.run_id, **facts)
    context.add_output_metadata(facts)
    for video_id, message in summary.failed.items():
        context.log.warning(f"{video_id}: {message}")
    if summary.problems:
        raise dg.Failure(description="; ".join(summary.problems), allow_retries=False)


@dg.op(description="Verifies the record and the index, clears litter, and lets old runs go.")
def keep_in_order(context: dg.OpExecutionContext, home: HomeResource) -> None:
    """Upkeep of the home and of the Dagster instance; the next run makes anew what was torn."""
    closed = close_dead_runs(context.instance)
    found = maintain_home(home)
    for asset, key in found.torn:
        context.log.warning(f"{asset} of {key} could not be read; the next run makes it anew")
    index = build_face_index(home)
    pruned = instance_cleanup.prune_runs(context.instance, home.settings().upkeep.keep_runs_days)
    told = instance_cleanup.report_record(context.instance, home, (*pipeline_assets(), *decided_per_video()))
    facts: dict[str, Any] = {
        "tables verified": found.verified,
        "tables torn": len(found.torn),
        "tables of unknown videos dropped": len(found.orphans),
        "temporary files deleted": len(found.litter),
        "objects of the history made one": found.compacted,
        "index was in step": index.was_in_step,
        "dead runs closed": closed,
        "old runs deleted": pruned,
        "tables told to the UI": told,
    }
    journal.log_event(home, "kept in order", run_id=context.run_id, **facts)
    context.add_output_metadata(facts)


@dg.job(description="Nightly: what was left undone, for whatever reason, is caught up with.")
def catch_up() -> None:
    """See the op."""
    catch_up_with_everything()


@dg.job(description="Weekly: the record, the index and the instance are verified and cleared of litter.")
def upkeep() -> None:
    """See the op."""
    keep_in_order()
