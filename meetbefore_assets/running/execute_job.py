"""Executes a job in this process, as a run of the code location that the UI knows.

`JobDefinition.execute_in_process` creates a run without a code location: the timeline and its job's page omit it, and the UI cannot
execute it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from meetbefore_assets.running.code_location import LOCATION_NAME, MODULE
from meetbefore_assets.running.partitions import PARTITION_TAG

# Dagster's name for the repository of a module's `Definitions`.
_REPOSITORY = "__repository__"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class FinishedRun:
    """A finished run and its events, in order."""

    run_id: str
    is_success: bool
    events: list[dg.DagsterEvent]


def execute_job(
    instance: dg.DagsterInstance, job: dg.JobDefinition, run_id: str, partition: str, assets: tuple[str, ...], tags: Mapping[str, str]
) -> FinishedRun:
    """Execute a job for a partition; failures are in the events.

    Args:
        instance: stores the run.
        job: a job of the code location.
        run_id: id of the run; must be new.
        partition: key of a video.
        assets: assets of the job to materialize; empty: all.
        tags: tags of the run, besides its partition.
    """
    keys = frozenset(dg.AssetKey(name) for name in assets)
    # As execute_in_process does: in this process, whatever the executor of the job.
    here = job.as_ephemeral_job(resource_defs={}, input_values={}, asset_selection=sorted(keys))
    run = instance.create_run_for_job(
        job_def=here,
        run_id=run_id,
        run_config=_QUIET,
        asset_selection=keys or None,
        tags={**job.run_tags, **tags, PARTITION_TAG: partition},
        remote_job_origin=job_origin(job.name),
    )
    events = list(execute_run_iterator(InMemoryJob(here), run, instance))
    ended = instance.get_run_by_id(run_id)
    return FinishedRun(run_id, ended is not None and ended.is_success, events)


def job_origin(job_name: str) -> RemoteJobOrigin:
    """The origin by which the UI finds a job of this project."""
    location = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name=MODULE), LOCATION_NAME)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, _REPOSITORY), job_name)
