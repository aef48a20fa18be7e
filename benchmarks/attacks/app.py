"""Attacks on the app (`meetbefore app`): by pages of other sites and ports, other accounts of the machine, made-up ids and names."""

import http.client
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

from benchmarks.attacks.attack import Attack, Outcome
from benchmarks.attacks.forgetting import CLIP_S, WAIT_S, meetbefore, prepare
from benchmarks.attacks.servers import FORM, IMAGE, ask, let_in, served
from meetbefore_assets.demo.footage import write_clips
from meetbefore_assets.identities.queries import people_table
from meetbefore_assets.identities.stored_corrections import read_corrections
from meetbefore_assets.open_home import open_home
from meetbefore_assets_tests.demo.test_footage import CLIPS, shortened
from meetbefore_assets_tests.support.addresses import addresses

MARKUP = "<script>fetch('/x')</script><img src=x onerror=alert(1)>\"'&{{7*7}}"
FORM_BODY = {"Content-Type": "application/x-www-form-urlencoded"}
# A file name holds no "/", and the rest of MARKUP.
FILE_NAME = MARKUP.replace("/", "_") + ".mp4"
OTHER_PORT = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-site"}
TRICKS = ("../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/settings.toml", "%00", "....//settings.toml", "%2fetc%2fpasswd")


def home_of_markup(folder: Path) -> Path:
    """Make a home in which a file and a person have markup as their names."""
    write_clips(folder / "clips", tuple(shortened(clip, CLIP_S) for clip in CLIPS[:2]))
    first = min((folder / "clips").iterdir())
    first.rename(first.with_name(FILE_NAME))
    home_folder = folder / "home"
    prepare(home_folder, folder / "clips")
    _must(meetbefore("run", "--home", home_folder))
    _must(meetbefore("name", people_of(home_folder)[0], MARKUP, "--home", home_folder))
    return home_folder


def _must(done: "subprocess.CompletedProcess[str]") -> None:
    if done.returncode:
        raise SystemExit(f"{done.args}: {done.stdout}{done.stderr}")


def people_of(home_folder: Path) -> list[str]:
    return people_table(open_home(home_folder))["person_id"].to_list()


@contextmanager
def app(folder: Path) -> Iterator[tuple[Path, str]]:
    """Start an app over a new home; yields the home and the unused one-time link."""
    home_folder = home_of_markup(folder)
    with served(home_folder, "app", "Ctrl-C") as link:
        yield home_folder, link


def said(home_folder: Path) -> int:
    return len(read_corrections(open_home(home_folder)))


def form_token(address: str, cookie: dict[str, str]) -> str:
    """The token of the forms of a logged-in browser, once the app has read its archive (503 until then)."""
    deadline = time.monotonic() + WAIT_S
    while (reply := ask(address, "GET", "/people", cookie))[0] == 503 and time.monotonic() < deadline:
        time.sleep(0.2)
    found = re.search(r'name="token" value="([^"]+)"', reply[1])
    if not found:
        raise SystemExit(f"found no form token in the page (status {reply[0]})")
    return found[1]


def from_elsewhere(folder: Path) -> Outcome:
    """Request as pages of other sites and of other local ports would, with the user's cookie attached."""
    with app(folder) as (home_folder, link):
        address, cookie = let_in(link)
        port, before = address.rpartition(":")[2], said(home_folder)
        token = form_token(address, cookie)
        body = urllib.parse.urlencode({"token": token, "name": "Eve", "text": "Eve"})
        pages, acts = addresses(open_home(home_folder), "GET"), addresses(open_home(home_folder), "POST")
        rebound = {"Host": f"evil.example:{port}", "Origin": f"http://evil.example:{port}", "Sec-Fetch-Site": "same-origin"}
        statuses = {
            "foreign Host, pages": {ask(address, "GET", path, rebound | cookie)[0] for path in pages},
            "foreign Host, forms": {ask(address, "POST", path, rebound | cookie | FORM_BODY, body)[0] for path in acts},
            "image of another site": {ask(address, "GET", path, IMAGE | cookie)[0] for path in pages},
            "form of another site": {ask(address, "POST", path, FORM | cookie | FORM_BODY, body)[0] for path in acts},
            "fetch of another port": {ask(address, "GET", path, OTHER_PORT | cookie)[0] for path in pages},
            "form of another port": {ask(address, "POST", path, OTHER_PORT | cookie | FORM_BODY, body)[0] for path in acts},
            "form, origin null": {ask(address, "POST", path, cookie | FORM_BODY | {"Origin": "null"}, body)[0] for path in acts},
            "DNS rebinding with curl": {_curl_rebound(port, cookie, path) for path in pages},
        }
        own = ask(address, "GET", "/people", cookie | {"Sec-Fetch-Site": "same-origin"})[0]
        after = said(home_folder)
    told = "; ".join(f"{name}: {sorted(found)}" for name, found in statuses.items())
    held = all(found == {403} for found in statuses.values()) and own == 200 and after == before
    return Outcome(
        f"{len(pages)} pages, {len(acts)} forms. {told}. Its own page: {own}. Corrections before and after: {before}, {after}", held
    )


def _curl_rebound(port: str, cookie: dict[str, str], path: str) -> int:
    """Request by curl as a browser does whose DNS points evil.example at this machine."""
    if not shutil.which("curl"):
        return ask(f"http://127.0.0.1:{port}", "GET", path, {"Host": f"evil.example:{port}"} | cookie)[0]
    command = ["curl", "--silent", "--noproxy", "*", "--resolve", f"evil.example:{port}:127.0.0.1", "--output", os.devnull]
    command += ["--write-out", "%{http_code}", "--header", f"Cookie: {cookie['Cookie']}", f"http://evil.example:{port}{path}"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def not_let_in(folder: Path) -> Outcome:
    """Try to get in without a token, with a used token, with made-up cookies, and from another account of this machine."""
    with app(folder) as (home_folder, link):
        address, cookie = let_in(link)
        port = address.rpartition(":")[2]
        pages, acts = addresses(open_home(home_folder), "GET"), addresses(open_home(home_folder), "POST")
        video = open_home(home_folder).store.keys("videos")[0]
        face = open_home(home_folder).store.get("detections", video, ["face_id"])["face_id"][0]
        pages += [f"/media/video/{video}", f"/media/face/{video}/{face}.jpg", f"/media/frame/{video}/{face}.jpg"]
        name = f"meetbefore_{port}"
        statuses = {
            "nothing": {ask(address, "GET", path, {})[0] for path in pages},
            "forms": {ask(address, "POST", path, FORM_BODY, "token=x")[0] for path in acts},
            "a cookie that was made up": {ask(address, "GET", path, {"Cookie": f"{name}=x"})[0] for path in pages},
            "a cookie of another port": {
                ask(address, "GET", path, {"Cookie": cookie["Cookie"].replace(name, "meetbefore_1")})[0] for path in pages
            },
        }
        tokens = {
            "used": ask(address, "GET", f"/{link.partition('://')[2].partition('/')[2]}", {})[0],
            "made up": ask(address, "GET", "/enter?token=x", {})[0],
            "password where there is none": ask(address, "POST", "/enter", FORM_BODY, "password=")[0],
        }
        other = _as_another_account(home_folder, address)
        let_in_again = meetbefore("app", "--link", "--home", home_folder)
        fresh = re.search(r"http://\S+/enter\?token=\S+", let_in_again.stdout)
        again = ask(address, "GET", "/people", let_in(fresh[0])[1])[0] if fresh else 0
    told = "; ".join(f"{what}: {sorted(found)}" for what, found in statuses.items())
    told += f". Tokens: {tokens}. Another account: {other}. By `meetbefore app --link`: {again}"
    held = all(found == {401} for found in statuses.values()) and set(tokens.values()) == {403, 405} and again == 200
    return Outcome(told, held and other in ("not tried (only root can become somebody else)", "page 401, links denied"))


def _as_another_account(home_folder: Path, address: str) -> str:
    if os.getuid() != 0:
        return "not tried (only root can become somebody else)"
    nobody = pwd.getpwnam("nobody").pw_uid
    code = (
        "import os,sys,http.client,encodings.idna\n"
        f"os.setgid({nobody});os.setuid({nobody})\n"
        f"c=http.client.HTTPConnection({address.removeprefix('http://')!r});c.request('GET','/people')\n"
        "print('page',c.getresponse().status,end=', ')\n"
        "try: os.listdir(sys.argv[1]);print('links open')\n"
        "except PermissionError: print('links denied')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(home_folder / "web" / "links")], capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr.strip()


def change_unasked(folder: Path) -> Outcome:
    """Try to change something by GET, without a form token, with another browser's token, and with bodies that are not forms."""
    with app(folder) as (home_folder, link):
        address, cookie = let_in(link)
        more = meetbefore("app", "--link", "--home", home_folder).stdout
        other_cookie = let_in(re.search(r"http://\S+/enter\?token=\S+", more)[0])[1]  # type: ignore[index]
        other = form_token(address, other_cookie)
        before, acts = said(home_folder), addresses(open_home(home_folder), "POST")
        json_body, plain = {"Content-Type": "application/json"}, {"Content-Type": "text/plain"}
        by_get = set()
        for path in acts:
            if path not in addresses(open_home(home_folder), "GET"):
                by_get.add(ask(address, "GET", f"{path}?name=Eve&token={other}", cookie)[0])
        statuses = {
            "by GET": by_get,
            "without the token": {ask(address, "POST", path, cookie | FORM_BODY, "name=Eve")[0] for path in acts},
            "the token of another browser": {ask(address, "POST", path, cookie | FORM_BODY, f"name=Eve&token={other}")[0] for path in acts},
            "JSON": {ask(address, "POST", path, cookie | json_body, json.dumps({"token": other}))[0] for path in acts},
            "text/plain": {ask(address, "POST", path, cookie | plain, f"token={other}")[0] for path in acts},
            "PUT, DELETE": {ask(address, method, path, cookie | FORM_BODY)[0] for path in acts for method in ("PUT", "DELETE")},
        }
        after = said(home_folder)
    wanted = {"by GET": {405}, "JSON": {415}, "text/plain": {415}}
    told = "; ".join(f"{what}: {sorted(found)}" for what, found in statuses.items())
    held = all(found == wanted.get(what, {403}) for what, found in statuses.items()) and after == before
    return Outcome(f"{len(acts)} forms. {told}. Corrections before and after: {before}, {after}", held)


class _Markup(HTMLParser):
    """Collects inline scripts, styles and event handlers of a page, and what it loads from other hosts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script" and not str(given.get("src", "")).startswith("/static/"):
            self.found.append("script in the page")
        self.found += [f"{name} of {tag}" for name in given if name.startswith("on") or name == "style"]
        for name in ("src", "href", "action"):
            value = str(given.get(name) or "")
            if re.match(r"\s*(javascript|data|https?|//)", value, re.IGNORECASE):
                self.found.append(f"{name}={value[:60]}")
        if tag == "img" and given.get("src") == "x":
            self.found.append("an image of the name")


def ids_and_names(folder: Path) -> Outcome:
    """Request files by path tricks in ids, and give people and files names with markup."""
    with app(folder) as (home_folder, link):
        address, cookie = let_in(link)
        form_token(address, cookie)  # until the archive is read, every page answers 503
        video = open_home(home_folder).store.keys("videos")[0]
        asked, leaked = [], 0
        for trick in TRICKS:
            for place in (
                "media/video/{}",
                "media/face/{}/x.jpg",
                f"media/face/{video}/{{}}.jpg",
                "media/frame/{}/x.jpg",
                "static/{}",
                "person/{}",
            ):
                status, body = ask(address, "GET", f"/{place.format(trick)}", cookie)
                asked.append(status)
                leaked += "root:" in body or "sources =" in body or "[matching]" in body
        harm, shown, policies = list[str](), 0, set[str]()
        html = {"Accept": "text/html"}
        for path in [
            *addresses(open_home(home_folder), "GET"),
            f"/people?search={urllib.parse.quote(MARKUP)}",
            f"/person/{urllib.parse.quote(MARKUP, safe='')}",
        ]:
            _, body = ask(address, "GET", path, cookie | html)
            if body.startswith("{"):  # JSON, saved as a file and never shown
                continue
            parser = _Markup()
            parser.feed(body)
            harm += [f"{path}: {one}" for one in parser.found]
            shown += "&lt;script&gt;" in body
            policies.add("unsafe-inline" if "unsafe" in _policy(address, path, cookie) else "strict")
    held = set(asked) == {404} and not leaked and not harm and shown > 0 and policies == {"strict"}
    return Outcome(
        f"{len(asked)} paths in ids: {sorted(set(asked))}, {leaked} files read. The name stands escaped in {shown} pages, as markup in: "
        f"{harm or 'none'}. Policies: {policies}",
        held,
    )


def _policy(address: str, path: str, cookie: dict[str, str]) -> str:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
    try:
        connection.request("GET", path, None, cookie)
        return str(connection.getresponse().headers.get("Content-Security-Policy", "unsafe: none"))
    finally:
        connection.close()


def open_to_others(folder: Path) -> Outcome:
    """Try to listen on the network without a password, with a short one, or with one that others can read; then guess passwords."""
    home_folder, file = folder / "home", folder / "password"
    refused = [meetbefore("app", "--home", home_folder, "--no-browser", "--host", "0.0.0.0").stderr.strip().partition("\n")[0]]
    file.write_text("short\n")
    file.chmod(0o600)
    words = ("app", "--home", home_folder, "--no-browser", "--host", "0.0.0.0", "--password-file", file)
    refused.append(meetbefore(*words).stderr.strip().partition("\n")[0])
    file.write_text("long enough for once\n")
    file.chmod(0o644)
    refused.append(meetbefore(*words).stderr.strip().partition("\n")[0])
    with served(home_folder, "app", "Ctrl-C") as link:
        address = link.partition("/enter")[0]
        begun = time.monotonic()
        without = {ask(address, "POST", "/enter", FORM_BODY, "password=x")[0] for _ in range(3)}
        took_s = time.monotonic() - begun
    told = " | ".join(refused) + f" | guesses where there is no password: {sorted(without)} in {took_s:.1f} s"
    marks = ("there is no password", "12 characters", "others can read")
    return Outcome(told, all(mark in line for mark, line in zip(marks, refused, strict=True)) and without == {405})


ATTACKS = [
    Attack("27", "the app asked by other sites, other ports, a foreign name (curl), with the user's cookie", from_elsewhere),
    Attack("28", "the app without a token, with a used one, from another account", not_let_in),
    Attack("29", "the app: a GET that changes, forms without their token, other bodies", change_unasked),
    Attack("30", "the app: paths in ids; people and files called by markup", ids_and_names),
    Attack("31", "the app for other machines without a good password", open_to_others),
]
