"""News for a program of the user's: JSON on standard input, no shell, a time limit, and failures that stop nothing."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from meetbefore_assets.encounters import news
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.queries import people_table
from meetbefore_assets.publishing.news import lines
from meetbefore_assets.review import make_corrections
from meetbefore_assets.running.tell_news import tell_news
from meetbefore_assets_tests.asking.test_whois import ANN, BOB, MONDAY, TUESDAY
from meetbefore_assets_tests.support.fakes import MEASURED, fake_home, write_video
from meetbefore_assets_tests.support.without_dagster import bring_up_to_date

HOSTILE = "\"; touch hacked; $(touch hacked) `touch hacked` ' && --help <script>"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Ann on Monday; on Tuesday again, with Bob, in a second import. Ann has a name that shells would run."""
    made = fake_home(tmp_path / "home", evidence=MEASURED)
    write_video(tmp_path / "videos", MONDAY, [[ANN], [ANN]])
    bring_up_to_date(made, [tmp_path / "videos"])
    make_corrections.name_person(made, str(people_table(made)["person_id"][0]), HOSTILE)
    bring_up_to_date(made)
    write_video(tmp_path / "videos", TUESDAY, [[ANN, BOB], [ANN]])
    bring_up_to_date(made, [tmp_path / "videos"])
    return made


def given_to(home: Home, *command: str, timeout_s: float = 30) -> list[str]:
    settings_file.apply(home.folder, [f"news.command={json.dumps(list(command))}", f"news.timeout_s={timeout_s:g}"])
    return tell_news(home)[1]


def test_the_news_of_the_last_import_is_read_off_the_record(home: Home) -> None:
    found = news.since(home)
    assert (found.videos, found.new_people) == (1, 1)
    assert [(item.name, item.encounters, round(item.gap_h or 0)) for item in found.met_again] == [(HOSTILE, 2, 24)]
    told = [line.en for line in lines(found, "UTC")]
    assert told[0].startswith("News of 1 video since ")
    assert told[1] == f"met {HOSTILE} again after 24 hours: 2 encounters on 2 days, in {TUESDAY} at 0:00"
    assert told[-1] == "1 person seen for the first time"
    assert len(news.first_on_record(home)["on_record_at"].unique()) == 2


def test_all_imports_are_news_since_long_ago_and_none_since_now(home: Home) -> None:
    assert news.since(home, news.first_on_record(home)["on_record_at"][0]).videos == 2
    later = news.since(home, news.since(home).until)
    assert later.is_empty
    assert [line.en for line in lines(later, "UTC")] == ["Nothing new."]


def test_a_program_gets_json_and_a_hostile_name_is_only_text(home: Home, tmp_path: Path) -> None:
    code = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    assert given_to(home, sys.executable, "-c", code, str(tmp_path / "got.json")) == []
    got = json.loads((tmp_path / "got.json").read_text())
    assert [item["name"] for item in got["met_again"]] == [HOSTILE]
    assert got["text"][0].startswith("News of ")
    assert not list(home.folder.rglob("hacked"))
    (tmp_path / "got.json").unlink()
    assert tell_news(home) == (False, [])  # nothing is told twice
    assert not (tmp_path / "got.json").exists()


def test_what_fails_is_said_and_told_again_next_time(home: Home, tmp_path: Path) -> None:
    (problem,) = given_to(home, sys.executable, "-c", "import sys; sys.stderr.write('no network\\x1b[2J'); sys.exit(3)")
    assert problem == f"news.command: {Path(sys.executable).name} ended with 3: no network[2J"
    (problem,) = given_to(home, str(tmp_path / "nowhere"))
    assert "nowhere cannot be started" in problem
    assert given_to(home, sys.executable, "-c", "pass") == []  # whoever does not read has been told


@pytest.mark.skipif(os.name != "posix", reason="process groups")
def test_who_takes_too_long_is_ended_with_its_children(home: Home, tmp_path: Path) -> None:
    child = f"import time, pathlib; time.sleep(2); pathlib.Path(r'{tmp_path}/late').touch()"
    code = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    (problem,) = given_to(home, sys.executable, "-c", code, timeout_s=1)
    assert "was ended after 1 s" in problem
    time.sleep(2)
    assert not (tmp_path / "late").exists()


def test_a_file_gets_the_same_and_belongs_to_its_owner_alone(home: Home) -> None:
    settings_file.apply(home.folder, ["news.file=news.json"])
    assert tell_news(home) == (True, [])
    assert json.loads((home.folder / "news.json").read_text())["videos"] == 1
    assert (home.folder / "news.json").stat().st_mode & 0o077 == 0
    settings_file.apply(home.folder, ["news.file=nowhere/at/all/news.json"])
    assert tell_news(home) == (False, [])


def test_by_default_nobody_is_told(home: Home) -> None:
    assert tell_news(home) == (False, [])


def test_a_video_that_is_forgotten_leaves_no_trace_in_the_news(home: Home) -> None:
    from meetbefore_assets.forgetting import forget
    from meetbefore_assets.recordings.intake import known_videos

    gone = next(video_id for video_id in known_videos(home) if video_id.startswith(TUESDAY.removesuffix(".mp4")))
    forget.forget_videos(home, [gone])
    assert gone not in news.first_on_record(home)["video_id"].to_list()
