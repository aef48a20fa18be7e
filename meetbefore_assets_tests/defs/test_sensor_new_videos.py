"""The sensor new_videos, driven as the daemon drives it: what it takes in, asks for, and says."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from meetbefore_assets.core.errors import UnreadableVideoError
from meetbefore_assets.core.ports import ScanResult
from meetbefore_assets.defs import sensors
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.publishing.database import failure_rows, video_rows
from meetbefore_assets.recordings.arrivals import ArrivalState
from meetbefore_assets.running.partitions import PARTITIONS_NAME
from meetbefore_assets.storage.file_locks import hold
from meetbefore_assets_tests.support.daemon import NAMES, Daemon, stems
from meetbefore_assets_tests.support.fakes import fake_home, write_video

pytestmark = pytest.mark.slow


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


def test_many_partitions_are_made_known_a_few_at_a_time(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster asks SQLite about all of them in one statement, which takes so many values and no more."""
    monkeypatch.setattr(sensors, "AT_ONCE", 2)
    for day, name in enumerate(NAMES[:5]):
        write_video(daemon.videos, name, [[day]])
    daemon.look()
    result = daemon.look()
    assert isinstance(result, dg.SensorResult)
    assert [len(change.partition_keys) for change in result.dynamic_partitions_requests or []] == [2, 2, 1]
    assert daemon.partitions() == stems(*NAMES[:5])


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
    assert "2 runs in progress" in daemon.reason()


def test_videos_that_always_crash_hold_up_no_other_and_are_named(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "MAX_RUNS", 2)
    for day, name in enumerate(NAMES[:3]):
        write_video(daemon.videos, name, [[day]])
    real = daemon.home.adapters.recordings.open_video

    def crash(uri: str, allow_truncated: bool) -> object:
        if Path(uri).name in NAMES[:2]:
            raise OSError("the disk is on fire")
        return real(uri, allow_truncated)

    daemon.home.adapters.recordings.open_video = crash
    daemon.look()
    rounds = [daemon.take() for _ in range(5)]
    assert rounds == [stems(*NAMES[:2])] * 3 + [stems(NAMES[2]), []]
    assert "given up after 3 failed runs each" in daemon.reason()
    assert all(name in daemon.reason() for name in stems(*NAMES[:2]))
    assert failure_rows(daemon.home) == {}


def test_files_that_cannot_be_read_come_last(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "PATIENCE_S", 0.0)
    for name in NAMES[:3]:
        write_video(daemon.videos, name, [[1]])
    real = daemon.home.adapters.recordings.content_hash

    def refuse(uri: str) -> str:
        if Path(uri).name == NAMES[0]:
            raise UnreadableVideoError(f"{uri} cannot be read.")
        return real(uri)

    daemon.home.adapters.recordings.content_hash = refuse
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
    assert daemon.home.store.keys("tracks") == [after]


def test_a_file_that_is_replaced_while_it_is_worked_on_waits(daemon: Daemon) -> None:
    write_video(daemon.videos, NAMES[0], [[1]])
    daemon.look()
    daemon.take()
    (before,) = daemon.home.store.keys("tracks")
    write_video(daemon.videos, NAMES[0], [[1], [2]])
    daemon.look()
    with hold(daemon.home.folder / "locks", f"video-{before}", 0):  # somebody else: a home goes on holding what its thread holds
        assert daemon.take() == []
        assert "1 file is left for the next check" in daemon.reason()
        assert daemon.home.store.keys("tracks") == [before]
    assert daemon.take() == stems(NAMES[0])


def test_a_renamed_file_is_the_same_video(daemon: Daemon) -> None:
    path = write_video(daemon.videos, NAMES[0], [[1]])
    daemon.look()
    daemon.take()
    (daemon.videos / "better").mkdir()
    path.rename(daemon.videos / "better" / NAMES[0])
    assert [daemon.take(), daemon.take()] == [[], []]
    assert len(daemon.partitions()) == 1
    assert video_rows(daemon.home)["status"].to_list() == ["done"]


def test_a_file_that_vanished_keeps_what_is_known_of_it(daemon: Daemon) -> None:
    path = write_video(daemon.videos, NAMES[0], [[1]])
    write_video(daemon.videos, NAMES[1], [[2]])
    daemon.look()
    daemon.take()
    path.unlink()
    assert [daemon.take(), daemon.take()] == [[], []]
    assert daemon.partitions() == stems(*NAMES[:2])
    assert sorted(video_rows(daemon.home)["status"]) == ["done", "missing"]


def test_a_file_that_vanishes_between_two_looks_does_no_harm(daemon: Daemon) -> None:
    path = write_video(daemon.videos, NAMES[0], [[1]])
    daemon.look()
    real = daemon.home.adapters.recordings.scan

    def late(paths: list[Path]) -> ScanResult:
        found = real(paths)
        path.unlink(missing_ok=True)
        return found

    daemon.home.adapters.recordings.scan = late
    assert daemon.take() == []
    assert daemon.take() == []


def test_nothing_is_dropped_because_a_disk_is_away(daemon: Daemon) -> None:
    for name in NAMES[:2]:
        write_video(daemon.videos, name, [[1]])
    daemon.look()
    daemon.take()
    daemon.videos.rename(daemon.folder.parent / "unplugged")
    assert "folder not found: " in daemon.reason()
    assert "folder not found: " in daemon.reason()
    assert daemon.partitions() == stems(*NAMES[:2])
    assert len(daemon.home.store.keys("tracks")) == 2
    (daemon.folder.parent / "unplugged").rename(daemon.videos)
    assert daemon.take() == []


def test_where_the_whole_record_is_away_partitions_stay(daemon: Daemon) -> None:
    write_video(daemon.videos, NAMES[0], [[1]])
    daemon.look()
    daemon.take()
    (daemon.videos / NAMES[0]).unlink()
    (daemon.folder / "record").rename(daemon.folder / "elsewhere")
    daemon.home = fake_home(daemon.folder)
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
    monkeypatch.setattr(sensors, "register_recordings", None)
    assert "no new or changed files" in daemon.reason()
    monkeypatch.undo()
    settings_file.apply(daemon.folder, ["sampling.interval_s=2"])
    assert daemon.take() == stems(NAMES[0])


def test_a_setting_that_goes_to_and_fro_is_followed_every_time(daemon: Daemon) -> None:
    write_video(daemon.videos, NAMES[0], [[1], [1], [1]])
    daemon.look()
    daemon.take()
    for interval in (2, 1, 2, 1):
        settings_file.apply(daemon.folder, [f"sampling.interval_s={interval}"])
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
    assert ArrivalState.from_text(text) == ArrivalState()


def test_the_cursor_comes_back_as_it_was() -> None:
    memory = ArrivalState({"a.mp4": "1:2"}, {"b 'é'.mp4": "3:4"}, "f00")
    assert ArrivalState.from_text(memory.to_text()) == memory
