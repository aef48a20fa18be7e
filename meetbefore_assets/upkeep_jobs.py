"""Two jobs that the schedules start: the nightly catching up, and the weekly upkeep. Both can be started by hand."""

from typing import Any

import dagster as dg

from meetbefore_assets import instance_upkeep
from meetbefore_assets.assets.common import Bench
from meetbefore_assets.domain.lineage import PER_VIDEO
from meetbefore_assets.instance import close_dead_runs
from meetbefore_assets.report.words import count
from meetbefore_assets.runner import RunOptions, Summary, run
from meetbefore_assets.steps import journal
from meetbefore_assets.steps.indexing import build_index
from meetbefore_assets.steps.intake import Intake
from meetbefore_assets.steps.upkeep import keep_up
from meetbefore_assets.worker import Outcome, Progress

DECIDED = ("identity_assignments", "encounter_scores")
TABLES = (*DECIDED, "people", "matching_policy", "corrections", "identity_history")


class _Log:
    """Implements `runner.Watcher` on the log of a run."""

    def __init__(self, context: dg.OpExecutionContext) -> None:
        self._log = context.log

    def taken_in(self, intake: Intake) -> None:
        self._log.info(f"{count(len(intake.present), 'video')} present, {len(intake.new)} new, {len(intake.replaced)} replaced")
        for source in intake.missing:
            self._log.warning(f"{source} is not there (an unmounted disk?); nothing of it is dropped")

    def taking_in(self, done: int, total: int, name: str) -> None: ...

    def started(self, videos: int, jobs: int) -> None:
        self._log.info(f"{count(videos, 'video')} to work on, {jobs} at a time; each is a run of its own")

    def progressed(self, progress: Progress) -> None: ...

    def finished(self, outcome: Outcome) -> None:
        self._log.info(f"{outcome.task.partition}: {'done' if outcome.is_success else outcome.message}")

    def matching(self) -> None:
        self._log.info("matching all videos, scoring, publishing")


@dg.op(description="Syncs the folders, tries failed videos again (after 1, 2, 4, … 32 days), matches, publishes, writes the page.")
def catch_up_with_everything(context: dg.OpExecutionContext, bench: Bench) -> None:
    """What `meetbefore run` does, with patience for what failed before.

    Raises:
        dg.Failure: matching or publishing failed. A video that fails is told, and is no failure of the night.
    """
    close_dead_runs(context.instance)
    summary: Summary = run(bench.home, RunOptions(retry_due=True), _Log(context))
    facts: dict[str, Any] = {
        "videos present": len(summary.intake.present),
        "videos computed": len(summary.computed),
        "videos that cannot be used": len(summary.failed),
        "matched": summary.matched,
    }
    journal.note(bench, "caught up", run_id=context.run_id, **facts)
    context.add_output_metadata(facts)
    for video_id, message in summary.failed.items():
        context.log.warning(f"{video_id}: {message}")
    if summary.problems:
        raise dg.Failure(description="; ".join(summary.problems), allow_retries=False)


@dg.op(description="Verifies the record and the index, clears litter, and lets old runs go.")
def keep_in_order(context: dg.OpExecutionContext, bench: Bench) -> None:
    """Upkeep of the home and of the Dagster instance; the next run makes anew what was torn."""
    closed = close_dead_runs(context.instance)
    found = keep_up(bench, TABLES)
    for asset, key in found.torn:
        context.log.warning(f"{asset} of {key} could not be read; the next run makes it anew")
    index = build_index(bench)
    pruned = instance_upkeep.prune_runs(context.instance, bench.settings().upkeep.keep_runs_days)
    told = instance_upkeep.report_record(context.instance, bench, (*PER_VIDEO, *DECIDED))
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
    journal.note(bench, "kept in order", run_id=context.run_id, **facts)
    context.add_output_metadata(facts)


@dg.job(description="Nightly: what was left undone, for whatever reason, is caught up with.")
def catch_up() -> None:
    """See the op."""
    catch_up_with_everything()


@dg.job(description="Weekly: the record, the index and the instance are verified and cleared of litter.")
def upkeep() -> None:
    """See the op."""
    keep_in_order()
