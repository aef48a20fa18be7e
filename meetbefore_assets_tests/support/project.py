"""A home and a Dagster instance, driven as a user would, with fake models."""

from pathlib import Path

import dagster as dg

from meetbefore_assets.definitions import build_definitions
from meetbefore_assets.encounters.make_tables import make_encounter_scores, make_people
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.identities.face_index import build_face_index
from meetbefore_assets.identities.match import match
from meetbefore_assets.identities.queries import assigned_faces
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets.running.partitions import PARTITIONS_NAME
from meetbefore_assets_tests.support.fakes import fake_home


class Project:
    """A home and a Dagster instance, driven as a user would."""

    def __init__(self, root: Path, instance: dg.DagsterInstance) -> None:
        self.videos = root / "videos"
        self.videos.mkdir()
        self.folder = root / "home"
        self.instance = instance
        self.home = fake_home(self.folder)

    def process(self, *, raise_on_error: bool = True) -> dict[str, list[str]]:
        """Make what is out of date; video -> assets that were made."""
        import_recordings(self.home, [self.videos])
        made: dict[str, list[str]] = {}
        for status in all_statuses(self.home):
            if status.todo and not status.failed_before:
                self.instance.add_dynamic_partitions(PARTITIONS_NAME, [status.video_id])
                result = self.job("process_video", status.video_id, list(status.todo), raise_on_error=raise_on_error)
                made[status.video_id] = [
                    event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key
                ]
        return made

    def match(self) -> dg.ExecuteInProcessResult:
        return self.job("match", min(self.home.store.keys("tracks")))

    def job(self, name: str, partition: str, assets: list[str] | None = None, *, raise_on_error: bool = True) -> dg.ExecuteInProcessResult:
        job = build_definitions(self.home).resolve_job_def(name)
        keys = [dg.AssetKey(asset) for asset in assets] if assets else None
        return job.execute_in_process(instance=self.instance, partition_key=partition, asset_selection=keys, raise_on_error=raise_on_error)

    def partitions_written(self, result: dg.ExecuteInProcessResult, asset: str) -> set[str]:
        events = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
        return {str(event.partition) for event in events if event.asset_key == dg.AssetKey(asset)}

    def groups(self) -> set[frozenset[str]]:
        """Who is who: sets of faces."""
        faces = assigned_faces(self.home)
        return {frozenset(rows["face_id"]) for _, rows in faces.group_by("person_id")}


class StepsAlone:
    """A home brought in step by the steps alone: seconds less than through Dagster, for what has nothing to do with it."""

    def __init__(self, root: Path) -> None:
        self.videos = root / "videos"
        self.videos.mkdir()
        self.folder = root / "home"
        self.home = fake_home(self.folder)

    def process(self) -> None:
        """Make what is out of date of every video."""
        import_recordings(self.home, [self.videos])
        for status in all_statuses(self.home):
            for asset in status.todo:
                STAGES[asset](self.home, status.video_id)

    def match(self) -> None:
        """Decide who is who, score and rank."""
        build_face_index(self.home)
        match(self.home)
        make_encounter_scores(self.home)
        make_people(self.home)
