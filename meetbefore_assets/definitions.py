"""The only place where everything meets: assets, jobs, sensors, and a home with its tools."""

import os
from pathlib import Path

import dagster as dg

from meetbefore_assets import engines, forget_job, jobs, schedules, sensors, upkeep_jobs
from meetbefore_assets.assets import checks
from meetbefore_assets.assets.check_cliff import threshold_is_off_the_cliff
from meetbefore_assets.assets.detections import detections
from meetbefore_assets.assets.embeddings import embeddings
from meetbefore_assets.assets.encounter_report import encounter_report
from meetbefore_assets.assets.encounter_scores import encounter_scores
from meetbefore_assets.assets.face_index import face_index
from meetbefore_assets.assets.frames import frames
from meetbefore_assets.assets.identity_assignments import identity_assignments
from meetbefore_assets.assets.matching_policy import matching_policy
from meetbefore_assets.assets.meetbefore_db import meetbefore_db
from meetbefore_assets.assets.people import people
from meetbefore_assets.assets.tracks import tracks
from meetbefore_assets.assets.videos import videos
from meetbefore_assets.errors import SettingsError
from meetbefore_assets.instance import claim_run
from meetbefore_assets.settings import UpkeepSettings
from meetbefore_assets.wiring import build_workbench
from meetbefore_assets.workbench import Workbench

HOME_VARIABLE = "MEETBEFORE_HOME"

ASSETS = (
    videos,
    frames,
    detections,
    embeddings,
    tracks,
    matching_policy,
    face_index,
    identity_assignments,
    encounter_scores,
    people,
    meetbefore_db,
    encounter_report,
)


def build_definitions(bench: Workbench) -> dg.Definitions:
    """The whole project over one home."""
    upkeep = _upkeep(bench)
    return dg.Definitions(
        assets=list(ASSETS),
        jobs=[
            jobs.process_video,
            jobs.match,
            upkeep_jobs.catch_up,
            upkeep_jobs.upkeep,
            forget_job.forget_video,
            forget_job.forget_strangers,
        ],
        asset_checks=[*checks.build_checks(), threshold_is_off_the_cliff],
        sensors=sensors.build_sensors(upkeep.watch_s),
        schedules=[
            *schedules.build_schedules(upkeep.nightly, upkeep.weekly, bench.tools.machine_zone()),
            forget_job.forget_strangers_daily,
        ],
        # A process a step costs 26 to 35 s a video, one process for all 2 to 3 s; parallel by runs. The job process_video may have another.
        executor=dg.in_process_executor,
        resources={"bench": _resource(bench)},
    )


def _upkeep(bench: Workbench) -> UpkeepSettings:
    """When sensors and schedules look; settings that are wrong are told by whatever reads them next, in the UI."""
    try:
        return bench.settings().upkeep
    except SettingsError:
        return UpkeepSettings()


def _resource(bench: Workbench) -> dg.ResourceDefinition:
    """The workbench; every run that asks for it says which process is behind it, unless this is the process of one of its steps."""

    def take(context: dg.InitResourceContext) -> Workbench:
        threads = engines.threads_of_step()
        if threads:
            bench.threads = threads
        elif context.instance is not None:
            claim_run(context.instance, context.run)
        return bench

    return dg.ResourceDefinition(take, description="One home, its record and settings, and tools behind ports.")


defs = build_definitions(build_workbench(Path(os.environ.get(HOME_VARIABLE, "data"))))
