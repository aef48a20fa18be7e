"""The Dagster definitions of one home: assets, jobs, checks, sensors and schedules with the home as their resource."""

import os
from pathlib import Path

import dagster as dg

from meetbefore_assets.core.errors import SettingsError
from meetbefore_assets.defs import asset_checks, assets, jobs, schedules, sensors
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings.sections import UpkeepSettings
from meetbefore_assets.open_home import open_home
from meetbefore_assets.running import executors
from meetbefore_assets.running.instance import claim_run
from meetbefore_assets.running.libraries import FOR_MATCHING, LIBRARIES, check_installed, check_libraries
from meetbefore_assets.running.ray_chunks import remote_workers
from meetbefore_assets.storage.private_folder import close_new_home, mask_process

HOME_VARIABLE = "MEETBEFORE_HOME"


def build_definitions(home: Home) -> dg.Definitions:
    """Build the definitions of a home."""
    upkeep = _upkeep(home)
    return dg.Definitions(
        assets=dg.load_assets_from_package_module(assets),
        jobs=[jobs.process_video, jobs.match, jobs.catch_up, jobs.upkeep, jobs.forget_videos, jobs.forget_strangers],
        asset_checks=[*asset_checks.build_checks(), asset_checks.threshold_is_off_the_cliff],
        sensors=sensors.build_sensors(upkeep.watch_s),
        schedules=schedules.build_schedules(upkeep.nightly, upkeep.weekly, home.adapters.recordings.machine_zone()),
        # A process per step costs 26 to 35 s a video, one for all steps 2 to 3 s. Runs are parallel; process_video has its own executor.
        executor=dg.in_process_executor,
        resources={"home": _home_resource(home), "build_definitions": dg.ResourceDefinition.hardcoded_resource(build_definitions)},
    )


def _upkeep(home: Home) -> UpkeepSettings:
    """Intervals of sensors and schedules; the defaults if the settings are wrong, because a run that reads them reports it in the UI."""
    try:
        return home.settings().upkeep
    except SettingsError:
        return UpkeepSettings()


def _home_resource(home: Home) -> dg.ResourceDefinition:
    """The home as a resource. A run that uses it is marked with this process, so that dead runs are recognised; steps do not mark it."""

    def take(context: dg.InitResourceContext) -> Home:
        if context.run is None:
            check_installed()
        else:
            check_libraries(FOR_MATCHING if context.run.job_name == jobs.match.name else tuple(LIBRARIES))
        home.adapters.storage.sweep_scratch()
        threads = executors.step_threads()
        if threads:
            home.threads = threads
        elif context.instance is not None:
            claim_run(context.instance, context.run)
        return home

    return dg.ResourceDefinition(take, description="A home: its record, settings and adapters.")


def _of_environment() -> dg.Definitions:
    """The definitions of the home in MEETBEFORE_HOME; files of this process are closed to other users."""
    folder = Path(os.environ.get(HOME_VARIABLE, "data"))
    mask_process(folder)
    if folder.is_dir():  # Dagster's web server may have created it before, open to everybody
        close_new_home(folder)
    return build_definitions(open_home(folder, remote_workers=remote_workers))


defs = _of_environment()
