"""The pages in a real browser: what one does with keys and mouse, what is seen at once, and that nobody is kept out."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meetbefore_assets.home.home import Home
from meetbefore_assets_tests.support.app import copy_of, make_project, served
from meetbefore_assets_tests.support.browser import Looking, chromium, looking

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CARDS, NOTICE = ".card", "#correction-notice p"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_project(tmp_path_factory.mktemp("archive")).home


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def look(archive: Home, browser: "Browser", tmp_path: Path) -> Iterator[Looking]:
    """The first page, of a browser that was let in; at the end nothing may have gone wrong on any page."""
    with served(copy_of(archive, tmp_path / "home")) as address, looking(browser, address) as look:
        yield look
        assert look.trouble == []


def wait_for_text(look: Looking, selector: str, text: str) -> None:
    look.page.wait_for_function("([selector, text]) => document.querySelector(selector)?.innerText.includes(text)", arg=[selector, text])


def people(look: Looking) -> list[str]:
    return [str(one) for one in look.page.eval_on_selector_all(".card", "cards => cards.map(card => card.dataset.person)")]


def go(look: Looking, path: str) -> None:
    from urllib.parse import urljoin

    look.page.goto(urljoin(look.page.url, path))


def test_two_are_merged_in_three_actions(look: Looking) -> None:
    go(look, "/people?who=everybody")
    before = people(look)
    look.click(".pick", 0)
    look.click(".pick", 1)
    look.press("m")
    wait_for_text(look, NOTICE, "Merged into")
    assert look.actions == 3
    assert len(people(look)) == len(before) - 1


def test_three_are_merged_by_keyboard_alone_and_z_undoes_and_redoes_it(look: Looking) -> None:
    go(look, "/people?who=everybody")
    before = people(look)
    look.press("ArrowRight", "x", "ArrowRight", "x", "ArrowRight", "x")
    assert look.text("output.selected") == "3 selected"
    look.press("m")
    wait_for_text(look, NOTICE, "Merged into")
    assert len(people(look)) == len(before) - 2
    look.press("z")
    wait_for_text(look, NOTICE, "Undone: ")
    assert people(look) == before
    look.press("z")
    wait_for_text(look, NOTICE, "Redone: ")
    assert len(people(look)) == len(before) - 2


def test_shift_click_and_a_box_drawn_with_the_mouse_select_many(look: Looking) -> None:
    look.click(".pick", 0)
    look.click(".pick", 2, modifiers=["Shift"])
    assert look.text("output.selected") == "3 selected"
    look.press("Escape")
    assert look.page.locator(".pick input:checked").count() == 0
    first, second = (look.page.locator(CARDS).nth(place).bounding_box() for place in (0, 1))
    assert first
    assert second
    look.page.mouse.move(first["x"] - 8, first["y"] - 6)
    look.page.mouse.down()
    look.page.mouse.move(second["x"] + 20, second["y"] + 20, steps=4)
    look.page.mouse.up()
    assert look.text("output.selected") == "2 selected"


def test_a_name_takes_two_actions_besides_typing(look: Looking) -> None:
    look.page.locator(".card .go").first.focus()
    look.press("n")
    look.page.wait_for_selector("#name:focus")
    look.page.keyboard.type("Ann")
    look.press("Enter")
    wait_for_text(look, NOTICE, "Named “Ann”")
    assert look.actions == 2
    assert look.page.title() == "Ann · meetbefore"


def test_the_search_finds_while_one_types(look: Looking) -> None:
    look.page.locator(".card .go").first.focus()
    look.press("n")
    look.page.wait_for_selector("#name:focus")
    look.page.keyboard.type("Ann")
    look.press("Enter")
    wait_for_text(look, NOTICE, "Named")
    go(look, "/people")
    look.press("/")
    look.page.keyboard.type("an")
    look.page.wait_for_function("() => document.querySelectorAll('.card').length === 1")
    look.page.keyboard.type("n")
    look.page.wait_for_url("**find=ann*")
    assert look.page.input_value("#find") == "ann"
    assert look.text(".card h3") == "Ann"


def test_a_person_is_ignored_with_one_key(look: Looking) -> None:
    before = people(look)
    look.page.locator(".card .go").first.focus()
    look.press("i")
    wait_for_text(look, NOTICE, "is ignored")
    assert people(look) == before[1:]


def test_faces_that_are_somebody_else_leave_with_their_appearance(look: Looking) -> None:
    look.click(".card .go")
    look.page.wait_for_selector(".face")
    faces = look.page.locator(".face").count()
    look.click(".face .pick", 0)
    along = look.page.locator(".face.along").count()
    look.press("s")
    wait_for_text(look, NOTICE, "are not")
    assert look.page.locator(".face").count() == faces - 1 - along


def test_what_is_no_face_leaves(look: Looking) -> None:
    look.click(".card .go")
    look.page.wait_for_selector(".face")
    faces = look.page.locator(".face").count()
    look.click(".face .pick", 0)
    look.press("f")
    wait_for_text(look, NOTICE, "not a face")
    assert look.page.locator(".face").count() == faces - 1


def test_what_the_command_line_says_is_seen_without_a_reload(look: Looking, tmp_path: Path) -> None:
    from meetbefore_assets.review.make_corrections import name_person
    from meetbefore_assets_tests.support.fakes import fake_home

    name_person(fake_home(tmp_path / "home"), people(look)[0], "Anthony")
    wait_for_text(look, ".card h3", "Anthony")


def test_every_page_is_reached_and_used_by_keyboard(look: Looking) -> None:
    reached = set()
    for _ in range(11):  # to the switch of the language
        look.press("Tab")
        name, is_seen = look.page.evaluate(
            "(() => { const at = document.activeElement; return [at.className || at.innerText || at.id,"
            " getComputedStyle(at).outlineStyle !== 'none' || at.matches('.go')]; })()"
        )
        assert is_seen, name
        reached.add(name)
    assert {"skip", "brand"} <= reached
    look.press("?")
    assert look.page.locator("#keys").is_visible()
    look.press("Escape")
    assert not look.page.locator("#keys").is_visible()


def test_it_works_without_script(archive: Home, browser: "Browser", tmp_path: Path) -> None:
    with served(copy_of(archive, tmp_path / "home")) as address, looking(browser, address, java_script_enabled=False) as look:
        go(look, "/people?who=everybody")
        before = look.page.locator(CARDS).count()
        look.page.locator(".pick input").nth(0).check()
        look.page.locator(".pick input").nth(1).check()
        look.click("button[value=merge]")
        assert look.page.locator(CARDS).count() == before - 1
        look.click("#correction-notice button")
        assert look.page.locator(CARDS).count() == before
        look.click(".card .go")
        look.page.fill("#name", "Ann")
        look.press("Enter")
        look.page.wait_for_selector(NOTICE)
        assert look.page.title() == "Ann · meetbefore"
        assert look.trouble == []


def test_another_threshold_is_tried_by_keyboard_applied_and_taken_back(look: Looking) -> None:
    go(look, "/threshold")
    look.page.focus("#at")
    for at in ("0.51", "0.52", "0.53"):
        look.press("ArrowRight")
        wait_for_text(look, ".trial output", at)
    assert str(look.page.get_attribute("#at", "aria-valuetext")).startswith("0.53: ")
    assert look.page.evaluate("document.activeElement.id") == "at"
    look.page.fill("#at", "0.25")
    wait_for_text(look, ".trial output", "0.25")
    assert look.page.locator(".pairs li").count() > 0
    look.click("button:has-text('Apply 0.25')")
    wait_for_text(look, ".notice", "The setting is 0.25")
    look.click("button:has-text('Back to automatic')")
    look.page.wait_for_selector("text=This is the threshold in force.")


def test_the_slider_is_dragged_with_the_mouse_and_the_figures_follow_while_it_is_held(look: Looking) -> None:
    go(look, "/threshold")
    slider = look.page.locator("#at").bounding_box()
    assert slider
    height = slider["y"] + slider["height"] / 2
    look.page.mouse.move(slider["x"] + slider["width"] / 2, height)
    look.page.mouse.down()
    for share in (0.6, 0.4, 0.2):
        look.page.mouse.move(slider["x"] + slider["width"] * share, height, steps=5)
        now = look.page.input_value("#at")
        wait_for_text(look, ".trial output", now)
        assert float(now) == pytest.approx(0.25 + share * 0.5, abs=0.02)
    look.page.mouse.up()
    look.page.wait_for_url(f"**at={now}")


PAGES = (
    "/people",
    "/people?who=everybody&layout=list",
    "/once",
    "/review",
    "/corrections",
    "/videos",
    "/threshold?at=0.25",
    "/report",
    "PERSON",
    "MOMENT",
    "VIDEO",
)


@pytest.mark.parametrize(("width", "theme", "language"), [(1280, "light", "en"), (390, "dark", "zh-CN")])
def test_axe_finds_nothing(archive: Home, browser: "Browser", tmp_path: Path, width: int, theme: str, language: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    view = {"viewport": {"width": width, "height": 900}, "color_scheme": theme, "locale": language}
    with served(copy_of(archive, tmp_path / "home")) as address, looking(browser, address, **view) as look:
        person = people(look)[0]
        go(look, f"/person/{person}")
        moment = look.page.locator(".faces .go").first.get_attribute("href")
        look.page.fill("#name", "Ann")
        look.press("Enter")
        look.page.wait_for_selector(NOTICE)
        go(look, "/videos")
        video = str(look.page.locator(".videos .go").first.get_attribute("href"))
        for path in PAGES:
            go(look, {"PERSON": f"/person/{person}", "MOMENT": str(moment), "VIDEO": video}.get(path, path))
            assert look.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} scrolls sideways"
            found = axe.run(look.page).response["violations"]
            assert [(path, one["id"], one["nodes"][0]["html"][:200]) for one in found] == []
        assert [one for one in look.trouble if "/media/video/" not in one and "Failed to load resource" not in one] == []


def test_a_moment_plays_and_can_be_sought(look: Looking) -> None:
    look.click(".card .go")
    look.page.wait_for_selector(".meetings a")
    look.click(".meetings a")
    video = "document.querySelector('#player video')"
    look.page.wait_for_function(f"() => {video}?.readyState >= 2")
    begun = look.page.evaluate(f"{video}.currentTime")
    look.press("Space")
    look.page.wait_for_function(f"begun => {video}.currentTime > begun", arg=begun)
    look.page.evaluate(f"{video}.pause(), {video}.currentTime = {video}.duration / 2")
    look.page.wait_for_function(f"() => !{video}.seeking && Math.abs({video}.currentTime - {video}.duration / 2) < 0.2")
    assert look.page.locator(".frames li").count() > 0
