"""What the README promises is there."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from meetbefore_assets.cli.main import cli
from meetbefore_assets.home.settings.settings_file import described_keys

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_setting_is_in_the_table_with_its_meaning() -> None:
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| [^|]+ \| ([^|]+) \|$", README, flags=re.MULTILINE))
    assert {key: text for key, text in described_keys() if rows.get(key) != text} == {}


def test_every_command_is_in_the_table_and_explains_itself() -> None:
    for name, command in cli.commands.items():
        assert f"meetbefore {name}" in README, name
        result = CliRunner().invoke(cli, [name, "--help"])
        assert result.exit_code == 0
        assert len(command.help or "") > 40, name


def test_the_two_commands_are_those_that_ci_runs() -> None:
    command = "python3 -m pip install uv && python3 -m uv run pytest"
    assert command in README
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "python3 -m pip install uv && python3 -m uv run meetbefore demo" in README


PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "data" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_file_of_the_project_is_linked_and_missing(page: Path) -> None:
    for target in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_of_the_project_that_is_named_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"`((?:meetbefore_assets|benchmarks)[a-z_]*/[\w/]+\.\w+)`", text):
        assert (ROOT / target).exists(), target
    for module in re.findall(r"python -m (benchmarks\.\w+)", text):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists(), module
