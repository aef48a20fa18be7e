"""The pages without a browser: what they show, what forms do, and what they must never do."""

import datetime as dt
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.corrections import KINDS, Anchor, correction
from meetbefore_assets.identities.queries import assigned_faces, people_table
from meetbefore_assets.identities.stored_corrections import read_corrections, write_correction
from meetbefore_assets.open_home import open_home
from meetbefore_assets.recordings.failures import record_failure
from meetbefore_assets.recordings.intake import import_recordings, known_videos
from meetbefore_assets_tests.support.app import Asked, asked, copy_of, make_project

MARKUP = "<b onmouseover=alert(1)>\"Ann\" & 'co'</b>"
EVERYBODY = "?who=everybody"
VOID = {"meta", "img", "input", "br", "link", "source"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_project(tmp_path_factory.mktemp("archive")).home


@pytest.fixture
def app(archive: Home, tmp_path: Path) -> Iterator[Asked]:
    with asked(copy_of(archive, tmp_path / "home")) as app:
        yield app


class Markup(HTMLParser):
    """The elements of a page; every tag must be closed, and ids stand once."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open
        ids = [attrs["id"] for _, attrs in self.elements if "id" in attrs]
        assert len(ids) == len(set(ids))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def values(self, tag: str, name: str, attribute: str = "value") -> list[str]:
        return [
            str(attrs[attribute]) for found, attrs in self.elements if found == tag and attrs.get("name") == name and attribute in attrs
        ]


def people(app: Asked, query: str = "") -> list[str]:
    """Ids of the people who are listed, in order."""
    return Markup(app.get(f"/people{query}")).values("input", "person")


def addresses(app: Asked) -> list[str]:
    """Every page of the app."""
    person = people(app)[0]
    page = app.get(f"/person/{person}")
    moment = re.findall(r'href="(/moment/\w+)"', page)[0]
    lists = ["/people", "/people?layout=list&who=everybody", "/once", "/review", "/corrections", "/videos"]
    video = re.findall(r'href="(/video/[\w-]+)"', app.get("/videos"))[0]
    return [*lists, f"/person/{person}", f"/person/{person}?encounters=all", moment, video]


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_page_is_whole_and_in_one_language(app: Asked, language: str) -> None:
    app.client.headers["accept-language"] = language
    for address in addresses(app):
        page = Markup(app.get(address))
        assert page.elements[0] == ("html", {"lang": language})
        words = page.text.replace("中文", "")
        assert bool(CHINESE.search(words)) == (language == "zh-CN"), address
        assert not re.search(r"\{\w+\}", words)


def test_pages_hold_no_script_and_no_style_of_their_own_and_name_no_other_host(app: Asked) -> None:
    for address in addresses(app):
        for tag, attrs in Markup(app.get(address)).elements:
            assert "style" not in attrs
            assert not any(name.startswith("on") for name in attrs)
            assert tag != "style"
            assert tag != "script" or attrs["src"] in ("/static/app.js", "/static/videos.js")
            for name in ("src", "href", "action"):
                assert not re.match(r"\w+:|//", attrs.get(name) or ""), (address, tag, attrs)


def test_every_picture_has_a_text_for_those_who_do_not_see_it_and_every_field_a_label(app: Asked) -> None:
    for address in addresses(app):
        page = Markup(app.get(address))
        labelled = {attrs.get("for") for tag, attrs in page.elements if tag == "label"}
        for tag, attrs in page.elements:
            assert tag != "img" or "alt" in attrs
            if tag == "input" and attrs.get("type") in (None, "search"):
                assert attrs["id"] in labelled


def test_looking_changes_nothing(app: Asked) -> None:
    home = app.home
    before = (people_table(home).to_dicts(), read_corrections(home))
    person, other = people(app)[:2]
    for address in [
        *addresses(app),
        f"/people/act?do=merge&person={person}&person={other}",
        f"/person/{person}/name?name=Ann",
        "/corrections/undo",
    ]:
        app.client.get(address)
    assert (people_table(home).to_dicts(), read_corrections(home)) == before


def test_a_form_without_its_token_does_nothing(app: Asked) -> None:
    person = people(app)[0]
    answer = app.client.post(f"/person/{person}/name", data={"name": "Ann"})
    assert answer.status_code == 403
    assert read_corrections(app.home) == []


def test_a_name_is_seen_at_once_and_escaped_everywhere(app: Asked) -> None:
    person = people(app)[0]
    page = Markup(app.post(f"/person/{person}/name", name=f"  {MARKUP} "))
    assert page.values("input", "name") == [MARKUP]
    app.post("/people/act", do="companion", person=people(app)[0])
    for address in addresses(app):
        markup = Markup(app.get(address))
        assert not any("onmouseover" in attrs for _, attrs in markup.elements), address
    assert MARKUP in Markup(app.get("/people?who=named")).text
    assert people(app, "?find=%22ann%22") == [person]


def test_a_name_that_somebody_has_leads_to_merging(app: Asked) -> None:
    first, second = people(app)[:2]
    app.post(f"/person/{first}/name", name="Ann")
    page = Markup(app.post(f"/person/{second}/name", name="ann"))
    assert page.values("input", "other")[0] == first
    assert page.values("input", "name") == ["ann"]
    merged = Markup(app.post(f"/person/{second}/other", other=first, do="merge"))
    assert merged.values("input", "name") == ["Ann"]
    assert len(people(app, "?who=named")) == 1


def test_three_are_merged_at_once_and_one_undo_takes_it_back(app: Asked) -> None:
    before = people(app, EVERYBODY)
    page = app.post("/people/act", do="merge", person=before[:3])
    assert len(people(app, EVERYBODY)) == len(before) - 2
    named = Markup(page).values("input", "correction")
    assert len(named) == 1
    app.post("/corrections/undo", correction=named)
    assert people(app, EVERYBODY) == before


def test_several_are_ignored_and_one_undo_brings_all_back(app: Asked) -> None:
    before = people(app)
    page = Markup(app.post("/people/act", do="ignored", person=before[:2]))
    assert people(app) == before[2:]
    assert sorted(people(app, "?who=ignored")) == sorted(before[:2])
    app.post("/corrections/undo", correction=page.values("input", "correction"))
    assert people(app) == before


@pytest.mark.parametrize(("do", "selected"), [("merge", 1), ("merge", 0), ("ignored", 0)])
def test_too_few_are_refused_with_the_reason(app: Asked, do: str, selected: int) -> None:
    answer = app.client.post("/people/act", data={"token": app.token, "do": do, "person": people(app)[:selected]})
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text
    assert read_corrections(app.home) == []


def test_faces_leave_a_person_and_move_to_another(app: Asked) -> None:
    first, second = people(app)[:2]
    app.post(f"/person/{second}/name", name="Bob")
    worst = Markup(app.get(f"/person/{first}")).values("input", "face")
    page = app.post(f"/person/{first}/faces", do="split", face=worst[0])
    left = Markup(page).values("input", "face")
    assert worst[0] not in left
    assert len(left) < len(worst)
    moved = app.post(f"/person/{first}/faces", do="move", to="bob", face=left[0])
    assert 'role="alert"' not in moved
    assert left[0] in Markup(app.get(f"/person/{second}")).values("input", "face")


def test_what_is_no_face_is_gone_and_comes_back(app: Asked) -> None:
    person = people(app)[0]
    faces = Markup(app.get(f"/person/{person}")).values("input", "face")
    page = Markup(app.post(f"/person/{person}/faces", do="not-a-face", face=faces[0]))
    assert sorted(page.values("input", "face")) == sorted(faces[1:])
    assert faces[0] in app.get("/corrections")
    app.post("/corrections/undo", correction=page.values("input", "correction"))
    assert sorted(Markup(app.get(f"/person/{person}")).values("input", "face")) == sorted(faces)


def test_a_portrait_is_chosen(app: Asked) -> None:
    person = people(app)[0]
    faces = Markup(app.get(f"/person/{person}")).values("input", "face")
    for face in (faces[-1], faces[0]):
        app.post(f"/person/{person}/faces", do="portrait", face=face)
        listed = re.findall(rf'data-person="{person}">\s*<img[^>]* src="([^"]+)"', app.get("/people"))
        assert listed[0].endswith(f"/{face}.jpg")
    answer = app.client.post(f"/person/{person}/faces", data={"token": app.token, "do": "portrait", "face": faces[:2]})
    assert answer.status_code == 409


def test_an_id_of_before_leads_to_the_person(app: Asked) -> None:
    first, second = people(app)[:2]
    app.post("/people/act", do="merge", person=[first, second])
    now = people(app, EVERYBODY)
    for asked_for in (first, second):
        assert app.client.get(f"/person/{asked_for}").status_code == 200
        assert any(f'data-person="{one}"' in app.get(f"/person/{asked_for}") for one in now)


@pytest.mark.parametrize(
    "address", ["/person/nobody", "/moment/nothing", "/person/%2e%2e%2fsettings.toml", "/moment/..%2f..", "/person/a%00b"]
)
def test_what_is_not_there_is_said(app: Asked, address: str) -> None:
    assert app.client.get(address).status_code == 404


def test_corrections_list_what_was_said_and_undo_and_redo_it(app: Asked) -> None:
    person = people(app)[0]
    app.post(f"/person/{person}/name", name="Ann")
    name = Markup(app.get("/corrections")).values("button", "correction")
    app.post("/corrections/undo", correction=name)
    assert people(app, "?who=named") == []
    redo = Markup(app.get("/corrections")).values("button", "correction")
    assert len(redo) == 1
    assert redo != name
    app.post("/corrections/undo", correction=redo)
    assert people(app, "?who=named") == [person]
    assert Markup(app.get("/corrections")).values("button", "correction") == name


def test_whatever_was_said_is_listed(archive: Home, tmp_path: Path) -> None:
    home = copy_of(archive, tmp_path / "home")
    kinds = [*(kind for kind in KINDS if kind != "undo"), "of-a-later-version"]
    for day, kind in enumerate(kinds, 1):
        said = correction(dt.datetime(2026, 3, day), kind, "me" if kind == "role" else "", [Anchor("v", 1.0, 0, 0, 10, 10)])  # type: ignore[arg-type]
        write_correction(home, said)
    with asked(home) as app:
        page = Markup(app.get("/corrections"))
    assert len(page.values("button", "correction")) == len(kinds)
    assert "“of-a-later-version”, which only a later version of meetbefore knows" in page.text


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nb"])
def test_a_form_leads_to_no_other_server(app: Asked, back: str) -> None:
    fields = {"token": app.token, "do": "companion", "person": people(app)[0], "back": back}
    answer = app.client.post("/people/act", data=fields, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/people?")


def test_the_switch_changes_the_language_for_this_browser(app: Asked) -> None:
    page = app.post("/language", language="zh-CN", back="/corrections")
    assert '<html lang="zh-CN">' in page
    assert '<html lang="zh-CN">' in app.get("/people")
    assert '<html lang="en">' in app.post("/language", language="en", back="/people")


def test_people_seen_once_have_a_page_of_their_own(app: Asked) -> None:
    once = Markup(app.get("/once")).values("input", "person")
    assert len(once) == 1
    assert once[0] not in people(app)


def test_a_moment_names_who_is_seen_and_says_when_its_file_went_away(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    with asked(project.home) as app:
        person = people(app)[0]
        app.post(f"/person/{person}/name", name="Ann")
        faces = assigned_faces(app.home).filter(pl.col("person_id") == person)
        address = f"/moment/{faces['face_id'][0]}"
        assert ">Ann</text>" in app.get(address)
        assert "<video" in app.get(address)
        (project.videos / faces["file_name"][0]).unlink()
        gone = app.get(address)
        assert "<video" not in gone
        assert f"The file is not there: {faces['file_name'][0]}" in Markup(gone).text


def test_the_state_tells_what_changed_and_what_is_on_its_way(app: Asked) -> None:
    before = app.client.get("/state").json()
    app.post(f"/person/{people(app)[0]}/name", name="Ann")
    after = app.client.get("/state").json()
    assert before["version"] != after["version"]
    assert (before["pending"], before["is_busy"]) == ("", False)
    assert (after["pending"], after["is_busy"]) == ("1 answer on the way into the tables", True)


def test_an_empty_home_says_how_to_begin(tmp_path: Path) -> None:
    with asked(open_home(tmp_path)) as app:
        page = Markup(app.get("/people"))
        assert str(tmp_path / "videos") in page.text
        for address in ("/once", "/review", "/corrections", "/videos"):
            Markup(app.get(address))


def test_failed_videos_are_shown_with_their_reason(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    (project.videos / "broken.mp4").write_text("no video")
    import_recordings(project.home, [project.videos])
    broken = next(key for key, video in known_videos(project.home).items() if video.names == ("broken.mp4",))
    record_failure(project.home, broken, "videos", "broken.mp4 is no video.")
    with asked(project.home) as app:
        page = Markup(app.get("/videos"))
    assert "broken.mp4 is no video" in page.text
    assert page.values("button", "video") == [broken]
