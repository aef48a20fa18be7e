"""The words of the app: both languages say the same, and the browser's choice is heeded."""

import re
from pathlib import Path

import pytest

from meetbefore_assets.publishing.page.translations import STRINGS
from meetbefore_assets.web import words
from meetbefore_assets.web.words import WORDS, Language, wanted_language

WEB = Path(words.__file__).parents[1]
PLACEHOLDER = re.compile(r"\{(\w+)\}")


@pytest.mark.parametrize("key", WORDS)
def test_both_languages_say_the_same(key: str) -> None:
    english, chinese = WORDS[key]
    assert english
    assert chinese
    assert set(PLACEHOLDER.findall(english)) == set(PLACEHOLDER.findall(chinese))


def test_every_word_is_used_and_every_word_used_is_there() -> None:
    sources = "\n".join(
        path.read_text(encoding="utf-8") for folder in ("pages", "templates") for path in (WEB / folder).iterdir() if path.is_file()
    )
    literal = {key for key in WORDS if f'"{key}"' in sources or f"'{key}'" in sources}
    beginnings = set(re.findall(r"""f?["']([a-z-]+\.)(?:["'] ~|\{)""", sources)) | {"count."}
    assert {key for key in WORDS if key not in literal and not any(key.startswith(one) for one in beginnings)} == set()
    asked = set(re.findall(r"""\b(?:t|say)\(\s*["']([\w.-]+)["']""", sources))
    assert {key for key in asked if key not in WORDS and key not in STRINGS and not key.endswith(".")} == set()


@pytest.mark.parametrize(
    ("header", "chosen", "expected"),
    [
        ("", "", "en"),
        ("de-DE,de;q=0.9", "", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "zh-CN"),
        ("en-US,en;q=0.9,zh;q=0.8", "", "en"),
        ("en;q=0.1, zh-TW;q=0.2", "", "zh-CN"),
        ("zh;q=0", "", "en"),
        ("zh;q=x,en", "", "en"),
        ("en", "zh-CN", "zh-CN"),
        ("zh", "en", "en"),
        ("zh", "klingon", "zh-CN"),
    ],
)
def test_the_language(header: str, chosen: str, expected: str) -> None:
    assert wanted_language(header, chosen=chosen).code == expected


def test_counting() -> None:
    english, chinese = Language("en"), Language("zh-CN")
    assert [english.count(number, "answer") for number in (0, 1, 2)] == ["0 answers", "1 answer", "2 answers"]
    assert chinese.count(1200, "face") == "1,200 张人脸"
