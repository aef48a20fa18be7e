"""The command line as its user meets it: real models, real clips, real processes."""

import csv
import html
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import polars as pl
import pytest

from meetbefore_assets.core.schema.lists import published_tables
from meetbefore_assets.demo.footage import write_clips
from meetbefore_assets_tests.demo.test_footage import CLIPS, shortened
from meetbefore_assets_tests.support.builders import audio_only, text_file, truncate

pytestmark = pytest.mark.slow

NAMES = ("DJI_20250307081205_0001_D.MP4", "DJI_20250310131654_0004_D.MP4")


def meetbefore(*words: object, timeout_s: float = 240, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "meetbefore_assets", *map(str, words)]
    environment = {**os.environ, "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False, env=environment, cwd=cwd)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips of 3 s; one woman is in both."""
    folder = tmp_path_factory.mktemp("cli") / "clips"
    write_clips(folder, (shortened(CLIPS[0], 3), shortened(CLIPS[3], 3)))
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)
    return folder


@pytest.fixture(scope="module")
def home_folder(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "h"
    done = meetbefore("run", clips, "--home", folder, "--set", "time.zone='UTC'", "--jobs", 1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 videos (6 s) processed" in done.stdout
    return folder


def content(home_folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every content table of the published database."""
    with duckdb.connect(str(home_folder / "meetbefore.duckdb"), read_only=True) as reader:
        names = [table.name for table in published_tables() if not table.is_history]
        return {name: reader.execute(f"select * from {name} order by all").fetchall() for name in names}


def test_the_way_from_clips_to_people(home_folder: Path) -> None:
    shown = meetbefore("people", "--home", home_folder)
    assert shown.returncode == 0
    assert "2 encounters on 2 days over 3 days, last on Monday 10 March 2025" in shown.stdout
    ranked = json.loads(meetbefore("people", "--home", home_folder, "--all", "--format", "json").stdout)
    assert ranked[0]["encounters"] == 2
    assert ranked[0]["first_seen"].startswith("2025-03-07T08:12")
    story = meetbefore("show", ranked[0]["person_id"][:6], "--home", home_folder)
    assert all(name in story.stdout for name in NAMES)
    assert "Why one person" in story.stdout
    assert not (home_folder / "report.html").exists(), "the page is made for whoever asks for it"
    assert meetbefore("report", "--home", home_folder).returncode == 0
    assert (home_folder / "report.html").stat().st_size > 10_000


def test_the_database_opens_in_plain_duckdb_with_every_table_filled_but_what_nobody_said(home_folder: Path) -> None:
    assert [name for name, rows in content(home_folder).items() if not rows] == ["corrections"]


def test_exports(home_folder: Path, tmp_path: Path) -> None:
    for kind, name in (("assignments", "a.csv"), ("assignments", "a.parquet"), ("csv", "e.csv"), ("json", "p.json")):
        done = meetbefore("export", kind, tmp_path / name, "--home", home_folder)
        assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert list(rows[0]) == ["video", "t_s", "x1", "y1", "x2", "y2", "person"]
    assert {row["video"] for row in rows} == set(NAMES)
    assert pl.read_parquet(tmp_path / "a.parquet").height == len(rows)
    assert pl.read_csv(tmp_path / "e.csv")["rank"].min() == 1
    begins = next(csv.DictReader((tmp_path / "e.csv").open()))["started_at"]
    assert begins.startswith("2025-03-07T08:12:0")
    assert begins.endswith("Z")
    assert json.loads((tmp_path / "p.json").read_text())


def test_commands_of_the_page_run_as_they_are_copied_in_another_folder(home_folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "my home"
    shutil.copytree(home_folder, moved)
    assert meetbefore("report", "--home", moved).returncode == 0
    page = (moved / "report.html").read_text(encoding="utf-8")
    commands = [shlex.split(html.unescape(text)) for text in re.findall("<code>(.*?)</code>", page)]
    assert all(words[-2:] == ["--home", str(moved)] for words in commands)
    first = {words[1]: words for words in reversed(commands)}
    assert {"name", "companion", "ignore", "split", "show", "undo"} <= set(first)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    refused = meetbefore(*first["name"][1:], cwd=elsewhere)
    assert (refused.returncode, "stands for the name" in refused.stderr) == (2, True)
    for name in ("companion", "undo", "show"):
        done = meetbefore(*first[name][1:], cwd=elsewhere)
        assert done.returncode == 0, done.stderr
    assert list(elsewhere.iterdir()) == []


def test_a_second_run_computes_nothing_and_says_so(home_folder: Path, clips: Path) -> None:
    record = {path: path.stat().st_mtime_ns for path in (home_folder / "record").rglob("*.parquet")}
    done = meetbefore("run", clips, "--home", home_folder)
    assert done.returncode == 0
    assert "Nothing to do" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in (home_folder / "record").rglob("*.parquet")} == record


def test_doctor_finds_everything_in_step(home_folder: Path) -> None:
    done = meetbefore("doctor", "--home", home_folder)
    assert done.returncode == 0, done.stdout
    assert "identities: up to date" in done.stdout


def test_bad_files_fail_alone_with_a_reason_each(clips: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(clips, folder)
    shutil.copy(clips / NAMES[0], folder / "cut.mp4")
    truncate(folder / "cut.mp4", 0.6)
    text_file(folder / "text.mp4")
    audio_only(folder / "sound.mp4")
    (folder / "empty.mp4").touch()
    done = meetbefore("run", folder, "--home", tmp_path / "h")
    assert done.returncode == 1
    assert "4 videos failed" in done.stdout
    for name, words in (("text", "found text"), ("sound", "no pictures"), ("empty", "empty"), ("cut", "without its header")):
        assert any(name in line and words in line for line in done.stdout.splitlines()), (name, done.stdout)
    assert meetbefore("people", "--home", tmp_path / "h").stdout.count("2 encounters on 2 days over 3 days") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "/does/not/exist"], "does not exist"),
        (["run", "--set", "matching.treshold=0.4"], "Did you mean matching.threshold"),
        (["run", "--set", "matching.threshold=7"], "between -1 and 1"),
        (["run", "--set", "models.pack=no_such_pack"], "no_such_pack"),
        (["people"], "there is no home"),
    ],
)
def test_wrong_words_are_refused_and_nothing_is_written(words: list[str], said: str, tmp_path: Path) -> None:
    done = meetbefore(*words, "--home", tmp_path / "h")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "h").exists()


def test_killed_in_the_middle_the_next_run_completes_the_same(home_folder: Path, clips: Path, tmp_path: Path) -> None:
    other = tmp_path / "killed"
    command = [
        sys.executable,
        "-m",
        "meetbefore_assets",
        "run",
        str(clips),
        "--home",
        str(other),
        "--set",
        "time.zone='UTC'",
        "--jobs",
        "2",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(other.glob("record/frames/*.parquet")):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = meetbefore("run", clips, "--home", other)
    assert done.returncode == 0, done.stdout
    assert content(other) == content(home_folder)
    assert not list(other.rglob("*.tmp"))
