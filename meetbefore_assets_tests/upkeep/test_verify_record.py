"""What the schedules do: try again with patience, verify, clear away, let old runs go, and tell the UI what is on record."""

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from meetbefore_assets.core.errors import SettingsError
from meetbefore_assets.core.schema.lists import pipeline_assets
from meetbefore_assets.definitions import build_definitions
from meetbefore_assets.faces.stages import STAGES
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record import journal
from meetbefore_assets.home.record.run_history import all_runs, record_run
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.identity_history import MANY, compact_history, history_table, write_history
from meetbefore_assets.identities.policy import policy
from meetbefore_assets.identities.policy_history import (
    BY_RUN_CONFIG,
    BY_SETTINGS,
    apply_threshold,
    policy_history,
    record_policy,
    undo_threshold,
)
from meetbefore_assets.recordings.failures import due_failures, record_failure
from meetbefore_assets.recordings.intake import drop_video, import_recordings
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets.running.instance_cleanup import prune_runs, report_record
from meetbefore_assets.running.partitions import PARTITIONS_NAME
from meetbefore_assets.storage.atomic_file import temporary_beside
from meetbefore_assets.upkeep.verify_record import litter_of, maintain_home
from meetbefore_assets_tests.support.fakes import fake_home, write_video

NAME = "DJI_20250301080000_0001_D.mp4"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with one video that is done; its file lies in `videos`."""
    home = fake_home(tmp_path / "home")
    write_video(tmp_path / "videos", NAME, [[1], [2]])
    (video_id,) = import_recordings(home, [tmp_path / "videos"]).present
    for make in STAGES.values():
        make(home, video_id)
    return home


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def only(home: Home) -> str:
    (video_id,) = home.store.keys("sources")
    return video_id


def record(home: Home, asset: str, key: str) -> Path:
    return home.folder / "record" / asset / f"{key}.parquet"


@pytest.mark.parametrize(("attempts", "hours", "is_due"), [(1, 0, False), (1, 24, True), (2, 24, False), (2, 48, True), (9, 24 * 32, True)])
def test_a_failed_video_is_tried_again_after_a_while_that_doubles(home: Home, attempts: int, hours: int, is_due: bool) -> None:
    for _ in range(attempts):
        record_failure(home, only(home), "frames", "it would not open")
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    assert (only(home) in due_failures(home, now + dt.timedelta(hours=hours))) == is_due


def test_a_failure_recorded_by_a_clock_that_was_ahead_is_due_at_once(tmp_path: Path) -> None:
    home = fake_home(tmp_path)
    write_video(tmp_path / "videos", "a.mp4", [[1]])
    (video_id,) = import_recordings(home, [tmp_path / "videos"]).present
    record_failure(home, video_id, "videos", "broken")
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    assert due_failures(home, now - dt.timedelta(days=3650)) == {video_id}
    assert due_failures(home, now - dt.timedelta(minutes=5)) == set(), "the clocks of two machines differ a little"


def test_where_nothing_failed_nothing_is_due(tmp_path: Path) -> None:
    assert due_failures(fake_home(tmp_path)) == set()


def test_a_record_in_order_is_left_as_it_is(home: Home) -> None:
    before = {path: path.stat().st_mtime_ns for path in (home.folder / "record").rglob("*.parquet")}
    found = maintain_home(home)
    assert (found.verified, found.torn, found.orphans, found.litter) == (6, [], [], [])
    assert {path: path.stat().st_mtime_ns for path in (home.folder / "record").rglob("*.parquet")} == before


def flip(path: Path) -> None:
    """Damage the body and leave the footer, as a rotten disk does: the file still says what it should hold."""
    data = bytearray(path.read_bytes())
    data[4:60] = bytes(255 - value for value in data[4:60])
    path.write_bytes(data)


def test_a_table_with_a_rotten_body_is_dropped_and_made_anew(home: Home) -> None:
    flip(record(home, "detections", only(home)))
    (status,) = all_statuses(home)
    assert not status.todo, "the footer alone tells nothing"
    assert maintain_home(home).torn == [("detections", only(home))]
    (status,) = all_statuses(home)
    assert status.todo == ("detections", "embeddings", "tracks")


def test_what_cannot_be_made_anew_is_told_and_kept(home: Home) -> None:
    path = record(home, "corrections", "c1")
    path.parent.mkdir()
    path.write_bytes(b"PAR1 this was a correction")
    assert maintain_home(home).torn == [("corrections", "c1")]
    assert path.exists()


def test_torn_sources_drop_nothing_of_their_video(home: Home, tmp_path: Path) -> None:
    video_id = only(home)
    record(home, "sources", video_id).write_bytes(b"PAR1")
    found = maintain_home(home)
    assert found.orphans == []
    assert found.torn == [("sources", video_id)]
    assert import_recordings(home, [tmp_path / "videos"]).present == [video_id]
    (status,) = all_statuses(home)
    assert not status.todo


def test_tables_of_unknown_videos_go(home: Home) -> None:
    home.store.put("tracks", "ghost-1", home.store.get("tracks", only(home)), home.store.stamp("tracks", only(home)))  # type: ignore[arg-type]
    assert maintain_home(home).orphans == [("tracks", "ghost-1")]
    assert home.store.keys("tracks") == [only(home)]


def test_without_any_sources_nothing_is_taken_for_an_orphan(home: Home) -> None:
    (home.folder / "record" / "sources").rename(home.folder / "elsewhere")
    assert maintain_home(home).orphans == []
    assert len(home.store.keys("tracks")) == 1


def test_litter_goes_when_its_writer_is_dead(home: Home) -> None:
    litter = [
        home.folder / ".meetbefore.duckdb.1.ab.tmp",
        home.folder / "dagster" / "logs" / ".meetbefore.jsonl.1.ab.tmp",
        home.folder / "frames" / "v" / ".1.jpg.1.ab.tmp",
        home.folder / "record" / ".stamps.json.1.ab.tmp",
    ]
    kept = [home.folder / "videos" / ".a.mp4.1.ab.tmp", home.folder / "models" / ".pack.1.ab.tmp", home.folder / "record" / "tmp.parquet"]
    for path in (*litter, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    with temporary_beside(home.folder / "record" / "tracks" / "x.parquet") as living:
        assert litter_of(home) == litter
        assert litter_of(home, is_thorough=False) == [path for path in litter if "frames" not in path.parts]
        assert maintain_home(home).litter == [str(path) for path in litter]
        assert not any(path.exists() for path in litter)
        assert all(path.exists() for path in (living, *kept))


def test_litter_of_a_record_that_lies_elsewhere_goes_too(home: Home, tmp_path: Path) -> None:
    shutil.move(home.folder / "record", tmp_path / "elsewhere")
    settings_file.apply(home.folder, [f"store.uri={tmp_path / 'elsewhere'}"])
    path = tmp_path / "elsewhere" / "tracks" / ".x.1.ab.tmp"
    path.write_bytes(b"half")
    assert litter_of(fake_home(home.folder)) == [path]


def note_joins(home: Home, first: int, last: int) -> None:
    """One object for each of some re-matches, in which somebody was joined to somebody else."""
    for number in range(first, last):
        before, after = (pl.DataFrame({"face_id": ["f"], "person_id": [name]}) for name in (f"p{number}", f"p{number + 1}"))
        assert write_history(home, before, after, policy(home), None) == 1


def test_the_history_of_ids_becomes_one_object_and_says_what_it_said(home: Home) -> None:
    note_joins(home, 0, MANY - 1)
    assert maintain_home(home).compacted == 0
    note_joins(home, MANY - 1, MANY)
    said, before = history_table(home), home.store.keys("identity_history")
    assert maintain_home(home).compacted == len(before) == MANY
    assert len(home.store.keys("identity_history")) == 1
    assert history_table(home).equals(said)
    note_joins(home, MANY, 2 * MANY)
    assert maintain_home(home).compacted == MANY + 1
    assert history_table(home).height == 2 * MANY * said.height // MANY


def test_a_history_that_was_half_put_together_says_nothing_twice(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    note_joins(home, 0, MANY)
    said = history_table(home)
    with monkeypatch.context() as patch:
        patch.setattr(home.store, "drop", lambda _asset, _key: None)
        compact_history(home)
    assert len(home.store.keys("identity_history")) == MANY + 1
    assert history_table(home).equals(said)
    maintain_home(home)
    assert len(home.store.keys("identity_history")) == 1
    assert history_table(home).equals(said)


def test_old_runs_go_and_the_ui_still_knows_what_is_on_record(home: Home, instance: dg.DagsterInstance) -> None:
    video_id = only(home)
    instance.add_dynamic_partitions(PARTITIONS_NAME, [video_id])
    job = build_definitions(home).resolve_job_def("process_video")
    result = job.execute_in_process(instance=instance, partition_key=video_id, asset_selection=[dg.AssetKey("videos")])
    assert prune_runs(instance, 0) == prune_runs(instance, 1) == 0
    assert report_record(instance, home, ("videos",)) == 0
    assert instance.get_run_by_id(result.run_id)
    assert prune_runs(instance, -1) == 1
    assert instance.get_run_by_id(result.run_id) is None
    assert not instance.get_materialized_partitions(dg.AssetKey("videos"))
    assert report_record(instance, home, pipeline_assets()) == 5
    assert instance.get_materialized_partitions(dg.AssetKey("tracks")) == {video_id}
    assert report_record(instance, home, pipeline_assets()) == 0


def test_a_run_that_is_under_way_is_never_deleted(home: Home, instance: dg.DagsterInstance) -> None:
    run = dg.DagsterRun(job_name="match", run_id="3f2f9d3e-7d5c-4bb1-9b1e-0123456789ab", status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)
    assert prune_runs(instance, -1) == 0
    assert instance.get_run_by_id(run.run_id)


def test_the_history_of_policies_grows_with_every_change(home: Home) -> None:
    record_policy(home, policy(home), BY_SETTINGS)
    record_policy(home, policy(home), BY_SETTINGS)
    apply_threshold(home, "0.61")
    record_policy(home, policy(home), BY_RUN_CONFIG)
    apply_threshold(home, "auto")
    history = record_policy(home, policy(home), BY_SETTINGS)
    assert history["number"].to_list() == [1, 2, 3]
    assert history["threshold"].to_list() == [0.5, 0.61, 0.5]
    assert history["applied_by"].to_list() == [BY_SETTINGS, BY_RUN_CONFIG, BY_SETTINGS]
    assert history["since"].is_sorted()
    assert policy_history(home).equals(history)


@pytest.mark.parametrize("threshold", ["7", "high", "[1]"])
def test_a_threshold_that_is_none_changes_nothing(home: Home, threshold: str) -> None:
    settings_file.apply(home.folder, ["matching.threshold=0.6"])
    with pytest.raises(SettingsError):
        apply_threshold(home, threshold)
    assert home.settings().matching.threshold == 0.6


def test_a_threshold_in_the_run_config_is_put_in_force_and_shown(home: Home, instance: dg.DagsterInstance) -> None:
    instance.add_dynamic_partitions(PARTITIONS_NAME, [only(home)])
    job = build_definitions(home).resolve_job_def("match")

    def start(threshold: object) -> dg.ExecuteInProcessResult:
        return job.execute_in_process(
            instance=instance,
            partition_key=only(home),
            asset_selection=[dg.AssetKey("matching_policy")],
            run_config={"ops": {"matching_policy": {"config": {"threshold": threshold}}}},
            raise_on_error=False,
        )

    (event,) = start(0.61).asset_materializations_for_node("matching_policy")
    assert event.metadata["threshold"].value == 0.61
    assert "| 0.61 | settings: matching.threshold | colours-1 | run config |" in str(event.metadata["history"].value)
    assert home.settings().matching.threshold == 0.61
    assert start("0.58").success
    assert start("auto").success
    assert home.settings().matching.threshold == "auto"
    settings_file.apply(home.folder, ["matching.threshold=0.61"])
    for wrong in (7, "7", "high", [1], None, {"auto": True}, True):
        runs = instance.get_runs_count()
        with pytest.raises(dg.DagsterInvalidConfigError, match="expected a cosine between -1 and 1"):
            start(wrong)
        assert instance.get_runs_count() == runs, "no run is begun"
    assert home.settings().matching.threshold == 0.61


def test_what_a_run_changes_can_be_taken_back(home: Home, instance: dg.DagsterInstance) -> None:
    instance.add_dynamic_partitions(PARTITIONS_NAME, [only(home)])
    job = build_definitions(home).resolve_job_def("match")

    def start(*threshold: float) -> None:
        config = {"ops": {"matching_policy": {"config": {"threshold": threshold[0]}}}} if threshold else {}
        keys = [dg.AssetKey("matching_policy")]
        assert job.execute_in_process(instance=instance, partition_key=only(home), asset_selection=keys, run_config=config).success

    assert undo_threshold(home) is None
    start(0.9)
    start(0.95)
    settings_file.apply(home.folder, ["time.zone=Asia/Tokyo"])
    start()
    assert home.settings().matching.threshold == 0.95
    assert undo_threshold(home) == "auto"
    assert home.settings().matching.threshold == "auto"
    assert undo_threshold(home) is None, "it is taken back already"

    settings_file.apply(home.folder, ["matching.threshold=0.6"])
    start()
    start(0.9)
    assert undo_threshold(home) == "0.6"
    assert home.settings().matching.threshold == 0.6

    start(0.9)
    settings_file.apply(home.folder, ["matching.threshold=0.55"])
    assert undo_threshold(home) is None, "what people set afterwards stays"
    start()
    assert undo_threshold(home) is None
    assert home.settings().matching.threshold == 0.55


def test_a_threshold_that_was_set_but_never_matched_with_is_what_to_go_back_to(home: Home, instance: dg.DagsterInstance) -> None:
    settings_file.apply(home.folder, ["matching.threshold=0.6"])
    instance.add_dynamic_partitions(PARTITIONS_NAME, [only(home)])
    build_definitions(home).resolve_job_def("match").execute_in_process(
        instance=instance,
        partition_key=only(home),
        asset_selection=[dg.AssetKey("matching_policy")],
        run_config={"ops": {"matching_policy": {"config": {"threshold": 0.9}}}},
    )
    assert undo_threshold(home) == "0.6"


def test_every_making_is_kept_with_its_pace(home: Home) -> None:
    moment = dt.datetime(2025, 3, 1)
    record_run(home, only(home), "detections", "r1", moment, {"seconds": 2.0, "rows": 8, "moments_per_s": 5.5, "device": "cpu"})
    record_run(home, only(home), "embeddings", "r1", moment, {"seconds": 4.0, "rows": 8, "faces": 8, "device": "cpu"})
    record_run(home, only(home), "detections", "r2", moment + dt.timedelta(days=1), {})
    runs = all_runs(home)
    assert runs["asset"].to_list() == ["detections", "embeddings", "detections"]
    assert runs["moments_per_s"].to_list() == [5.5, None, None]
    assert runs["faces_per_s"].to_list() == [None, 2.0, None]
    assert runs["outcome"].to_list() == ["done", "done", "failed"]


def test_the_log_for_machines_names_run_and_video_and_forgets_with_the_video(home: Home) -> None:
    journal.log_event(home, "made", run_id="r1", video_id=only(home), asset="frames", seconds=0.5)
    journal.log_event(home, "matched", run_id="r2", message="x" * 5000)
    with journal.journal_path(home).open("a") as file:
        file.write('{"time": "2025-')
    first, second = journal.read_events(home)
    assert {key: first[key] for key in ("event", "run_id", "video_id", "asset", "seconds", "level")} == {
        "event": "made",
        "run_id": "r1",
        "video_id": only(home),
        "asset": "frames",
        "seconds": 0.5,
        "level": "info",
    }
    assert len(json.dumps(second)) < 2200
    assert journal.journal_path(home).stat().st_mode & 0o077 == 0
    drop_video(home, only(home))
    assert [entry["event"] for entry in journal.read_events(home)] == ["matched"]


def test_the_log_is_put_aside_when_it_has_grown_large(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.log_event(home, "first")
    assert not journal.rotate_log(home)
    monkeypatch.setattr(journal, "ROTATE_BYTES", 10)
    assert journal.rotate_log(home)
    journal.log_event(home, "second")
    assert [entry["event"] for entry in journal.read_events(home)] == ["first", "second"]


def test_a_run_leaves_alone_what_another_has_made_meanwhile(home: Home, instance: dg.DagsterInstance) -> None:
    from meetbefore_assets.running.partitions import ONLY_MISSING_TAG

    instance.add_dynamic_partitions(PARTITIONS_NAME, [only(home)])
    job = build_definitions(home).resolve_job_def("process_video")
    before = record(home, "frames", only(home)).stat().st_mtime_ns
    for tags, is_made in (({ONLY_MISSING_TAG: "true"}, False), ({}, True)):
        job.execute_in_process(instance=instance, partition_key=only(home), asset_selection=[dg.AssetKey("frames")], tags=tags)
        assert (record(home, "frames", only(home)).stat().st_mtime_ns != before) == is_made
    assert all_runs(home)["asset"].to_list() == ["frames"]
