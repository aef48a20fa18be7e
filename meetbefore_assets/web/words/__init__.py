"""Every sentence of the app, in English and in Simplified Chinese; sentences it shares with the report page are that page's own.

A file a page; `WORDS` holds them all.

`{…}` is filled in; `one|many` is English's plural.
"""

from collections.abc import Callable
from dataclasses import dataclass

from meetbefore_assets.publishing.page.phrases import Phrase
from meetbefore_assets.publishing.page.translations import CHINESE, ENGLISH, STRINGS
from meetbefore_assets.web.words import corrections, frame, keys, moment, people, person, report, review, threshold, video, videos, whois

LANGUAGES = (ENGLISH, CHINESE)
WORDS: dict[str, tuple[str, str]] = {
    **corrections.WORDS,
    **frame.WORDS,
    **keys.WORDS,
    **moment.WORDS,
    **people.WORDS,
    **person.WORDS,
    **report.WORDS,
    **review.WORDS,
    **threshold.WORDS,
    **video.WORDS,
    **videos.WORDS,
    **whois.WORDS,
}


@dataclass(frozen=True)
class Language:
    """Says things in one language."""

    code: str

    @property
    def other(self) -> str:
        """The language that the switch leads to."""
        return CHINESE if self.code == ENGLISH else ENGLISH

    def of(self, phrase: Phrase | str | None) -> str:
        """A phrase of the report page, in this language; "" for None."""
        if phrase is None or isinstance(phrase, str):
            return phrase or ""
        return phrase.en if self.code == ENGLISH else phrase.zh

    def say(self, key: str, **parts: object) -> str:
        """Fill in a sentence: of the app, or else of the report page. Raises KeyError where neither has it."""
        return self._text(key).format(**{name: part if isinstance(part, str) else self._part(part) for name, part in parts.items()})

    def count(self, number: int, noun: str) -> str:
        """3, "answer" -> "3 answers", "3 个回答"."""
        text = self._text(f"count.{noun}")
        if self.code == ENGLISH:
            one, many = text.split("|")
            text = one if number == 1 else many
        return text.format(n=f"{number:,}")

    def listed(self, texts: list[str]) -> str:
        """A list, with the comma of the language."""
        return self._text("list").join(texts)

    def _text(self, key: str) -> str:
        english, chinese = WORDS[key] if key in WORDS else STRINGS[key]
        return english if self.code == ENGLISH else chinese

    def _part(self, part: object) -> str:
        return self.of(part) if isinstance(part, Phrase) else f"{part:,}" if isinstance(part, int) else str(part)


def wanted_language(header: str, *, chosen: str = "") -> Language:
    """The language that was chosen by the switch, or else the first of an Accept-Language header that we speak; English otherwise."""
    if chosen in LANGUAGES:
        return Language(chosen)
    ranked: list[tuple[float, str]] = []
    for position, entry in enumerate(header.split(",")[:20]):
        name, _, weight = entry.strip().partition(";q=")
        with_weight = _weight(weight) - position * 1e-6
        if name[:2].lower() in ("en", "zh") and with_weight > 0:
            ranked.append((with_weight, CHINESE if name[:2].lower() == "zh" else ENGLISH))
    return Language(max(ranked)[1] if ranked else ENGLISH)


def _weight(text: str) -> float:
    if not text:
        return 1.0
    try:
        return float(text)
    except ValueError:
        return 0.0


Say = Callable[..., str]
