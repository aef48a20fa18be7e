"""What `people` and `show` say."""

import io
import stat
from pathlib import Path

import pytest
from rich.console import Console

from meetbefore_assets.cli.terminal.person import print_faces, print_person
from meetbefore_assets.cli.terminal.pictures import Faces, can_show_images, inline_image
from meetbefore_assets.cli.terminal.ranking import print_ranking
from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities import queries
from meetbefore_assets_tests.support.record import Record, Seen, dji

ZONE = "UTC"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Ann is met on three Tuesdays around nine, Bob once with her and once without; Cy once."""
    record = Record(tmp_path / "home")
    record.video(dji(4), [Seen("ann", range(5, 15), "bob"), Seen("bob", [6.0, 7.0])])
    record.video(dji(11), [Seen("ann", [61.0]), Seen("cy", [300.0])])
    record.video(dji(18), [Seen("ann", [1.0])])
    record.video(dji(20, 18), [Seen("bob", [1.0])])
    return record.finish(names={"bob": "[red]Bob\x1b[31m"})


def ranking(home: Home, width: int, *, show_all: bool = False) -> list[str]:
    out = io.StringIO()
    print_ranking(Console(file=out, width=width), queries.people_table(home), ZONE, show_all=show_all)
    return out.getvalue().splitlines()


# Whoever is joined at these thresholds is one person so surely.
SURE = {0.3: 0.1, 0.4: 0.62, 0.5: 0.97}


def story(home: Home, person: str, folder: Path | None = None, *, is_terminal: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=160, highlight=False, soft_wrap=True, force_terminal=is_terminal)
    people = queries.people_table(home)
    faces = Faces(home, console, person, folder)
    print_person(console, person, people, queries.person_encounters(home, person), queries.assigned_faces(home), ZONE, 0.4, SURE, faces)
    faces.print_where()
    return out.getvalue()


def test_the_ranking_is_told_in_sentences_where_there_is_room(home: Home) -> None:
    wide = ranking(home, 160)
    assert "3 encounters on 3 days over 14 days, last on Tuesday 18 March 2025" in wide[1]
    assert "mostly on Tuesdays (3 of 3 days), around 08:00" in wide[1]
    assert "1 person seen once (to list them: meetbefore people --all)." in wide[-1]
    assert any("seen once, on Tuesday 11 March 2025" in line for line in ranking(home, 160, show_all=True))


@pytest.mark.parametrize("width", [40, 60, 80, 104, 120, 150])
def test_every_line_fits_its_terminal(home: Home, width: int) -> None:
    lines = ranking(home, width)
    assert max(len(line) for line in lines[:-1]) <= width
    assert "ann" in lines[1]
    assert "2025" in "".join(lines) or width < 60


def test_one_story(home: Home) -> None:
    text = story(home, "ann")
    assert text.startswith("ann  3 encounters on 3 days over 14 days, last on Tuesday 18 March 2025")
    assert "Always around 08:00 on Tuesdays; visible for 12 s in 3 videos" in text
    assert "1. Tue 4 Mar 2025 08:00:05\n" in text
    assert f"{dji(4)} at 0:05, 0:06, 0:07, 0:08, 0:09, 0:10 and 4 more   (10 faces, similarity 0.62)" in text
    assert "2. Tue 11 Mar 2025 08:01:01, 7 days later" in text
    assert "AreWeMeetBefore's time span metric" in text
    assert "All faces" not in text
    assert "Why one person: 12 faces in 3 tracks, similarity typically 0.62, lowest 0.62 (people are joined from 62% sure on)." in text
    assert "Most similar other person: [red]Bob�[31m, 0.31 at most." in text


def test_every_face_is_one_line(home: Home) -> None:
    out = io.StringIO()
    print_faces(Console(file=out, width=60, highlight=False), "ann", queries.assigned_faces(home), ZONE)
    lines = out.getvalue().splitlines()
    assert len(lines) == 12
    assert lines[0] == f"2025-03-04 08:00  {dji(4)}@0:05  0.62  v0000-ann-0"
    assert lines[-1] == f"2025-03-18 08:00  {dji(18)}@0:01  0.62  v0002-ann-0"


def test_names_cannot_speak_to_the_terminal(home: Home) -> None:
    for text in (story(home, "ann"), story(home, "bob"), "\n".join(ranking(home, 160))):
        assert "[red]Bob�[31m" in text
        assert "\x1b" not in text
    assert "together with [red]Bob" in story(home, "ann")


def test_pictures_are_files_where_a_folder_is_named(home: Home, tmp_path: Path) -> None:
    text = story(home, "ann", tmp_path / "faces")
    written = sorted((tmp_path / "faces").iterdir())
    assert [path.name for path in written] == ["ann-001.jpg", "ann-002.jpg", "ann-003.jpg"]
    assert all(str(path) in text and stat.S_IMODE(path.stat().st_mode) == 0o600 for path in written)
    assert written[0].read_bytes().endswith(b"v0000-ann-0")
    for bad in (written[0], tmp_path / "nowhere" / "faces"):
        with pytest.raises(UsageError, match="cannot write pictures"):
            story(home, "ann", bad)


def test_pictures_stand_in_the_text_where_the_terminal_can(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM_PROGRAM", "WezTerm")
    assert story(home, "ann", is_terminal=True).count("\x1b]1337;File=inline=1;") == 3
    assert "1337" not in story(home, "ann")
    assert inline_image(b"abc") == "\x1b]1337;File=inline=1;size=3;height=5;preserveAspectRatio=1:YWJj\a"


@pytest.mark.parametrize(
    ("environment", "is_able"),
    [({}, False), ({"TERM_PROGRAM": "iTerm.app"}, True), ({"KONSOLE_VERSION": "220400"}, True), ({"KONSOLE_VERSION": "210800"}, False)],
)
def test_which_terminals_show_pictures(environment: dict[str, str], is_able: bool) -> None:
    assert can_show_images(environment) is is_able
