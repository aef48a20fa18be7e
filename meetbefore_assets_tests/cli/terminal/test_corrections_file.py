"""`corrections export` and `import` as the user meets them: what is printed, exit codes, and files that are none."""

import io
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from meetbefore_assets.cli.main import _exit_code_of, cli
from meetbefore_assets.cli.terminal.corrections_file import import_file, print_import, write_export
from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.corrections_file import MOST_BYTES, read_file
from meetbefore_assets.review import make_corrections
from meetbefore_assets_tests.support.carried import ANN, CAT, MONDAY, TUESDAY, WEDNESDAY, copied, face_of, home_of_cast, person_of
from meetbefore_assets_tests.support.project import StepsAlone

pytestmark = pytest.mark.slow

HOSTILE = "[red]Ann[/red] =1+1"


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[StepsAlone, StepsAlone]:
    root = tmp_path_factory.mktemp("files")
    return home_of_cast(root / "said"), home_of_cast(root / "part", [MONDAY, TUESDAY], models=2)


@pytest.fixture
def file(archives: tuple[StepsAlone, StepsAlone], tmp_path: Path) -> Path:
    """A file of three corrections, one of which is about a recording that the other home lacks."""
    home = copied(archives[0], tmp_path / "said").home
    make_corrections.name_person(home, person_of(home, ANN), HOSTILE)
    make_corrections.not_same(home, person_of(home, ANN), person_of(home, CAT))
    make_corrections.portrait(home, face_of(home, WEDNESDAY, 8.0, ANN))
    path = tmp_path / "mine.json"
    assert "3 corrections written to" in printed(lambda out: write_export(out, home, path))
    return path


@pytest.fixture
def home(archives: tuple[StepsAlone, StepsAlone], tmp_path: Path) -> Home:
    return copied(archives[1], tmp_path / "part", models=2).home


def printed(write: object) -> str:
    out = io.StringIO()
    write(Console(file=out, width=200, highlight=False))  # type: ignore[operator]
    return out.getvalue()


def test_what_fits_and_what_does_not_is_told_with_place_and_reason(file: Path, home: Home) -> None:
    done = import_file(home, file)
    lines = printed(lambda out: print_import(out, home, done)).splitlines()
    assert lines[0] == "2 corrections imported, 1 left out."
    assert lines[1] == f"2 faces of those imported not found in {WEDNESDAY}: the recording is not in this home"
    assert lines[2].split() == ["said", "what", "where", "left", "out", "because"]
    assert f"portrait  {WEDNESDAY} at 8.0 s  the recording is not in this home" in lines[3]
    again = import_file(home, file)
    assert printed(lambda out: print_import(out, home, again)).startswith("0 corrections imported, 2 on record before, 1 left out.")


def test_a_name_is_printed_as_it_is(file: Path, home: Home) -> None:
    make_corrections.name_person(home, person_of(home, CAT), HOSTILE)
    done = import_file(home, file)
    assert f"named '{HOSTILE}'" in printed(lambda out: print_import(out, home, done))


def test_only_its_owner_reads_the_file(file: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(read_file(file.read_bytes()).carried) == 3


def test_an_export_needs_a_folder_to_lie_in(home: Home, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere" / "mine.json"):
        with pytest.raises(UsageError, match="expected the name of a file to write"):
            write_export(Console(file=io.StringIO()), home, path)


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which nothing was done yet."""
    for name in ("DAGSTER_HOME", "MEETBEFORE_HOME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    folder = tmp_path / "empty"
    (folder / "record").mkdir(parents=True)
    return folder


def corrections(*words: object) -> Result:
    return CliRunner().invoke(cli, ["corrections", *(str(word) for word in words)])


def test_the_exit_code_says_whether_all_fits_and_the_home_may_stand_before_or_after(file: Path, empty: Path, tmp_path: Path) -> None:
    assert "No corrections yet." in corrections("--home", empty).output
    done = corrections("import", file, "--home", empty)
    assert (done.exit_code, "0 corrections imported, 3 left out." in done.output) == (1, True)
    assert corrections("--home", empty, "export", tmp_path / "none.json").exit_code == 0
    done = corrections("--home", empty, "import", tmp_path / "none.json")
    assert (done.exit_code, done.output) == (0, "0 corrections imported, 0 left out.\n")


def bad_files(folder: Path, good: bytes) -> list[tuple[Path, str]]:
    torn, version, huge, pipe = (folder / name for name in ("torn.json", "version.json", "huge.json", "pipe.json"))
    torn.write_bytes(good[: len(good) // 2])
    version.write_bytes(good.replace(b'"version": 1', b'"version": 7'))
    with huge.open("wb") as hole:
        hole.truncate(MOST_BYTES + 1)
    os.mkfifo(pipe)
    return [
        (torn, "this is no file of corrections"),
        (version, "expected 'meetbefore corrections' of version 1, found 'meetbefore corrections' of version 7"),
        (huge, "more than 268,435,456 bytes"),
        (pipe, "it is a named pipe"),
        (folder, "it is a folder"),
        (folder / "nowhere.json", "there is no file"),
    ]


def test_what_is_no_file_of_corrections_is_a_sentence_and_exit_code_2(
    file: Path, empty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, told in bad_files(tmp_path, file.read_bytes()):
        words = ["corrections", "import", str(path), "--home", str(empty)]
        assert _exit_code_of(lambda words=words: cli(words, standalone_mode=False)) == 2  # type: ignore[misc]
        assert told in capsys.readouterr().err
