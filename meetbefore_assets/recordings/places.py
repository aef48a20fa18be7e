"""The table `places`: where recordings were made, from containers, subtitles and GPX files."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import GpsFix, Stamp
from meetbefore_assets.core.schema.recordings import PLACES
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.object_versions import object_versions
from meetbefore_assets.recordings.clocks import clock_table
from meetbefore_assets.recordings.gps import cell, place_at, tagged_location

_CODE_VERSION = 1


def update_places(home: Home) -> int:
    """Read again the places of videos whose GPS files or clocks changed; returns how many. Those of absent files stay."""
    videos = [video_id for video_id in home.store.keys("videos") if home.store.stamp("videos", video_id) is not None]
    starts = dict(clock_table(home, videos).select("video_id", "started_at").iter_rows())
    if not videos:
        return 0
    rows = home.store.scan("videos", videos, ["video_id", "uri", "tags", "duration_s"])
    beside = home.adapters.recordings.place_files(rows["uri"].to_list())
    return sum(_update(home, row, starts[row["video_id"]], files) for row, files in zip(rows.iter_rows(named=True), beside, strict=True))


def _update(home: Home, row: dict[str, object], started_at: dt.datetime | None, files: tuple[tuple[str, int, int], ...]) -> bool:
    video_id = str(row["video_id"])
    location = tagged_location(json.loads(str(row["tags"])))
    before = home.store.stamp(PLACES.name, video_id)
    version = digest("places", _CODE_VERSION, [list(entry) for entry in files], str(started_at), list(location or ()))
    if before is not None and (before.data_version == version or (not files and before.facts.get("beside") == "yes" and _is_away(row))):
        return False
    if before is None and not files and location is None:
        return False
    fixes = [("location", GpsFix(0.0, *location))] if location else []
    for path, _, _ in files:
        source = "gpx" if path.lower().endswith(".gpx") else "srt"
        fixes += [(source, fix) for fix in home.adapters.recordings.read_fixes(path, started_at, float(str(row["duration_s"])))]
    table = (
        PLACES.frame([{"video_id": video_id, **asdict(fix), "source": source} for source, fix in fixes])
        .unique(PLACES.key, keep="first", maintain_order=True)
        .sort("source", "time_s")
    )
    home.store.put(PLACES.name, video_id, check(PLACES, table), Stamp(version, {}, {"beside": "yes" if files else "no"}, table.height))
    return True


def _is_away(row: dict[str, object]) -> bool:
    return not Path(str(row["uri"]).partition("?day=")[0]).exists()


def places_version(home: Home) -> str:
    """Hash that changes whenever a place does."""
    return digest("places", object_versions(home, PLACES.name))


def place_table(home: Home, videos: list[str]) -> pl.DataFrame:
    """The places of some videos, columns of PLACES, sorted by video, source and time."""
    keys = sorted(set(home.store.keys(PLACES.name)) & set(videos))
    return home.store.scan(PLACES.name, keys) if keys else PLACES.empty()


def with_places(home: Home, videos: list[str], scored: pl.DataFrame) -> pl.DataFrame:
    """Add latitude, longitude and place_source of their start to encounters (a row per encounter and video).

    The camera's own subtitles are preferred to a GPX file, and both to the single location of the container.
    """
    return with_places_of(place_table(home, videos), dict(clock_table(home, videos).select("video_id", "started_at").iter_rows()), scored)


def with_places_of(table: pl.DataFrame, starts: Mapping[str, dt.datetime | None], scored: pl.DataFrame) -> pl.DataFrame:
    """What `with_places` gives.

    Args:
        table: columns of PLACES, by video, source and time.
        starts: video_id -> when it begins (UTC).
        scored: encounters, columns video_id and started_at.
    """
    known: dict[str, dict[str, list[GpsFix]]] = {}
    for (video_id, source), rows in groupby(table.iter_rows(), key=lambda row: (row[0], row[4])):
        known.setdefault(str(video_id), {})[str(source)] = [GpsFix(row[1], row[2], row[3]) for row in rows]
    moments = scored.select("video_id", "started_at").iter_rows()
    found = [
        _place(known[video_id], (at - starts[video_id]).total_seconds()) if video_id in known else _NOWHERE for video_id, at in moments
    ]
    schema = {"latitude": pl.Float64, "longitude": pl.Float64, "place_source": pl.String}
    return scored.hstack(pl.DataFrame(found, schema=schema, orient="row"))


_NOWHERE = (None, None, None)


def _place(sources: dict[str, list[GpsFix]], time_s: float) -> tuple[float | None, float | None, str | None]:
    for source in ("srt", "gpx"):
        at = place_at(time_s, sources.get(source, ()))
        if at:
            return (*at, source)
    for fix in sources.get("location", ()):
        return fix.latitude, fix.longitude, "location"
    return None, None, None


def with_cells(table: pl.DataFrame) -> pl.DataFrame:
    """Add `place`, the name of the square that contains latitude and longitude; null if they are null."""
    places = table.select("latitude", "longitude").iter_rows()
    names = [None if latitude is None else cell(latitude, longitude) for latitude, longitude in places]
    return table.with_columns(pl.Series("place", names, pl.String))
