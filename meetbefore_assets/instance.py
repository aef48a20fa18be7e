"""The Dagster instance of a home: one for the command line, the UI and the daemon."""

import os
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

import dagster as dg
import psutil

from meetbefore_assets.partitions import PARTITIONS_NAME

HOST_TAG, BOOT_TAG, PID_TAG = "meetbefore/host", "meetbefore/boot", "meetbefore/pid"

_TEMPLATE = """\
# Written by meetbefore for this home; edit it as you like, it is not written again.
telemetry:
  enabled: false
nux:
  enabled: false
storage:
  sqlite:
    base_dir: {folder}/storage
local_artifact_storage:
  module: dagster.core.storage.root
  class: LocalArtifactStorage
  config:
    base_dir: {folder}/artifacts
compute_logs:
  module: dagster.core.storage.local_compute_log_manager
  class: LocalComputeLogManager
  config:
    base_dir: {folder}/logs
concurrency:
  runs:
    max_concurrent_runs: 2
run_monitoring:
  enabled: true
"""


def prepare(home: Path) -> Path:
    """Make the instance's folder and point this process (and its children) to it."""
    folder = home.absolute() / "dagster"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = folder / "dagster.yaml"
    if not config.exists():
        temporary = config.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(_TEMPLATE.format(folder=folder), encoding="utf-8")
        temporary.replace(config)
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
    os.environ["MEETBEFORE_HOME"] = str(home.absolute())
    return folder


def process_tags() -> dict[str, str]:
    """Tells whether the process behind a run is alive, whoever asks."""
    return {HOST_TAG: socket.gethostname(), BOOT_TAG: str(int(psutil.boot_time())), PID_TAG: f"{os.getpid()}"}


def close_dead_runs(instance: dg.DagsterInstance) -> int:
    """Mark runs whose process is gone as failed, so that they neither look busy nor hold anything."""
    started = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED]
    dead = [run for run in instance.get_runs(dg.RunsFilter(statuses=started)) if _is_dead(run.tags)]
    for run in dead:
        instance.report_run_failed(run, "The process behind this run is gone; what it had written is kept, and the next run goes on.")
    return len(dead)


def _is_dead(tags: Mapping[str, str]) -> bool:
    if tags.get(HOST_TAG) != socket.gethostname():
        return False
    if abs(int(tags[BOOT_TAG]) - int(psutil.boot_time())) > 2:
        return True
    return not psutil.pid_exists(int(tags[PID_TAG]))


def add_partitions(instance: dg.DagsterInstance, video_ids: Iterable[str]) -> None:
    """Have the UI know these videos."""
    known = set(instance.get_dynamic_partitions(PARTITIONS_NAME))
    new = [video_id for video_id in dict.fromkeys(video_ids) if video_id not in known]
    if new:
        instance.add_dynamic_partitions(PARTITIONS_NAME, new)


def drop_partitions(instance: dg.DagsterInstance, video_ids: Iterable[str]) -> None:
    """Have the UI forget these videos."""
    known = set(instance.get_dynamic_partitions(PARTITIONS_NAME))
    for video_id in video_ids:
        if video_id in known:
            instance.delete_dynamic_partition(PARTITIONS_NAME, video_id)
