"""A home in which everything was done is its owner's alone, and one that is open is told and closed."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meetbefore_assets.cli.main import cli
from meetbefore_assets.demo.footage import write_clips
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.open_home import open_home
from meetbefore_assets.upkeep.access import access_of_home
from meetbefore_assets_tests.demo.test_footage import CLIPS, shortened
from meetbefore_assets_tests.support.fakes import fake_home

pytestmark = pytest.mark.slow

# As a schedule of the daemon would run it: in a process of its own, whose mask is everybody's.
UPKEEP = """
from meetbefore_assets.definitions import defs
from meetbefore_assets.running.instance import open_instance
from pathlib import Path
import os
with open_instance(Path(os.environ["MEETBEFORE_HOME"])) as instance:
    assert defs.resolve_job_def("upkeep").execute_in_process(instance=instance).success
"""


@pytest.fixture(autouse=True)
def keep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands point this process to their home."""
    for name in ("DAGSTER_HOME", "MEETBEFORE_HOME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def meetbefore(*words: object) -> Result:
    """A command in this process, because starting one takes longer than most of them; its mask is everybody's at first."""
    os.umask(0o022)
    done = CliRunner().invoke(cli, [str(word) for word in words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def modes(folder: Path) -> dict[str, int]:
    return {path.relative_to(folder).as_posix(): stat.S_IMODE(path.lstat().st_mode) for path in (folder, *folder.rglob("*"))}


def test_nothing_of_a_home_in_which_everything_was_done_is_anybody_else_s(tmp_path: Path) -> None:
    clips, home = tmp_path / "clips", tmp_path / "home"
    write_clips(clips, (shortened(CLIPS[0], 2), shortened(CLIPS[3], 2)))
    home.mkdir(mode=0o755)
    commands = [
        ["run", clips, "--jobs", 1, "--set", "time.zone='UTC'", "--set", "frames.keep='preview'", "--set", "index.kind='disk'"],
        ["name", "{}", "Anna"],
        ["export", "csv", home / "people.csv"],
        ["export", "assignments", home / "faces.parquet"],
        ["export", "json", home / "people.json"],
        ["export", "ics", home / "people.ics"],
        ["export", "seed", home / "seed"],
        ["clip", "Anna", home / "clips"],
        ["show", "Anna", "--pictures", home / "pictures"],
        ["report", "--blur-others"],
        ["config", "upkeep.watch_s=20"],
        ["forget", "Anna", "--yes"],
        ["companion", "{}"],
        ["corrections", "export", home / "corrections.json"],
    ]
    for command in commands:
        words = [word if word != "{}" else open_home(home).store.scan("people", ["_all"])["person_id"][0] for word in command]
        assert meetbefore(*words, "--home", home).exit_code == 0
    environment = {**os.environ, "MEETBEFORE_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}
    subprocess.run([sys.executable, "-c", UPKEEP], env=environment, umask=0o022, check=True, capture_output=True)
    found = modes(home)
    assert {"record/tracks", "dagster/history", "frames", "seed/face_index.bin", "clips", "pictures", "corrections"} <= set(found)
    assert len(list((home / "corrections").glob("20*.json"))) == 1, "the weekly copy"
    assert {name: oct(mode) for name, mode in found.items() if mode not in (0o600, 0o700)} == {}
    assert "ok    access: only you can read the home" in meetbefore("doctor", "--home", home).output


@pytest.fixture
def open_one(tmp_path: Path) -> Path:
    """A home as earlier versions left it."""
    home = tmp_path / "home"
    (home / "record" / "tracks").mkdir(parents=True)
    (home / "videos").mkdir()
    for name in ("record/tracks/t.parquet", "settings.toml", "videos/a.mp4"):
        (home / name).touch()
    return home


def test_an_open_home_is_told_and_closed_by_doctor(open_one: Path) -> None:
    before = modes(open_one)
    assert meetbefore("config", "time.zone=UTC", "--home", open_one).exit_code == 0
    said = meetbefore("doctor", "--home", open_one)
    assert said.exit_code == 1
    assert (
        f"check access: 5 files and folders can be read by other users of this machine, first {open_one}: `meetbefore doctor --fix`"
        in said.output
    )
    assert {name: mode for name, mode in modes(open_one).items() if name in before and name != "settings.toml"} == {
        name: mode for name, mode in before.items() if name != "settings.toml"
    }
    said = meetbefore("doctor", "--fix", "--home", open_one)
    assert "fixed access: 5 files and folders closed to other users" in said.output
    assert "ok    access: only you can read the home" in said.output
    after = modes(open_one)
    assert after.pop("videos/a.mp4") == 0o644  # people's own
    assert set(after.values()) == {0o600, 0o700}
    assert "fixed" not in meetbefore("doctor", "--fix", "--home", open_one).output


def test_a_home_that_is_shared_on_purpose_keeps_its_group_s_access(open_one: Path) -> None:
    meetbefore("config", "privacy.group_access=true", "--home", open_one)
    said = meetbefore("doctor", "--fix", "--home", open_one).output
    assert "ok    access: only you and its group can read the home" in said
    assert (modes(open_one)["."], modes(open_one)["record/tracks/t.parquet"]) == (0o2770, 0o660)
    meetbefore("config", "upkeep.watch_s=20", "--home", open_one)
    assert modes(open_one)["settings.toml"] == 0o660
    open_one.chmod(0o2775)
    assert "1 file or folder can be read by people outside its group" in meetbefore("doctor", "--home", open_one).output
    open_one.chmod(0o700)
    assert "the group of" in meetbefore("doctor", "--home", open_one).output


def test_a_record_that_lies_elsewhere_is_looked_at_too(open_one: Path, tmp_path: Path) -> None:
    settings_file.apply(open_one, [f"store.uri={tmp_path / 'elsewhere'}"])
    (tmp_path / "elsewhere").mkdir()
    (open_one / "record" / "tracks" / "t.parquet").rename(tmp_path / "elsewhere" / "t.parquet")
    open_one.chmod(0o700)
    found = access_of_home(fake_home(open_one))
    assert found.looked_at == {"open to others": 2}
    assert str(tmp_path / "elsewhere") in found.findings[0]
