"""The page of the threshold: what it shows is what `whatif` says, applying is the setting and the run, and back is back."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.encounters.make_tables import make_encounter_scores, make_people
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings import settings_file
from meetbefore_assets.identities.match import match
from meetbefore_assets.review.meeting_changes import Difference
from meetbefore_assets.review.what_if import WhatIf, what_if
from meetbefore_assets.web.pages import threshold
from meetbefore_assets_tests.support.app import Asked, asked, copy_of, make_project
from meetbefore_assets_tests.support.fakes import fake_home

NO_PAIRS = np.empty((0, 2), np.int64)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_project(tmp_path_factory.mktemp("archive")).home


@pytest.fixture
def app(archive: Home, tmp_path: Path) -> Iterator[Asked]:
    with asked(copy_of(archive, tmp_path / "home")) as app:
        yield app


def brought_in_step(home: Home) -> list[pl.DataFrame]:
    """The tables of people after the run that follows from a setting."""
    home.store.refresh()
    match(home)
    make_encounter_scores(home)
    make_people(home)
    by_video = [
        home.store.scan(name, [key for key in home.store.keys(name) if key != WHOLE])
        for name in ("identity_assignments", "encounter_scores")
    ]
    return [*by_video, home.store.get("people", WHOLE)]


def are_equal(left: list[pl.DataFrame], right: list[pl.DataFrame]) -> bool:
    return all(one.equals(other) for one, other in zip(left, right, strict=True))


def figures(page: str) -> list[int]:
    """People, met again, meetings gained and lost."""
    return [int(value.partition("<")[0]) for value in page.partition('class="figures"')[2].split("<dd>")[1:5]]


@pytest.mark.parametrize("at", [0.25, 0.3, 0.5, 0.75])
def test_it_shows_what_the_command_line_says(app: Asked, at: float) -> None:
    _, (expected,) = what_if(app.home, [at])
    change = expected.change
    page = app.get(f"/threshold?at={at}")
    assert figures(page) == [change.people, change.met_again, len(change.gained), len(change.lost)]
    assert page.count("medium-portrait") == 2 * (min(len(change.gained), threshold.EXAMPLES) + min(len(change.lost), threshold.EXAMPLES))


@pytest.mark.parametrize(
    ("asked_for", "shown"), [("", "0.5"), ("hello", "0.5"), ("-3", "0.25"), ("7", "0.75"), ("nan", "0.5"), ("inf", "0.75")]
)
def test_an_address_that_makes_no_sense_shows_the_nearest_that_does(app: Asked, asked_for: str, shown: str) -> None:
    assert f'<output for="at">{shown}</output>' in app.get(f"/threshold?at={asked_for}")


def test_looking_writes_nothing(app: Asked) -> None:
    def files() -> dict[str, int]:
        kept = {path: path.stat().st_mtime_ns for path in app.home.folder.rglob("*") if path.is_file()}
        return {str(path): when for path, when in kept.items() if "locks" not in path.parts and ".stamps" not in path.name}

    before = files()
    for at in (0.25, 0.4, 0.75):
        app.get(f"/threshold?at={at}")
    assert files() == before


def test_applied_the_tables_are_those_of_the_command_line_and_back_they_are_the_first(app: Asked, tmp_path: Path) -> None:
    first = brought_in_step(app.home)
    by_command = copy_of(app.home, tmp_path / "by command")
    settings_file.apply(by_command.folder, ["matching.threshold=0.25"])

    page = app.post("/threshold/apply", threshold="0.25")
    assert "The setting is 0.25" in page
    applied = brought_in_step(app.home)
    assert are_equal(applied, brought_in_step(fake_home(by_command.folder)))
    assert not are_equal(applied, first)

    page = app.get("/threshold")
    assert 'name="threshold" value="auto"' in page
    app.post("/threshold/apply", threshold="auto")
    assert are_equal(brought_in_step(app.home), first)
    assert 'name="threshold" value="0.25"' in app.get("/threshold")


@pytest.mark.parametrize("text", ["", "high", "0.4\nprivacy.group_access=true", "2", "nan"])
def test_what_is_no_threshold_is_refused_and_changes_nothing(app: Asked, text: str) -> None:
    page = app.post("/threshold/apply", threshold=text)
    assert 'role="alert"' in page
    assert fake_home(app.home.folder).settings() == app.home.settings()
    assert not (app.home.folder / "settings.toml").exists()


def test_a_link_changes_nothing(app: Asked) -> None:
    assert app.client.get("/threshold/apply?threshold=0.25").status_code == 405


def test_an_archive_without_faces_says_so(tmp_path: Path) -> None:
    with asked(fake_home(tmp_path / "home")) as app:
        assert "Nothing is processed yet." in app.get("/threshold")


def tried(shares: dict[float, float]) -> dict[float, WhatIf]:
    return {at: WhatIf(at, None, Difference(10, 3, share, NO_PAIRS, NO_PAIRS), [], []) for at, share in shares.items()}


def test_the_cliff_is_where_one_person_takes_in_many_more() -> None:
    chart = threshold._chart(tried({0.30: 0.40, 0.32: 0.30, 0.34: 0.05, 0.36: 0.05}), 0.36, 0.30, 0.40)
    assert chart.cliff == ("0.32", "30%")
    assert 0 < chart.cliff_x < chart.now_x


def test_without_a_cliff_none_is_drawn() -> None:
    assert threshold._chart(tried({0.30: 0.052, 0.32: 0.051, 0.34: 0.05}), 0.34, 0.30, None).cliff is None


def test_what_automatic_chooses_is_on_the_curve_and_in_its_legend(app: Asked) -> None:
    settings_file.apply(app.home.folder, ["matching.threshold=0.6"])
    page = app.get("/threshold")
    assert 'class="line-auto" x1="320.0"' in page
    assert "automatic choice 0.5" in page


def test_one_threshold_alone_is_drawn() -> None:
    chart = threshold._chart(tried({0.5: 0.1}), 0.5, 0.5, 0.5)
    assert [line.points.count(",") for line in chart.lines] == [1, 1]
    assert chart.now_x == chart.at_x == threshold.WIDTH / 2
