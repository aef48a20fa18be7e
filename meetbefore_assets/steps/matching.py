"""Who is who: all videos at once, decided under a lock, written where it changed."""

import time
from dataclasses import dataclass

import numpy as np
import polars as pl

from meetbefore_assets.domain import tracks_to_identities as identities
from meetbefore_assets.domain.ports import F32, I64, Stamp
from meetbefore_assets.schema import IDENTITY_ASSIGNMENTS, PERSON_ALIASES, check
from meetbefore_assets.steps.changed import write_changed
from meetbefore_assets.steps.clocks import clock_table
from meetbefore_assets.steps.grouping import Material, group, material
from meetbefore_assets.steps.history import write_history
from meetbefore_assets.steps.policy import Policy, fingerprint, policy, usable_tracks
from meetbefore_assets.steps.survival import write_regroupings
from meetbefore_assets.workbench import WHOLE, Workbench

NEIGHBOURS = 4
_SIGHTINGS: dict[str, pl.DataType] = {
    **dict.fromkeys(("person_id", "video_id", "track_id", "face_id"), pl.String()),
    "seen_at": pl.Datetime("us"),
    "quality": pl.Float32(),
}
ASSET = "identity_assignments"


@dataclass(frozen=True)
class Matched:
    """What a decision changed.

    Attributes:
        changed: partitions that were written -> (data version, rows).
        dropped: partitions that are gone.
        videos, people, faces: of all.
        churn: faces that changed their person.
        new_aliases: ids that went out of use.
        names_moved: names that went to somebody else.
        conflicts: corrections that cannot hold any more, because faces are seen otherwise now.
        was_in_step: nothing had to be decided.
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
class Decision:
    """Numbers of the last decision on record; see Matched."""

    people: int
    faces: int
    churn: int
    new_aliases: int
    names_moved: int
    conflicts: int
    threshold: float


def decision(bench: Workbench) -> Decision | None:
    """The last decision, or None before the first."""
    state = bench.store.stamp(ASSET, WHOLE)
    if state is None:
        return None
    numbers = {name: int(state.facts.get(name, 0)) for name in ("people", "faces", "churn", "new_aliases", "names_moved", "conflicts")}
    return Decision(**numbers, threshold=float(state.facts["threshold"]))


def is_matched(bench: Workbench) -> bool:
    """Whether the identities on record are those of the policy, tracks and clocks in force."""
    decided = policy(bench)
    state = bench.store.stamp(ASSET, WHOLE)
    return state is not None and state.data_version == fingerprint(bench, decided, usable_tracks(bench, decided.recogniser_id))


def match(bench: Workbench) -> Matched:
    """Decide all identities anew if anything they depend on changed."""
    started = time.perf_counter()
    with bench.lock("matching"):
        decided = policy(bench)
        versions = usable_tracks(bench, decided.recogniser_id)
        goal = fingerprint(bench, decided, versions)
        state = bench.store.stamp(ASSET, WHOLE)
        if state is not None and state.data_version == goal and _is_complete(bench, versions):
            counts = {name: int(state.facts[name]) for name in ("people", "faces")}
            nothing = dict.fromkeys(("churn", "new_aliases", "names_moved", "conflicts"), 0)
            return Matched({}, [], len(versions), **counts, **nothing, was_in_step=True, seconds=0.0, policy=decided)
        before = _before(bench)
        given = material(bench, list(versions))
        after, labels = decide(bench, list(versions), given, decided.threshold)
        aliases = _aliases(bench, before, after)
        changes = write_changed(bench, IDENTITY_ASSIGNMENTS, list(versions), after, _facts)
        write_regroupings(bench, given, decided.threshold, labels, goal)
        write_history(bench, before, after, decided, float(state.facts["threshold"]) if state else None)
        facts = {
            "people": after["person_id"].n_unique(),
            "faces": after.height,
            "churn": identities.churn(before.select("face_id", "person_id"), after.select("face_id", "person_id")),
            "new_aliases": len(set(aliases) & set(before["person_id"].unique())),
            "names_moved": _names_moved(given, before, after, aliases),
            "conflicts": len(given.links.conflicts),
        }
        table = pl.DataFrame({"alias": list(aliases), "person_id": list(aliases.values())}, schema=PERSON_ALIASES.dtypes)
        shown = {name: str(value) for name, value in {**facts, "threshold": decided.threshold}.items()}
        bench.store.put(ASSET, WHOLE, check(PERSON_ALIASES, table), Stamp(goal, {"policy": decided.version}, shown, table.height))
    seconds = time.perf_counter() - started
    return Matched(changes.written, changes.dropped, len(versions), **facts, was_in_step=False, seconds=seconds, policy=decided)


def decide(bench: Workbench, videos: list[str], given: Material, threshold: float) -> tuple[pl.DataFrame, I64]:
    """Identities of all faces of some videos.

    Returns:
        Columns of IDENTITY_ASSIGNMENTS, sorted by face; and (m,) the group of each of the given tracks.
    """
    labels = group(given, threshold)
    if not len(labels):
        return IDENTITY_ASSIGNMENTS.empty(), labels
    faces = given.tracks.select("track_id", "video_id", pl.Series("group", labels), pl.col("face_ids").alias("face_id")).explode("face_id")
    faces = faces.join(_sightings(bench, videos), on="face_id", how="left").sort("face_id")
    faces = faces.join(identities.person_ids(faces.select("face_id", "seen_at", "group")), on="group", how="left").sort("face_id")
    return _with_evidence(bench, videos, faces), labels


def _names_moved(given: Material, before: pl.DataFrame, after: pl.DataFrame, aliases: dict[str, str]) -> int:
    """Names whose bearer is neither who it was nor who that became."""
    was = {name: person for person, name in given.stands.spoken(before, "name").items()}
    now = {name: person for person, name in given.stands.spoken(after, "name").items()}
    return sum(now.get(name) not in (person, aliases.get(person)) for name, person in was.items())


def _sightings(bench: Workbench, videos: list[str]) -> pl.DataFrame:
    clocks = clock_table(bench, videos).select("video_id", "started_at")
    faces = bench.store.scan("detections", videos, ["face_id", "video_id", "time_s", "quality"])
    moment = pl.col("started_at") + pl.duration(microseconds=(pl.col("time_s") * 1e6).round().cast(pl.Int64))
    return faces.join(clocks, on="video_id", how="left").select("face_id", moment.alias("seen_at"), "quality")


def sightings(bench: Workbench, videos: list[str]) -> pl.DataFrame:
    """A row a face of some videos: person_id, video_id, track_id, face_id, seen_at (UTC), quality."""
    if not videos:
        return pl.DataFrame(schema=_SIGHTINGS)
    assigned = bench.store.scan(ASSET, videos, ["face_id", "video_id", "track_id", "person_id"])
    return assigned.join(_sightings(bench, videos), on="face_id", how="left").select(list(_SIGHTINGS))


def _with_evidence(bench: Workbench, videos: list[str], faces: pl.DataFrame) -> pl.DataFrame:
    """Add the similarity to the own person and to the runner-up."""
    embedded = bench.store.scan("embeddings", videos, ["face_id", "vector"])
    faces = faces.join(embedded, on="face_id", how="left").sort("face_id")
    names = faces["person_id"].unique().sort()
    group = names.search_sorted(faces["person_id"]).to_numpy().astype(np.int64)
    vectors = np.array(faces["vector"].to_list(), np.float32)
    gallery = identities.gallery(vectors, group)
    who, cosine = identities.runner_up(*_nearest_people(bench, vectors, gallery.means), group)
    name_list = names.to_list()
    evidence = pl.DataFrame(
        {
            "similarity": identities.own_similarity(vectors, group, gallery),
            "runner_up_person_id": pl.Series([name_list[row] if row >= 0 else None for row in who], dtype=pl.String),
            "runner_up_similarity": pl.Series(cosine).fill_nan(None),
        }
    )
    return check(IDENTITY_ASSIGNMENTS, faces.hstack(evidence))


def _nearest_people(bench: Workbench, vectors: F32, means: F32) -> tuple[F32, I64]:
    # In memory, as they are there already: most of an archive's people are few enough to be compared exactly.
    with bench.index_of("memory")(means, len(vectors)) as index:
        return index.search(vectors, min(NEIGHBOURS, len(means)))


def _facts(rows: pl.DataFrame) -> dict[str, str]:
    return {"people": str(rows["person_id"].n_unique())}


def _before(bench: Workbench) -> pl.DataFrame:
    keys = [key for key in bench.store.keys(ASSET) if key != WHOLE]
    columns = ["face_id", "video_id", "person_id"]
    readable = [key for key in keys if bench.store.stamp(ASSET, key) is not None]
    return bench.store.scan(ASSET, readable, columns) if readable else IDENTITY_ASSIGNMENTS.empty().select(columns)


def _is_complete(bench: Workbench, versions: dict[str, str]) -> bool:
    return all(bench.store.stamp(ASSET, video_id) is not None for video_id in versions)


def _aliases(bench: Workbench, before: pl.DataFrame, after: pl.DataFrame) -> dict[str, str]:
    known: dict[str, str] = {}
    if bench.store.stamp(ASSET, WHOLE) is not None:
        table = bench.store.get(ASSET, WHOLE)
        known = dict(zip(table["alias"], table["person_id"], strict=True))
    return identities.aliases(before.select("face_id", "person_id"), after.select("face_id", "person_id"), known)
