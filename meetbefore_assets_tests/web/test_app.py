"""The app as it is served, behind guard and login: the attacks of `benchmarks/attacks/app.py`, without processes."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.queries import people_table
from meetbefore_assets.identities.stored_corrections import read_corrections
from meetbefore_assets.review.make_corrections import name_person
from meetbefore_assets.web.app import DagsterApp, guarded, make_app
from meetbefore_assets.web.asgi import App
from meetbefore_assets.web.guard import local_hosts
from meetbefore_assets.web.one_time_links import make_token
from meetbefore_assets_tests.support.addresses import addresses
from meetbefore_assets_tests.support.app import make_project
from meetbefore_assets_tests.support.fakes import fake_home

PORT = 3000
LONGEST_S = 60.0
BASE = f"http://127.0.0.1:{PORT}"
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{7*7}}"
FROM_ELSEWHERE = [
    {"host": f"evil.example:{PORT}"},
    {"host": f"evil.example:{PORT}", "origin": f"http://evil.example:{PORT}", "sec-fetch-site": "same-origin"},
    {"origin": "http://evil.example", "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
    {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-site"},
    {"origin": "null"},
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = make_project(tmp_path_factory.mktemp("app")).home
    name_person(made, people_table(made)["person_id"][0], MARKUP)
    return made


@pytest.fixture(scope="module")
def app(home: Home) -> App:
    return guarded(make_app(home), home, PORT, local_hosts(PORT), dagster=DagsterApp())


@pytest.fixture(scope="module")
def client(home: Home, app: App) -> Iterator[TestClient]:
    """A browser that was let in."""
    with TestClient(app, BASE, follow_redirects=False) as browser:
        assert browser.get(f"/enter?token={make_token(home.folder)}").status_code == 303
        yield browser


@pytest.fixture(scope="module")
def token(client: TestClient) -> str:
    found = re.search(r'name="token" value="([^"]+)"', client.get("/people").text)
    assert found is not None
    return found[1]


def test_there_are_pages_and_each_is_kept_by_no_browser(client: TestClient, home: Home) -> None:
    for path in addresses(home, "GET"):
        reply = client.get(path)
        assert reply.status_code in (200, 303), path
        assert reply.headers["cache-control"] == "no-store"
        policy = reply.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert reply.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("headers", FROM_ELSEWHERE)
def test_what_comes_from_elsewhere_is_refused_although_the_cookie_came_along(
    client: TestClient, home: Home, token: str, headers: dict[str, str]
) -> None:
    before = len(read_corrections(home))
    for path in addresses(home, "GET"):
        assert client.get(path, headers=headers).status_code == 403
    for path in addresses(home, "POST"):
        assert client.post(path, data={"token": token, "name": "Eve"}, headers=headers).status_code == 403
    assert len(read_corrections(home)) == before


def test_who_was_not_let_in_gets_nothing(client: TestClient, app: App, home: Home) -> None:
    stranger = TestClient(app, BASE, follow_redirects=False)
    for path in (*addresses(home, "GET"), "/dagster", "/dagster/runs", "/dagster/graphql"):
        reply = stranger.get(path, headers={"accept": "text/html"})
        assert reply.status_code == 401
        assert "meetbefore app --link" in reply.text
    for path in addresses(home, "POST"):
        assert stranger.post(path, data={"token": "x"}).status_code == 401


def test_nothing_changes_by_get_without_the_token_or_by_another_body(client: TestClient, home: Home, token: str) -> None:
    before = len(read_corrections(home))
    for path in addresses(home, "POST"):
        if path not in addresses(home, "GET"):
            assert client.get(path, params={"name": "Eve", "token": token}).status_code == 405
        assert client.post(path, data={"name": "Eve"}).status_code == 403
        assert client.post(path, data={"name": "Eve", "token": "x"}).status_code == 403
        assert client.post(path, json={"name": "Eve", "token": token}).status_code == 415
        assert client.post(path, content=f"token={token}", headers={"content-type": "text/plain"}).status_code == 415
        assert client.put(path, data={"token": token}).status_code == 405
        assert client.delete(path).status_code == 415
    assert len(read_corrections(home)) == before


def test_a_name_of_markup_is_text_everywhere(client: TestClient, home: Home) -> None:
    shown = 0
    for path in [*addresses(home, "GET"), f"/person/{quote(MARKUP, safe='')}", f"/people?q={quote(MARKUP)}", f"/nothing/{quote(MARKUP)}"]:
        answer = client.get(path, headers={"accept": "text/html"})
        if answer.headers.get("content-disposition", "").startswith("attachment"):  # saved, and never shown
            assert answer.headers["content-type"].startswith("application/json")
            assert answer.headers["x-content-type-options"] == "nosniff"
            continue
        text = answer.text
        assert "<script>alert" not in text, path
        assert "<img src=x" not in text, path
        assert "49" not in re.findall(r"&amp;(\d+)", text), path
        shown += "&lt;script&gt;alert" in text
    assert shown >= 2


@pytest.mark.parametrize(
    "path", ["/person/..%2f..%2fsettings.toml", "/moment/%2e%2e%2fx", "/moment/%00", "/static/..%2fapp.py", "/static/%00"]
)
def test_paths_in_addresses_lead_nowhere(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_dagster_is_told_to_load_until_it_has(client: TestClient, app: App) -> None:
    reply = client.get("/dagster/runs")
    assert reply.status_code == 503
    assert "Loading" in reply.text
    assert client.get("/alive").json() == {"app": "ready", "dagster": "loading"}


def test_an_error_of_the_program_is_a_sentence(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> None:
        raise ValueError("a secret of the program")

    app = make_app(home)
    with TestClient(app, BASE, raise_server_exceptions=False) as browser:
        monkeypatch.setattr(app.state.face_pictures, "jpeg", broken)
        reply = browser.get("/media/face/v/f.jpg", headers={"accept": "text/html"})
    assert reply.status_code == 500
    assert "The log names it" in reply.text
    assert "secret" not in reply.text


def test_a_home_that_cannot_be_read_is_told_until_somebody_mends_it(tmp_path: Path) -> None:
    home = fake_home(tmp_path / "home")
    settings = home.folder / "settings.toml"
    home.folder.mkdir(mode=0o700)
    settings.write_text("nonsense = 1\n")
    app = make_app(home, patience_s=0.1)
    with TestClient(app, BASE) as browser:
        begun = time.monotonic()
        while (reply := browser.get("/people")).status_code != 503 or "nonsense" not in reply.text:
            assert time.monotonic() - begun < LONGEST_S
        settings.unlink()
        while browser.get("/people").status_code != 200:
            assert time.monotonic() - begun < LONGEST_S
            time.sleep(0.1)


def test_answers_are_applied_by_the_real_commands_alone(home: Home) -> None:
    app = make_app(home)
    with TestClient(app, BASE) as browser:
        assert browser.get("/people").status_code == 200
        assert not hasattr(app.state, "applier")
