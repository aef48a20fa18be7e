"""The login: who is let in, by what, and what a form must send."""

import os
import time
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from meetbefore_assets.web import login as login_module
from meetbefore_assets.web.login import Login
from meetbefore_assets.web.one_time_links import VALID_S, make_token, use_token, web_folder

PASSWORD = "correct horse battery"
LINKED = {"sec-fetch-site": "cross-site", "sec-fetch-dest": "document", "sec-fetch-mode": "navigate", "accept": "text/html"}


def page(request: Request) -> Response:
    return JSONResponse(
        {"token": request.state.form_token, "form": getattr(request.state, "form", None) and request.state.form.multi_items()}
    )


async def socket(connection: WebSocket) -> None:
    await connection.accept()
    await connection.close()


def browser(home: Path, password: str = "", port: int = 3000) -> TestClient:
    """A browser that was not let in."""
    routes = [Route(path, page, methods=["GET", "POST"]) for path in ("/people", "/dagster/graphql")]
    app = Starlette(routes=[*routes, WebSocketRoute("/dagster/graphql", socket)])
    return TestClient(Login(app, home, port, password), f"http://127.0.0.1:{port}", follow_redirects=False)


def let_in(home: Path) -> tuple[TestClient, str]:
    """A browser that was let in, and the token of its forms."""
    client = browser(home)
    assert client.get(f"/enter?token={make_token(home)}").status_code == 303
    return client, client.get("/people").json()["token"]


def test_nobody_is_let_in_without_a_token(tmp_path: Path) -> None:
    client = browser(tmp_path)
    for path in ("/people", "/dagster/graphql", "/nothing", "/"):
        assert client.get(path).status_code == 401
        assert client.post(path).status_code == 401
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/dagster/graphql"):
        pass


@pytest.mark.parametrize("token", ["", "x", "../links", "a/b", "\x00", "ü", "x" * 5000])
def test_a_token_that_nobody_made_is_refused(tmp_path: Path, token: str) -> None:
    make_token(tmp_path)
    client = browser(tmp_path)
    assert client.get("/enter", params={"token": token}).status_code == (403 if token else 200)
    assert client.get("/people").status_code == 401


def test_a_token_lets_one_browser_in_once(tmp_path: Path) -> None:
    token = make_token(tmp_path)
    first, second = browser(tmp_path), browser(tmp_path)
    assert first.head(f"/enter?token={token}").status_code == 200  # a look ahead uses nothing up
    reply = first.get(f"/enter?token={token}")
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    assert first.get("/people").status_code == 200
    assert second.get(f"/enter?token={token}").status_code == 403
    assert second.get("/people").status_code == 401


def test_the_cookie_is_for_this_server_alone_and_no_script_reads_it(tmp_path: Path) -> None:
    cookie = browser(tmp_path, port=4000).get(f"/enter?token={make_token(tmp_path)}").headers["set-cookie"]
    assert cookie.startswith("meetbefore_4000=")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert not {"Domain", "Secure"} & {part.partition("=")[0] for part in cookie.split("; ")}


def test_behind_a_proxy_with_https_the_cookie_stays_encrypted(tmp_path: Path) -> None:
    client = browser(tmp_path)
    reply = client.get(f"https://127.0.0.1:3000/enter?token={make_token(tmp_path)}")
    assert "Secure" in reply.headers["set-cookie"].split("; ")


def test_tokens_lie_in_the_home_by_their_hash_and_are_closed_to_others(tmp_path: Path) -> None:
    token = make_token(tmp_path)
    (path,) = (web_folder(tmp_path) / "links").iterdir()
    assert token not in path.name
    assert path.read_bytes() == b""
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("age_s", [VALID_S + 60, -VALID_S - 60])
def test_an_old_token_is_refused_and_goes(tmp_path: Path, age_s: float) -> None:
    old, other = make_token(tmp_path), make_token(tmp_path)
    for path in (web_folder(tmp_path) / "links").iterdir():
        os.utime(path, (time.time() - age_s,) * 2)
    assert not use_token(tmp_path, old)
    new = make_token(tmp_path)
    assert len(list((web_folder(tmp_path) / "links").iterdir())) == 1
    assert not use_token(tmp_path, other)
    assert use_token(tmp_path, new)


def test_a_form_needs_the_token_of_its_session(tmp_path: Path) -> None:
    client, token = let_in(tmp_path)
    _, other = let_in(tmp_path)
    for wrong in ({}, {"token": ""}, {"token": other}, {"token": token + "x"}):
        assert client.post("/people", data={"name": "Anna", **wrong}).status_code == 403
    reply = client.post("/people", data={"name": "Anna & <b>", "face": ["f1", "f2"], "token": token})
    assert reply.json()["form"] == [["name", "Anna & <b>"], ["face", "f1"], ["face", "f2"], ["token", token]]


def test_dagsters_pages_know_no_token(tmp_path: Path) -> None:
    client, _ = let_in(tmp_path)
    assert client.post("/dagster/graphql", json={"query": "{ x }"}).status_code == 200
    cookie = f"meetbefore_3000={client.cookies['meetbefore_3000']}"
    with client.websocket_connect("/dagster/graphql", headers={"cookie": cookie}):
        pass


def test_a_body_that_is_too_large_or_no_form_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client, token = let_in(tmp_path)
    monkeypatch.setattr(login_module, "MOST_FIELDS", 3)
    assert client.post("/people", data={"token": token, "face": ["1", "2", "3"]}).status_code == 400
    assert client.post("/people", content=b"token=\xff\xfe").status_code == 400
    monkeypatch.setattr(login_module, "MOST_BODY_BYTES", 100)
    assert client.post("/people", data={"token": token, "name": "x" * 100}).status_code == 413


def test_who_leaves_is_not_let_in_again(tmp_path: Path) -> None:
    client, token = let_in(tmp_path)
    assert client.post("/leave").status_code == 403
    assert client.post("/leave", data={"token": token}).headers["location"] == "/enter"
    assert client.get("/people").status_code == 401


def test_a_link_from_elsewhere_comes_with_no_strict_cookie_and_the_page_asks_again_by_itself(tmp_path: Path) -> None:
    client = browser(tmp_path)
    reply = client.get("/people", headers=LINKED)
    assert reply.status_code == 200
    assert 'http-equiv="refresh"' in reply.text
    again = client.get("/people", headers={**LINKED, "sec-fetch-site": "same-origin"})
    assert again.status_code == 401
    assert "http-equiv" not in again.text
    assert "meetbefore app --link" in again.text


def test_a_password_lets_in_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_module, "_WRONG_PASSWORD_PAUSE_S", 0)
    assert browser(tmp_path).post("/enter", data={"password": ""}).status_code == 405
    client = browser(tmp_path, PASSWORD)
    assert 'type="password"' in client.get("/enter").text
    for wrong in ("", "x", PASSWORD.upper()):
        assert client.post("/enter", data={"password": wrong}).status_code == 403
    assert client.get("/people").status_code == 401
    assert client.post("/enter", data={"password": PASSWORD}).status_code == 303
    assert client.get("/people").status_code == 200


def test_whether_it_runs_and_its_style_are_told_to_everybody(tmp_path: Path) -> None:
    client = browser(tmp_path)
    assert client.get("/alive").json() == {"app": "ready", "dagster": "none"}
    assert client.get("/static/x").status_code == 404  # the app's own answer
    assert client.post("/static/x").status_code == 401


def test_cookies_of_other_servers_of_this_machine_do_not_disturb(tmp_path: Path) -> None:
    client, _ = let_in(tmp_path)
    ours = f"meetbefore_3000={client.cookies.pop('meetbefore_3000')}"
    assert client.get("/people").status_code == 401
    for cookie in (f'x={{"a": 1}}; {ours}', f"a=b=c;;{ours}", f"{ours}; \xe9=1"):
        assert client.get("/people", headers={"cookie": cookie.encode("latin-1")}).status_code == 200
