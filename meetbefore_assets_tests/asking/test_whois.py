"""Asking with a photograph: who each face is, in words, and nothing of the photograph stays."""

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from meetbefore_assets.asking.pictures import NoAnswerError, photographs_in
from meetbefore_assets.asking.whois import Asking, ask, sentence
from meetbefore_assets.cli import whois as whois_command
from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.home.home import Home
from meetbefore_assets.review import make_corrections
from meetbefore_assets_tests.support.fakes import MEASURED, draw, fake_home, write_video
from meetbefore_assets_tests.support.without_dagster import bring_up_to_date

pytestmark = pytest.mark.slow

ANN, BOB, CAT, DAN = 1, 2, 3, 4
MONDAY, TUESDAY = "DJI_20250303080000_0001_D.mp4", "DJI_20250304080000_0002_D.mp4"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Ann and Bob on two days, Cat on one; Dan never. Ann has a name."""
    made = fake_home(tmp_path / "home", evidence=MEASURED)
    videos = write_video(tmp_path / "videos", MONDAY, [[ANN, BOB], [ANN], [], [], [], [], [CAT], [CAT]]).parent
    write_video(videos, TUESDAY, [[ANN], [ANN], [], [], [], [], [BOB]])
    bring_up_to_date(made, [videos])
    make_corrections.name_person(made, who(made, ANN), "Ann")
    bring_up_to_date(made)
    return made


def who(home: Home, person: int) -> str:
    best = ask(home, photograph(person), "photo.png").faces[0].best
    assert best is not None
    return best.person_id


def photograph(*people: int, moment: int = 200) -> bytes:
    """A picture of some people, from left to right, at a moment that no video shows."""
    data = io.BytesIO()
    Image.fromarray(draw(people, moment)[:, :, ::-1]).save(data, "PNG")
    return data.getvalue()


def told(home: Home, *people: int) -> list[str]:
    answers = ask(home, photograph(*people), "photo.png")
    return [sentence(answer, "UTC", answers.people).en for answer in answers.faces]


def test_somebody_whom_one_met_is_named_with_the_last_time_and_place(home: Home) -> None:
    assert told(home, ANN) == [
        "very likely Ann (>99%): 2 encounters, last on Tue 4 Mar 2025 08:00:01, in DJI_20250304080000_0002_D.mp4 at 0:00; "
        "looked for among 3 people"
    ]


def test_somebody_whom_one_never_met_is_nobody(home: Home) -> None:
    (line,) = told(home, DAN)
    assert line.startswith("nobody you have met (nearest: ")
    assert line.endswith("looked for among 3 people")


def test_of_a_group_picture_every_face_is_answered_from_left_to_right(home: Home) -> None:
    answers = ask(home, photograph(DAN, ANN, BOB), "party.png")
    assert [answer.verdict for answer in answers.faces] == ["nobody", "very likely", "very likely"]
    assert [answer.box[0] for answer in answers.faces] == [0.0, 64.0, 128.0]
    assert answers.faces[1].best is not None
    assert answers.faces[1].best.name == "Ann"


def test_a_short_video_is_asked_with_its_tracks(home: Home, tmp_path: Path) -> None:
    answers = Asking(home).ask_file(write_video(tmp_path / "asked", "who.mp4", [[], [ANN], [ANN], [ANN, DAN]]))
    assert sorted(answer.verdict for answer in answers.faces) == ["nobody", "very likely"]
    assert {answer.time_s for answer in answers.faces} <= {1.0, 2.0, 3.0}


def test_who_one_is_oneself_is_called_you(home: Home) -> None:
    make_corrections.set_role(home, who(home, ANN), "me")
    bring_up_to_date(home)
    assert told(home, ANN)[0].startswith("very likely you (")


def test_a_recogniser_that_nobody_measured_tells_similarities(home: Home) -> None:
    home = fake_home(home.folder)
    bring_up_to_date(home)
    lines = [*told(home, ANN), *told(home, DAN)]
    assert lines[0].startswith("maybe Ann (similarity 0.")
    assert lines[1].startswith("nobody you have met")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"a shopping list", "is no picture"),
        (b"", "is no picture"),
        (photograph()[:-20], "photo.png"),
        (photograph(), "no face was found in photo.png"),
    ],
    ids=["a text", "an empty file", "a torn picture", "nobody in it"],
)
def test_what_is_no_picture_or_has_no_face_is_said(home: Home, data: bytes, why: str) -> None:
    with pytest.raises(NoAnswerError, match=why):
        ask(home, data, "photo.png")


def test_nothing_of_the_photograph_stays(home: Home, tmp_path: Path) -> None:
    def everything() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in home.folder.rglob("*") if path.is_file() and path.suffix != ".lock"}

    before = everything()
    (tmp_path / "asked").mkdir()
    (tmp_path / "asked" / "photo.png").write_bytes(photograph(ANN, DAN))
    Asking(fake_home(home.folder, evidence=MEASURED)).ask_file(tmp_path / "asked" / "photo.png")
    assert everything() == before
    assert [path.name for path in (tmp_path / "asked").iterdir()] == ["photo.png"]


def test_before_anybody_is_on_record_one_is_told_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nobody is on record"):
        Asking(fake_home(tmp_path))


def test_folders_are_searched_for_photographs(tmp_path: Path) -> None:
    for name in ("b.HEIC", "a.jpg", "notes.txt", ".hidden.jpg", "inside/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in photographs_in([tmp_path])] == ["a.jpg", "b.HEIC", "c.png"]
    assert photographs_in([tmp_path / "notes.txt"]) == [tmp_path / "notes.txt"]  # what is named is tried
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no photograph"):
        photographs_in([tmp_path / "empty"])


def test_json_and_pictures_go_together(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whois_command, "home_for_command", lambda *_arguments, **_options: home)
    asked, pictures = tmp_path / "party.png", tmp_path / "pictures"
    asked.write_bytes(photograph(DAN, ANN, BOB))
    result = CliRunner().invoke(whois_command.whois, [str(asked), "--format", "json", "--pictures", str(pictures)])
    assert result.exit_code == 0
    assert [face["verdict"] for face in json.loads(result.stdout)[0]["faces"]] == ["nobody", "very likely", "very likely"]
    assert sorted(path.name for path in pictures.iterdir()) == sorted([f"{who(home, ANN)}-001.jpg", f"{who(home, BOB)}-002.jpg"])
