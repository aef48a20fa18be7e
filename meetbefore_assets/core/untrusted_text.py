"""Makes names of people and files safe for other programs, which could take control characters in them for commands."""

import unicodedata

# Polars patterns for whole columns: what `without_controls` removes, and how a cell begins that a spreadsheet would compute (in some
# languages full-width characters count too).
CONTROLS = r"[\p{Cc}\x{202A}-\x{202E}\x{2066}-\x{2069}--\n]"
FORMULA_BEGINS = r"^[=+\-@\n＝＋－＠]"
# Marks that change the reading direction, so that text looks like other text.
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def find_control(text: str) -> str:
    """The first control character of a text, as "U+001B"; "" if there is none."""
    return next((f"U+{ord(sign):04X}" for sign in text if _is_control(sign)), "")


def without_controls(text: str) -> str:
    r"""Remove control characters; line ends stay.

    >>> without_controls("\x1b]0;Anna\x07\nB")
    ']0;Anna\nB'
    """
    return "".join(sign for sign in text if sign == "\n" or not _is_control(sign))


def _is_control(sign: str) -> bool:
    return unicodedata.category(sign) in ("Cc", "Cs") or sign in _DIRECTIONS
