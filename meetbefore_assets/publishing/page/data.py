"""Reads the tables that the page is made from, once; pictures are read later."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.core.schema.encounters import ENCOUNTER_SCORES
from meetbefore_assets.core.schema.faces import PORTRAITS
from meetbefore_assets.faces.frame_counts import undecodable_frames
from meetbefore_assets.faces.portraits import portrait_table
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.changed_partitions import rows_version
from meetbefore_assets.identities import queries
from meetbefore_assets.identities.queries import matched_videos
from meetbefore_assets.identities.threshold_sweep import sureness_of_thresholds
from meetbefore_assets.publishing.database import video_rows
from meetbefore_assets.recordings.clocks import SCHEMA as CLOCKS
from meetbefore_assets.recordings.clocks import clock_table

HIDDEN_ROLES = ("me", "ignored")
# Roles of people who are listed apart from strangers: it is no surprise to meet them again.
APART = ("companion", "me")
_DROPPED = "dropped: "
_INPUTS = ("encounter_scores", "identity_assignments", "detections")


@dataclass(frozen=True)
class Overview:
    """Everything the page tells that needs no single face.

    Attributes:
        people: everybody, in the order of the ranking (columns of PEOPLE).
        videos: every known recording (columns of VIDEOS_PUBLISHED).
        clocks: of the recordings that were read (video_id, started_at, timezone, clock_source, is_certain, warning).
        matched: ids of the recordings that have identities.
        dropped: reason -> number of faces that were found and not kept.
        undecodable: sampled frames that could not be decoded.
        zone: IANA name of the zone that people read times in.
        threshold: least cosine at which groups of tracks were joined; None if nothing was matched yet.
        sureness: from which probability on, 0..1, each threshold that was tried joins two groups; see `sureness_of_thresholds`.
        interval_s: seconds between two sampled frames.
        home_folder: absolute; commands on the page name it.
        version: changes whenever anything on the page could.
    """

    people: pl.DataFrame
    videos: pl.DataFrame
    clocks: pl.DataFrame
    matched: list[str]
    dropped: dict[str, int]
    undecodable: int
    zone: str
    threshold: float | None
    sureness: dict[float, float]
    interval_s: float
    home_folder: Path
    version: str

    @property
    def shown(self) -> pl.DataFrame:
        """People met more than once, without the user and those to be ignored."""
        return self.people.filter((pl.col("encounters") > 1) & ~_is_hidden())

    @property
    def seen_once(self) -> pl.DataFrame:
        """People met once, without the user and those to be ignored: of the latest day first, of a day those with most faces."""
        once = self.people.filter((pl.col("encounters") == 1) & ~_is_hidden())
        there = pl.col("first_seen").dt.replace_time_zone("UTC").dt.convert_time_zone(self.zone).dt.date()
        return once.sort([there, "faces", "person_id"], descending=[True, True, False])

    @property
    def hidden(self) -> int:
        """Number of people who are left out because the user said that they are "me" or to be ignored."""
        return self.people.filter(_is_hidden()).height


def _is_hidden() -> pl.Expr:
    return pl.col("role").fill_null("").is_in(HIDDEN_ROLES)


def is_companion() -> pl.Expr:
    """Return an expression that is true for companions: said by the user or else proposed; and for whom is proposed to be the user."""
    return pl.coalesce("role", "proposed_role").fill_null("").is_in(APART)


def read_overview(home: Home, template_version: str) -> Overview:
    """Read the overview; `template_version` is the hash of the code that makes the page, and part of the page's version."""
    people, videos, matched = queries.people_table(home), video_rows(home), matched_videos(home)
    read = [video_id for video_id in videos["video_id"] if home.store.stamp("videos", video_id) is not None]
    clocks = clock_table(home, read) if read else pl.DataFrame(schema=CLOCKS)
    dropped, undecodable = _dropped(home, read)
    state = home.store.stamp("identity_assignments", WHOLE)
    threshold = float(state.facts["threshold"]) if state and "threshold" in state.facts else None
    sureness = sureness_of_thresholds(home)
    zone, interval_s, folder = home.zone(), home.settings().sampling.interval_s, home.folder.absolute()
    version = digest(
        "encounter_report",
        [template_version, PORTRAITS.code_version, zone, threshold, sorted(sureness.items()), interval_s, str(folder)],
        [rows_version(people), rows_version(videos), rows_version(clocks)],
        [[asset, key, _version(home, asset, key)] for asset in _INPUTS for key in matched],
        [sorted(dropped.items()), undecodable],
    )
    return Overview(people, videos, clocks, matched, dropped, undecodable, zone, threshold, sureness, interval_s, folder, version)


def _version(home: Home, asset: str, key: str) -> str:
    stamp = home.store.stamp(asset, key)
    return stamp.data_version if stamp else ""


def _dropped(home: Home, videos: list[str]) -> tuple[dict[str, int], int]:
    dropped: Counter[str] = Counter()
    undecodable = 0
    for video_id in videos:
        stamp = home.store.stamp("detections", video_id)
        for name, value in (stamp.facts if stamp else {}).items():
            if name.startswith(_DROPPED):
                dropped[name.removeprefix(_DROPPED)] += int(value)
        undecodable += undecodable_frames(stamp.facts) if stamp else 0
    return dict(sorted(dropped.items())), undecodable


def read_encounters(home: Home, overview: Overview, people: pl.DataFrame) -> pl.DataFrame:
    """Read the encounters of some people: columns of ENCOUNTER_SCORES and file_name, by time within a person."""
    scored = [key for key in overview.matched if home.store.stamp("encounter_scores", key) is not None]
    rows = home.store.scan("encounter_scores", scored) if scored else ENCOUNTER_SCORES.empty()
    shown = rows.join(people.select("person_id"), on="person_id", how="semi")
    return shown.join(overview.videos.select("video_id", "file_name"), on="video_id").sort("person_id", "started_at", "video_id")


def read_faces(home: Home, overview: Overview, encounters: pl.DataFrame) -> pl.DataFrame:
    """Read the faces of some encounters: FACE_COLUMNS, encounter_id, light and portrait (of PORTRAITS); by encounter and time."""
    faces = queries.assigned_faces(home, overview.matched).join(encounters.select("person_id"), on="person_id", how="semi")
    begins = encounters.select("person_id", "video_id", "encounter_id", pl.col("started_at").alias("seen_at"))
    joined = faces.sort("seen_at").join_asof(
        begins.sort("seen_at"), on="seen_at", by=["person_id", "video_id"], strategy="backward", check_sortedness=False
    )
    measured = portrait_table(home, overview.matched).select("face_id", "light", "portrait")
    found = joined.filter(pl.col("encounter_id").is_not_null()).join(measured, on="face_id", how="left")
    return found.sort("encounter_id", "seen_at", "face_id")
