"""What the schedules do: try again with patience, verify, clear away, let old runs go, and tell the UI what is on record."""

import datetime as dt
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from meetbefore_assets import settings
from meetbefore_assets.definitions import build_definitions
from meetbefore_assets.domain.lineage import PER_VIDEO
from meetbefore_assets.errors import SettingsError
from meetbefore_assets.instance_upkeep import prune_runs, report_record
from meetbefore_assets.partitions import PARTITIONS_NAME
from meetbefore_assets.steps import journal
from meetbefore_assets.steps.failing import due_failures, remember_failure
from meetbefore_assets.steps.history import MANY, compact_history, history_table, write_history
from meetbefore_assets.steps.intake import drop_video, take_in
from meetbefore_assets.steps.per_video import MAKERS
from meetbefore_assets.steps.policy import policy
from meetbefore_assets.steps.policy_history import BY_RUN_CONFIG, BY_SETTINGS, apply_threshold, note_policy, policy_history
from meetbefore_assets.steps.run_history import all_runs, note_run
from meetbefore_assets.steps.status import all_statuses
from meetbefore_assets.steps.upkeep import keep_up, litter_of
from meetbefore_assets.workbench import Workbench
from meetbefore_assets_tests.fakes import fake_bench, write_video

NAME = "DJI_20250301080000_0001_D.mp4"


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """A home with one video that is done; its file lies in `videos`."""
    bench = fake_bench(tmp_path / "home")
    write_video(tmp_path / "videos", NAME, [[1], [2]])
    (video_id,) = take_in(bench, [tmp_path / "videos"]).present
    for make in MAKERS.values():
        make(bench, video_id)
    return bench


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def only(bench: Workbench) -> str:
    (video_id,) = bench.store.keys("sources")
    return video_id


def record(bench: Workbench, asset: str, key: str) -> Path:
    return bench.home / "record" / asset / f"{key}.parquet"


@pytest.mark.parametrize(("attempts", "hours", "is_due"), [(1, 0, False), (1, 24, True), (2, 24, False), (2, 48, True), (9, 24 * 32, True)])
def test_a_failed_video_is_tried_again_after_a_while_that_doubles(bench: Workbench, attempts: int, hours: int, is_due: bool) -> None:
    for _ in range(attempts):
        remember_failure(bench, only(bench), "frames", "it would not open")
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    assert (only(bench) in due_failures(bench, now + dt.timedelta(hours=hours))) == is_due


def test_where_nothing_failed_nothing_is_due(tmp_path: Path) -> None:
    assert due_failures(fake_bench(tmp_path)) == set()


def test_a_record_in_order_is_left_as_it_is(bench: Workbench) -> None:
    before = {path: path.stat().st_mtime_ns for path in (bench.home / "record").rglob("*.parquet")}
    found = keep_up(bench, ())
    assert (found.verified, found.torn, found.orphans, found.litter) == (6, [], [], [])
    assert {path: path.stat().st_mtime_ns for path in (bench.home / "record").rglob("*.parquet")} == before


def flip(path: Path) -> None:
    """Damage the body and leave the footer, as a rotten disk does: the file still says what it should hold."""
    data = bytearray(path.read_bytes())
    data[4:60] = bytes(255 - value for value in data[4:60])
    path.write_bytes(data)


def test_a_table_with_a_rotten_body_is_dropped_and_made_anew(bench: Workbench) -> None:
    flip(record(bench, "detections", only(bench)))
    (status,) = all_statuses(bench)
    assert not status.todo, "the footer alone tells nothing"
    assert keep_up(bench, ()).torn == [("detections", only(bench))]
    (status,) = all_statuses(bench)
    assert status.todo == ("detections", "embeddings", "tracks")


def test_what_cannot_be_made_anew_is_told_and_kept(bench: Workbench) -> None:
    path = record(bench, "corrections", "c1")
    path.parent.mkdir()
    path.write_bytes(b"PAR1 this was a correction")
    assert keep_up(bench, ("corrections",)).torn == [("corrections", "c1")]
    assert path.exists()


def test_torn_sources_drop_nothing_of_their_video(bench: Workbench, tmp_path: Path) -> None:
    video_id = only(bench)
    record(bench, "sources", video_id).write_bytes(b"PAR1")
    found = keep_up(bench, ())
    assert found.orphans == []
    assert found.torn == [("sources", video_id)]
    assert take_in(bench, [tmp_path / "videos"]).present == [video_id]
    (status,) = all_statuses(bench)
    assert not status.todo


def test_tables_of_unknown_videos_go(bench: Workbench) -> None:
    bench.store.put("tracks", "ghost-1", bench.store.get("tracks", only(bench)), bench.store.stamp("tracks", only(bench)))  # type: ignore[arg-type]
    assert keep_up(bench, ()).orphans == [("tracks", "ghost-1")]
    assert bench.store.keys("tracks") == [only(bench)]


def test_without_any_sources_nothing_is_taken_for_an_orphan(bench: Workbench) -> None:
    (bench.home / "record" / "sources").rename(bench.home / "elsewhere")
    assert keep_up(bench, ()).orphans == []
    assert len(bench.store.keys("tracks")) == 1


def test_litter_goes_when_it_is_old(bench: Workbench) -> None:
    old, young = bench.home / ".meetbefore.duckdb.1.ab.tmp", bench.home / "record" / "tracks" / ".x.2.3.cd.tmp"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 90_000, time.time() - 90_000))
    assert litter_of(bench) == [old]
    assert keep_up(bench, ()).litter == [str(old)]
    assert not old.exists()
    assert young.exists()


def note_joins(bench: Workbench, first: int, last: int) -> None:
    """One object for each of some re-matches, in which somebody was joined to somebody else."""
    for number in range(first, last):
        before, after = (pl.DataFrame({"face_id": ["f"], "person_id": [name]}) for name in (f"p{number}", f"p{number + 1}"))
        assert write_history(bench, before, after, policy(bench), None) == 1


def test_the_history_of_ids_becomes_one_object_and_says_what_it_said(bench: Workbench) -> None:
    note_joins(bench, 0, MANY - 1)
    assert keep_up(bench, ()).compacted == 0
    note_joins(bench, MANY - 1, MANY)
    said, before = history_table(bench), bench.store.keys("identity_history")
    assert keep_up(bench, ()).compacted == len(before) == MANY
    assert len(bench.store.keys("identity_history")) == 1
    assert history_table(bench).equals(said)
    note_joins(bench, MANY, 2 * MANY)
    assert keep_up(bench, ()).compacted == MANY + 1
    assert history_table(bench).height == 2 * MANY * said.height // MANY


def test_a_history_that_was_half_put_together_says_nothing_twice(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    note_joins(bench, 0, MANY)
    said = history_table(bench)
    with monkeypatch.context() as patch:
        patch.setattr(bench.store, "drop", lambda _asset, _key: None)
        compact_history(bench)
    assert len(bench.store.keys("identity_history")) == MANY + 1
    assert history_table(bench).equals(said)
    keep_up(bench, ())
    assert len(bench.store.keys("identity_history")) == 1
    assert history_table(bench).equals(said)


def test_old_runs_go_and_the_ui_still_knows_what_is_on_record(bench: Workbench, instance: dg.DagsterInstance) -> None:
    video_id = only(bench)
    instance.add_dynamic_partitions(PARTITIONS_NAME, [video_id])
    job = build_definitions(bench).resolve_job_def("process_video")
    result = job.execute_in_process(instance=instance, partition_key=video_id, asset_selection=[dg.AssetKey("videos")])
    assert prune_runs(instance, 0) == prune_runs(instance, 1) == 0
    assert report_record(instance, bench, ("videos",)) == 0
    assert instance.get_run_by_id(result.run_id)
    assert prune_runs(instance, -1) == 1
    assert instance.get_run_by_id(result.run_id) is None
    assert not instance.get_materialized_partitions(dg.AssetKey("videos"))
    assert report_record(instance, bench, PER_VIDEO) == 5
    assert instance.get_materialized_partitions(dg.AssetKey("tracks")) == {video_id}
    assert report_record(instance, bench, PER_VIDEO) == 0


def test_a_run_that_is_under_way_is_never_deleted(bench: Workbench, instance: dg.DagsterInstance) -> None:
    run = dg.DagsterRun(job_name="match", run_id="3f2f9d3e-7d5c-4bb1-9b1e-0123456789ab", status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)
    assert prune_runs(instance, -1) == 0
    assert instance.get_run_by_id(run.run_id)


def test_the_history_of_policies_grows_with_every_change(bench: Workbench) -> None:
    note_policy(bench, policy(bench), BY_SETTINGS)
    note_policy(bench, policy(bench), BY_SETTINGS)
    apply_threshold(bench, "0.61")
    note_policy(bench, policy(bench), BY_RUN_CONFIG)
    apply_threshold(bench, "auto")
    history = note_policy(bench, policy(bench), BY_SETTINGS)
    assert history["number"].to_list() == [1, 2, 3]
    assert history["threshold"].to_list() == [0.5, 0.61, 0.5]
    assert history["applied_by"].to_list() == [BY_SETTINGS, BY_RUN_CONFIG, BY_SETTINGS]
    assert history["since"].is_sorted()
    assert policy_history(bench).equals(history)


@pytest.mark.parametrize("threshold", ["7", "high", "[1]"])
def test_a_threshold_that_is_none_changes_nothing(bench: Workbench, threshold: str) -> None:
    settings.apply(bench.home, ["matching.threshold=0.6"])
    with pytest.raises(SettingsError):
        apply_threshold(bench, threshold)
    assert bench.settings().matching.threshold == 0.6


def test_a_threshold_in_the_run_config_is_put_in_force_and_shown(bench: Workbench, instance: dg.DagsterInstance) -> None:
    instance.add_dynamic_partitions(PARTITIONS_NAME, [only(bench)])
    job = build_definitions(bench).resolve_job_def("match")

    def start(threshold: str) -> dg.ExecuteInProcessResult:
        return job.execute_in_process(
            instance=instance,
            partition_key=only(bench),
            asset_selection=[dg.AssetKey("matching_policy")],
            run_config={"ops": {"matching_policy": {"config": {"threshold": threshold}}}},
            raise_on_error=False,
        )

    (event,) = start("0.61").asset_materializations_for_node("matching_policy")
    assert event.metadata["threshold"].value == 0.61
    assert "| 0.61 | settings: matching.threshold | colours-1 | run config |" in str(event.metadata["history"].value)
    assert bench.settings().matching.threshold == 0.61
    failed = start("7")
    assert not failed.success
    assert bench.settings().matching.threshold == 0.61


def test_every_making_is_kept_with_its_pace(bench: Workbench) -> None:
    moment = dt.datetime(2025, 3, 1)
    note_run(bench, only(bench), "detections", "r1", moment, {"seconds": 2.0, "rows": 8, "moments_per_s": 5.5, "device": "cpu"})
    note_run(bench, only(bench), "embeddings", "r1", moment, {"seconds": 4.0, "rows": 8, "faces": 8, "device": "cpu"})
    note_run(bench, only(bench), "detections", "r2", moment + dt.timedelta(days=1), {})
    runs = all_runs(bench)
    assert runs["asset"].to_list() == ["detections", "embeddings", "detections"]
    assert runs["moments_per_s"].to_list() == [5.5, None, None]
    assert runs["faces_per_s"].to_list() == [None, 2.0, None]
    assert runs["outcome"].to_list() == ["done", "done", "failed"]


def test_the_log_for_machines_names_run_and_video_and_forgets_with_the_video(bench: Workbench) -> None:
    journal.note(bench, "made", run_id="r1", video_id=only(bench), asset="frames", seconds=0.5)
    journal.note(bench, "matched", run_id="r2", message="x" * 5000)
    with journal.journal_path(bench).open("a") as file:
        file.write('{"time": "2025-')
    first, second = journal.entries(bench)
    assert {key: first[key] for key in ("event", "run_id", "video_id", "asset", "seconds", "level")} == {
        "event": "made",
        "run_id": "r1",
        "video_id": only(bench),
        "asset": "frames",
        "seconds": 0.5,
        "level": "info",
    }
    assert len(json.dumps(second)) < 2200
    assert journal.journal_path(bench).stat().st_mode & 0o077 == 0
    drop_video(bench, only(bench))
    assert [entry["event"] for entry in journal.entries(bench)] == ["matched"]


def test_the_log_is_put_aside_when_it_has_grown_large(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.note(bench, "first")
    assert not journal.rotate(bench)
    monkeypatch.setattr(journal, "ROTATE_BYTES", 10)
    assert journal.rotate(bench)
    journal.note(bench, "second")
    assert [entry["event"] for entry in journal.entries(bench)] == ["first", "second"]


def test_a_run_leaves_alone_what_another_has_made_meanwhile(bench: Workbench, instance: dg.DagsterInstance) -> None:
    from meetbefore_assets.partitions import ONLY_MISSING_TAG

    instance.add_dynamic_partitions(PARTITIONS_NAME, [only(bench)])
    job = build_definitions(bench).resolve_job_def("process_video")
    before = record(bench, "frames", only(bench)).stat().st_mtime_ns
    for tags, is_made in (({ONLY_MISSING_TAG: "true"}, False), ({}, True)):
        job.execute_in_process(instance=instance, partition_key=only(bench), asset_selection=[dg.AssetKey("frames")], tags=tags)
        assert (record(bench, "frames", only(bench)).stat().st_mtime_ns != before) == is_made
    assert all_runs(bench)["asset"].to_list() == ["frames"]
