"""Renders the report page: one HTML file that holds everything and loads nothing from a network."""

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from meetbefore_assets.core.command_line import PLACEHOLDER, command_line
from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.errors import StoreError, UsageError
from meetbefore_assets.core.words import local
from meetbefore_assets.encounters.company import pairs_seen_together
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.home_files import PAGE_NAME
from meetbefore_assets.publishing.page import packed_cards, sections
from meetbefore_assets.publishing.page.cards import Card, cards, tiles
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
from meetbefore_assets.storage.atomic_file import move_in_place
from meetbefore_assets.storage.private_folder import private_folder

# Most people seen once that are shown, the latest first: a page about years of recordings should still open at once.
MOST_SEEN_ONCE = 200
_TEMPLATE, _CARDS, _STYLE, _SCRIPT = "page.html.jinja", "cards.html.jinja", "page.css", "page.js"
_FOLDER = Path(__file__).parent
_VERSION = re.compile(rb'<meta name="meetbefore-version" content="([0-9a-f]+)">')
_POLICY = re.compile(rb'http-equiv="Content-Security-Policy" content="([^"<>\r\n]+)"')
_HEAD_BYTES = 2048


@dataclass(frozen=True)
class WrittenPage:
    """The page on disk.

    Attributes:
        people: number of people met more than once.
        size_bytes: of the file.
        path: where it is.
        version: hash of everything the page was made from.
    """

    people: int
    size_bytes: int
    path: str
    version: str


def write_report(home: Home, destination: Path | None = None, disguise: Disguise = NO_DISGUISE) -> WrittenPage:
    """Write the page, unless the file that is there is up to date with the record.

    Args:
        home: whose record is shown.
        destination: file to write; None: `<home>/report.html`. It is readable by its owner only.
        disguise: changes the pictures.

    Raises:
        UsageError: the destination is a folder, or lies in one that does not exist.
        StoreError: the record cannot be read, or the page cannot be written.
    """
    path = home.folder / PAGE_NAME if destination is None else destination
    if destination is None:
        private_folder(home.folder)
    _check_destination(path)
    # `forget` holds this lock until a page without the person is written.
    with home.lock("publishing"):
        overview = read_overview(home, digest(template_version(), disguise.name) if disguise.name else template_version())
        if written_version(path) != overview.version:
            _write(home, path, render(home, overview, disguise))
            if destination is None:
                home.share(path)
    return WrittenPage(overview.shown.height, path.stat().st_size, str(path), overview.version)


def _check_destination(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder; expected the name of a file to write.", remedy=f"For example {path / PAGE_NAME}.")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist; expected one to write {path.name} to.")


def written_version(path: Path) -> str:
    """Return the version that a page on disk names; "" where there is no page."""
    return _written(path, _VERSION)


def written_policy(path: Path) -> str:
    """Return the Content-Security-Policy of a page on disk; "" where there is no page."""
    return unescape(_written(path, _POLICY))


def _written(path: Path, what: re.Pattern[bytes]) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        found = what.search(file.read(_HEAD_BYTES))
    return found.group(1).decode() if found else ""


@cache
def template_version() -> str:
    """Return the hash of the code that makes the page (all files of this folder): when it changes, pages are made again."""
    return digest("page", [[path.name, path.read_text(encoding="utf-8")] for path in sorted(_FOLDER.iterdir()) if path.is_file()])


def render(home: Home, overview: Overview, disguise: Disguise = NO_DISGUISE) -> Iterable[str]:
    """Render the page, piece by piece."""
    shown, is_private = overview.shown, not disguise.is_for_sharing
    once = overview.seen_once.head(MOST_SEEN_ONCE) if is_private else overview.people.clear()
    encounters = read_encounters(home, overview, pl.concat([shown, once]))
    again = encounters.join(shown, on="person_id", how="semi", maintain_order="left")
    faces = read_faces(home, overview, encounters)
    pairs = pairs_seen_together(again)
    budget = picture_budget(encounters, packed_cards.PLAIN_CARDS)
    pictures = choose_pictures(home, picture_candidates(shown, once, faces), budget, disguise)
    people = cards(overview, again, faces, pairs, pictures, has_commands=is_private)
    strangers = shown.filter(~is_companion()).height
    begins = [local(moment, overview.zone) for moment in again.group_by("encounter_id").agg(pl.col("started_at").min())["started_at"]]
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
            is_private=is_private,
            summary=sections.summary(overview),
            zone=sections.zone_name(overview.zone),
            joined_from=sections.joined_from(overview.threshold, overview.sureness),
            has_people=bool(overview.people.height),
            beyond_chance=beyond_chance(shown.filter(~is_companion())),
            run_command=command_line(overview.home_folder, "run", PLACEHOLDER),
            undo_command=command_line(overview.home_folder, "undo"),
            strangers=people[: min(strangers, packed_cards.PLAIN_CARDS)],
            late=packed_cards.chunks(people[:strangers], _render_card),
            companions=people[strangers:],
            once=tiles(overview, once, encounters, faces, pictures),
            week=week(begins),
            weekday_letters=WEEKDAY_LETTERS,
            months=months([moment.date() for moment in begins], [local(moment, overview.zone).date() for moment in starts]),
            places=map_of(again, place_table(home, overview.matched)),
            together=sections.companions_table(overview, pairs),
            clocks=sections.clock_rows(overview),
            doubts=sections.clock_warnings(overview),
            left=sections.left_out(overview, overview.seen_once.height - once.height, pictures.left_out),
        )
    )


def _render_card(card: Card) -> str:
    module: Any = _environment().get_template(_CARDS).module
    return str(module.card(card, (ENGLISH, CHINESE)))


def content_policy(style: str, script: str) -> str:
    """Return the page's Content-Security-Policy: it loads nothing, and runs no script but its own."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    fetched = f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'"
    return f"{fetched}; base-uri 'none'; form-action 'none'"


def bilingual_html(phrase: Phrase | str) -> Markup:
    """Return a phrase as HTML in both languages, escaped; the style sheet shows the chosen one."""
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
    environment.filters["people"] = lambda number: bilingual_html(count(number, "person"))
    environment.filters["encounters"] = lambda number: bilingual_html(count(number, "encounter"))
    environment.globals["t"] = lambda key, **parts: bilingual_html(say(key, **parts))
    return environment


def _write(home: Home, path: Path, pieces: Iterable[str]) -> None:
    """Write the page beside the old one and then replace it, so that a reader never opens half a page."""
    try:
        with home.adapters.storage.scratch() as folder:
            with (folder / PAGE_NAME).open("w", encoding="utf-8", newline="\n", buffering=1 << 20) as file:
                file.writelines(pieces)
            move_in_place(folder / PAGE_NAME, path, durable=True)
    except OSError as error:
        raise StoreError(
            f"{path} could not be written: {error.strerror or error}.", remedy="Free some space or check the permissions, then run again."
        ) from error
