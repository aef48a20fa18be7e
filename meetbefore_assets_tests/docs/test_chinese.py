"""The Chinese README is in step with the English one."""

import re

from meetbefore_assets_tests.docs.pages import CHINESE, README, blocks, command_lines, links

ENGLISH_TEXT, CHINESE_TEXT = README.read_text(encoding="utf-8"), CHINESE.read_text(encoding="utf-8")


def test_both_give_the_same_commands_in_the_same_order() -> None:
    english, chinese = ([command_lines(block.text) for block in blocks(page, "sh")] for page in (README, CHINESE))
    assert english
    assert chinese == english


def test_both_link_to_each_other_and_to_the_same_pages() -> None:
    english, chinese = ({file for file, _ in links(page)} for page in (README, CHINESE))
    assert CHINESE.name in english
    assert README.name in chinese
    pages = {file for file in english if file.startswith("docs/") and file.endswith(".md")}
    assert pages <= chinese


def test_both_compare_by_the_same_rows_and_figures() -> None:
    def figures(text: str) -> list[list[str]]:
        rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("|")]
        return [[" ".join(re.findall(r"[\d.]+", cell)) for cell in row[1:]] for row in rows]

    assert figures(CHINESE_TEXT) == figures(ENGLISH_TEXT)
    assert CHINESE_TEXT.count("\n## ") == ENGLISH_TEXT.count("\n## ")
