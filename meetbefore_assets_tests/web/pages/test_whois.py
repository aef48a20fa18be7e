"""Asking with a photograph in the app, and the news on the first page."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from meetbefore_assets.home.home import Home
from meetbefore_assets_tests.support.app import ANN, Asked, asked, make_project
from meetbefore_assets_tests.support.fakes import draw, write_video

STRANGER = 77


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_project(tmp_path_factory.mktemp("whois")).home


@pytest.fixture
def app(archive: Home) -> Iterator[Asked]:
    with asked(archive) as client:
        yield client


def photograph(*people: int) -> str:
    data = io.BytesIO()
    Image.fromarray(draw(people, 200)[:, :, ::-1]).save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


def test_somebody_whom_one_met_is_told_and_leads_to_their_page(app: Asked) -> None:
    page = app.post("/whois", picture=photograph(STRANGER, ANN))
    assert page.count("looked for among ") == 2
    assert "Nobody you have met" in page
    assert "3 encounters, last on" in page
    assert "/person/p" in page
    assert "/media/face/" in page


def test_it_is_told_in_chinese_too(app: Asked) -> None:
    app.client.cookies.set("meetbefore-language", "zh-CN")
    assert "可能是" in app.post("/whois", picture=photograph(ANN))


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        ("", "No photograph was sent"),
        ("%%%", "No photograph was sent"),
        (base64.b64encode(b"a list").decode(), "the photograph is no picture"),
        (photograph(), "no face was found in the photograph"),
    ],
    ids=["nothing", "no base64", "a text", "nobody in it"],
)
def test_what_cannot_be_asked_with_is_said(picture: str, told: str, app: Asked) -> None:
    assert told in app.post("/whois", picture=picture)


def test_nothing_of_the_photograph_stays(app: Asked) -> None:
    def everything() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in app.home.folder.rglob("*") if path.is_file() and path.suffix != ".lock"}

    app.post("/whois", picture=photograph(ANN))
    before = everything()
    app.post("/whois", picture=photograph(ANN, STRANGER))
    assert everything() == before


def test_a_photograph_without_the_token_of_a_form_is_not_looked_at(app: Asked) -> None:
    assert app.client.post("/whois", data={"picture": photograph(ANN)}).status_code == 403


def test_the_first_import_is_no_news_and_what_follows_is(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    with asked(project.home) as app:
        assert 'class="panel news"' not in app.get("/people")
    write_video(project.videos, "DJI_20250401080000_0001_D.mp4", [[ANN], [ANN]])
    project.process()
    project.match()
    with asked(project.home) as app:
        page = app.get("/people")
    assert "News of 1 video since " in page
    assert "again after 23 days: 4 encounters on 4 days" in page
