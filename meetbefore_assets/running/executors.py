"""Executors of the job process_video, chosen by MEETBEFORE_EXECUTOR: in process, Ray, or Kubernetes.

The assets are the same with all executors. The resources that their steps request from a cluster are in one table, `step_resources`.
"""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import dagster as dg

from meetbefore_assets.core.errors import SettingsError
from meetbefore_assets.core.installing import extra_requirements, install_command
from meetbefore_assets.running.capacity import THREAD_BYTES, WORKER_BYTES
from meetbefore_assets.running.instance import claim_run

EXECUTOR_VARIABLE = "MEETBEFORE_EXECUTOR"
CPUS_VARIABLE = "MEETBEFORE_CPUS"
GPUS_VARIABLE = "MEETBEFORE_GPUS"
CHUNK_VARIABLE = "MEETBEFORE_PIECE_MOMENTS"
IN_PROCESS, RAY, K8S = "in_process", "ray", "k8s"
# Set by Dagster's executors in the process of a single step.
STEP_VARIABLE = "DAGSTER_RUN_STEP_KEY"
RAY_TAG, K8S_TAG = "dagster-ray/config", "dagster-k8s/config"
DEFAULT_CPUS = 2
# Retries of a step whose worker died, on any worker that is left. Nobody sees what the step had not committed.
RETRIES = 2
RETRY_DELAY_S = 5.0
_MIB = 2**20
_CLUSTER_EXECUTORS = {RAY: ("dagster_ray", "ray_executor"), K8S: ("dagster_k8s", "k8s_job_executor")}


@dataclass(frozen=True)
class StepResources:
    """Resources that a step requests from the scheduler of a cluster.

    Attributes:
        cpus: cores; also the number of threads that share a video.
        memory_bytes: memory; Kubernetes kills the step if it takes twice as much.
        gpus: number of GPUs, or a share of one (Ray only; Kubernetes gives whole ones).
    """

    cpus: float
    memory_bytes: int
    gpus: float = 0.0

    def for_ray(self) -> dict[str, object]:
        """In the format of dagster-ray's `RayExecutionConfig`."""
        return {"num_cpus": self.cpus, "memory": self.memory_bytes, **({"num_gpus": self.gpus} if self.gpus else {})}

    def for_kubernetes(self) -> dict[str, object]:
        """In the format of dagster-k8s's `UserDefinedDagsterK8sConfig`."""
        limits = {"memory": f"{2 * math.ceil(self.memory_bytes / _MIB)}Mi"}
        limits |= {"nvidia.com/gpu": f"{math.ceil(self.gpus)}"} if self.gpus else {}
        requests = {"cpu": f"{round(1000 * self.cpus)}m", "memory": f"{math.ceil(self.memory_bytes / _MIB)}Mi"}
        return {"container_config": {"resources": {"requests": requests, "limits": limits}}}


DEFAULT_RESOURCES = StepResources(1, 768 * _MIB)
# A step that waits for the chunks of its video. If it held a core, as many such steps as there are cores would wait forever.
WAITING_RESOURCES = StepResources(0.1, 768 * _MIB)


def model_resources(environment: Mapping[str, str] = os.environ) -> StepResources:
    """Resources for running models: MEETBEFORE_CPUS (2) and MEETBEFORE_GPUS (0).

    These are environment variables, not settings, because the scheduler is told once, when the definitions are loaded, while a setting
    such as `models.device` may change between two runs.

    Raises:
        SettingsError: one of the variables is not a valid number.
    """
    cpus, gpus = _number(environment, CPUS_VARIABLE, DEFAULT_CPUS, 0.1), _number(environment, GPUS_VARIABLE, 0)
    # As measured for `meetbefore run`, plus a quarter for Ray or Kubernetes in the process.
    return StepResources(cpus, round(1.25 * (WORKER_BYTES + (max(1, math.ceil(cpus)) - 1) * THREAD_BYTES)), gpus)


def step_resources(environment: Mapping[str, str] = os.environ) -> dict[str, StepResources]:
    """Resources of the steps of each asset of process_video; all others request DEFAULT_RESOURCES.

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
    """Whether chunks of a video are processed by several workers of a Ray cluster."""
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
    """Tags with the resource requests of a step for both kinds of cluster; other executors ignore them.

    Every step needs them: without tags, Ray executes it on its head node, which may have no home.
    """
    request = step_resources().get(step, DEFAULT_RESOURCES)
    return {RAY_TAG: request.for_ray(), K8S_TAG: request.for_kubernetes()}


def step_threads(environment: Mapping[str, str] = os.environ) -> int:
    """Threads that the step of this process may use: the cores it requested; 0 if this is not the process of a single step."""
    step = environment.get(STEP_VARIABLE)
    return max(1, int(step_resources(environment).get(step, DEFAULT_RESOURCES).cpus)) if step else 0


def chosen_executor(environment: Mapping[str, str] = os.environ) -> str:
    """Name of the executor in MEETBEFORE_EXECUTOR.

    Raises:
        SettingsError: there is no executor of this name.
    """
    name = environment.get(EXECUTOR_VARIABLE) or IN_PROCESS
    if name not in (IN_PROCESS, *_CLUSTER_EXECUTORS):
        raise SettingsError(
            f"{EXECUTOR_VARIABLE} is '{name}', expected {IN_PROCESS}, {' or '.join(_CLUSTER_EXECUTORS)}.",
            remedy=f"Set it to one of them, or leave it out for {IN_PROCESS}.",
        )
    return name


def executor(name: str) -> dg.ExecutorDefinition:
    """The executor of process_video, by name.

    Raises:
        SettingsError: its package is not installed.
    """
    return dg.in_process_executor if name == IN_PROCESS else _with_claimed_runs(_cluster_executor(name))


def retry_policy(name: str) -> dg.RetryPolicy | None:
    """Retry policy: steps in processes of their own are retried, except if the video cannot be used (see `defs.materialize`)."""
    return None if name == IN_PROCESS else dg.RetryPolicy(max_retries=RETRIES, delay=RETRY_DELAY_S)


def _cluster_executor(name: str) -> dg.ExecutorDefinition:
    module, attribute = _CLUSTER_EXECUTORS[name]
    try:
        found: dg.ExecutorDefinition = getattr(import_module(module), attribute)
    except ImportError as error:
        raise SettingsError(
            f"{EXECUTOR_VARIABLE}={name} needs the package {module.replace('_', '-')}, which cannot be imported ({error}).",
            remedy=f"Install it: `{install_command(extra_requirements(name))}`, or set {EXECUTOR_VARIABLE}={IN_PROCESS}.",
        ) from error
    return found


def _with_claimed_runs(definition: dg.ExecutorDefinition) -> dg.ExecutorDefinition:
    """Wrap an executor, so that a run is claimed by the process that waits for its steps."""
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
    """An executor whose runs are claimed by the process that executes them, not by the processes of their steps."""

    def __init__(self, inner: dg.Executor) -> None:
        self._inner = inner

    @property
    def retries(self) -> Any:
        return self._inner.retries

    @property
    def step_dependency_config(self) -> Any:
        return self._inner.step_dependency_config

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[dg.DagsterEvent]:
        claim_run(plan_context.instance, plan_context.dagster_run)
        yield from self._inner.execute(plan_context, execution_plan)
