"""Filters and sorts the list of people."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import polars as pl

from meetbefore_assets.publishing.page.data import HIDDEN_ROLES, is_companion

# Of the first the page shows everybody at once; further ones are a click away.
PEOPLE_A_PAGE = 60
WHO = ("strangers", "companions", "named", "ignored", "everybody")
SORTS = ("score", "last", "first", "encounters", "name")
LAYOUTS = ("grid", "list")
MOST_PLACES = 12


@dataclass(frozen=True)
class Filter:
    """A filter and sort order, from the query of the URL.

    Attributes:
        who: one of WHO.
        find: part of a name or the beginning of an id, in lower case.
        weekday: 0 Monday .. 6 Sunday; None: any.
        place: degrees north and east, rounded to a hundredth (about a kilometre); None: anywhere.
        since: local day; None: ever.
        sort: one of SORTS.
        layout: one of LAYOUTS.
        page: from 1.
    """

    who: str = "strangers"
    find: str = ""
    weekday: int | None = None
    place: tuple[float, float] | None = None
    since: dt.date | None = None
    sort: str = "score"
    layout: str = "grid"
    page: int = 1

    def query(self, **changes: object) -> str:
        """The filter as a URL query, with some fields changed; defaults are left out."""
        fields = {
            "who": self.who,
            "find": self.find,
            "weekday": "" if self.weekday is None else self.weekday,
            "place": "" if self.place is None else f"{self.place[0]:.2f},{self.place[1]:.2f}",
            "since": self.since or "",
            "sort": self.sort,
            "layout": self.layout,
            "page": self.page,
            **changes,
        }
        usual = {"who": "strangers", "sort": "score", "layout": "grid", "page": 1}
        return urlencode({name: value for name, value in fields.items() if value not in ("", None) and usual.get(name) != value})

    @property
    def is_narrow(self) -> bool:
        """Whether anything besides the kind of people is filtered."""
        return any((self.find, self.weekday is not None, self.place, self.since))


def filter_of(query: Mapping[str, str]) -> Filter:
    """Parse a query; invalid parts are ignored."""

    def one_of(name: str, known: tuple[str, ...]) -> str:
        return query.get(name, "") if query.get(name, "") in known else known[0]

    weekday, page = query.get("weekday", ""), query.get("page", "1")
    return Filter(
        who=one_of("who", WHO),
        find=query.get("find", "").strip().lower()[:200],
        weekday=int(weekday) if weekday in {*"0123456"} else None,
        place=_place(query.get("place", "")),
        since=_day(query.get("since", "")),
        sort=one_of("sort", SORTS),
        layout=one_of("layout", LAYOUTS),
        page=int(page) if page.isascii() and page.isdigit() and int(page[:9]) > 0 else 1,
    )


def _place(text: str) -> tuple[float, float] | None:
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        return None
    return (round(latitude, 2), round(longitude, 2)) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def people_of(people: pl.DataFrame, who: str) -> pl.DataFrame:
    """The people of a kind, in the order of the ranking.

    Args:
        people: columns of PEOPLE.
        who: one of WHO. strangers and companions are people met more than once; the user and those to be ignored are neither.
    """
    hidden = pl.col("role").fill_null("").is_in(HIDDEN_ROLES)
    met_again = (pl.col("encounters") > 1) & ~hidden
    kinds = {
        "strangers": met_again & ~is_companion(),
        "companions": (met_again & is_companion()) | (pl.col("role").fill_null("") == "companion"),
        "named": pl.col("name").fill_null("") != "",
        "ignored": pl.col("role").fill_null("") == "ignored",
        "everybody": pl.lit(True),
    }
    return people.filter(kinds[who])


def filtered(people: pl.DataFrame, encounters: pl.DataFrame, wanted: Filter, zone: str) -> pl.DataFrame:
    """All people that pass a filter, in its order.

    Args:
        people: columns of PEOPLE, in the order of the ranking.
        encounters: columns of ENCOUNTER_SCORES.
        zone: IANA name; weekdays and days are local.
    """
    # Whoever looks for a name means everybody who bears it.
    found = people_of(people, "everybody" if wanted.find else wanted.who)
    if wanted.find:
        name = pl.col("name").fill_null("").str.to_lowercase()
        found = found.filter(name.str.contains(wanted.find, literal=True) | pl.col("person_id").str.starts_with(wanted.find))
    if wanted.weekday is not None or wanted.place or wanted.since:
        met = encounters.filter(_meets(wanted, zone))
        found = found.join(met.select("person_id").unique(), on="person_id", how="semi", maintain_order="left")
    return _sorted(found, wanted.sort)


def _meets(wanted: Filter, zone: str) -> pl.Expr:
    there = pl.col("started_at").dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    conditions = [pl.lit(True)]
    if wanted.weekday is not None:
        conditions.append(there.dt.weekday() == wanted.weekday + 1)
    if wanted.since:
        conditions.append(there.dt.date() >= wanted.since)
    if wanted.place:
        latitude, longitude = wanted.place
        conditions += [pl.col("latitude").round(2) == latitude, pl.col("longitude").round(2) == longitude]
    return pl.all_horizontal(conditions)


def _sorted(people: pl.DataFrame, sort: str) -> pl.DataFrame:
    if sort == "score":
        return people
    if sort == "name":
        named = pl.col("name").fill_null("")
        return people.sort(named == "", named.str.to_lowercase(), maintain_order=True)
    column = {"last": "last_seen", "first": "first_seen", "encounters": "encounters"}[sort]
    return people.sort(column, descending=sort != "first", maintain_order=True)


@dataclass(frozen=True)
class Place:
    """Where people were met: degrees, rounded to a hundredth, and how many encounters."""

    latitude: float
    longitude: float
    encounters: int


def places_of(encounters: pl.DataFrame) -> list[Place]:
    """Where most encounters were, at most MOST_PLACES."""
    known = encounters.filter(pl.col("latitude").is_not_null() & pl.col("longitude").is_not_null())
    rounded = known.select(pl.col("latitude").round(2), pl.col("longitude").round(2), "encounter_id")
    counted = rounded.group_by("latitude", "longitude").agg(pl.col("encounter_id").n_unique().alias("n"))
    top = counted.sort(["n", "latitude", "longitude"], descending=[True, False, False]).head(MOST_PLACES)
    return [Place(*row) for row in top.iter_rows()]
