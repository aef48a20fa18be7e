"""README, docs and what they hold: blocks of code, spans of code, links, headings."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
CHINESE = ROOT / "README.zh-CN.md"
INDEX = ROOT / "docs" / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PAGES = [README, CHINESE, CONTRIBUTING, ROOT / "data" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(r"^(?:<!-- (?P<mark>[^\n]*) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = "not run: "
_ENDS_A_COMMAND = {"&&", "||", "|", ";", "&", ">", "<", ">>"}


@dataclass(frozen=True)
class Block:
    """A fenced block; the comment before it says how it is run.

    Attributes:
        mark: "" for blocks that the tests run, "long" for those that .ci/run runs, "not run: REASON".
    """

    page: Path
    mark: str
    language: str
    text: str

    @property
    def is_long(self) -> bool:
        return self.mark == "long"

    @property
    def why_not_run(self) -> str:
        return self.mark.removeprefix(_NOT_RUN) if self.mark.startswith(_NOT_RUN) else ""


def blocks(page: Path, language: str) -> list[Block]:
    """Blocks of a page in one language ("sh", "sql", "toml")."""
    found = [Block(page, match["mark"] or "", match["language"], match["text"]) for match in _BLOCK.finditer(page.read_text("utf-8"))]
    return [block for block in found if block.language == language]


def spans(page: Path) -> list[str]:
    """Code between backquotes, outside blocks; `\\|` of tables is a bar."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    return [span.replace("\\|", "|") for span in re.findall(r"`([^`\n]+)`", text)]


def headings(page: Path) -> set[str]:
    """Anchors of a page, as GitHub makes them."""
    lines = [line for line in _BLOCK.sub("", page.read_text(encoding="utf-8")).splitlines() if re.match(r"#+ ", line)]
    return {re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower()).replace(" ", "-") for line in lines}


def links(page: Path) -> list[tuple[str, str]]:
    """(file, anchor) of each link and picture inside the project; a part that is not there is ""."""
    targets = re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text(encoding="utf-8"))
    return [(target.partition("#")[0], target.partition("#")[2]) for target in targets]


def command_lines(text: str) -> list[list[str]]:
    """The commands of a shell script, each as its words; comments, assignments and redirections left out."""
    commands = list[list[str]]()
    for line in text.splitlines():
        words = list[str]()
        for word in [*_words(line), ";"]:
            if word in _ENDS_A_COMMAND:
                commands.append(words)
                words = []
            elif words or not re.match(r"\w+=", word):
                words.append(word)
    return [words for words in commands if words]


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)
