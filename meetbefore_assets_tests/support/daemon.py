"""A stand-in for Dagster's daemon, which evaluates the sensors and does what they ask for."""

import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from meetbefore_assets.core.errors import VideoError
from meetbefore_assets.defs import sensors
from meetbefore_assets.encounters.make_tables import is_scored, make_encounter_scores, make_people
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.match import is_matched, match
from meetbefore_assets.publishing.database import publish
from meetbefore_assets.recordings.failures import record_failure
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets.running.partitions import PARTITIONS_NAME
from meetbefore_assets_tests.support.fakes import fake_home

JUST_NOW = "now"
NAMES = tuple(f"DJI_202503{day:02}080000_{day:04}_D.mp4" for day in range(1, 29))


class Daemon:
    """Evaluates the sensors and executes what they ask for; like the real one it never launches a run key twice."""

    def __init__(self, root: Path, instance: dg.DagsterInstance) -> None:
        self.videos = root / "videos"
        self.videos.mkdir()
        self.folder = root / "home"
        self.instance = instance
        self.home = fake_home(self.folder)
        settings_file.apply(self.folder, [f"sources=['{self.videos}']"])
        self.cursor: str | None = None
        self.keys: set[str] = set()

    def look(self) -> dg.SensorResult | dg.SkipReason:
        """One tick of new_videos, with the partitions it asks for; nothing is launched."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = sensors.new_videos(context, self.home)
        if isinstance(result, dg.SensorResult):
            self.cursor = result.cursor
            for change in result.dynamic_partitions_requests or []:
                if isinstance(change, dg.AddDynamicPartitionsRequest):
                    self.instance.add_dynamic_partitions(PARTITIONS_NAME, list(change.partition_keys))
                else:
                    for key in change.partition_keys:
                        self.instance.delete_dynamic_partition(PARTITIONS_NAME, key)
        return result

    def take(self) -> list[str]:
        """One tick of new_videos and the runs it asks for; stems of the videos that were worked on."""
        result = self.look()
        requests = list(result.run_requests or []) if isinstance(result, dg.SensorResult) else []
        return [stem(str(request.partition_key)) for request in requests if self.launch("process_video", request)]

    def rematch(self, cursor: str | None = JUST_NOW) -> dg.RunRequest | dg.SkipReason:
        """One tick of rematch, which looked at the database just now (or at the time of the cursor; None: never)."""
        cursor = str(int(time.time())) if cursor == JUST_NOW else cursor
        return sensors.rematch(dg.build_sensor_context(instance=self.instance, cursor=cursor), self.home)

    def match(self) -> bool:
        """One tick of rematch; whether a run came of it."""
        request = self.rematch()
        return isinstance(request, dg.RunRequest) and self.launch("match", request)

    def launch(self, name: str, request: dg.RunRequest) -> bool:
        assert request.run_key
        if request.run_key in self.keys:
            return False
        self.keys.add(request.run_key)
        self.add_run(name, self.work(name, str(request.partition_key)), request.tags, str(request.partition_key))
        return True

    def work(self, name: str, video_id: str) -> dg.DagsterRunStatus:
        """What the job does, without Dagster's events (the pipeline's tests have those)."""
        (status,) = all_statuses(self.home, [video_id])
        asset = ""
        try:
            for asset in status.todo if name == "process_video" else ():
                STAGES[asset](self.home, video_id)
            if name == "match":
                for step in (match, make_encounter_scores, make_people, publish):
                    step(self.home)
        except VideoError as error:
            record_failure(self.home, video_id, asset, str(error))
            return dg.DagsterRunStatus.FAILURE
        except OSError:
            return dg.DagsterRunStatus.FAILURE
        return dg.DagsterRunStatus.SUCCESS

    def add_run(self, job: str, status: dg.DagsterRunStatus, tags: Mapping[str, str] | None = None, video_id: str = "") -> dg.DagsterRun:
        run_id = str(uuid.uuid4())
        known = {key: run_id if value == "OWN" else value for key, value in (tags or {}).items()}
        run = dg.DagsterRun(job_name=job, run_id=run_id, status=status, tags={**known, "dagster/partition": video_id})
        self.instance.add_run(run)
        return run

    def partitions(self) -> list[str]:
        return sorted(stem(key) for key in self.instance.get_dynamic_partitions(PARTITIONS_NAME))

    def reason(self) -> str:
        result = self.look()
        skipped = result if isinstance(result, dg.SkipReason) else result.skip_reason
        assert skipped is not None
        return str(skipped.skip_message)

    def in_step(self) -> bool:
        return is_matched(self.home) and is_scored(self.home)


def stem(video_id: str) -> str:
    return video_id.rpartition("-")[0]


def stems(*names: str) -> list[str]:
    return [Path(name).stem for name in names]
