"""What `people` and `show` say."""

import io
import stat
from pathlib import Path

import pytest
from rich.console import Console

from meetbefore_assets import reading
from meetbefore_assets.errors import UsageError
from meetbefore_assets.report.terminal import print_ranking
from meetbefore_assets.report.terminal_person import print_person
from meetbefore_assets.report.terminal_pictures import Faces, inline, shows_pictures
from meetbefore_assets.workbench import Workbench
from meetbefore_assets_tests.report.record import Record, Seen, dji

ZONE = "UTC"


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """Ann is met on three Tuesdays around nine, Bob once with her and once without; Cy once."""
    record = Record(tmp_path / "home")
    record.video(dji(4), [Seen("ann", range(5, 15), "bob"), Seen("bob", [6.0, 7.0])])
    record.video(dji(11), [Seen("ann", [61.0]), Seen("cy", [300.0])])
    record.video(dji(18), [Seen("ann", [1.0])])
    record.video(dji(20, 18), [Seen("bob", [1.0])])
    return record.finish(names={"bob": "[red]Bob\x1b[31m"})


def ranking(bench: Workbench, width: int, *, show_all: bool = False) -> list[str]:
    out = io.StringIO()
    print_ranking(Console(file=out, width=width), reading.people_table(bench), ZONE, show_all=show_all)
    return out.getvalue().splitlines()


def story(bench: Workbench, person: str, folder: Path | None = None, *, is_terminal: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=160, highlight=False, soft_wrap=True, force_terminal=is_terminal)
    people = reading.people_table(bench)
    faces = Faces(bench, console, person, folder)
    print_person(console, person, people, reading.person_encounters(bench, person), reading.assigned_faces(bench), ZONE, 0.4, faces)
    faces.print_where()
    return out.getvalue()


def test_the_ranking_is_told_in_sentences_where_there_is_room(bench: Workbench) -> None:
    wide = ranking(bench, 160)
    assert "3 encounters on 3 days over 14 days, last on Tuesday 18 March 2025" in wide[1]
    assert "mostly on Tuesdays (3 of 3 days), around 08:00" in wide[1]
    assert "1 person seen once: `meetbefore people --all` shows them." in wide[-1]
    assert any("seen once, on Tuesday 11 March 2025" in line for line in ranking(bench, 160, show_all=True))


@pytest.mark.parametrize("width", [40, 60, 80, 104, 120, 150])
def test_every_line_fits_its_terminal(bench: Workbench, width: int) -> None:
    lines = ranking(bench, width)
    assert max(len(line) for line in lines[:-1]) <= width
    assert "ann" in lines[1]
    assert "2025" in "".join(lines) or width < 60


def test_one_story(bench: Workbench) -> None:
    text = story(bench, "ann")
    assert text.startswith("ann  3 encounters on 3 days over 14 days, last on Tuesday 18 March 2025")
    assert "Mostly on Tuesdays (3 of 3 days), around 08:00; visible for 12 s in 3 videos" in text
    assert "1. Tue 4 Mar 2025 08:00:05\n" in text
    assert f"{dji(4)} at 0:05, 0:06, 0:07, 0:08, 0:09, 0:10 and 4 more   (10 faces, similarity 0.62 to 0.62)" in text
    assert "2. Tue 11 Mar 2025 08:01:01, 7 days after the one before" in text
    assert "AreWeMeetBefore's time span metric" in text
    assert "All faces" not in text


def test_names_cannot_speak_to_the_terminal(bench: Workbench) -> None:
    for text in (story(bench, "ann"), story(bench, "bob"), "\n".join(ranking(bench, 160))):
        assert "[red]Bob�[31m" in text
        assert "\x1b" not in text
    assert "together with [red]Bob" in story(bench, "ann")


def test_pictures_are_files_where_a_folder_is_named(bench: Workbench, tmp_path: Path) -> None:
    text = story(bench, "ann", tmp_path / "faces")
    written = sorted((tmp_path / "faces").iterdir())
    assert [path.name for path in written] == ["ann-001.jpg", "ann-002.jpg", "ann-003.jpg"]
    assert all(str(path) in text and stat.S_IMODE(path.stat().st_mode) == 0o600 for path in written)
    assert written[0].read_bytes().endswith(b"v0000-ann-0")
    for bad in (written[0], tmp_path / "nowhere" / "faces"):
        with pytest.raises(UsageError, match="cannot write pictures"):
            story(bench, "ann", bad)


def test_pictures_stand_in_the_text_where_the_terminal_can(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM_PROGRAM", "WezTerm")
    assert story(bench, "ann", is_terminal=True).count("\x1b]1337;File=inline=1;") == 3
    assert "1337" not in story(bench, "ann")
    assert inline(b"abc") == "\x1b]1337;File=inline=1;size=3;height=5;preserveAspectRatio=1:YWJj\a"


@pytest.mark.parametrize(
    ("environment", "is_able"),
    [({}, False), ({"TERM_PROGRAM": "iTerm.app"}, True), ({"KONSOLE_VERSION": "220400"}, True), ({"KONSOLE_VERSION": "210800"}, False)],
)
def test_which_terminals_show_pictures(environment: dict[str, str], is_able: bool) -> None:
    assert shows_pictures(environment) is is_able
