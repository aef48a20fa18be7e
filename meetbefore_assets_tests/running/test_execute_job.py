"""Runs of the command line belong to the code location, as those of the UI do."""

import uuid

import dagster as dg
import pytest
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG

from meetbefore_assets.definitions import defs
from meetbefore_assets.running.code_location import LOCATION_NAME
from meetbefore_assets.running.execute_job import execute_job, job_origin

pytestmark = pytest.mark.slow

LABEL = f"__repository__@{LOCATION_NAME}"


@dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="videos"))
def good(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"of": context.partition_key})


@dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="videos"), deps=[good])
def bad() -> dg.MaterializeResult[None]:
    raise dg.Failure("nothing can be done")


JOBS = dg.Definitions([good, bad], jobs=[dg.define_asset_job("both"), dg.define_asset_job("tagged", selection="good", tags={"a": "b"})])


def execute(instance: dg.DagsterInstance, name: str, assets: tuple[str, ...]) -> tuple[dg.DagsterRun, list[dg.DagsterEvent]]:
    instance.add_dynamic_partitions("videos", ["v1"])
    run_id = str(uuid.uuid4())
    ended = execute_job(instance, JOBS.resolve_job_def(name), run_id, "v1", assets, {"mine": "yes"})
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert ended.is_success == run.is_success
    return run, ended.events


def test_a_run_carries_what_timeline_and_jobs_look_for() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run, _ = execute(instance, "tagged", ())
        assert run.remote_job_origin == job_origin("tagged")
        assert {"mine", "a", "dagster/partition", "dagster/code_location"} <= set(run.tags)
        assert [each.run_id for each in instance.get_runs(dg.RunsFilter(tags={REPOSITORY_LABEL_TAG: LABEL}))] == [run.run_id]
        assert instance.get_materialized_partitions(dg.AssetKey("good")) == {"v1"}


def test_the_repository_has_the_name_that_dagster_gives_ours() -> None:
    origin = job_origin("match").repository_origin
    assert origin.repository_name == defs.get_repository_def().name
    assert origin.get_label() == LABEL


def test_what_fails_is_in_the_events() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run, events = execute(instance, "both", ())
        assert run.status is dg.DagsterRunStatus.FAILURE
        assert [event.step_failure_data.user_failure_data.description for event in events if event.is_step_failure] == [  # type: ignore[union-attr]
            "nothing can be done"
        ]


@pytest.mark.parametrize(("assets", "made"), [(("good",), ["good"]), ((), ["good", "bad"])])
def test_only_the_assets_that_are_named_are_made(assets: tuple[str, ...], made: list[str]) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        _, events = execute(instance, "both", assets)
        assert [event.step_key for event in events if event.is_step_start] == made
