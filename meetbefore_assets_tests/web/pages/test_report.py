"""The page of reports: what it makes is what `meetbefore report` writes, and it is opened and downloaded from there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from meetbefore_assets.home.home import Home
from meetbefore_assets.publishing.page.render import write_report
from meetbefore_assets.publishing.page.sharing import blurred_but, clear_people
from meetbefore_assets_tests.support.app import Asked, asked, copy_of, make_project


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_project(tmp_path_factory.mktemp("archive")).home


@pytest.fixture
def app(archive: Home, tmp_path: Path) -> Iterator[Asked]:
    with asked(copy_of(archive, tmp_path / "home")) as app:
        yield app


def test_people_lead_to_it_and_nothing_is_made_before_it_is_asked_for(app: Asked) -> None:
    assert 'href="/report"' in app.get("/people")
    page = app.get("/report")
    assert page.count("Make it<") == 2
    assert "Download" not in page
    assert not list(app.home.folder.glob("report*.html"))
    assert app.client.get("/report/whole.html", follow_redirects=False).headers["location"] == "/report"


def test_the_page_for_oneself_is_that_of_the_command(app: Asked, tmp_path: Path) -> None:
    page = app.post("/report/make", kind="whole")
    assert page.count("Make it again") == 1
    answer = app.client.get("/report/whole.html")
    write_report(app.home, tmp_path / "by command.html")
    assert answer.text == (tmp_path / "by command.html").read_text(encoding="utf-8")
    policy = answer.headers["content-security-policy"]
    assert "form-action 'none'" in policy
    assert "unsafe" not in policy
    assert (app.home.folder / "report.html").stat().st_mode & 0o777 == 0o600


def test_the_page_to_pass_on_is_blurred(app: Asked, tmp_path: Path) -> None:
    app.post("/report/make", kind="blurred")
    blurred = app.client.get("/report/blurred.html").text
    write_report(app.home, tmp_path / "by command.html", blurred_but(app.home, clear_people(app.home, ())))
    assert blurred == (tmp_path / "by command.html").read_text(encoding="utf-8")
    assert not (app.home.folder / "report.html").exists()


@pytest.mark.parametrize("path", ["/report/other.html", "/report/..%2Fsettings.html", "/report/make"])
def test_nothing_else_is_served_there(app: Asked, path: str) -> None:
    assert app.client.get(path).status_code in (404, 405)
