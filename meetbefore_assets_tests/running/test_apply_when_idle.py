"""Answers become official when hands rest: several in one run, again after a crash, and what waits at the start at once."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meetbefore_assets.cli.options import build_definitions
from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.open_home import open_home
from meetbefore_assets.running import apply_when_idle
from meetbefore_assets.running.apply_when_idle import ApplyState, ApplyWhenIdle, Update
from meetbefore_assets.running.worker import BuildDefinitions

pytestmark = pytest.mark.slow

PATIENCE_S = 120.0


def note(home_folder: Path) -> int:
    """Write down one more run; how many there were."""
    path = home_folder / "runs"
    path.write_text((path.read_text() if path.exists() else "") + "x")
    return len(path.read_text())


def succeed(home_folder: Path, _build: BuildDefinitions) -> str:
    note(home_folder)
    return ""


def fail_once(home_folder: Path, _build: BuildDefinitions) -> str:
    if note(home_folder) == 1:
        raise UsageError("the disk is full.", remedy="Free some space.")
    return ""


def die_once(home_folder: Path, _build: BuildDefinitions) -> str:
    if note(home_folder) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return ""


def die(home_folder: Path, _build: BuildDefinitions) -> str:
    note(home_folder)
    os._exit(9)


def take_long(home_folder: Path, _build: BuildDefinitions) -> str:
    note(home_folder)
    time.sleep(PAUSE_LONG_S)
    (home_folder / "ended").touch()
    return ""


PAUSE_LONG_S = 1.0


@pytest.fixture
def home_folder(tmp_path: Path) -> Path:
    open_home(tmp_path / "home")
    (tmp_path / "home").mkdir(exist_ok=True)
    return tmp_path / "home"


@contextlib.contextmanager
def applying(home_folder: Path, update: Update, pause_s: float = 0.2) -> Iterator[ApplyWhenIdle]:
    applier = ApplyWhenIdle(home_folder, build_definitions, pause_s, update)
    applier.start()
    try:
        yield applier
    finally:
        applier.stop()


def reached(applier: ApplyWhenIdle, is_it: Callable[[ApplyState], bool]) -> ApplyState:
    """The first state that is it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        state = applier.state()
        if is_it(state):
            return state
        time.sleep(0.01)
    raise AssertionError(f"stayed {applier.state()}")


def runs(home_folder: Path) -> int:
    return len((home_folder / "runs").read_text()) if (home_folder / "runs").exists() else 0


def test_where_nothing_was_said_nothing_runs(home_folder: Path) -> None:
    with applying(home_folder, succeed) as applier:
        time.sleep(0.3)
        assert applier.state().kind == "up to date"
    assert runs(home_folder) == 0


def test_several_answers_are_one_run_once_hands_rest(home_folder: Path) -> None:
    with applying(home_folder, succeed, pause_s=0.5) as applier:
        for _ in range(5):
            applier.correction_saved()
            assert applier.state().kind == "waiting"
            time.sleep(0.05)
        reached(applier, lambda state: state.kind == "running")
        reached(applier, lambda state: state.kind == "up to date")
    assert runs(home_folder) == 1


def test_what_is_said_while_a_run_goes_on_is_another_run(home_folder: Path) -> None:
    with applying(home_folder, take_long) as applier:
        applier.correction_saved()
        reached(applier, lambda _: runs(home_folder) == 1)
        applier.correction_saved()
        assert applier.state().kind == "running"
        reached(applier, lambda _: runs(home_folder) == 2)
        reached(applier, lambda state: state.kind == "up to date")


def test_a_failure_is_told_and_tried_again_when_asked(home_folder: Path) -> None:
    with applying(home_folder, fail_once) as applier:
        applier.correction_saved()
        assert "disk is full. Free some" in reached(applier, lambda state: state.kind == "failed").reason
        applier.retry()
        reached(applier, lambda state: state.kind == "up to date")


def test_a_process_that_was_killed_is_tried_again(home_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply_when_idle, "_RETRY_AFTER_S", (0.3,))
    with applying(home_folder, die_once) as applier:
        applier.correction_saved()
        assert "died (-9)" in reached(applier, lambda state: bool(state.reason)).reason
        reached(applier, lambda state: state.kind == "up to date")
    assert runs(home_folder) == 2


def test_one_that_always_dies_is_given_up_with_its_reason(home_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply_when_idle, "_RETRY_AFTER_S", (0.05,))
    with applying(home_folder, die) as applier:
        applier.correction_saved()
        assert "died (9), 2 times in a row" in reached(applier, lambda state: state.kind == "failed").reason
    assert runs(home_folder) == 2


def test_what_nobody_expected_is_told_and_the_next_answer_is_applied(home_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_home: object) -> bool:
        raise OSError("the disk is gone")

    monkeypatch.setattr(apply_when_idle, "is_up_to_date", fail)
    with applying(home_folder, succeed) as applier:
        assert "the disk is gone" in reached(applier, lambda state: state.kind == "failed").reason
        applier.correction_saved()
        reached(applier, lambda state: state.kind == "up to date")
    assert (home_folder / "runs").read_text() == "x"


def test_a_run_that_is_going_may_end_before_the_app_does(home_folder: Path) -> None:
    with applying(home_folder, take_long) as applier:
        applier.correction_saved()
        reached(applier, lambda _: runs(home_folder) == 1)
    assert (home_folder / "ended").exists()


def test_one_that_takes_too_long_is_interrupted(home_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    applier = ApplyWhenIdle(home_folder, build_definitions, 0.0, take_very_long)
    applier.start()
    applier.correction_saved()
    reached(applier, lambda _: runs(home_folder) == 1)
    applier.stop(patience_s=0.2)
    assert not (home_folder / "ended").exists()


def take_very_long(home_folder: Path, _build: BuildDefinitions) -> str:
    note(home_folder)
    time.sleep(PATIENCE_S)
    (home_folder / "ended").touch()
    return ""
