"""The asset graph, as it is promised."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from meetbefore_assets.definitions import defs

GRAPH = {
    "videos": set(),
    "frames": {"videos"},
    "detections": {"frames"},
    "embeddings": {"detections"},
    "tracks": {"embeddings"},
    "matching_policy": {"tracks"},
    "face_index": {"tracks"},
    "identity_assignments": {"tracks", "matching_policy", "face_index"},
    "encounter_scores": {"identity_assignments"},
    "people": {"encounter_scores"},
    "meetbefore_db": {"people", "embeddings"},
    "encounter_report": {"people"},
}
PARTITIONED = {"videos", "frames", "detections", "embeddings", "tracks", "identity_assignments", "encounter_scores"}


def test_the_graph_is_the_promised_one() -> None:
    graph = defs.resolve_asset_graph()
    found = {key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys} for key in graph.get_all_asset_keys()}
    assert found == GRAPH
    assert {key.to_user_string() for key in graph.get_all_asset_keys() if graph.get(key).is_partitioned} == PARTITIONED


def test_every_asset_explains_itself() -> None:
    for spec in defs.resolve_all_asset_specs():
        assert len(spec.description or "") > 40, spec.key
        assert spec.group_name in {"recordings", "perception", "matching", "publishing"}
        assert spec.kinds
        assert spec.owners


def test_jobs_sensors_and_schedules_are_there_and_on() -> None:
    repository = defs.get_repository_def()
    assert {"process_video", "match", "catch_up", "upkeep"} <= {job.name for job in repository.get_all_jobs()}
    sensors = {sensor.name: sensor.default_status for sensor in repository.sensor_defs}
    assert sensors == {
        "new_videos": dg.DefaultSensorStatus.RUNNING,
        "rematch": dg.DefaultSensorStatus.RUNNING,
        "news": dg.DefaultSensorStatus.RUNNING,
    }
    schedules = {schedule.name: (schedule.job_name, schedule.default_status) for schedule in repository.schedule_defs}
    running = dg.DefaultScheduleStatus.RUNNING
    daily = ("forget_strangers", running)
    assert schedules == {"nightly": ("catch_up", running), "weekly": ("upkeep", running), "forget_strangers_daily": daily}


@pytest.mark.slow
def test_dagster_validates_the_workspace(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", str(root / "workspace.yaml")]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
