"""Reads what the page is made from: the record, once, without pictures."""

from collections import Counter
from dataclasses import dataclass

import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.core.schema.encounters import ENCOUNTER_SCORES
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.changed_partitions import rows_version
from meetbefore_assets.identities import queries
from meetbefore_assets.identities.queries import matched_videos
from meetbefore_assets.publishing.database import video_rows
from meetbefore_assets.recordings.clocks import SCHEMA as CLOCKS
from meetbefore_assets.recordings.clocks import clock_table

HIDDEN_ROLES = ("me", "ignored")
# Whom one knows why one keeps meeting: ranked apart.
APART = ("companion", "me")
_DROPPED = "dropped: "
_UNDECODABLE = "moments not decodable"
_INPUTS = ("encounter_scores", "identity_assignments", "detections")


@dataclass(frozen=True)
class Overview:
    """What is known without reading a single face.

    Attributes:
        people: everybody, in the order of the ranking (columns of PEOPLE).
        videos: every known recording (columns of VIDEOS_PUBLISHED).
        clocks: of the recordings that were read (video_id, started_at, timezone, clock_source, is_certain, warning).
        matched: ids of the recordings that have identities.
        dropped: reason -> number of faces that were found and not kept.
        undecodable: moments that could not be decoded.
        zone: IANA name of the zone that people read times in.
        threshold: least cosine at which groups were joined; "" if nothing was matched yet.
        interval_s: seconds between two looked-at moments.
        version: changes whenever anything on the page could.
    """

    people: pl.DataFrame
    videos: pl.DataFrame
    clocks: pl.DataFrame
    matched: list[str]
    dropped: dict[str, int]
    undecodable: int
    zone: str
    threshold: str
    interval_s: float
    version: str

    @property
    def shown(self) -> pl.DataFrame:
        """People met more than once, without the user and those to be ignored."""
        again = self.people.filter(pl.col("encounters") > 1)
        return again.filter(~pl.col("role").fill_null("").is_in(HIDDEN_ROLES))

    @property
    def hidden(self) -> int:
        """People who would be shown, had the user not said who they are."""
        return self.people.filter(pl.col("encounters") > 1).height - self.shown.height


def is_companion() -> pl.Expr:
    """True for those whom the user, or else the numbers, call a companion, and for whom the numbers take for the user."""
    return pl.coalesce("role", "proposed_role").fill_null("").is_in(APART)


def read_overview(home: Home, template_version: str) -> Overview:
    """Read everything but faces; `template_version` is the hash of the program that makes the page."""
    people, videos, matched = queries.people_table(home), video_rows(home), matched_videos(home)
    read = [video_id for video_id in videos["video_id"] if home.store.stamp("videos", video_id) is not None]
    clocks = clock_table(home, read) if read else pl.DataFrame(schema=CLOCKS)
    dropped, undecodable = _dropped(home, read)
    state = home.store.stamp("identity_assignments", WHOLE)
    threshold = f"{float(state.facts['threshold']):.2f}" if state and "threshold" in state.facts else ""
    zone, interval_s = home.zone(), home.settings().sampling.interval_s
    version = digest(
        "encounter_report",
        [template_version, zone, threshold, interval_s],
        [rows_version(people), rows_version(videos), rows_version(clocks)],
        [[asset, key, _version(home, asset, key)] for asset in _INPUTS for key in matched],
        [sorted(dropped.items()), undecodable],
    )
    return Overview(people, videos, clocks, matched, dropped, undecodable, zone, threshold, interval_s, version)


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
        undecodable += int(stamp.facts.get(_UNDECODABLE, 0)) if stamp else 0
    return dict(sorted(dropped.items())), undecodable


def read_encounters(home: Home, overview: Overview) -> pl.DataFrame:
    """Encounters of the people shown: columns of ENCOUNTER_SCORES and file_name, by time within a person."""
    scored = [key for key in overview.matched if home.store.stamp("encounter_scores", key) is not None]
    rows = home.store.scan("encounter_scores", scored) if scored else ENCOUNTER_SCORES.empty()
    shown = rows.join(overview.shown.select("person_id"), on="person_id", how="semi")
    return shown.join(overview.videos.select("video_id", "file_name"), on="video_id").sort("person_id", "started_at", "video_id")


def read_faces(home: Home, overview: Overview, encounters: pl.DataFrame) -> pl.DataFrame:
    """Faces of the people shown, each with its encounter: columns of FACE_COLUMNS and encounter_id; by encounter and time."""
    faces = queries.assigned_faces(home, overview.matched).join(overview.shown.select("person_id"), on="person_id", how="semi")
    begins = encounters.select("person_id", "video_id", "encounter_id", pl.col("started_at").alias("seen_at"))
    joined = faces.sort("seen_at").join_asof(
        begins.sort("seen_at"), on="seen_at", by=["person_id", "video_id"], strategy="backward", check_sortedness=False
    )
    return joined.filter(pl.col("encounter_id").is_not_null()).sort("encounter_id", "seen_at", "face_id")
