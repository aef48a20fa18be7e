"""The Chinese README offers the same commands as the English one."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))


def shell_commands(text: str) -> list[str]:
    """Lines of the shell blocks, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]


def table_commands(text: str) -> list[str]:
    """First cells of the tables of commands."""
    return re.findall(r"^\| `(meetbefore [^`]+)`", text, flags=re.MULTILINE)


@pytest.mark.parametrize("commands", [shell_commands, table_commands])
def test_both_name_the_same_commands_in_the_same_order(commands: object) -> None:
    english = commands(ENGLISH)  # type: ignore[operator]
    assert english
    assert commands(CHINESE) == english  # type: ignore[operator]


def test_both_link_to_each_other_and_to_files_that_are_there() -> None:
    assert "(README.zh-CN.md)" in ENGLISH
    assert "(README.md)" in CHINESE
    for target in re.findall(r"\]\((?!http|#)([^)#]+)[^)]*\)", CHINESE):
        assert (ROOT / target).exists(), target


def test_headings_that_are_linked_exist_in_the_english_one() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line[2:].strip(" #").lower()).replace(" ", "-") for line in ENGLISH.splitlines() if line[:2] == "##"
    }
    assert set(re.findall(r"\(README\.md#([^)]+)\)", CHINESE)) <= headings


def test_settings_and_formulas_are_those_of_the_english_one() -> None:
    for words in re.findall(r"`([a-z]+\.[a-z_]+(?:=[a-z]+)?|log2[^`]+)`", CHINESE):
        assert f"`{words}`" in ENGLISH, words
