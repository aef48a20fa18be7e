"""Every command of README and docs is run, page by page, in the order of the index, in one folder, as somebody would who follows them.

Blocks marked `<!-- long -->` are run with MEETBEFORE_ALL_COMMANDS=1, as .ci/run does: then the archive is the one that the README's own
command makes. Otherwise it is two clips of 3 s. Blocks marked `<!-- not run: REASON -->` are listed below.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
import tomlkit

from meetbefore_assets.demo.cast import Clip
from meetbefore_assets.demo.compare import compare
from meetbefore_assets.demo.footage import TRUTH_NAME, Archive, make_archive, write_clips
from meetbefore_assets.home.settings.sections import Settings
from meetbefore_assets.identities.queries import assigned_faces
from meetbefore_assets.open_home import open_home
from meetbefore_assets.publishing.exports.tables import assignment_rows
from meetbefore_assets.recordings.files.content_hash import content_hash
from meetbefore_assets_tests.demo.test_footage import BROKEN, CLIPS, shortened
from meetbefore_assets_tests.docs.pages import INDEX, README, ROOT, Block, blocks, links
from meetbefore_assets_tests.support import until_it_answers

ALL = bool(os.environ.get("MEETBEFORE_ALL_COMMANDS"))
FOLLOWED = [README, *dict.fromkeys(INDEX.parent / file for file, _ in links(INDEX))]
LANGUAGES = {"sh", "sql", "toml", "yaml", "mermaid", ""}
TIMEOUT_S = 1800 if ALL else 300

NOT_RUN = {
    "README.md": [".ci/run runs it, word by word"],
    "first-steps.md": [".ci/wheel installs the wheel in an empty environment"],
    "CONTRIBUTING.md": ["sets up a checkout for changes"],
    "dagster.md": ["VIDEO_ID is a placeholder"],
    "deploy.md": [
        "needs an object store; tests do it with a server of their own",
        "needs Docker; the files are checked by tests",
        "needs a Ray cluster and an object store; `python -m benchmarks.cluster` does it",
        "needs Docker and a Kubernetes cluster",
    ],
    "indexes.md": ["needs a Postgres server; tests do it with one of their own"],
    "models.md": ["asks for a folder with models of one's own", "needs a GPU, or downloads OpenVINO"],
    "scale.md": ["takes half an hour; its arithmetic is tested"],
}

# People of the demo, by the ids they have in the pages: encoders of other versions give them others.
PEOPLE = {
    "p0hxjw2z88h": "companion",
    "pc3cyvvppsk": "astronaut",
    "pv7wzr7bmq8": "blonde woman",
    "pk2renqytr0": "laughing man",
    "p2qv7bmpzz6": "man of the portrait",
    "p3p03g33q6t": "woman with cards",
    "ps8zqr0bgh5": "woman in black",
}
FACE_OF_THE_ASTRONAUT = "770d7658546ffc24"
HASH_OF_THE_LAST_CLIP = "0339cd284cc54e9b"
SERVERS = re.compile(r"^(?:\w+=\S+ )*(?:dagster dev|dagster-webserver|meetbefore (?:app|ui)|\./uv run --with jupyterlab jupyter lab)\b.*")


@dataclass
class Visitor:
    """Somebody in a folder with a checkout, a home `data`, the home of the demo, and recordings of their own."""

    folder: Path
    recordings: Path

    def follow(self, found: list[Block]) -> subprocess.CompletedProcess[str]:
        """Run blocks in one shell; what it left running ends with it."""
        script = "\n".join(
            ["set -eE -o pipefail", "trap 'echo \"failed: $BASH_COMMAND\" >&2' ERR", *(self.here(block.text) for block in found)]
        )
        environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
        # The second is the environment that the README's command makes.
        environment |= {"NO_COLOR": "1", "PATH": f"{self.folder / 'bin'}:{self.folder / '.venv' / 'bin'}:{os.environ['PATH']}"}
        # Files, as a pipe would be open for as long as what the shell left running.
        with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as errors:
            shell = subprocess.Popen(
                ["bash", "-c", script], cwd=self.folder, env=environment, stdout=said, stderr=errors, start_new_session=True
            )
            try:
                shell.wait(TIMEOUT_S)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(shell.pid, signal.SIGKILL)
            said.seek(0)
            errors.seek(0)
            return subprocess.CompletedProcess(script, shell.returncode, said.read(), errors.read())

    def here(self, text: str) -> str:
        """The same commands with the paths and ids of this folder; those that serve pages end once they do."""
        for documented, found in (self.paths() | self.ids(text)).items():
            text = text.replace(documented, found)
        return "\n".join(f'until_it_answers "{_uncommented(line)}"' if SERVERS.match(line) else line for line in text.splitlines())

    def paths(self) -> dict[str, str]:
        """Paths of the pages -> paths here."""
        return {
            "/media/camera/DCIM": str(self.recordings),
            "/media/bike": str(self.recordings),
            "~/Movies": str(self.folder / "empty"),
            "$HOME/meetbefore": str(self.folder / "day_and_night"),
            "-p 3000": f"-p {_free_port()}",
            "--port 4000": f"--port {_free_port()}",
            # Jupyter starts for root only if it is told to, as in a container.
            "jupyter lab ": f"jupyter lab --no-browser {'--allow-root ' if os.geteuid() == 0 else ''}",
        }

    def ids(self, text: str) -> dict[str, str]:
        """Ids of the pages -> those that people have in the home that the text is about."""
        home_folder = self.folder / "data" / ("demo" if "MEETBEFORE_HOME=data/demo" in text else "")
        documented = (*PEOPLE, FACE_OF_THE_ASTRONAUT, HASH_OF_THE_LAST_CLIP)
        if not (home_folder / "record").exists() or not any(word in text for word in documented):
            return {}
        home = open_home(home_folder)
        clips = CLIPS if ALL else _short_clips()
        archive = Archive(self.recordings, self.recordings.parent / TRUTH_NAME, clips)
        by_label = {person.label: person.ids[0][0] for person in compare(archive, assignment_rows(home)).people if person.ids}
        found = {documented: by_label[label] for documented, label in PEOPLE.items() if label in by_label}
        faces = assigned_faces(home)
        face = faces.filter(faces["person_id"] == by_label["astronaut"])["face_id"].min()
        last = self.recordings / CLIPS[-1].name
        hashes = {HASH_OF_THE_LAST_CLIP: content_hash(last)[:16]} if last.exists() else {}
        return found | {FACE_OF_THE_ASTRONAUT: str(face)} | hashes


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _uncommented(line: str) -> str:
    return line.partition("  #")[0].rstrip().replace('"', '\\"')


def _short_clips() -> tuple[Clip, ...]:
    return shortened(CLIPS[0], 3), shortened(CLIPS[3], 3)


def _program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory) -> Visitor:
    folder = tmp_path_factory.mktemp("visitor")
    for path in ROOT.iterdir():
        if path.name not in ("data", ".git", ".venv"):
            (folder / path.name).symlink_to(path)
    (folder / "data").mkdir()
    (folder / "empty").mkdir()
    programs = folder / "bin"
    programs.mkdir()
    _program(programs / "open", 'test -s "$1"')
    _program(programs / "until_it_answers", f'exec "{sys.executable}" "{until_it_answers.__file__}" "$1"')
    visitor = Visitor(folder, folder / "DCIM")
    if ALL:
        make_archive(visitor.recordings)
        next(visitor.recordings.glob(f"*{BROKEN.started_at:%Y%m%d%H%M%S}*")).unlink()
    else:
        _program(programs / "meetbefore", f'exec "{sys.executable}" -m meetbefore_assets "$@"')
        write_clips(visitor.recordings, _short_clips())
        # What `meetbefore demo` does, in a second instead of a minute.
        done = visitor.follow([Block(README, "", "sh", f"meetbefore run {visitor.recordings} --jobs 1\nmeetbefore report")])
        assert done.returncode == 0, done.stdout + done.stderr
        (folder / "data" / "demo").symlink_to(folder / "data")
    return visitor


@pytest.mark.slow
@pytest.mark.parametrize("page", FOLLOWED, ids=lambda page: page.name)
def test_commands_of_a_page_do_what_they_are_there_for(page: Path, visitor: Visitor) -> None:
    found = [block for block in blocks(page, "sh") if not block.why_not_run and (ALL or not block.is_long)]
    if found:
        done = visitor.follow(found)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    if ALL and page == README:
        assert "5 of 5 people who came back are found exactly once" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("page", FOLLOWED, ids=lambda page: page.name)
def test_sql_of_a_page_runs_on_the_published_database(page: Path, visitor: Visitor) -> None:
    for block in blocks(page, "sql"):
        with duckdb.connect(str(visitor.folder / "data" / "meetbefore.duckdb"), read_only=True) as reader:
            for statement in reader.extract_statements(block.text):
                assert reader.execute(statement).fetchall(), block.text


@pytest.mark.parametrize("page", FOLLOWED, ids=lambda page: page.name)
def test_settings_of_a_page_are_accepted(page: Path) -> None:
    for block in blocks(page, "toml"):
        Settings.model_validate(tomlkit.parse(block.text).unwrap())


def test_what_is_not_run_is_known_and_says_why() -> None:
    found = {
        page.name: reasons for page in FOLLOWED if (reasons := [block.why_not_run for block in blocks(page, "sh") if block.why_not_run])
    }
    assert found == NOT_RUN


def test_marks_and_languages_are_known() -> None:
    """A misspelt one would leave its block out in silence."""
    for page in FOLLOWED:
        fences = re.findall(r"^```(\S*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[::2]
        assert set(fences) <= LANGUAGES, page.name
        assert all(block.mark in ("", "long") or block.why_not_run for language in LANGUAGES for block in blocks(page, language)), page.name
