"""The tables encounter_scores and people: encounters, their scores, and the ranking."""

import time
from dataclasses import dataclass

import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import WHOLE, Stamp
from meetbefore_assets.core.schema.encounters import ENCOUNTER_SCORES, PEOPLE
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.encounters.chance import write_chance
from meetbefore_assets.encounters.company import with_company
from meetbefore_assets.encounters.encounters import encounters
from meetbefore_assets.encounters.person_facts import habits, proposed_roles, time_span_metric
from meetbefore_assets.encounters.score import people, score_encounters
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.changed_partitions import write_changed_partitions
from meetbefore_assets.identities.match import ASSET as IDENTITIES
from meetbefore_assets.identities.match import sightings
from meetbefore_assets.identities.queries import matched_videos
from meetbefore_assets.identities.stored_corrections import corrections_in_force
from meetbefore_assets.identities.threshold_sweep import with_threshold_range
from meetbefore_assets.recordings.places import places_version, update_places, with_places

ASSET = "encounter_scores"


@dataclass(frozen=True)
class ScoreResult:
    """What scoring changed: partitions written -> (data version, rows), partitions gone, encounters of all."""

    changed: dict[str, tuple[str, int]]
    dropped: list[str]
    encounters: int
    was_in_step: bool
    seconds: float


def scores_version(home: Home) -> str:
    """Content address of everything that scores depend on."""
    settings = home.settings()
    state = home.store.stamp(IDENTITIES, WHOLE)
    code = (ENCOUNTER_SCORES.code_version, PEOPLE.code_version)
    identities = state.data_version if state else ""
    return digest("scores", code, identities, settings.encounters, settings.sampling.interval_s, home.zone(), places_version(home))


def is_scored(home: Home) -> bool:
    """Whether scores and people on record belong to the identities and settings in force."""
    goal = scores_version(home)
    return all(
        (stamp := home.store.stamp(asset, WHOLE)) is not None and stamp.data_version == goal for asset in (ASSET, "people", "chance")
    )


def make_encounter_scores(home: Home) -> ScoreResult:
    """Score all encounters anew if anything they depend on changed."""
    started = time.perf_counter()
    with home.lock("scoring"):
        update_places(home)
        goal = scores_version(home)
        state = home.store.stamp(ASSET, WHOLE)
        videos = matched_videos(home)
        if state is not None and state.data_version == goal and all(home.store.stamp(ASSET, video_id) for video_id in videos):
            return ScoreResult({}, [], int(state.facts["encounters"]), True, 0.0)
        settings = home.settings()
        seen = sightings(home, videos)
        found = encounters(seen, settings.encounters.gap_min, settings.sampling.interval_s)
        scored = check(
            ENCOUNTER_SCORES,
            with_places(home, videos, with_threshold_range(home, score_encounters(with_company(found), home.zone()), seen)),
        )
        changes = write_changed_partitions(
            home, ENCOUNTER_SCORES, videos, scored, lambda rows: {"encounters": str(rows["encounter_id"].n_unique())}
        )
        count = scored["encounter_id"].n_unique()
        home.store.put(ASSET, WHOLE, ENCOUNTER_SCORES.empty(), Stamp(goal, {}, {"encounters": str(count)}, 0))
    return ScoreResult(changes.written, changes.dropped, count, False, time.perf_counter() - started)


def make_people(home: Home) -> pl.DataFrame:
    """Write and return one row a person, the most remarkable first."""
    with home.lock("scoring"):
        videos = matched_videos(home)
        state = home.store.stamp(ASSET, WHOLE)
        scored = home.store.scan(ASSET, videos) if videos else ENCOUNTER_SCORES.empty()
        seen = sightings(home, videos)
        ranked = people(scored, seen, home.zone())
        ranked = ranked.join(habits(scored, home.zone()), on="person_id", how="left", maintain_order="left")
        ranked = ranked.with_columns(time_span_metric(ranked))
        version = state.data_version if state else scores_version(home)
        chance = write_chance(home, videos, scored, version).select("person_id", "expected_by_chance", "chance_p", "chance_q")
        ranked = ranked.join(chance, on="person_id", how="left", maintain_order="left")
        table = check(PEOPLE, _with_corrections(home, videos, ranked, seen))
        facts = {"people": str(table.height), "met again": str(table.filter(pl.col("encounters") > 1).height)}
        home.store.put("people", WHOLE, table, Stamp(version, {ASSET: version}, facts, table.height))
    return table


def _with_corrections(home: Home, videos: list[str], ranked: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    """Add the names and roles that the user gave, and the roles that the numbers propose."""
    stands = corrections_in_force(home, videos)
    names, roles = stands.spoken(seen, "name"), stands.spoken(seen, "role")
    person = pl.col("person_id")
    proposed = _proposed(home, videos)
    return ranked.with_columns(
        person.replace_strict(proposed, default=None, return_dtype=pl.String).alias("proposed_role"),
        person.replace_strict(names, default=None, return_dtype=pl.String).alias("name"),
        person.replace_strict(roles, default=None, return_dtype=pl.String).alias("role"),
    )


def _proposed(home: Home, videos: list[str]) -> dict[str, str]:
    if not videos:
        return {}
    assigned = home.store.scan(IDENTITIES, videos, ["face_id", "person_id"])
    seen = home.store.scan("detections", videos, ["face_id", "video_id", "time_s"]).join(assigned, on="face_id")
    lengths = home.store.scan("videos", videos, ["video_id", "duration_s"])
    return proposed_roles(seen, lengths, home.settings().sampling.interval_s)
