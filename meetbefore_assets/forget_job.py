"""Forgetting in the Dagster UI: a video by its partition, and strangers whose time is over, once a day."""

import dagster as dg

from meetbefore_assets import forget
from meetbefore_assets.instance_forget import forget_in_instance, report_decided
from meetbefore_assets.partitions import videos_partitions
from meetbefore_assets.workbench import Workbench


@dg.op
def erase_video(context: dg.OpExecutionContext, bench: dg.ResourceParam[Workbench]) -> None:
    """Take the run's video out of record, index, database, pictures and page; decide anew who is who; delete its partition and runs."""
    done = forget.forget_videos(bench, [context.partition_key])
    runs = forget_in_instance(context.instance, done.videos)
    reported = report_decided(context.instance, bench)
    context.log.info(f"{done.faces} faces erased, {len(runs)} runs deleted, {reported} partitions of other videos reported anew")


@dg.job(
    partitions_def=videos_partitions,
    description="Erase one video everywhere. Its file stays where it is, and is not taken in again. This run itself stays in the history.",
)
def forget_video() -> None:
    """One video, by its partition."""
    erase_video()


@dg.op
def erase_strangers(context: dg.OpExecutionContext, bench: dg.ResourceParam[Workbench]) -> None:
    """End broken attempts to forget, and forget the people met once whose time is over (`privacy.single_sightings_days`)."""
    forget.complete(bench)
    context.log.info(f"{forget.expire(bench)} people erased")


@dg.job(description="Forget the people met once whose time is over (privacy.single_sightings_days; 0 keeps everybody).")
def forget_strangers() -> None:
    """Retention."""
    erase_strangers()


forget_strangers_daily = dg.ScheduleDefinition(
    name="forget_strangers_daily", job=forget_strangers, cron_schedule="30 4 * * *", default_status=dg.DefaultScheduleStatus.RUNNING
)
