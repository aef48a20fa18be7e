"""Encounters, their scores, and the ranking of people."""

import time
from dataclasses import dataclass

import polars as pl

from meetbefore_assets.domain import lineage
from meetbefore_assets.domain.encounters_to_company import with_company
from meetbefore_assets.domain.encounters_to_habits import habits
from meetbefore_assets.domain.encounters_to_scores import people, score_encounters
from meetbefore_assets.domain.identities_to_encounters import encounters
from meetbefore_assets.domain.people_to_time_span_metric import time_span_metric
from meetbefore_assets.domain.ports import Stamp
from meetbefore_assets.domain.proposed_roles import proposed_roles
from meetbefore_assets.schema import ENCOUNTER_SCORES, PEOPLE, check
from meetbefore_assets.settings import digest
from meetbefore_assets.steps.chance import write_chance
from meetbefore_assets.steps.changed import write_changed
from meetbefore_assets.steps.corrections import standing
from meetbefore_assets.steps.matched import matched_videos
from meetbefore_assets.steps.matching import ASSET as IDENTITIES
from meetbefore_assets.steps.matching import sightings
from meetbefore_assets.steps.places import places_version, update_places, with_places
from meetbefore_assets.steps.survival import holds
from meetbefore_assets.workbench import WHOLE, Workbench

ASSET = "encounter_scores"


@dataclass(frozen=True)
class Scored:
    """What scoring changed: partitions written -> (data version, rows), partitions gone, encounters of all."""

    changed: dict[str, tuple[str, int]]
    dropped: list[str]
    encounters: int
    was_in_step: bool
    seconds: float


def goal_version(bench: Workbench) -> str:
    """Content address of everything that scores depend on."""
    settings = bench.settings()
    state = bench.store.stamp(IDENTITIES, WHOLE)
    code = (lineage.CODE_VERSIONS[ASSET], lineage.CODE_VERSIONS["people"])
    identities = state.data_version if state else ""
    return digest("scores", code, identities, settings.encounters, settings.sampling.interval_s, bench.zone(), places_version(bench))


def is_scored(bench: Workbench) -> bool:
    """Whether scores and people on record belong to the identities and settings in force."""
    goal = goal_version(bench)
    return all(
        (stamp := bench.store.stamp(asset, WHOLE)) is not None and stamp.data_version == goal for asset in (ASSET, "people", "chance")
    )


def score(bench: Workbench) -> Scored:
    """Score all encounters anew if anything they depend on changed."""
    started = time.perf_counter()
    with bench.lock("scoring"):
        update_places(bench)
        goal = goal_version(bench)
        state = bench.store.stamp(ASSET, WHOLE)
        videos = matched_videos(bench)
        if state is not None and state.data_version == goal and all(bench.store.stamp(ASSET, video_id) for video_id in videos):
            return Scored({}, [], int(state.facts["encounters"]), True, 0.0)
        settings = bench.settings()
        seen = sightings(bench, videos)
        found = encounters(seen, settings.encounters.gap_min, settings.sampling.interval_s)
        scored = check(
            ENCOUNTER_SCORES, with_places(bench, videos, holds(bench, score_encounters(with_company(found), bench.zone()), seen))
        )
        changes = write_changed(bench, ENCOUNTER_SCORES, videos, scored, _facts)
        count = scored["encounter_id"].n_unique()
        bench.store.put(ASSET, WHOLE, ENCOUNTER_SCORES.empty(), Stamp(goal, {}, {"encounters": str(count)}, 0))
    return Scored(changes.written, changes.dropped, count, False, time.perf_counter() - started)


def _facts(rows: pl.DataFrame) -> dict[str, str]:
    return {"encounters": str(rows["encounter_id"].n_unique())}


def rank(bench: Workbench) -> pl.DataFrame:
    """Write and return one row a person, the most remarkable first."""
    with bench.lock("scoring"):
        videos = matched_videos(bench)
        state = bench.store.stamp(ASSET, WHOLE)
        scored = bench.store.scan(ASSET, videos) if videos else ENCOUNTER_SCORES.empty()
        seen = sightings(bench, videos)
        ranked = people(scored, seen, bench.zone())
        ranked = ranked.join(habits(scored, bench.zone()), on="person_id", how="left", maintain_order="left")
        ranked = ranked.with_columns(time_span_metric(ranked))
        version = state.data_version if state else goal_version(bench)
        chance = write_chance(bench, videos, scored, version).select("person_id", "expected_by_chance", "chance_p", "chance_q")
        ranked = ranked.join(chance, on="person_id", how="left", maintain_order="left")
        table = check(PEOPLE, _with_corrections(bench, videos, ranked, seen))
        facts = {"people": str(table.height), "met again": str(table.filter(pl.col("encounters") > 1).height)}
        bench.store.put("people", WHOLE, table, Stamp(version, {ASSET: version}, facts, table.height))
    return table


def _with_corrections(bench: Workbench, videos: list[str], ranked: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    """Add the names and roles that the user gave, and the roles that the numbers propose."""
    stands = standing(bench, videos)
    names, roles = stands.spoken(seen, "name"), stands.spoken(seen, "role")
    person = pl.col("person_id")
    proposed = _proposed(bench, videos)
    return ranked.with_columns(
        person.replace_strict(proposed, default=None, return_dtype=pl.String).alias("proposed_role"),
        person.replace_strict(names, default=None, return_dtype=pl.String).alias("name"),
        person.replace_strict(roles, default=None, return_dtype=pl.String).alias("role"),
    )


def _proposed(bench: Workbench, videos: list[str]) -> dict[str, str]:
    if not videos:
        return {}
    assigned = bench.store.scan(IDENTITIES, videos, ["face_id", "person_id"])
    seen = bench.store.scan("detections", videos, ["face_id", "video_id", "time_s"]).join(assigned, on="face_id")
    lengths = bench.store.scan("videos", videos, ["video_id", "duration_s"])
    return proposed_roles(seen, lengths, bench.settings().sampling.interval_s)
