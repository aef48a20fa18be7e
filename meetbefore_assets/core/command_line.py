"""Commands suggested to the user: complete, so that they can be copied into a terminal in any folder."""

import shlex
from pathlib import Path

# Placeholder in a suggested command for what only the user knows.
PLACEHOLDER = "…"


def command_line(home_folder: Path, *words: str) -> str:
    """Format `meetbefore WORDS --home DIR`, words quoted for a shell where needed.

    >>> command_line(Path("/media/my disk"), "name", "p1", PLACEHOLDER)
    "meetbefore name p1 '…' --home '/media/my disk'"
    """
    return shlex.join(["meetbefore", *words, "--home", str(home_folder.absolute())])


def is_placeholder(word: str) -> bool:
    """Whether a word is the placeholder that we suggested."""
    return word.strip() in (PLACEHOLDER, "...")
