"""How many videos are worked on at a time, where nobody says."""

from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from meetbefore_assets.cli.main import cli
from meetbefore_assets.open_home import open_home
from meetbefore_assets.running import capacity
from meetbefore_assets.running.capacity import GPU_JOBS, THREAD_BYTES, WORKER_BYTES, default_jobs, threads_per_job


@pytest.fixture(name="machine")
def _machine(monkeypatch: pytest.MonkeyPatch):
    def set_up(cores: int, workers_in_memory: float) -> None:
        monkeypatch.setattr(capacity, "usable_cores", lambda: cores)
        monkeypatch.setattr(capacity.psutil, "virtual_memory", lambda: SimpleNamespace(available=workers_in_memory * WORKER_BYTES))

    return set_up


@pytest.mark.parametrize(
    ("cores", "workers_in_memory", "expected"),
    [(8, 100, 8), (8, 3.9, 3), (8, 0.1, 1), (1, 100, 1)],
    ids=["cores", "memory", "little", "one"],
)
def test_a_core_each_as_far_as_memory_reaches(machine, cores: int, workers_in_memory: float, expected: int) -> None:
    machine(cores, workers_in_memory)
    assert default_jobs() == expected


@pytest.mark.parametrize(("cores", "jobs", "expected"), [(16, 1, 16), (16, 5, 3), (16, 16, 1), (2, 3, 1)])
def test_jobs_share_the_cores(machine, cores: int, jobs: int, expected: int) -> None:
    machine(cores, 100)
    assert threads_per_job(jobs) == expected


def test_threads_reach_as_far_as_memory(machine) -> None:
    machine(16, 1.05 + 3 * THREAD_BYTES / WORKER_BYTES)
    assert threads_per_job(1) == 4
    machine(16, 0.2)
    assert threads_per_job(1) == 1


def test_a_few_share_a_gpu(machine) -> None:
    machine(64, 1000)
    assert default_jobs(is_gpu=True) == GPU_JOBS
    machine(2, 1000)
    assert default_jobs(is_gpu=True) == 2


@pytest.mark.parametrize(
    ("device", "expected"), [("cuda", True), ("tensorrt", True), ("cpu", False), ("openvino", False), ("coreml", False)]
)
def test_which_devices_are_gpus_that_are_shared(tmp_path, device: str, expected: bool) -> None:
    assert open_home(tmp_path).adapters.faces.is_gpu_used(device) is expected


def test_auto_uses_a_gpu_where_onnxruntime_is_one_for_cuda(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    faces = open_home(tmp_path).adapters.faces
    for offered, expected in (["CUDAExecutionProvider", "CPUExecutionProvider"], True), (["CPUExecutionProvider"], False):
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda offered=offered: offered)
        assert faces.is_gpu_used("auto") is expected


def test_help_says_what_it_is_here(machine) -> None:
    machine(5, 100)
    for command in ("run", "demo"):
        said = " ".join(CliRunner().invoke(cli, [command, "--help"]).output.split())
        assert "--jobs INTEGER RANGE Videos at a time." in said
        assert "here 5]" in said
