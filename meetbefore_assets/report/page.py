"""The page to look at: one file that holds everything, and asks the network for nothing."""

import base64
import hashlib
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from meetbefore_assets.domain.encounters_to_company import together
from meetbefore_assets.errors import StoreError, UsageError
from meetbefore_assets.report import page_late, page_rest
from meetbefore_assets.report.page_data import Overview, is_companion, read_encounters, read_faces, read_overview
from meetbefore_assets.report.page_hooks import AS_IT_IS, Disguise, beyond_chance, map_of
from meetbefore_assets.report.page_people import Card, cards
from meetbefore_assets.report.page_phrases import Phrase, count, say
from meetbefore_assets.report.page_pictures import candidates, choose, room
from meetbefore_assets.report.page_shapes import months, week
from meetbefore_assets.report.page_strings import CHINESE, ENGLISH, WEEKDAY_LETTERS, WEEKDAYS
from meetbefore_assets.report.words import local
from meetbefore_assets.settings import digest
from meetbefore_assets.steps.places import place_table
from meetbefore_assets.workbench import Workbench

FILE_NAME = "report.html"
_TEMPLATE, _CARDS, _STYLE, _SCRIPT = "page.html.jinja", "page_cards.html.jinja", "page.css", "page.js"
_FOLDER = Path(__file__).parent
_VERSION = re.compile(rb'<meta name="meetbefore-version" content="([0-9a-f]+)">')
_HEAD_BYTES = 2048


@dataclass(frozen=True)
class Written:
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


def write_report(bench: Workbench, destination: Path | None = None, disguise: Disguise = AS_IT_IS) -> Written:
    """Write the page, unless the one that is there is in step with the record.

    Args:
        bench: the home whose record is shown.
        destination: file to write; None: `<home>/report.html`. It is readable by its owner only.
        disguise: put on every picture.

    Raises:
        UsageError: the destination is a folder, or lies in one that does not exist.
        StoreError: the record cannot be read, or the page not be written.
    """
    path = bench.home / FILE_NAME if destination is None else destination
    if destination is None:
        bench.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    _check_destination(path)
    overview = read_overview(bench, digest(template_version(), disguise.name) if disguise.name else template_version())
    if written_version(path) != overview.version:
        _write(path, render(bench, overview, disguise))
        if destination is None:
            bench.share(path)
    return Written(overview.shown.height, path.stat().st_size, str(path), overview.version)


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
    """Hash of the program that makes the page: another one makes another page."""
    return digest("page", [path.read_text(encoding="utf-8") for path in sorted(_FOLDER.glob("page*")) if path.is_file()])


def render(bench: Workbench, overview: Overview, disguise: Disguise = AS_IT_IS) -> Iterable[str]:
    """The page, piece by piece."""
    shown = overview.shown
    encounters = read_encounters(bench, overview)
    faces = read_faces(bench, overview, encounters)
    pairs = together(encounters)
    pictures = choose(bench, candidates(shown, faces), room(encounters), disguise)
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
            summary=page_rest.summary(overview),
            zone=overview.zone,
            threshold=overview.threshold,
            beyond_chance=beyond_chance(shown.filter(~is_companion())),
            has_people=bool(overview.people.height),
            strangers=people[: min(strangers, page_late.PLAIN_CARDS)],
            late=page_late.chunks(people[:strangers], _render_card),
            companions=people[strangers:],
            week=week(begins),
            weekday_letters=WEEKDAY_LETTERS,
            months=months([moment.date() for moment in begins], [local(moment, overview.zone).date() for moment in starts]),
            places=map_of(encounters, place_table(bench, overview.matched)),
            together=page_rest.together_table(overview, pairs),
            clocks=page_rest.clock_rows(overview),
            doubts=page_rest.clock_warnings(overview),
            left=page_rest.left_out(overview, pictures.left_out),
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


def both(phrase: Phrase | str) -> Markup:
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
    environment.filters["both"] = both
    environment.filters["pair"] = lambda texts: both(Phrase(*texts))
    environment.filters["encounters"] = lambda number: both(count(number, "encounter"))
    environment.globals["t"] = lambda key, **parts: both(say(key, **parts))
    return environment


def _write(path: Path, pieces: Iterable[str]) -> None:
    """Write under a temporary name, sync, rename: whoever opens the page sees a whole one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n", buffering=1 << 20) as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise StoreError(
            f"{path} could not be written: {error.strerror or error}.", remedy="Free some space or check the permissions, then run again."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
