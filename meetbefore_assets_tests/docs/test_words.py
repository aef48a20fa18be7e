"""README and docs, word by word: commands, options, settings, variables, files and links are there, and those that are there are named."""

import re
from collections.abc import Iterable
from pathlib import Path

import click
import pytest

from meetbefore_assets.cli.main import cli
from meetbefore_assets.home.settings.settings_file import described_keys
from meetbefore_assets_tests.docs.pages import CONTRIBUTING, INDEX, PAGES, README, ROOT, blocks, command_lines, headings, links, spans

SETTINGS = ROOT / "docs" / "settings.md"
COMMANDS = ROOT / "docs" / "first-steps.md"
# Options that every command has, or nearly.
USUAL = {"--home", "--help", "--version"}
# Options of other programs that are spoken of.
FOREIGN = {"--shm-size", "--compile-bytecode"}
# First words of commands that may start ours.
STARTERS = {"meetbefore", "./uv", "uv", "uvx"}
name_of = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def all_commands(group: click.Group = cli, prefix: str = "") -> dict[str, click.Command]:
    """Every command by its words, "import seed"."""
    found = dict[str, click.Command]()
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= all_commands(command, f"{prefix}{name} ")
        else:
            found[prefix + name] = command
    return found


ALL = all_commands()


def options_of(command: click.Command) -> set[str]:
    return {word for option in command.params if isinstance(option, click.Option) for word in (*option.opts, *option.secondary_opts)}


def our_commands(page: Path) -> list[list[str]]:
    """Every `meetbefore ...` of a page, in blocks and in the text, as the words after `meetbefore`."""
    scripts = [block.text for block in blocks(page, "sh")] + spans(page)
    found = [words for script in scripts for words in command_lines(re.sub(r"[\[\]…]", " ", script.replace("|", " ")))]
    return [words[words.index("meetbefore") + 1 :] for words in found if words[0] in STARTERS and "meetbefore" in words]


def command_of(words: list[str]) -> str:
    return next((name for name in ALL if words[: len(name.split())] == name.split()), "")


@name_of
def test_commands_that_are_named_exist_with_their_options(page: Path) -> None:
    for words in our_commands(page):
        name = command_of(words)
        if not name:
            assert words == [] or words[0].startswith("-") or words[0] in cli.commands, f"meetbefore {' '.join(words)}"
            continue
        for word in words:
            if re.match(r"--?[a-z]", word):
                assert word.partition("=")[0] in options_of(ALL[name]) | USUAL | {"-h"}, f"meetbefore {' '.join(words)}"


@name_of
def test_options_that_stand_alone_belong_to_some_command(page: Path) -> None:
    known = set().union(*map(options_of, ALL.values())) | USUAL | FOREIGN
    for span in spans(page):
        if span.startswith("--"):
            assert span.split()[0] in known, span


def test_every_command_is_in_the_list_and_explains_itself() -> None:
    listed = {command_of(words) for words in our_commands(COMMANDS)}
    assert set(ALL) - listed == set()
    assert [name for name, command in ALL.items() if len(command.help or "") < 20] == []


def test_every_option_of_every_command_is_named_somewhere() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    missing = {
        (name, words[-1])
        for name, command in ALL.items()
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden
        for words in (sorted(option.opts, key=len),)
        if words[-1] not in USUAL and not re.search(rf"{words[-1]}(?![\w-])", text)
    }
    assert missing == set()


def test_settings_in_the_table_are_those_that_exist_with_their_meaning() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \| [^|]+ \| ([^|]+) \|$", SETTINGS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert dict(rows) == dict(described_keys())


@name_of
def test_settings_that_are_spoken_of_exist(page: Path) -> None:
    keys = {key for key, _ in described_keys()}
    sections = {key.partition(".")[0] for key in keys if "." in key}
    for span in spans(page):
        match = re.match(r"([a-z_]+)\.([a-z_]+)(?= ?=|$)", span)
        if match and match[1] in sections and not (page.parent / span).exists() and match[2] not in ("md", "py", "yaml"):
            assert match[0] in keys, span


def test_variables_that_are_named_are_read_and_those_that_are_read_are_named() -> None:
    pattern = r"\bMEETBEFORE_[A-Z_]*[A-Z]\b"

    def found(paths: Iterable[Path]) -> set[str]:
        return {name for path in paths for name in re.findall(pattern, path.read_text(encoding="utf-8"))}

    program = found((ROOT / "meetbefore_assets").rglob("*.py"))
    scripts = found([ROOT / "compose.yaml", *(path for path in (ROOT / "deploy").rglob("*") if path.is_file())])
    named = found(PAGES)
    assert program - named == set()
    assert named - program - scripts == set()


@name_of
def test_links_lead_somewhere(page: Path) -> None:
    for file, anchor in links(page):
        target = page.parent / file if file else page
        assert target.exists(), file
        assert not anchor or anchor in headings(target), f"{file}#{anchor}"


def test_the_index_leads_to_every_page() -> None:
    linked = {file for file, _ in links(INDEX)}
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - linked == {INDEX.name}


@name_of
def test_every_module_of_the_project_that_is_named_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"`((?:meetbefore_assets|benchmarks)[a-z_]*/[\w/]+\.\w+)`", text):
        assert (ROOT / target).exists(), target
    for module, rest in re.findall(r"python -m (benchmarks\.\w+)([^`\n]*)", text):
        path = (ROOT / module.replace(".", "/")).with_suffix(".py")
        assert path.exists(), module
        for option in re.findall(r"--[a-z-]+", rest.partition("#")[0]):
            assert f'"{option}"' in path.read_text(encoding="utf-8"), f"{module} {option}"


@pytest.mark.parametrize("page", [CONTRIBUTING, ROOT / "docs" / "architecture.md"], ids=lambda page: page.name)
def test_files_that_contributors_are_sent_to_are_there(page: Path) -> None:
    found = [span.split()[0] for span in spans(page) if re.match(r"[\w.]+/[\w/.]*( |$)", span) and "NAME" not in span]
    assert found
    folders = (ROOT, ROOT / "meetbefore_assets", ROOT / "meetbefore_assets_tests")
    assert [path for path in found if not any((folder / path).exists() for folder in folders)] == []


def test_the_tree_names_every_folder() -> None:
    package = ROOT / "meetbefore_assets"
    folders = {path.parent.name for path in package.glob("*/__init__.py")}
    assert folders - {span.rstrip("/") for span in spans(ROOT / "docs" / "architecture.md")} == set()
    assert folders - set((package / "__init__.py").read_text(encoding="utf-8").split()) == set()


def test_the_readme_is_a_screen_and_a_half() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 70
    assert len(re.sub(r"\([^)]*\)|[|`*#<>\-]", " ", text).split()) <= 450


def test_the_two_commands_are_those_that_ci_runs() -> None:
    for command in ("./uv run meetbefore demo", "./uv run pytest"):
        assert f"\n{command}\n" in README.read_text(encoding="utf-8")
        assert f"\n{command}\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_pictures_are_small() -> None:
    pictures = [path for path in (ROOT / "docs" / "pictures").iterdir() if path.suffix in (".png", ".webp", ".jpg", ".svg")]
    assert pictures
    assert [path.name for path in pictures if path.stat().st_size > 150_000] == []
