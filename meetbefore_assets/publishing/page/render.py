"""Renders the report page: one file that holds everything, and asks the network for nothing."""

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.errors import StoreError, UsageError
from meetbefore_assets.core.words import local
from meetbefore_assets.encounters.company import pairs_seen_together
from meetbefore_assets.home.home import Home
from meetbefore_assets.publishing.page import packed_cards, sections
from meetbefore_assets.publishing.page.cards import Card, cards
from meetbefore_assets.publishing.page.charts import months, week
from meetbefore_assets.publishing.page.data import Overview, is_companion, read_encounters, read_faces, read_overview
from meetbefore_assets.publishing.page.optional_columns import beyond_chance, map_of
from meetbefore_assets.publishing.page.phrases import Phrase, count, say
from meetbefore_assets.publishing.page.pictures import (
    NO_DISGUISE,
    Disguise,
    choose_pictures,
    picture_budget,
    picture_candidates,
)
from meetbefore_assets.publishing.page.translations import CHINESE, ENGLISH, WEEKDAY_LETTERS, WEEKDAYS
from meetbefore_assets.recordings.places import place_table
from meetbefore_assets.storage.atomic_file import atomic_file

FILE_NAME = "report.html"
_TEMPLATE, _CARDS, _STYLE, _SCRIPT = "page.html.jinja", "cards.html.jinja", "page.css", "page.js"
_FOLDER = Path(__file__).parent
_VERSION = re.compile(rb'<meta name="meetbefore-version" content="([0-9a-f]+)">')
_HEAD_BYTES = 2048


@dataclass(frozen=True)
class WrittenPage:
    """The page on disk.

    Attributes:
        people: how many are shown.
        size_bytes: of the file.
        path: where it is.
        version: hash of what went in.
    """

    people: int
    size_bytes: int
    path: str
    version: str


def write_report(home: Home, destination: Path | None = None, disguise: Disguise = NO_DISGUISE) -> WrittenPage:
    """Write the page, unless the one that is there is in step with the record.

    Args:
        home: whose record is shown.
        destination: file to write; None: `<home>/report.html`. It is readable by its owner only.
        disguise: put on every picture.

    Raises:
        UsageError: the destination is a folder, or lies in one that does not exist.
        StoreError: the record cannot be read, or the page not be written.
    """
    path = home.folder / FILE_NAME if destination is None else destination
    if destination is None:
        home.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _check_destination(path)
    overview = read_overview(home, digest(template_version(), disguise.name) if disguise.name else template_version())
    if written_version(path) != overview.version:
        _write(path, render(home, overview, disguise))
        if destination is None:
            home.share(path)
    return WrittenPage(overview.shown.height, path.stat().st_size, str(path), overview.version)


def _check_destination(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder; expected the name of a file to write.", remedy=f"For example {path / FILE_NAME}.")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist; expected one to write {path.name} to.")


def written_version(path: Path) -> str:
    """Version of the page at a path; "" where there is no page."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        found = _VERSION.search(file.read(_HEAD_BYTES))
    return found.group(1).decode() if found else ""


@cache
def template_version() -> str:
    """Hash of the program that makes the page, all files of this folder: another one makes another page."""
    return digest("page", [[path.name, path.read_text(encoding="utf-8")] for path in sorted(_FOLDER.iterdir()) if path.is_file()])


def render(home: Home, overview: Overview, disguise: Disguise = NO_DISGUISE) -> Iterable[str]:
    """The page, piece by piece."""
    shown = overview.shown
    encounters = read_encounters(home, overview)
    faces = read_faces(home, overview, encounters)
    pairs = pairs_seen_together(encounters)
    pictures = choose_pictures(home, picture_candidates(shown, faces), picture_budget(encounters, packed_cards.PLAIN_CARDS), disguise)
    people = cards(overview, encounters, faces, pairs, pictures)
    strangers = shown.filter(~is_companion()).height
    begins = [local(moment, overview.zone) for moment in encounters.group_by("encounter_id").agg(pl.col("started_at").min())["started_at"]]
    starts = overview.clocks.filter(pl.col("video_id").is_in(overview.matched))["started_at"].drop_nulls()
    style, script = ((_FOLDER / name).read_text(encoding="utf-8") for name in (_STYLE, _SCRIPT))
    return (
        _environment()
        .get_template(_TEMPLATE)
        .generate(
            version=overview.version,
            policy=content_policy(style, script),
            style=Markup(style),
            script=Markup(script),
            languages=(ENGLISH, CHINESE),
            weekdays=WEEKDAYS,
            titles=say("title"),
            summary=sections.summary(overview),
            zone=overview.zone,
            threshold=overview.threshold,
            beyond_chance=beyond_chance(shown.filter(~is_companion())),
            has_people=bool(overview.people.height),
            strangers=people[: min(strangers, packed_cards.PLAIN_CARDS)],
            late=packed_cards.chunks(people[:strangers], _render_card),
            companions=people[strangers:],
            week=week(begins),
            weekday_letters=WEEKDAY_LETTERS,
            months=months([moment.date() for moment in begins], [local(moment, overview.zone).date() for moment in starts]),
            places=map_of(encounters, place_table(home, overview.matched)),
            together=sections.companions_table(overview, pairs),
            clocks=sections.clock_rows(overview),
            doubts=sections.clock_warnings(overview),
            left=sections.left_out(overview, pictures.left_out),
        )
    )


def _render_card(card: Card) -> str:
    module: Any = _environment().get_template(_CARDS).module
    return str(module.card(card, (ENGLISH, CHINESE)))


def content_policy(style: str, script: str) -> str:
    """Content-Security-Policy of the page: nothing is fetched, and no script runs but its own."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    fetched = f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'"
    return f"{fetched}; base-uri 'none'; form-action 'none'"


def bilingual_html(phrase: Phrase | str) -> Markup:
    """Both languages, escaped; the style shows the one that is chosen."""
    if isinstance(phrase, str) or phrase.en == phrase.zh:
        return escape(phrase if isinstance(phrase, str) else phrase.en)
    # Concatenated: Markup.format took half of the time of a page of 5,000 people.
    return Markup(f"<i lang={ENGLISH}>{escape(phrase.en)}</i><i lang={CHINESE}>{escape(phrase.zh)}</i>")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["both"] = bilingual_html
    environment.filters["pair"] = lambda texts: bilingual_html(Phrase(*texts))
    environment.filters["encounters"] = lambda number: bilingual_html(count(number, "encounter"))
    environment.globals["t"] = lambda key, **parts: bilingual_html(say(key, **parts))
    return environment


def _write(path: Path, pieces: Iterable[str]) -> None:
    """Whoever opens the page sees a whole one."""
    try:
        with (
            atomic_file(path, durable=True) as temporary,
            temporary.open("w", encoding="utf-8", newline="\n", buffering=1 << 20) as file,
        ):
            file.writelines(pieces)
    except OSError as error:
        raise StoreError(
            f"{path} could not be written: {error.strerror or error}.", remedy="Free some space or check the permissions, then run again."
        ) from error
