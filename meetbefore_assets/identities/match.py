"""Matches all videos under a lock: decides who each face is, and writes the partitions that changed."""

import datetime as dt
import time
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from meetbefore_assets.core.ports import F32, I64, WHOLE, Stamp
from meetbefore_assets.core.schema.identities import IDENTITY_ASSIGNMENTS, PERSON_ALIASES
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.changed_partitions import write_changed_partitions
from meetbefore_assets.home.record.forgotten_ids import ForgottenIds, forgotten_ids
from meetbefore_assets.identities import person_ids
from meetbefore_assets.identities.grouping_input import GroupingInput, group, read_grouping_input
from meetbefore_assets.identities.identity_history import purge_history, write_history
from meetbefore_assets.identities.policy import Policy, fingerprint, policy, usable_tracks
from meetbefore_assets.identities.stored_corrections import read_corrections
from meetbefore_assets.identities.stored_edges import vectors_as_matrix
from meetbefore_assets.identities.threshold_sweep import write_regroupings
from meetbefore_assets.recordings.clocks import clock_table

NEIGHBOURS = 4
_SIGHTINGS: dict[str, pl.DataType] = {
    **dict.fromkeys(("person_id", "video_id", "track_id", "face_id"), pl.String()),
    "seen_at": pl.Datetime("us"),
    "quality": pl.Float32(),
}
ASSET = "identity_assignments"
# Data version of the identities while their tables are being written.
BROKEN_OFF = "broken off"
_SAID_UNTIL = "said until"
EVIDENCE, COSINES = "evidence", "cosines"


@dataclass(frozen=True)
class MatchResult:
    """The result of a match.

    Attributes:
        changed: written partitions -> (data version, rows).
        dropped: dropped partitions.
        videos, people, faces: numbers in all.
        churn: number of faces that changed their person.
        new_aliases: number of ids that are no longer used.
        names_moved: number of names that moved to somebody else.
        conflicts: number of corrections that became contradictory.
        was_in_step: nothing had changed, so nothing was matched.
    """

    changed: dict[str, tuple[str, int]]
    dropped: list[str]
    videos: int
    people: int
    faces: int
    churn: int
    new_aliases: int
    names_moved: int
    conflicts: int
    was_in_step: bool
    seconds: float
    policy: Policy


@dataclass(frozen=True)
class LastMatch:
    """Numbers of the last match on record; see MatchResult.

    Attributes:
        rule: how groups were compared: EVIDENCE or COSINES.
        has_new_rule: the match before used another rule.
    """

    people: int
    faces: int
    churn: int
    new_aliases: int
    names_moved: int
    conflicts: int
    threshold: float
    rule: str
    has_new_rule: bool


def last_match(home: Home) -> LastMatch | None:
    """The last match; None before the first."""
    state = home.store.stamp(ASSET, WHOLE)
    if state is None:
        return None
    numbers = {name: int(state.facts.get(name, 0)) for name in ("people", "faces", "churn", "new_aliases", "names_moved", "conflicts")}
    rule, is_new = state.facts.get("rule", COSINES), state.facts.get("has_new_rule") == "yes"
    return LastMatch(**numbers, threshold=float(state.facts["threshold"]), rule=rule, has_new_rule=is_new)


def is_broken_off(home: Home) -> bool:
    """Whether the last match was interrupted while writing; without the lock also True while one is writing."""
    state = home.store.stamp(ASSET, WHOLE)
    return state is not None and state.data_version == BROKEN_OFF


def said_until(home: Home) -> dt.datetime | None:
    """Time of the last correction that the last match used (UTC); None if there was none, or it is not recorded."""
    state = home.store.stamp(ASSET, WHOLE)
    told = state.facts.get(_SAID_UNTIL) if state else None
    return dt.datetime.fromisoformat(told) if told else None


def is_matched(home: Home) -> bool:
    """Whether the identities on record are up to date with policy, tracks and clocks."""
    decided = policy(home)
    state = home.store.stamp(ASSET, WHOLE)
    return state is not None and state.data_version == fingerprint(home, decided, usable_tracks(home, decided.recogniser_id))


def match(home: Home) -> MatchResult:
    """Match all videos, if anything that identities depend on changed."""
    started = time.perf_counter()
    with home.lock("matching"):
        decided = policy(home)
        versions = usable_tracks(home, decided.recogniser_id)
        goal = fingerprint(home, decided, versions)
        state = home.store.stamp(ASSET, WHOLE)
        if state is not None and state.data_version == goal and all(home.store.stamp(ASSET, video_id) for video_id in versions):
            counts = {name: int(state.facts[name]) for name in ("people", "faces")}
            nothing = dict.fromkeys(("churn", "new_aliases", "names_moved", "conflicts"), 0)
            return MatchResult({}, [], len(versions), **counts, **nothing, was_in_step=True, seconds=0.0, policy=decided)
        forgotten = forgotten_ids(home)
        before = _before(home, forgotten)
        said = read_corrections(home)
        given = read_grouping_input(home, list(versions), said)
        after, labels = identify_faces(home, list(versions), given, decided.threshold)
        aliases = _aliases(home, before, after, forgotten)
        if state is not None:  # a process killed from here on leaves some videos with old ids and some with new ones
            home.store.put(ASSET, WHOLE, home.store.get(ASSET, WHOLE), replace(state, data_version=BROKEN_OFF))
        changes = write_changed_partitions(
            home, IDENTITY_ASSIGNMENTS, list(versions), after, lambda rows: {"people": str(rows["person_id"].n_unique())}
        )
        write_regroupings(home, given, decided.threshold, labels, goal)
        write_history(home, before, after, decided, float(state.facts["threshold"]) if state else None)
        purge_history(home, forgotten)
        facts = {
            "people": after["person_id"].n_unique(),
            "faces": after.height,
            "churn": person_ids.churn(before.select("face_id", "person_id"), after.select("face_id", "person_id")),
            "new_aliases": len(set(aliases) & set(before["person_id"].unique())),
            "names_moved": _names_moved(given, before, after, aliases),
            "conflicts": len(given.links.conflicts),
        }
        table = pl.DataFrame({"alias": list(aliases), "person_id": list(aliases.values())}, schema=PERSON_ALIASES.dtypes)
        rule = COSINES if given.model is None else EVIDENCE
        is_new = state is not None and state.facts.get("rule", COSINES) != rule
        shown = {name: str(value) for name, value in {**facts, "threshold": decided.threshold, "rule": rule}.items()}
        shown |= {"has_new_rule": "yes"} if is_new else {}
        shown[_SAID_UNTIL] = max((one.created_at for one in said), default=dt.datetime.min).isoformat()
        home.store.put(ASSET, WHOLE, check(PERSON_ALIASES, table), Stamp(goal, {"policy": decided.version}, shown, table.height))
    seconds = time.perf_counter() - started
    return MatchResult(changes.written, changes.dropped, len(versions), **facts, was_in_step=False, seconds=seconds, policy=decided)


def identify_faces(home: Home, videos: list[str], given: GroupingInput, threshold: float) -> tuple[pl.DataFrame, I64]:
    """Decide the identities of all faces of some videos.

    Returns:
        Columns of IDENTITY_ASSIGNMENTS, sorted by face; and (m,) the group of each of the given tracks.
    """
    labels = group(given, threshold)
    if not len(labels):
        return IDENTITY_ASSIGNMENTS.empty(), labels
    faces = given.tracks.select("track_id", "video_id", pl.Series("group", labels), pl.col("face_ids").alias("face_id")).explode("face_id")
    faces = faces.join(_sightings(home, videos), on="face_id", how="left").sort("face_id")
    faces = faces.join(person_ids.person_ids(faces.select("face_id", "seen_at", "group")), on="group", how="left").sort("face_id")
    return _with_evidence(home, videos, faces), labels


def _names_moved(given: GroupingInput, before: pl.DataFrame, after: pl.DataFrame, aliases: dict[str, str]) -> int:
    """Number of names whose person is neither the former one nor its successor."""
    was = {name: person for person, name in given.stands.spoken(before, "name").items()}
    now = {name: person for person, name in given.stands.spoken(after, "name").items()}
    return sum(now.get(name) not in (person, aliases.get(person)) for name, person in was.items())


def _sightings(home: Home, videos: list[str]) -> pl.DataFrame:
    clocks = clock_table(home, videos).select("video_id", "started_at")
    faces = home.store.scan("detections", videos, ["face_id", "video_id", "time_s", "quality"])
    moment = pl.col("started_at") + pl.duration(microseconds=(pl.col("time_s") * 1e6).round().cast(pl.Int64))
    return faces.join(clocks, on="video_id", how="left").select("face_id", moment.alias("seen_at"), "quality")


def sightings(home: Home, videos: list[str]) -> pl.DataFrame:
    """One row per face of some videos: person_id, video_id, track_id, face_id, seen_at (UTC), quality."""
    if not videos:
        return pl.DataFrame(schema=_SIGHTINGS)
    assigned = home.store.scan(ASSET, videos, ["face_id", "video_id", "track_id", "person_id"])
    return assigned.join(_sightings(home, videos), on="face_id", how="left").select(list(_SIGHTINGS))


def _with_evidence(home: Home, videos: list[str], faces: pl.DataFrame) -> pl.DataFrame:
    """Add the similarity to the own person and to the runner-up."""
    embedded = home.store.scan("embeddings", videos, ["face_id", "vector"])
    faces = faces.join(embedded, on="face_id", how="left").sort("face_id")
    names = faces["person_id"].unique().sort()
    group = names.search_sorted(faces["person_id"]).to_numpy().astype(np.int64)
    vectors = vectors_as_matrix(faces["vector"])
    gallery = person_ids.gallery(vectors, group)
    who, cosine = person_ids.runner_up(*_nearest_people(home, vectors, gallery.means), group)
    name_list = names.to_list()
    evidence = pl.DataFrame(
        {
            "similarity": person_ids.own_similarity(vectors, group, gallery),
            "runner_up_person_id": pl.Series([name_list[row] if row >= 0 else None for row in who], dtype=pl.String),
            "runner_up_similarity": pl.Series(cosine).fill_nan(None),
        }
    )
    return check(IDENTITY_ASSIGNMENTS, faces.hstack(evidence))


def _nearest_people(home: Home, vectors: F32, means: F32) -> tuple[F32, I64]:
    # In memory, where the vectors are anyway: most archives have few enough people for an exact comparison.
    with home.index_builder("memory")(means, len(vectors)) as index:
        return index.search(vectors, min(NEIGHBOURS, len(means)))


def _before(home: Home, forgotten: ForgottenIds) -> pl.DataFrame:
    """The former assignments, except of forgotten ids: face_id, video_id, person_id."""
    keys = [key for key in home.store.keys(ASSET) if key != WHOLE]
    columns = ["face_id", "video_id", "person_id"]
    readable = [key for key in keys if home.store.stamp(ASSET, key) is not None]
    table = home.store.scan(ASSET, readable, columns) if readable else IDENTITY_ASSIGNMENTS.empty().select(columns)
    return table.filter(~pl.col("person_id").is_in(forgotten.among(table["person_id"])))


def _aliases(home: Home, before: pl.DataFrame, after: pl.DataFrame, forgotten: ForgottenIds) -> dict[str, str]:
    known: dict[str, str] = {}
    if home.store.stamp(ASSET, WHOLE) is not None:
        table = home.store.get(ASSET, WHOLE)
        known = dict(zip(table["alias"], table["person_id"], strict=True))
    found = person_ids.aliases(before.select("face_id", "person_id"), after.select("face_id", "person_id"), known)
    return {alias: person_id for alias, person_id in found.items() if not forgotten.has_person(alias)}
