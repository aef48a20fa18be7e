"""Two buttons take corrections along: one writes them to a file, one takes over what fits and says what does not."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.corrections_file import read_file, write_file
from meetbefore_assets.identities.queries import people_table
from meetbefore_assets.identities.stored_corrections import read_corrections
from meetbefore_assets.review import make_corrections
from meetbefore_assets.review.export_corrections import export_corrections
from meetbefore_assets.web.addresses import MOST_IMPORT_BYTES
from meetbefore_assets_tests.support.app import Asked, asked, copy_of, make_project, served
from meetbefore_assets_tests.support.browser import Looking, chromium, looking

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

HOSTILE = '<img src=x onerror="alert(1)"> {{ 7*7 }}'


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_project(tmp_path_factory.mktemp("carried")).home


@pytest.fixture(scope="module")
def file(archive: Home, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What was said in another home of the same videos: a name, a role, and something about a video that nobody has."""
    home = copy_of(archive, tmp_path_factory.mktemp("other") / "home")
    people = people_table(home)["person_id"]
    make_corrections.name_person(home, people[0], HOSTILE)
    make_corrections.set_role(home, people[1], "companion")
    make_corrections.name_person(home, people[2], f"{HOSTILE} too")
    found = read_file(export_corrections(home)[0])
    *_, last = found.carried
    plain = json.loads(write_file(found.videos, found.carried))
    for place in plain["corrections"][-1]["here"]:
        place["video"] = "elsewhere"
    plain["videos"]["elsewhere"] = {"content_hash": "e" * 64, "file_name": HOSTILE}
    assert last.correction.text == f"{HOSTILE} too"
    return json.dumps(plain).encode()


def sent(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.fixture
def app(archive: Home, tmp_path: Path) -> Iterator[Asked]:
    with asked(copy_of(archive, tmp_path / "home")) as client:
        yield client


def test_what_fits_is_taken_over_and_what_does_not_is_said(app: Asked, file: bytes) -> None:
    page = app.post("/corrections/import", file=sent(file))
    assert "2 corrections imported, 0 on record before, 1 left out." in page
    assert "the recording is not in this home" in page
    assert "<img src=x" not in page
    assert page.count("&lt;img src=x") >= 3
    assert "49" not in page.partition("taken-over")[2].partition("</section>")[0]
    assert len(read_corrections(app.home)) == 2
    assert HOSTILE.replace('"', "&#34;").replace("<", "&lt;").replace(">", "&gt;") in app.get("/people?who=everybody")
    again = app.post("/corrections/import", file=sent(file))
    assert "0 corrections imported, 2 on record before, 1 left out." in again


def test_it_is_said_in_chinese_too(app: Asked, file: bytes) -> None:
    app.client.cookies.set("meetbefore-language", "zh-CN")
    assert "录像不在此主目录中" in app.post("/corrections/import", file=sent(file))


def test_an_export_is_a_file_to_save_that_no_cache_keeps_and_changes_nothing(app: Asked, file: bytes) -> None:
    app.post("/corrections/import", file=sent(file))
    answer = app.client.get("/corrections/export")
    assert answer.headers["content-disposition"].startswith('attachment; filename="meetbefore-corrections-')
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == export_corrections(app.home)[0]
    assert len(read_file(answer.content).carried) == 2


def test_without_the_token_or_a_login_nothing_is_taken_over_or_given_away(app: Asked, file: bytes) -> None:
    assert app.client.post("/corrections/import", data={"file": sent(file)}).status_code == 403
    assert app.client.get("/corrections/import").status_code == 405
    app.client.cookies.clear()
    assert app.client.post("/corrections/import", data={"token": app.token, "file": sent(file)}).status_code == 401
    assert app.client.get("/corrections/export").status_code == 401
    assert read_corrections(app.home) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "No file was sent."),
        ("%%%", "No file was sent."),
        ("人", "No file was sent."),
        (sent(b"a list"), "this is no file of corrections"),
        (sent(b'{"format": "meetbefore corrections", "version": 9}'), "of version 9"),
    ],
    ids=["nothing", "no base64", "no ASCII", "a text", "a later version"],
)
def test_what_is_no_file_of_corrections_is_said(app: Asked, text: str, told: str) -> None:
    answer = app.client.post("/corrections/import", data={"token": app.token, "file": text})
    assert (answer.status_code, told in answer.text) == (409, True)
    assert read_corrections(app.home) == []


def test_a_file_is_limited_in_size_and_other_forms_are_as_before(app: Asked) -> None:
    def answer(path: str, size: int) -> int:
        return int(app.client.post(path, data={"token": app.token, "file": "A" * size}).status_code)

    assert answer("/corrections/import", MOST_IMPORT_BYTES // 3 * 4) == 409
    assert answer("/corrections/import", MOST_IMPORT_BYTES // 3 * 4 + 2000) == 413
    assert answer("/corrections/undo", 5 * 2**20) == 413


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as browser:
        yield browser


def choose(look: Looking, path: Path) -> None:
    with look.page.expect_file_chooser() as chooser:
        look.page.locator("#import").focus()
        look.press("Enter")
    chooser.value.set_files(path)


@pytest.mark.browser
@pytest.mark.parametrize(("width", "theme", "language"), [(1280, "light", "en-GB"), (390, "dark", "zh-CN")])
def test_exported_and_imported_in_a_browser(
    archive: Home, browser: "Browser", tmp_path: Path, file: bytes, width: int, theme: str, language: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    view = {"viewport": {"width": width, "height": 900}, "color_scheme": theme, "locale": language}
    (tmp_path / "mine.json").write_bytes(file)
    home = copy_of(archive, tmp_path / "home")
    with served(home) as address, looking(browser, address, **view) as look:
        look.page.goto(address.partition("/enter")[0] + "/corrections")
        choose(look, tmp_path / "mine.json")
        look.page.wait_for_selector("#taken-over")
        assert len(read_corrections(home)) == 2
        assert look.page.locator("#taken-over .rows > li").count() == 1
        assert look.page.locator("ol.said > li").count() == 2
        assert look.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "scrolls sideways"
        found = axe.run(look.page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []
        with look.page.expect_download() as download:
            look.click("#export")
        saved = Path(download.value.path()).read_bytes()
        assert saved == export_corrections(home)[0]
        look.page.screenshot(path=str(tmp_path / "page.png"), full_page=True)
        choose(look, tmp_path / "page.png")
        look.page.wait_for_selector(".notice.problem")
        assert "no file of corrections" in look.text(".notice.problem")
        assert [one for one in look.trouble if "409" not in one] == []
