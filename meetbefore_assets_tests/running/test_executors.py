"""The engine of process_video is a matter of configuration; what steps ask of a cluster stands in one table."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from meetbefore_assets.core.errors import SettingsError
from meetbefore_assets.definitions import defs
from meetbefore_assets.running import executors
from meetbefore_assets.running.instance import PID_TAG, RUN_TAG
from meetbefore_assets_tests.support.fakes import write_video
from meetbefore_assets_tests.support.project import Project

pytestmark = pytest.mark.slow

STEPS = {"videos", "frames", "detections", "embeddings", "tracks", "meetbefore_db", "check_video", "check_meetbefore_db"}


def steps_of(job: dg.JobDefinition) -> dict[str, Any]:
    return {node.name: node.definition.tags for node in job.nodes}


@pytest.mark.parametrize("environment", [{}, {"MEETBEFORE_EXECUTOR": ""}, {"MEETBEFORE_EXECUTOR": "in_process"}])
def test_everything_is_done_in_the_process_of_the_run_unless_said_otherwise(environment: dict[str, str]) -> None:
    name = executors.chosen_executor(environment)
    assert executors.executor(name) is dg.in_process_executor
    assert executors.retry_policy(name) is None


def test_an_unknown_engine_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(SettingsError, match="'spark', expected in_process, ray or k8s") as caught:
        executors.chosen_executor({"MEETBEFORE_EXECUTOR": "spark"})
    assert "leave it out" in caught.value.remedy


@pytest.mark.parametrize(("name", "package"), [("ray", "dagster-ray"), ("k8s", "dagster-k8s")])
def test_a_package_that_is_missing_is_named_with_the_command_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    def missing(module: str) -> None:
        raise ModuleNotFoundError(f"No module named '{module}'")

    monkeypatch.setattr(executors, "import_module", missing)
    with pytest.raises(SettingsError, match=f"needs the package {package}") as caught:
        executors.executor(executors.chosen_executor({"MEETBEFORE_EXECUTOR": name}))
    assert " install " in caught.value.remedy
    assert package in caught.value.remedy


@pytest.mark.parametrize("name", ["ray", "k8s"])
def test_steps_elsewhere_are_tried_again_when_their_worker_dies(name: str) -> None:
    policy = executors.retry_policy(name)
    assert policy is not None
    assert policy.max_retries == executors.RETRIES


def test_the_other_engines_load_and_only_process_video_has_them() -> None:
    pytest.importorskip("dagster_ray", reason="the extra ray is not installed")
    code = (
        "from meetbefore_assets.definitions import defs\n"
        "print({job.name: job.executor_def.name for job in defs.get_repository_def().get_all_jobs() if not job.name.startswith('__')})"
    )
    environment = {**os.environ, "MEETBEFORE_EXECUTOR": "ray"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    found = json.loads(done.stdout.replace("'", '"'))
    assert found.pop("process_video") == "ray"
    assert set(found.values()) == {"in_process"}


def test_every_step_says_what_it_asks_for() -> None:
    steps = steps_of(defs.resolve_job_def("process_video"))
    assert set(steps) == STEPS
    for name, tags in steps.items():
        request = executors.step_resources({}).get(name, executors.DEFAULT_RESOURCES)
        assert json.loads(tags[executors.RAY_TAG]) == request.for_ray()
        assert json.loads(tags[executors.K8S_TAG]) == request.for_kubernetes()


def test_only_the_steps_with_models_ask_for_what_the_environment_gives_them() -> None:
    plain, asked = executors.step_resources({}), executors.step_resources({"MEETBEFORE_CPUS": "8", "MEETBEFORE_GPUS": "0.5"})
    assert {name for name in plain if plain[name] != asked[name]} == {"detections", "embeddings"}
    assert asked["detections"].for_ray() == {"num_cpus": 8.0, "num_gpus": 0.5, "memory": asked["detections"].memory_bytes}
    assert asked["detections"].memory_bytes > plain["detections"].memory_bytes
    limits = asked["detections"].for_kubernetes()["container_config"]["resources"]["limits"]  # type: ignore[index]
    assert limits["nvidia.com/gpu"] == "1"
    assert "num_gpus" not in plain["detections"].for_ray()
    assert "nvidia.com/gpu" not in json.dumps(plain["detections"].for_kubernetes())


def test_a_step_that_waits_for_pieces_holds_no_core() -> None:
    """As many of them as there are cores would wait for ever otherwise."""
    sharing = {"MEETBEFORE_EXECUTOR": "ray", "MEETBEFORE_PIECE_MOMENTS": "320"}
    assert executors.step_resources(sharing)["detections"].cpus < 0.5
    assert executors.step_resources(sharing)["embeddings"] == executors.model_resources(sharing) == executors.model_resources({})
    for missing in sharing:
        assert executors.step_resources({**sharing, missing: ""})["detections"] == executors.model_resources({})
    assert executors.step_resources({**sharing, "MEETBEFORE_EXECUTOR": "k8s"})["detections"] == executors.model_resources({})


@pytest.mark.parametrize("variable", ["MEETBEFORE_CPUS", "MEETBEFORE_GPUS"])
@pytest.mark.parametrize("text", ["two", "-1", "nan", "inf", "1e9"])
def test_what_is_no_number_is_refused(variable: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"{variable} is '{text}', expected a number"):
        executors.step_resources({variable: text})


@pytest.mark.parametrize(
    ("environment", "threads"),
    [
        ({}, 0),
        ({"DAGSTER_RUN_STEP_KEY": "detections"}, executors.DEFAULT_CPUS),
        ({"DAGSTER_RUN_STEP_KEY": "detections", "MEETBEFORE_CPUS": "6"}, 6),
        ({"DAGSTER_RUN_STEP_KEY": "detections", "MEETBEFORE_CPUS": "0.5"}, 1),
        ({"DAGSTER_RUN_STEP_KEY": "check_video", "MEETBEFORE_CPUS": "6"}, 1),
    ],
)
def test_a_step_has_the_threads_it_asked_for(environment: dict[str, str], threads: int) -> None:
    assert executors.step_threads(environment) == threads


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Iterator[Project]:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        project = Project(tmp_path, instance)
        write_video(project.videos, "DJI_20250301080000_0001_D.mp4", [[1], [1, 2]])
        yield project


@pytest.mark.parametrize(("step", "is_claimed"), [("", True), ("detections", False)])
def test_the_process_of_a_single_step_is_not_behind_the_run(
    project: Project, monkeypatch: pytest.MonkeyPatch, step: str, is_claimed: bool
) -> None:
    """It ends long before the run does, which would be taken for dead then."""
    monkeypatch.setenv(executors.STEP_VARIABLE, step)
    project.process()
    (run,) = project.instance.get_runs(dg.RunsFilter(job_name="process_video"))
    assert (PID_TAG in run.tags) is is_claimed
    assert project.home.threads == (executors.DEFAULT_CPUS if step else 0)


def test_the_process_that_waits_for_the_steps_is_behind_the_run(project: Project) -> None:
    other = project.instance.add_run(dg.DagsterRun("process_video", run_id="11111111-2222-3333-4444-555555555555", tags={}))

    class Inner(dg.Executor):
        retries = None  # type: ignore[assignment]

        def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
            claimed = plan_context.instance.get_run_by_id(plan_context.dagster_run.run_id)
            assert claimed.tags[PID_TAG] == str(os.getpid())
            assert claimed.tags[RUN_TAG] == claimed.run_id
            yield execution_plan

    inner = dg.ExecutorDefinition("inner", executor_creation_fn=lambda _context: Inner())
    wrapped = executors._with_claimed_runs(inner)
    assert wrapped.name == "inner"
    create = wrapped.executor_creation_fn
    assert create is not None
    context = SimpleNamespace(instance=project.instance, dagster_run=other)
    assert list(create(None).execute(context, "a plan")) == ["a plan"]  # type: ignore[arg-type]


def test_ray_reads_what_steps_ask_for() -> None:
    configs = pytest.importorskip("dagster_ray.configs", reason="the extra ray is not installed")
    for tags in steps_of(defs.resolve_job_def("process_video")).values():
        config = configs.RayExecutionConfig.from_tags(tags)
        assert config.num_cpus >= 1
        assert config.memory > 2**29
