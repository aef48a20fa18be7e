"""The pages of videos: one that failed is tried again alone; a clock that is corrected moves days and encounters, and decodes nothing."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.queries import people_table
from meetbefore_assets.recordings.failures import record_failure
from meetbefore_assets.recordings.intake import import_recordings
from meetbefore_assets.recordings.status import all_statuses
from meetbefore_assets.running.run import RunOptions, should_retry
from meetbefore_assets.running.run_in_progress import shown_to_others
from meetbefore_assets.web.background_run import BackgroundRun
from meetbefore_assets_tests.running.test_run_in_progress import done
from meetbefore_assets_tests.running.test_unchanged import Silent
from meetbefore_assets_tests.support.app import DAYS, Asked, asked, copy_of, make_project
from meetbefore_assets_tests.support.fakes import write_video
from meetbefore_assets_tests.support.project import Project
from meetbefore_assets_tests.web.pages.test_pages import Markup

PER_VIDEO = ("sources", "videos", "frames", "detections", "embeddings", "tracks")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_project(tmp_path_factory.mktemp("archive")).home


@pytest.fixture
def app(archive: Home, tmp_path: Path) -> Iterator[Asked]:
    with asked(copy_of(archive, tmp_path / "home")) as app:
        yield app


def videos(app: Asked) -> list[str]:
    """Addresses of the processed ones, the latest first."""
    return re.findall(r'href="(/video/[\w-]+)"', app.get("/videos"))


def files_of(home: Home) -> dict[str, tuple[int, bytes]]:
    found = (path for asset in PER_VIDEO for path in (home.folder / "record" / asset).glob("*.parquet"))
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def encounters(home: Home) -> list[dt.datetime]:
    return sorted(home.store.scan("encounter_scores", home.store.keys("encounter_scores"))["started_at"])


def correction(**fields: str) -> dict[str, str]:
    return {"how": "offset", "offset": "+0:00", "begins": "", "scope": "this", "files": "DJI_*", "zone": "", **fields}


def test_all_are_listed_the_latest_first(app: Asked) -> None:
    page = Markup(app.get("/videos"))
    assert [name for name in page.words if name in DAYS] == sorted(DAYS, reverse=True)
    assert "8 processed" in page.text
    assert "10 Mar 2025 08:00" in page.text


def test_a_video_says_who_appears_when_and_leads_there(app: Asked) -> None:
    text = app.get(videos(app)[-1])
    page = Markup(text)
    assert len(re.findall(r'class="line-who" href="/person/', text)) == 2  # Ann and Bob, of the first day
    bars = [attrs for tag, attrs in page.elements if tag == "rect" and attrs.get("height") == "20"]
    assert bars
    assert all(float(str(bar["x"])) >= 0 and float(str(bar["x"])) + float(str(bar["width"])) <= 1000.1 for bar in bars)
    for address in set(re.findall(r'href="(/(?:moment|person)/\w+)"', text)):
        app.get(address)


def test_a_clock_is_corrected_for_all_of_a_camera_and_videos_show_it_at_once(app: Asked) -> None:
    before = files_of(app.home)
    page = Markup(app.post(f"{videos(app)[-1]}/clock", **correction(offset="-8:30", scope="camera")))
    assert "Sun 2 Mar 2025 23:30:00" in page.text
    assert "Mon 3 Mar 2025 08:00:00" in page.text  # what the camera said
    assert files_of(app.home) == before
    listed = Markup(app.get("/videos")).text
    assert "9 Mar 2025 23:30" in listed
    assert "10 Mar 2025" not in listed
    person = re.findall(r'href="(/person/\w+)"', app.get(videos(app)[-1]))[0]
    app.get(person)  # its encounters follow with the run


def test_a_start_is_read_in_the_zone_that_is_given_and_can_be_taken_back(app: Asked) -> None:
    video = videos(app)[0]
    page = Markup(app.post(f"{video}/clock", **correction(how="begins", begins="2025-03-10T12:00:00", zone="Asia/Tokyo")))
    assert "Mon 10 Mar 2025 03:00:00" in page.text
    (files,) = page.values("button", "files")
    assert "Mon 10 Mar 2025 08:00:00" in Markup(app.post(f"{video}/clock/remove", files=files)).text
    assert app.home.settings().clocks == ()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"offset": "soon"}, "expected hours and minutes"),
        ({"how": "begins", "begins": "tomorrow"}, "expected a time"),
        ({"zone": "Mars/Olympus"}, "is not a time zone"),
        ({"scope": "camera", "files": "GX*"}, "expected a pattern that fits"),
    ],
)
def test_what_is_typed_wrong_is_said_and_stays_in_its_field(app: Asked, fields: dict[str, str], reason: str) -> None:
    page = Markup(app.post(f"{videos(app)[0]}/clock", **correction(**fields)))
    assert reason in page.text
    for name, value in fields.items():
        assert value in page.values("input", name)
    assert app.home.settings().clocks == ()


def test_a_video_that_nobody_knows_is_not_there(app: Asked) -> None:
    assert app.client.get("/video/nothing-0000").status_code == 404
    answer = app.client.post("/video/nothing-0000/clock", data={"token": app.token, **correction()})
    assert answer.status_code == 404


def test_the_run_that_goes_on_is_told_with_its_pace(app: Asked) -> None:
    with shown_to_others(app.home.folder, Silent()) as run:  # type: ignore[arg-type]
        run.started(4, 2)
        part = Markup(app.get("/videos/run"))
        assert "0 of 4 videos done, 2 at a time" in part.text
        assert "videos an hour" not in part.text
        run.finished(done("a", 40.0))
        page = Markup(app.get("/videos"))
        assert "1 of 4 videos done, 2 at a time" in page.text
        assert re.search(r"[\d,]+ videos an hour, [\d.]+ s of footage a second, about \d+ s left", page.text)
    assert "of 4 videos" not in Markup(app.get("/videos/run")).text


def test_one_failed_video_is_tried_again_and_no_other(app: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bad-1.mp4", "bad-2.mp4"):
        write_video(tmp_path / "more", name, [[9, len(name), int(name[4])]])
    import_recordings(app.home, [tmp_path / "more"])
    first, second = [status.video_id for status in all_statuses(app.home) if status.todo]
    for video_id in (first, second):
        record_failure(app.home, video_id, "videos", "it cannot be read.")
    asked_for: list[list[str]] = []
    monkeypatch.setattr(BackgroundRun, "_run", lambda _self, given: asked_for.append(given))
    page = Markup(app.get("/videos"))
    assert sorted(page.values("button", "video")) == sorted([first, second])
    assert page.values("button", "retry") == ["yes"]
    app.post("/videos/process", video=first)
    assert asked_for == [["--retry", first]]
    again = [one.video_id for one in all_statuses(app.home) if one.todo and should_retry(one, RunOptions(retry=(first,)), set())]
    assert again == [first]


@pytest.mark.slow
def test_the_run_of_dagster_moves_days_and_encounters_by_the_hour_and_writes_no_detection(tmp_path: Path) -> None:
    """A camera was an hour fast: what it filmed at half past midnight was the day before."""
    with dg.DagsterInstance.ephemeral() as instance:
        project = Project(tmp_path, instance)
        for name, who in (("DJI_20250303003000_0001_D.mp4", 1), ("DJI_20250305120000_0002_D.mp4", 2), ("DJI_20250307003000_0003_D.mp4", 1)):
            write_video(project.videos, name, [[who], [who]])
        project.process()
        project.match()
        home, hour = project.home, dt.timedelta(hours=1)
        seen, met = people_table(home), encounters(home)
        before = files_of(home)
        with asked(home) as app:
            app.post(f"{videos(app)[0]}/clock", **correction(offset="-1:00", scope="camera"))
        assert project.process() == {}
        project.match()
        assert files_of(home) == before
        after = people_table(home)
        assert after["person_id"].to_list() == seen["person_id"].to_list()
        assert after["first_seen"].to_list() == [moment - hour for moment in seen["first_seen"]]
        assert encounters(home) == [moment - hour for moment in met]
        assert [moment.day for moment in encounters(home)] == [2, 5, 6]
