"""What others see of a run while it goes on."""

import json
from pathlib import Path

import pytest

from meetbefore_assets.running.run_in_progress import run_in_progress, shown_to_others
from meetbefore_assets.running.worker import Outcome, Progress, Task
from meetbefore_assets_tests.running.test_unchanged import Silent


def done(video_id: str, footage_s: float) -> Outcome:
    return Outcome(Task("process_video", video_id), footage_s > 0, "", "", footage_s=footage_s)


def test_it_tells_how_far_it_is_and_goes_with_the_run(tmp_path: Path) -> None:
    with shown_to_others(tmp_path, Silent()) as run:  # type: ignore[arg-type]
        assert run_in_progress(tmp_path) is None
        run.started(3, 2)
        run.finished(done("a", 40.0))
        run.finished(done("b", 0.0))
        now = run_in_progress(tmp_path)
        assert now is not None
        assert (now.phase, now.done, now.videos, now.jobs, now.footage_s) == ("processing", 2, 3, 2, 40.0)
        assert now.pace.remaining_s(now.begun_s + 60) == pytest.approx(30)
        run.matching()
        assert run_in_progress(tmp_path).phase == "matching"  # type: ignore[union-attr]
    assert run_in_progress(tmp_path) is None
    assert list((tmp_path / "tmp").iterdir()) == []


def test_it_names_no_video(tmp_path: Path) -> None:
    with shown_to_others(tmp_path, Silent()) as run:  # type: ignore[arg-type]
        run.started(1, 1)
        run.progressed(Progress("secret", 5, 10))
        run.finished(done("secret", 1.0))
        assert "secret" not in (tmp_path / "tmp" / "run.json").read_text()


def test_the_file_of_a_run_that_was_killed_is_none(tmp_path: Path) -> None:
    with shown_to_others(tmp_path, Silent()) as run:  # type: ignore[arg-type]
        run.started(1, 1)
        path = tmp_path / "tmp" / "run.json"
        told = json.loads(path.read_text())
        for other in ({"born_s": told["born_s"] - 1}, {"pid": 2**22 + 1}, {"unknown": 1}):
            path.write_text(json.dumps(told | other))
            assert run_in_progress(tmp_path) is None
        path.write_text("{")
        assert run_in_progress(tmp_path) is None


def test_a_run_leaves_the_file_of_another_one(tmp_path: Path) -> None:
    path = tmp_path / "tmp" / "run.json"
    with shown_to_others(tmp_path, Silent()) as run:  # type: ignore[arg-type]
        run.started(1, 1)
        path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": 1}))
    assert path.exists()
