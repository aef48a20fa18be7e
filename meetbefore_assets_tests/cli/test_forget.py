"""Being forgotten as the user meets it: real models, real clips, real processes, real files."""

import io
import json
from pathlib import Path

import av
import faiss
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from meetbefore_assets.cli.forget import _confirm
from meetbefore_assets.cli.main import cli
from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.demo.footage import write_clips
from meetbefore_assets_tests.cli.test_main import NAMES
from meetbefore_assets_tests.demo.test_footage import CLIPS, shortened
from meetbefore_assets_tests.support.traces import traces

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forget") / "clips"
    write_clips(folder, (shortened(CLIPS[0], 3), shortened(CLIPS[3], 3)))
    return folder


@pytest.fixture
def keep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands point this process to their home."""
    for name in ("DAGSTER_HOME", "MEETBEFORE_HOME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def meetbefore(*words: object) -> str:
    """What a command prints; in this process, because starting one takes longer than most of them."""
    done = CliRunner().invoke(cli, [str(word) for word in words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def read(home_folder: Path, asset: str) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in sorted((home_folder / "record" / asset).glob("*.parquet")) if path.stem != "_all"])


def looks_of(home_folder: Path, person: str) -> list[bytes]:
    faces = read(home_folder, "identity_assignments").filter(pl.col("person_id") == person).select("face_id", "track_id")
    looks = read(home_folder, "detections").join(faces, on="face_id", how="semi")
    vectors = read(home_folder, "embeddings").join(faces, on="face_id", how="semi")["vector"].to_list()
    ids = [person, *faces["face_id"], *faces["track_id"]]
    return [*(text.encode() for text in ids), *looks["crop"], *looks["thumbnail"], *(np.array(v, np.float32).tobytes() for v in vectors)]


def everybody(home_folder: Path) -> list[dict[str, object]]:
    return list(json.loads(meetbefore("people", "--home", home_folder, "--all", "--format", "json")))


class Terminal(io.StringIO):
    """Standard input of somebody who is there and types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "code"), [("n\n", 1), ("\n", 1), ("", 130)], ids=["no", "enter", "end of input"])
def test_whoever_does_not_say_yes_reads_that_nothing_was_erased(
    typed: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    with pytest.raises(SystemExit) as left:
        _confirm(["p1: 3 faces in 1 video"], is_sure=False)
    assert left.value.code == code
    shown = capsys.readouterr()
    assert "p1: 3 faces in 1 video" in shown.out
    assert shown.err.strip() == "Nothing was erased."


@pytest.mark.usefixtures("keep_environment")
def test_a_person_and_then_a_video_are_forgotten(clips: Path, tmp_path: Path) -> None:
    home_folder = tmp_path / "h"
    meetbefore("run", clips, "--home", home_folder, "--set", "time.zone='UTC'", "--jobs", 1)
    person = str(everybody(home_folder)[0]["person_id"])
    needles = looks_of(home_folder, person)
    meetbefore("report", "--home", home_folder)
    assert {"meetbefore.duckdb", "report.html"} <= traces(home_folder, needles)
    meetbefore("export", "seed", tmp_path / "seed", "--home", home_folder)
    assert faiss.read_index(str(tmp_path / "seed" / "face_index.bin")).ntotal == len(everybody(home_folder))
    meetbefore("clip", person, tmp_path / "clips_of_her", "--home", home_folder)
    for clip in (tmp_path / "clips_of_her").iterdir():
        with av.open(str(clip)) as container:
            assert sum(1 for _ in container.decode(video=0)) > 10
    assert len(list((tmp_path / "clips_of_her").iterdir())) == 2
    with pytest.raises(UsageError, match="cannot be undone"):
        meetbefore("forget", person, "--home", home_folder)

    assert "in 2 videos erased" in meetbefore("forget", person, "--yes", "--home", home_folder)
    assert traces(home_folder, needles) == set()
    assert "Nothing to do" in meetbefore("run", clips, "--home", home_folder)
    assert traces(home_folder, needles) == set()
    assert person not in {row["person_id"] for row in everybody(home_folder)}

    shared = tmp_path / "shared.html"
    meetbefore("report", "--blur-others", "--out", shared, "--home", home_folder)
    assert shared.stat().st_mode & 0o777 == 0o600

    video_id = next(
        path.stem for path in (home_folder / "record" / "videos").glob("*.parquet") if path.stem.startswith(Path(NAMES[0]).stem)
    )
    assert "1 video with" in meetbefore("forget", NAMES[0], "--yes", "--home", home_folder)
    assert traces(home_folder, [video_id.encode(), NAMES[0].encode()]) == set()
    assert "1 video, all up to date" in meetbefore("run", clips, "--home", home_folder)
    assert "not imported again" in meetbefore("forget", "--list", "--home", home_folder)
