"""The two sensors, driven as the daemon drives them: what they take in, ask for, and say."""

import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest

from meetbefore_assets import instance as instances
from meetbefore_assets import sensors, settings
from meetbefore_assets.definitions import build_definitions
from meetbefore_assets.errors import UnreadableVideoError, VideoError
from meetbefore_assets.partitions import PARTITIONS_NAME
from meetbefore_assets.steps.failing import remember_failure
from meetbefore_assets.steps.matching import is_matched, match
from meetbefore_assets.steps.per_video import MAKERS
from meetbefore_assets.steps.publishing import failure_rows, publish, video_rows
from meetbefore_assets.steps.scoring import is_scored, rank, score
from meetbefore_assets.steps.status import all_statuses
from meetbefore_assets.steps.watching import Memory
from meetbefore_assets.workbench import Found
from meetbefore_assets_tests.fakes import fake_bench, write_video

NAMES = tuple(f"DJI_202503{day:02}080000_{day:04}_D.mp4" for day in range(1, 29))


class Daemon:
    """Evaluates the sensors and executes what they ask for; like the real one it never launches a run key twice."""

    def __init__(self, root: Path, instance: dg.DagsterInstance) -> None:
        self.videos = root / "videos"
        self.videos.mkdir()
        self.home = root / "home"
        self.instance = instance
        self.bench = fake_bench(self.home)
        settings.apply(self.home, [f"sources=['{self.videos}']"])
        self.cursor: str | None = None
        self.keys: set[str] = set()

    def look(self) -> dg.SensorResult | dg.SkipReason:
        """One tick of new_videos, with the partitions it asks for; nothing is launched."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = sensors.new_videos(context, self.bench)
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

    def rematch(self, cursor: str | None = "9999999999") -> dg.RunRequest | dg.SkipReason:
        return sensors.rematch(dg.build_sensor_context(instance=self.instance, cursor=cursor), self.bench)

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
        (status,) = all_statuses(self.bench, [video_id])
        asset = ""
        try:
            for asset in status.todo if name == "process_video" else ():
                MAKERS[asset](self.bench, video_id)
            if name == "match":
                for step in (match, score, rank, publish):
                    step(self.bench)
        except VideoError as error:
            remember_failure(self.bench, video_id, asset, str(error))
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
        return is_matched(self.bench) and is_scored(self.bench)


def stem(video_id: str) -> str:
    return video_id.rpartition("-")[0]


def stems(*names: str) -> list[str]:
    return [Path(name).stem for name in names]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Daemon(tmp_path, instance)


def test_a_file_is_taken_when_two_looks_agree(daemon: Daemon) -> None:
    path = write_video(daemon.videos, NAMES[0], [[1]])
    assert daemon.take() == []
    path.write_text(path.read_text() + " ")
    assert "1 file is still being written" in daemon.reason()
    assert daemon.take() == stems(NAMES[0])
    assert daemon.take() == []
    assert daemon.partitions() == stems(NAMES[0])


def test_an_empty_file_is_still_being_copied(daemon: Daemon) -> None:
    (daemon.videos / NAMES[0]).touch()
    assert [daemon.take() for _ in range(3)] == [[], [], []]


def test_sub_folders_are_looked_into(daemon: Daemon) -> None:
    write_video(daemon.videos / "100MEDIA" / "day one", NAMES[0], [[1]])
    daemon.look()
    assert daemon.take() == stems(NAMES[0])


def test_many_files_at_once_come_a_few_at_a_time_and_all_are_done(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "MAX_RUNS", 5)
    for day, name in enumerate(NAMES[:12]):
        write_video(daemon.videos, name, [[day]])
    daemon.look()
    rounds = [daemon.take() for _ in range(4)]
    assert [len(taken) for taken in rounds] == [5, 5, 2, 0]
    assert sorted(name for taken in rounds for name in taken) == stems(*NAMES[:12])


def test_runs_that_wait_count_so_that_a_slow_machine_is_not_flooded(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "MAX_RUNS", 2)
    for day, name in enumerate(NAMES[:4]):
        write_video(daemon.videos, name, [[day]])
    daemon.look()
    daemon.look()
    first, second, *_ = [f"{key}" for key in sorted(daemon.instance.get_dynamic_partitions(PARTITIONS_NAME))]
    for key in (first, second):
        daemon.add_run("process_video", dg.DagsterRunStatus.STARTING, video_id=key)
    assert daemon.take() == []
    assert "2 runs are under way" in daemon.reason()


def test_videos_that_always_crash_hold_up_no_other_and_are_named(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "MAX_RUNS", 2)
    for day, name in enumerate(NAMES[:3]):
        write_video(daemon.videos, name, [[day]])
    real = daemon.bench.tools.open_video

    def crash(uri: str, allow_truncated: bool) -> object:
        if Path(uri).name in NAMES[:2]:
            raise OSError("the disk is on fire")
        return real(uri, allow_truncated)

    object.__setattr__(daemon.bench.tools, "open_video", crash)
    daemon.look()
    rounds = [daemon.take() for _ in range(5)]
    assert rounds == [stems(*NAMES[:2])] * 3 + [stems(NAMES[2]), []]
    assert "given up after 3 failed runs each" in daemon.reason()
    assert all(name in daemon.reason() for name in stems(*NAMES[:2]))
    assert failure_rows(daemon.bench) == {}


def test_files_that_cannot_be_read_come_last(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "PATIENCE_S", 0.0)
    for name in NAMES[:3]:
        write_video(daemon.videos, name, [[1]])
    real = daemon.bench.tools.content_hash

    def refuse(uri: str) -> str:
        if Path(uri).name == NAMES[0]:
            raise UnreadableVideoError(f"{uri} cannot be read.")
        return real(uri)

    object.__setattr__(daemon.bench.tools, "content_hash", refuse)
    daemon.look()
    assert [daemon.take() for _ in range(3)] == [[], stems(NAMES[1]), stems(NAMES[2])]
    assert "1 file cannot be read" in daemon.reason()


def test_a_replaced_file_takes_the_place_of_the_old_one(daemon: Daemon) -> None:
    write_video(daemon.videos, NAMES[0], [[1]])
    daemon.look()
    daemon.take()
    (before,) = daemon.instance.get_dynamic_partitions(PARTITIONS_NAME)
    write_video(daemon.videos, NAMES[0], [[1], [2]])
    daemon.look()
    assert daemon.take() == stems(NAMES[0])
    (after,) = daemon.instance.get_dynamic_partitions(PARTITIONS_NAME)
    assert after != before
    assert daemon.bench.store.keys("tracks") == [after]


def test_a_file_that_is_replaced_while_it_is_worked_on_waits(daemon: Daemon) -> None:
    write_video(daemon.videos, NAMES[0], [[1]])
    daemon.look()
    daemon.take()
    (before,) = daemon.bench.store.keys("tracks")
    write_video(daemon.videos, NAMES[0], [[1], [2]])
    daemon.look()
    with daemon.bench.lock(f"video-{before}"):
        assert daemon.take() == []
        assert "1 file is left for the next look" in daemon.reason()
        assert daemon.bench.store.keys("tracks") == [before]
    assert daemon.take() == stems(NAMES[0])


def test_a_renamed_file_is_the_same_video(daemon: Daemon) -> None:
    path = write_video(daemon.videos, NAMES[0], [[1]])
    daemon.look()
    daemon.take()
    (daemon.videos / "better").mkdir()
    path.rename(daemon.videos / "better" / NAMES[0])
    assert [daemon.take(), daemon.take()] == [[], []]
    assert len(daemon.partitions()) == 1
    assert video_rows(daemon.bench)["status"].to_list() == ["done"]


def test_a_file_that_vanished_keeps_what_is_known_of_it(daemon: Daemon) -> None:
    path = write_video(daemon.videos, NAMES[0], [[1]])
    write_video(daemon.videos, NAMES[1], [[2]])
    daemon.look()
    daemon.take()
    path.unlink()
    assert [daemon.take(), daemon.take()] == [[], []]
    assert daemon.partitions() == stems(*NAMES[:2])
    assert sorted(video_rows(daemon.bench)["status"]) == ["done", "missing"]


def test_a_file_that_vanishes_between_two_looks_does_no_harm(daemon: Daemon) -> None:
    path = write_video(daemon.videos, NAMES[0], [[1]])
    daemon.look()
    real = daemon.bench.tools.scan

    def late(paths: list[Path]) -> Found:
        found = real(paths)
        path.unlink(missing_ok=True)
        return found

    object.__setattr__(daemon.bench.tools, "scan", late)
    assert daemon.take() == []
    assert daemon.take() == []


def test_nothing_is_dropped_because_a_disk_is_away(daemon: Daemon) -> None:
    for name in NAMES[:2]:
        write_video(daemon.videos, name, [[1]])
    daemon.look()
    daemon.take()
    daemon.videos.rename(daemon.home.parent / "unplugged")
    assert "unmounted disk" in daemon.reason()
    assert "unmounted disk" in daemon.reason()
    assert daemon.partitions() == stems(*NAMES[:2])
    assert len(daemon.bench.store.keys("tracks")) == 2
    (daemon.home.parent / "unplugged").rename(daemon.videos)
    assert daemon.take() == []


def test_where_the_whole_record_is_away_partitions_stay(daemon: Daemon) -> None:
    write_video(daemon.videos, NAMES[0], [[1]])
    daemon.look()
    daemon.take()
    (daemon.videos / NAMES[0]).unlink()
    (daemon.home / "record").rename(daemon.home / "elsewhere")
    daemon.bench = fake_bench(daemon.home)
    daemon.look()
    assert daemon.partitions() == stems(NAMES[0])


def test_an_instance_that_was_deleted_learns_its_partitions_again(daemon: Daemon) -> None:
    write_video(daemon.videos, NAMES[0], [[1]])
    daemon.look()
    daemon.take()
    daemon.cursor = None
    with dg.DagsterInstance.ephemeral() as fresh:
        daemon.instance = fresh
        assert daemon.take() == []
        assert daemon.partitions() == stems(NAMES[0])


def test_where_nothing_changed_the_record_is_not_read(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(daemon.videos, NAMES[0], [[1]])
    daemon.look()
    daemon.take()
    daemon.look()
    monkeypatch.setattr(sensors, "register", None)
    assert "no file changed" in daemon.reason()
    monkeypatch.undo()
    settings.apply(daemon.home, ["sampling.interval_s=2"])
    assert daemon.take() == stems(NAMES[0])


def test_a_setting_that_goes_to_and_fro_is_followed_every_time(daemon: Daemon) -> None:
    write_video(daemon.videos, NAMES[0], [[1], [1], [1]])
    daemon.look()
    daemon.take()
    for interval in (2, 1, 2, 1):
        settings.apply(daemon.home, [f"sampling.interval_s={interval}"])
        assert daemon.take() == stems(NAMES[0])


def test_a_broken_video_is_tried_once_and_again_when_it_changes(daemon: Daemon) -> None:
    (daemon.videos / NAMES[0]).write_text("no video")
    daemon.look()
    assert [daemon.take(), daemon.take()] == [stems(NAMES[0]), []]
    write_video(daemon.videos, NAMES[0], [[1]])
    daemon.look()
    assert daemon.take() == stems(NAMES[0])


@pytest.mark.parametrize("text", ["", "{}", "no json", '{"restless": 3}', "[]"])
def test_a_cursor_of_another_kind_means_looking_twice(text: str) -> None:
    assert Memory.from_text(text) == Memory()


def test_the_cursor_comes_back_as_it_was() -> None:
    memory = Memory({"a.mp4": "1:2"}, {"b 'é'.mp4": "3:4"}, "f00")
    assert Memory.from_text(memory.to_text()) == memory


def two_days(daemon: Daemon) -> None:
    write_video(daemon.videos, NAMES[0], [[1], [2]])
    write_video(daemon.videos, NAMES[1], [[1]])
    daemon.look()
    daemon.take()


def test_tracks_are_matched_once(daemon: Daemon) -> None:
    two_days(daemon)
    assert daemon.match()
    assert daemon.in_step()
    assert not daemon.match()


def test_a_database_that_is_out_of_step_is_published_again(daemon: Daemon) -> None:
    two_days(daemon)
    daemon.match()
    assert isinstance(daemon.rematch(cursor=None), dg.SkipReason)
    (daemon.videos / NAMES[0]).unlink()
    assert isinstance(daemon.rematch(), dg.SkipReason), "it was looked at a moment ago"
    request = daemon.rematch(cursor=None)
    assert isinstance(request, dg.RunRequest)
    daemon.launch("match", request)
    assert isinstance(daemon.rematch(cursor=None), dg.SkipReason)


def test_a_threshold_that_goes_to_and_fro_is_followed_every_time(daemon: Daemon) -> None:
    two_days(daemon)
    daemon.match()
    for threshold in ("0.99", "auto", "0.99", "auto", "0.99"):
        settings.apply(daemon.home, [f"matching.threshold={threshold}"])
        assert not daemon.in_step()
        assert daemon.match()
        assert daemon.in_step()


def test_a_change_during_a_run_is_noticed_after_it(daemon: Daemon) -> None:
    two_days(daemon)
    real = daemon.bench.tools.open_database

    def change(path: Path) -> object:
        settings.apply(daemon.home, ["matching.threshold=0.99"])
        object.__setattr__(daemon.bench.tools, "open_database", real)
        return real(path)

    object.__setattr__(daemon.bench.tools, "open_database", change)
    assert daemon.match()
    assert not daemon.in_step()
    assert daemon.match()
    assert daemon.in_step()
    assert not daemon.match()


@pytest.mark.parametrize("job", ["process_video", "match"])
def test_matching_waits_for_what_is_under_way(daemon: Daemon, job: str) -> None:
    two_days(daemon)
    run = daemon.add_run(job, dg.DagsterRunStatus.STARTED)
    assert not daemon.match()
    daemon.instance.report_run_failed(run)
    assert daemon.match()


def test_matching_does_not_wait_for_ever_while_videos_keep_coming(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    two_days(daemon)
    daemon.add_run("process_video", dg.DagsterRunStatus.STARTING)
    assert not daemon.match()
    monkeypatch.setattr(sensors, "MATCH_EVERY_S", 0.0)
    assert daemon.match()


def test_a_run_whose_process_is_gone_holds_up_nobody(daemon: Daemon) -> None:
    two_days(daemon)
    run = daemon.add_run("match", dg.DagsterRunStatus.STARTED, {**instances.process_tags("OWN"), instances.PID_TAG: str(2**22 - 3)})
    assert daemon.match()
    dead = daemon.instance.get_run_by_id(run.run_id)
    assert dead is not None
    assert dead.status is dg.DagsterRunStatus.FAILURE


@pytest.mark.parametrize(
    "changed",
    [{}, {instances.HOST_TAG: "elsewhere", instances.PID_TAG: "4194301"}, {instances.RUN_TAG: "its parent", instances.PID_TAG: "4194301"}],
    ids=["alive", "another machine", "tags of the run it repeats"],
)
def test_a_run_that_may_be_alive_is_left_alone(daemon: Daemon, changed: dict[str, str]) -> None:
    daemon.add_run("match", dg.DagsterRunStatus.STARTED, {**instances.process_tags("OWN"), **changed})
    assert instances.close_dead_runs(daemon.instance) == 0


@pytest.mark.parametrize(
    "changed",
    [{instances.BOOT_TAG: "another boot"}, {instances.BOOT_TAG: "1000000000"}, {instances.BORN_TAG: "-5000.0"}],
    ids=["before a restart", "before a restart, told by its time", "number given to another process"],
)
def test_a_run_of_a_process_that_is_gone_is_closed(daemon: Daemon, changed: dict[str, str]) -> None:
    daemon.add_run("match", dg.DagsterRunStatus.STARTED, {**instances.process_tags("OWN"), **changed})
    assert instances.close_dead_runs(daemon.instance) == 1


def test_every_run_says_which_process_is_behind_it(daemon: Daemon) -> None:
    write_video(daemon.videos, NAMES[0], [[1]])
    daemon.look()
    daemon.look()
    job = build_definitions(daemon.bench).resolve_job_def("process_video")
    (video_id,) = daemon.instance.get_dynamic_partitions(PARTITIONS_NAME)
    job.execute_in_process(instance=daemon.instance, partition_key=video_id, asset_selection=[dg.AssetKey("videos")])
    assert {run.tags[instances.PID_TAG] for run in daemon.instance.get_runs()} == {str(os.getpid())}
    assert all(run.tags[instances.RUN_TAG] == run.run_id for run in daemon.instance.get_runs())


def test_matching_that_fails_is_tried_three_times_and_then_says_so(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    two_days(daemon)
    real = daemon.bench.tools.open_database

    def refuse(path: Path) -> object:
        raise OSError("no space left on device")

    object.__setattr__(daemon.bench.tools, "open_database", refuse)
    rounds = [daemon.match() for _ in range(6)]
    assert rounds[:3] == [True, True, True]
    assert not rounds[-1]
    reason = daemon.rematch()
    assert isinstance(reason, dg.SkipReason)
    assert "failed 3 times for the same input" in str(reason.skip_message)
    object.__setattr__(daemon.bench.tools, "open_database", real)
    settings.apply(daemon.home, ["encounters.gap_min=20"])
    assert daemon.match()
    assert not daemon.match()
