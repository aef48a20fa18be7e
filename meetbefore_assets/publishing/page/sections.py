"""Makes the sections around the cards: summary, who appears together, clocks, and what was left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from meetbefore_assets.core import words
from meetbefore_assets.publishing.page.cards import Link, labels
from meetbefore_assets.publishing.page.data import Overview, is_companion
from meetbefore_assets.publishing.page.phrases import Phrase, count, day, join, say
from meetbefore_assets.publishing.page.translations import STRINGS

MOST_PAIRS = 25
MOST_FILES = 12
LEAST_TIMES = 2
# Warnings of recordings.clock_sources by a part of their text, and the sentence of the page for each.
_WARNINGS = (("only the day", "warn.day"), ("summer time", "warn.summer"), ("was sent", "warn.sent"))


def joined_from(threshold: float | None, sureness: Mapping[float, float]) -> Phrase | None:
    """Say from which certainty or threshold on people are joined.

    Args:
        threshold: least cosine at which groups of tracks were joined; None if nothing was matched yet.
        sureness: threshold -> probability from which on it joins two groups, 0..1; empty if the recogniser was not measured.
    """
    if threshold is None:
        return None
    sure = sureness.get(threshold)
    return say("threshold", threshold=f"{threshold:.2f}") if sure is None else say("threshold.sure", sure=words.sureness(sure))


@dataclass(frozen=True)
class Pair:
    """Two people who were seen together."""

    first: Link
    second: Link


@dataclass(frozen=True)
class Together:
    """The pairs that are listed, and the number of all pairs."""

    pairs: tuple[Pair, ...]
    total: int


@dataclass(frozen=True)
class ClockRow:
    """How many videos have their time from one source."""

    source: Phrase
    videos: int
    doubtful: int


@dataclass(frozen=True)
class Files:
    """File names with a remark that is true of all; `more` counts those that are not listed."""

    remark: Phrase
    names: tuple[str, ...]
    more: int


@dataclass(frozen=True)
class LeftOut:
    """What is not on the page: sentences, (file name, program's message) of failed videos, missing files."""

    remarks: tuple[Phrase, ...]
    failed_count: Phrase
    failed: tuple[tuple[str, str], ...]
    missing: Files | None


def summary(overview: Overview) -> Phrase:
    """Sum up the page in one sentence."""
    people, shown = overview.people, overview.shown
    if not people.height:
        return say("summary.empty")
    videos, everybody = count(len(overview.matched), "video"), count(people.height, "person")
    if not shown.height:
        return say("summary.once", videos=videos, people=everybody)
    companions = shown.filter(is_companion()).height
    starts = overview.clocks.filter(pl.col("video_id").is_in(overview.matched))["started_at"]
    return say(
        "summary",
        videos=videos,
        first=day(starts.min() or people["first_seen"].min(), overview.zone),  # type: ignore[arg-type]
        last=day(starts.max() or people["last_seen"].max(), overview.zone),  # type: ignore[arg-type]
        people=everybody,
        strangers=count(shown.height - companions, "stranger"),
        companions=say("summary.companions", companions=count(companions, "companion")) if companions else "",
    )


def zone_name(zone: str) -> str:
    """Return the name of a zone as people know it: 'Etc/UTC' -> 'UTC', 'Europe/Berlin' unchanged."""
    return zone.removeprefix("Etc/")


def companions_table(overview: Overview, pairs: pl.DataFrame) -> Together:
    """List the pairs of strangers who were seen together repeatedly."""
    strangers = overview.shown.filter(~is_companion())["person_id"].to_list()
    often = pairs.filter((pl.col("times") >= LEAST_TIMES) & pl.col("first").is_in(strangers) & pl.col("second").is_in(strangers))
    names = labels(overview.people)
    rows = often.head(MOST_PAIRS).iter_rows()
    return Together(tuple(Pair(Link(a, names[a], times), Link(b, names[b], times)) for a, b, times in rows), often.height)


def clock_rows(overview: Overview) -> list[ClockRow]:
    """Count the sources of the videos' times, the most frequent first."""
    counted = overview.clocks.group_by("clock_source").agg(pl.len().alias("videos"), (~pl.col("is_certain")).sum().alias("doubtful"))
    ordered = counted.sort(["videos", "clock_source"], descending=[True, False])
    return [ClockRow(source_phrase(source), videos, doubtful) for source, videos, doubtful in ordered.iter_rows()]


def source_phrase(source: str) -> Phrase:
    """Say a source of time in words."""
    key = f"clock.{source}"
    return say(key) if key in STRINGS and key != "clock.name" else say("clock.name", pattern=source)


def clock_warnings(overview: Overview) -> list[Files]:
    """List the videos whose time is doubtful, by reason."""
    doubtful = overview.clocks.filter(~pl.col("is_certain")).join(overview.videos.select("video_id", "file_name"), on="video_id")
    named: dict[str, list[str]] = {}
    for source, warning, name in doubtful.select("clock_source", "warning", "file_name").sort("file_name").iter_rows():
        named.setdefault(warning_key(source, warning), []).append(name)
    return [_files(say(key), names) for key, names in sorted(named.items())]


def warning_key(source: str, warning: str) -> str:
    """Return the key of the page's sentence for a warning of recordings.clock_sources."""
    if source in ("mtime", "none"):
        return f"warn.{source}"
    return next((key for part, key in _WARNINGS if part in warning), "warn.other")


def left_out(overview: Overview, once_left_out: int, pictures_left_out: int) -> LeftOut:
    """Say what is not on the page and why; the arguments count people seen once, and pictures, that did not fit."""
    videos = overview.videos.sort("file_name", "video_id")
    failed = videos.filter(pl.col("status") == "failed").select("file_name", pl.col("error").fill_null("")).rows()
    missing = videos.filter(pl.col("status") == "missing")["file_name"].to_list()
    remarks = [
        say("left.once", people=count(once_left_out, "person")) if once_left_out else None,
        say("left.hidden", people=count(overview.hidden, "person")) if overview.hidden else None,
        _dropped(overview.dropped),
        say("left.frames", frames=count(overview.undecodable, "frame")) if overview.undecodable else None,
        say("left.pictures", pictures=count(pictures_left_out, "picture")) if pictures_left_out else None,
    ]
    remark = say("left.missing", videos=count(len(missing), "video"))
    failed_count = say("left.failed", videos=count(len(failed), "video"))
    return LeftOut(tuple(text for text in remarks if text), failed_count, tuple(failed), _files(remark, missing) if missing else None)


def _dropped(dropped: dict[str, int]) -> Phrase | None:
    total = sum(dropped.values())
    if not total:
        return None
    reasons = join(say("reason.count", reason=_reason(name), n=f"{number:,}") for name, number in dropped.items() if number)
    return say("left.faces", faces=count(total, "face"), reasons=reasons)


def _reason(name: str) -> Phrase:
    key = f"reason.{name}"
    return say(key if key in STRINGS else "reason.other")


def _files(remark: Phrase, names: Sequence[str]) -> Files:
    return Files(remark, tuple(names[:MOST_FILES]), max(0, len(names) - MOST_FILES))
