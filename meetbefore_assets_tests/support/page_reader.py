"""Reads the report page as a person does in one language, and checks that every tag is closed."""

import re
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "img", "input", "br", "link"}


class Page(HTMLParser):
    """The text of a page as one reads it in one language, its elements, and whether every tag is closed."""

    def __init__(self, path: Path, language: str) -> None:
        super().__init__()
        self.hidden_language = {"en": "zh-CN", "zh-CN": "en"}[language]
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[tuple[str, bool]] = []
        self.words: list[str] = []
        self.prose: list[str] = []  # what is no command
        self.commands: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        is_hidden = tag in ("style", "script") or (tag != "html" and dict(attrs).get("lang") == self.hidden_language)
        if tag not in VOID:
            self.open.append((tag, is_hidden or bool(self.open and self.open[-1][1])))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1][0] == tag
        self.open.pop()
        if tag in ("td", "th", "p", "li", "h2", "h3", "h4", "small", "summary"):
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if not (self.open and self.open[-1][1]):
            self.words.append(data)
            if not any(tag in ("code", "samp") for tag, _ in self.open):
                self.prose.append(data)
            if self.open and self.open[-1][0] == "code":
                self.commands.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))

    @property
    def people(self) -> list[str]:
        """Who has a card, in order."""
        return [str(attrs["id"]).removeprefix("p-") for tag, attrs in self.elements if attrs.get("class") == "card"]

    @property
    def seen_once(self) -> list[str]:
        """Who has a tile, in order."""
        return [str(attrs["id"]).removeprefix("p-") for tag, attrs in self.elements if attrs.get("class") == "card tile"]


def read(path: Path, language: str = "en") -> Page:
    return Page(path, language)
