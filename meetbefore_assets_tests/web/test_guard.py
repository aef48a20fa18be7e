"""The guard before the servers of this machine: what it lets through, and what it refuses."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from meetbefore_assets.web.guard import Guard, local_hosts

HOST = "127.0.0.1:3000"
HOSTS = (*local_hosts(3000), "faces.example")
MUTATION = b"query=mutation%7BlaunchPartitionBackfill%7D"
OWN_PAGE = {"host": HOST, "origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}


async def everything(scope: MutableMapping[str, Any], _receive: object, send: Any) -> None:
    """An app that answers whatever is asked."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"referrer-policy", b"no-referrer")]})
    await send({"type": "http.response.body", "body": b"secret"})


def asked(
    method: str,
    headers: dict[str, str] | list[tuple[str, str]],
    path: str = "/",
    query: bytes = b"",
    kind: str = "http",
    guard: Guard | None = None,
) -> list[dict[str, Any]]:
    """The messages that come back."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": f"{kind}.connect" if kind == "websocket" else "http.request"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(dict(message))

    pairs = list(headers.items()) if isinstance(headers, dict) else headers
    scope = {"type": kind, "path": path, "query_string": query, "headers": [(n.encode(), v.encode("latin-1")) for n, v in pairs]}
    asyncio.run((guard or Guard(everything, HOSTS))(scope | ({"method": method} if kind == "http" else {}), receive, send))
    return sent


def status(method: str, headers: dict[str, str] | list[tuple[str, str]], path: str = "/", query: bytes = b"") -> int:
    answer = asked(method, headers, path, query)
    assert (b"secret" in answer[1]["body"]) == (answer[0]["status"] == 200)
    return int(answer[0]["status"])


@pytest.mark.parametrize("host", [HOST, "localhost:3000", "LOCALHOST:3000", "[::1]:3000", "faces.example"])
def test_its_own_names_are_answered(host: str) -> None:
    assert status("GET", {"host": host}) == 200
    assert status("POST", {"host": host, "origin": f"http://{host}".lower(), "content-type": "application/json"}, "/graphql") == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:3000",
        "127.0.0.1",
        "127.0.0.1:3001",
        "localhost",
        "localhost.evil.example:3000",
        "127.0.0.1:3000.evil.example",
        "user@127.0.0.1:3000",
        "",
    ],
)
def test_a_foreign_name_that_was_pointed_at_this_machine_is_refused(host: str) -> None:
    assert status("GET", {"host": host}) == 403
    assert asked("", {"host": host, "origin": f"http://{host}"}, "/graphql", kind="websocket") == [
        {"type": "websocket.close", "code": 1008, "reason": "refused"}
    ]


def test_no_name_and_two_names_are_refused() -> None:
    assert status("GET", {}) == 403
    assert status("GET", [("host", HOST), ("host", "evil.example")]) == 403
    assert status("GET", [("host", HOST), ("Host", HOST)]) == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:8000", "http://localhost:3000", "http://127.0.0.1", f"file://{HOST}", ""]
)
def test_pages_of_other_origins_are_refused_over_http_and_websocket(origin: str) -> None:
    assert status("POST", {"host": HOST, "origin": origin, "content-type": "application/json"}, "/graphql") == 403
    assert status("GET", {"host": HOST, "origin": origin}) == 403
    assert asked("", {"host": HOST, "origin": origin}, "/graphql", kind="websocket")[0]["type"] == "websocket.close"


def test_two_origins_are_refused() -> None:
    assert status("GET", [("host", HOST), ("origin", f"http://{HOST}"), ("origin", "http://evil.example")]) == 403


def test_its_own_pages_may_ask_over_http_and_websocket() -> None:
    assert status("POST", {**OWN_PAGE, "content-type": "application/json; charset=utf-8"}, "/graphql") == 200
    assert asked("", OWN_PAGE, "/graphql", kind="websocket") == [{"type": "websocket.accept"}]


def test_programs_of_this_machine_send_no_origin_and_may_ask() -> None:
    assert status("POST", {"host": HOST, "content-type": "application/json"}, "/graphql") == 200
    assert asked("", {"host": HOST}, "/graphql", kind="websocket") == [{"type": "websocket.accept"}]


@pytest.mark.parametrize("site", ["cross-site", "same-site", ""])
@pytest.mark.parametrize("where", ["image", "script", "iframe", "empty", "object"])
def test_what_another_site_embeds_or_fetches_is_refused(site: str, where: str) -> None:
    mode = "navigate" if where in ("iframe", "object") else "no-cors"
    assert status("GET", {"host": HOST, "sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": where}, "/runs") == 403


def test_a_link_from_elsewhere_opens_a_page_and_nothing_else() -> None:
    link = {"host": HOST, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert status("GET", link, "/runs") == 200
    assert status("GET", link, "/graphql", MUTATION) == 405
    assert status("POST", {**link, "content-type": "application/json"}, "/graphql") == 403
    assert asked("", link, "/graphql", kind="websocket")[0]["type"] == "websocket.close"


@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/dagster/graphql"])
@pytest.mark.parametrize("headers", [{"host": HOST}, OWN_PAGE, {"host": HOST, "sec-fetch-site": "none"}])
def test_graphql_by_get_is_refused_whoever_asks(path: str, headers: dict[str, str]) -> None:
    assert status("GET", headers, path, MUTATION) == 405
    assert status("HEAD", headers, path, MUTATION) == 405


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_bodies_that_browsers_send_without_asking_first_are_refused(kind: str, method: str) -> None:
    assert status(method, {**OWN_PAGE, "content-type": kind}, "/graphql", MUTATION) == 415
    assert status(method, {"host": HOST, "content-type": kind}, "/report_asset_materialization/videos") == 415


def test_where_forms_are_taken_nothing_else_is() -> None:
    forms = Guard(everything, HOSTS, takes_forms=lambda path: path != "/dagster/graphql")
    form, json = "application/x-www-form-urlencoded", "application/json"
    sent = {
        (path, kind): asked("POST", {**OWN_PAGE, "content-type": kind}, path, guard=forms)
        for path in ("/people", "/dagster/graphql")
        for kind in (form, json)
    }
    assert {asked_for: answer[0]["status"] for asked_for, answer in sent.items()} == {
        ("/people", form): 200,
        ("/people", json): 415,
        ("/dagster/graphql", form): 415,
        ("/dagster/graphql", json): 200,
    }
    assert asked("POST", {**OWN_PAGE, "origin": "http://127.0.0.1:8000", "content-type": form}, "/people", guard=forms)[0]["status"] == 403


def test_a_body_of_two_kinds_or_none_is_refused() -> None:
    assert status("POST", {"host": HOST}, "/graphql", MUTATION) == 415
    assert status("POST", [("host", HOST), ("content-type", "application/json"), ("content-type", "text/plain")], "/graphql") == 415


def test_the_reason_is_said_and_carries_nothing_that_was_sent_as_it_is() -> None:
    start, body = asked("GET", {"host": "<b>\x1b[31m.example"})
    assert start["status"] == 403
    assert (b"content-type", b"text/plain; charset=utf-8") in start["headers"]
    assert b"127.0.0.1:3000" in body["body"]
    assert b"\x1b" not in body["body"]


def test_answers_may_not_be_framed_or_embedded_and_headers_of_the_app_stay() -> None:
    headers = dict(asked("GET", {"host": HOST})[0]["headers"])
    assert headers[b"x-frame-options"] == b"SAMEORIGIN"
    assert headers[b"cross-origin-resource-policy"] == b"same-origin"
    assert headers[b"referrer-policy"] == b"no-referrer"


def test_port_80_need_not_be_named() -> None:
    assert {"localhost", "127.0.0.1", "localhost:80"} <= set(local_hosts(80))
    assert "localhost" not in local_hosts(3000)
