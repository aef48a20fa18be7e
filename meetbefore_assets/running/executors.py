"""Executors of the job process_video, chosen by MEETBEFORE_EXECUTOR: in process, Ray, or Kubernetes.

The assets are the same in all engines. What their steps ask of a cluster stands in one table, `step_resources`.
"""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module

import dagster as dg
from dagster._core.events import DagsterEvent
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import StepDependencyConfig

from meetbefore_assets.core.errors import SettingsError
from meetbefore_assets.running.capacity import THREAD_BYTES, WORKER_BYTES
from meetbefore_assets.running.instance import claim_run

EXECUTOR_VARIABLE = "MEETBEFORE_EXECUTOR"
CPUS_VARIABLE = "MEETBEFORE_CPUS"
GPUS_VARIABLE = "MEETBEFORE_GPUS"
CHUNK_VARIABLE = "MEETBEFORE_PIECE_MOMENTS"
IN_PROCESS, RAY, K8S = "in_process", "ray", "k8s"
# Set by Dagster's engines in the process that they start for one step.
STEP_VARIABLE = "DAGSTER_RUN_STEP_KEY"
RAY_TAG, K8S_TAG = "dagster-ray/config", "dagster-k8s/config"
DEFAULT_CPUS = 2
# A step whose worker died is tried again so often, on whichever worker is left. What it had not committed is not seen by anybody.
RETRIES = 2
RETRY_DELAY_S = 5.0
_MIB = 2**20
_CLUSTER_EXECUTORS = {RAY: ("dagster_ray", "ray_executor"), K8S: ("dagster_k8s", "k8s_job_executor")}


@dataclass(frozen=True)
class StepResources:
    """What a step asks of the scheduler of a cluster.

    Attributes:
        cpus: cores, which is also how many threads share a video.
        memory_bytes: what it needs; on Kubernetes it is ended when it takes twice as much.
        gpus: how many, or which part of one (Ray only; Kubernetes gives whole ones).
    """

    cpus: float
    memory_bytes: int
    gpus: float = 0.0

    def for_ray(self) -> dict[str, object]:
        """As dagster-ray's `RayExecutionConfig` reads it."""
        return {"num_cpus": self.cpus, "memory": self.memory_bytes, **({"num_gpus": self.gpus} if self.gpus else {})}

    def for_kubernetes(self) -> dict[str, object]:
        """As dagster-k8s's `UserDefinedDagsterK8sConfig` reads it."""
        limits = {"memory": f"{2 * math.ceil(self.memory_bytes / _MIB)}Mi"}
        limits |= {"nvidia.com/gpu": f"{math.ceil(self.gpus)}"} if self.gpus else {}
        requests = {"cpu": f"{round(1000 * self.cpus)}m", "memory": f"{math.ceil(self.memory_bytes / _MIB)}Mi"}
        return {"container_config": {"resources": {"requests": requests, "limits": limits}}}


DEFAULT_RESOURCES = StepResources(1, 768 * _MIB)
# A step that waits for pieces of its video. If it held a core, as many such steps as there are cores would wait for ever.
WAITING_RESOURCES = StepResources(0.1, 768 * _MIB)


def model_resources(environment: Mapping[str, str] = os.environ) -> StepResources:
    """What it takes to run models: MEETBEFORE_CPUS (2) and MEETBEFORE_GPUS (0).

    Where models run is a setting (`models.device`), which may change between two runs, but the scheduler of a cluster is told once, when
    the definitions are loaded.

    Raises:
        SettingsError: one of the two is no such number.
    """
    cpus, gpus = _number(environment, CPUS_VARIABLE, DEFAULT_CPUS, 0.1), _number(environment, GPUS_VARIABLE, 0)
    # As measured for `meetbefore run`, and a quarter more, for Ray's or Kubernetes' own in the process.
    return StepResources(cpus, round(1.25 * (WORKER_BYTES + (max(1, math.ceil(cpus)) - 1) * THREAD_BYTES)), gpus)


def step_resources(environment: Mapping[str, str] = os.environ) -> dict[str, StepResources]:
    """What the steps of each asset of process_video ask for; all others ask for OTHERS.

    Raises:
        SettingsError: see `model_resources`.
    """
    models = model_resources(environment)
    return {
        "videos": DEFAULT_RESOURCES,
        "frames": DEFAULT_RESOURCES,
        "detections": WAITING_RESOURCES if is_chunked(environment) else models,
        "embeddings": models,
        "tracks": DEFAULT_RESOURCES,
        "meetbefore_db": StepResources(1, 2048 * _MIB),
    }


def is_chunked(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether pieces of videos are looked at by any worker of a Ray cluster."""
    return environment.get(EXECUTOR_VARIABLE) == RAY and bool(environment.get(CHUNK_VARIABLE))


def _number(environment: Mapping[str, str], name: str, default: float, least: float = 0) -> float:
    text = environment.get(name) or f"{default}"
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not least <= number <= 1024:
        raise SettingsError(
            f"{name} is '{text}', expected a number from {least:g} to 1024.", remedy=f"Set it, or leave it out for {default:g}."
        )
    return number


def op_tags(step: str) -> dict[str, object]:
    """Tags that tell both clusters what a step asks for; they mean nothing in other engines.

    Every step has them: without, Ray executes it on its head node, which may know no home.
    """
    request = step_resources().get(step, DEFAULT_RESOURCES)
    return {RAY_TAG: request.for_ray(), K8S_TAG: request.for_kubernetes()}


def step_threads(environment: Mapping[str, str] = os.environ) -> int:
    """How many threads the step of this process may use: what it asked for; 0 where it is no process of a single step."""
    step = environment.get(STEP_VARIABLE)
    return max(1, int(step_resources(environment).get(step, DEFAULT_RESOURCES).cpus)) if step else 0


def chosen_executor(environment: Mapping[str, str] = os.environ) -> str:
    """The engine that is asked for.

    Raises:
        SettingsError: there is none of this name.
    """
    name = environment.get(EXECUTOR_VARIABLE) or IN_PROCESS
    if name not in (IN_PROCESS, *_CLUSTER_EXECUTORS):
        raise SettingsError(
            f"{EXECUTOR_VARIABLE} is '{name}', expected {IN_PROCESS}, {' or '.join(_CLUSTER_EXECUTORS)}.",
            remedy=f"Set it to one of them, or leave it out for {IN_PROCESS}.",
        )
    return name


def executor(name: str) -> dg.ExecutorDefinition:
    """The executor of process_video in an engine.

    Raises:
        SettingsError: its package is not installed.
    """
    return dg.in_process_executor if name == IN_PROCESS else _with_claimed_runs(_cluster_executor(name))


def retry_policy(name: str) -> dg.RetryPolicy | None:
    """Steps that run in other processes than the run are tried again; a video that cannot be used is not (see `defs.materialize`)."""
    return None if name == IN_PROCESS else dg.RetryPolicy(max_retries=RETRIES, delay=RETRY_DELAY_S)


def _cluster_executor(name: str) -> dg.ExecutorDefinition:
    module, attribute = _CLUSTER_EXECUTORS[name]
    try:
        found: dg.ExecutorDefinition = getattr(import_module(module), attribute)
    except ImportError as error:
        raise SettingsError(
            f"{EXECUTOR_VARIABLE}={name} needs the package {module.replace('_', '-')}, which cannot be imported ({error}).",
            remedy=f"Install it with `uv sync --group {name}`, or set {EXECUTOR_VARIABLE}={IN_PROCESS}.",
        ) from error
    return found


def _with_claimed_runs(definition: dg.ExecutorDefinition) -> dg.ExecutorDefinition:
    """The same executor; the process of the run, which waits for its steps, says that it is behind the run."""
    create = definition.executor_creation_fn
    assert create is not None
    return dg.ExecutorDefinition(
        name=definition.name,
        config_schema=definition.config_schema.as_field(),
        requirements=definition.get_requirements,
        executor_creation_fn=lambda context: _ClaimingExecutor(create(context)),
        description=definition.description,
    )


class _ClaimingExecutor(dg.Executor):
    """An executor whose runs are claimed by the process that executes them, not by those of their steps, which come and go."""

    def __init__(self, inner: dg.Executor) -> None:
        self._inner = inner

    @property
    def retries(self) -> RetryMode:
        return self._inner.retries

    @property
    def step_dependency_config(self) -> StepDependencyConfig:
        return self._inner.step_dependency_config

    def execute(self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        claim_run(plan_context.instance, plan_context.dagster_run)
        yield from self._inner.execute(plan_context, execution_plan)
