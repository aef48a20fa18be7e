"""The Dagster definitions: the only place where assets, jobs, sensors, schedules, a home and its adapters meet."""

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
from meetbefore_assets.running.ray_chunks import remote_workers

HOME_VARIABLE = "MEETBEFORE_HOME"


def build_definitions(home: Home) -> dg.Definitions:
    """The whole project over one home."""
    upkeep = _upkeep(home)
    return dg.Definitions(
        assets=dg.load_assets_from_package_module(assets),
        jobs=[jobs.process_video, jobs.match, jobs.catch_up, jobs.upkeep, jobs.forget_video, jobs.forget_strangers],
        asset_checks=[*asset_checks.build_checks(), asset_checks.threshold_is_off_the_cliff],
        sensors=sensors.build_sensors(upkeep.watch_s),
        schedules=schedules.build_schedules(upkeep.nightly, upkeep.weekly, home.adapters.recordings.machine_zone()),
        # A process a step costs 26 to 35 s a video, one process for all 2 to 3 s; parallel by runs. The job process_video may have another.
        executor=dg.in_process_executor,
        resources={"home": _home_resource(home), "build_definitions": dg.ResourceDefinition.hardcoded_resource(build_definitions)},
    )


def _upkeep(home: Home) -> UpkeepSettings:
    """When sensors and schedules look; settings that are wrong are told by whatever reads them next, in the UI."""
    try:
        return home.settings().upkeep
    except SettingsError:
        return UpkeepSettings()


def _home_resource(home: Home) -> dg.ResourceDefinition:
    """The home; every run that asks for it is claimed by the process behind it, unless this is the process of one of its steps."""

    def take(context: dg.InitResourceContext) -> Home:
        threads = executors.step_threads()
        if threads:
            home.threads = threads
        elif context.instance is not None:
            claim_run(context.instance, context.run)
        return home

    return dg.ResourceDefinition(take, description="A home: its record, settings and adapters.")


defs = build_definitions(open_home(Path(os.environ.get(HOME_VARIABLE, "data")), remote_workers=remote_workers))
