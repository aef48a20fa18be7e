"""The tables `encounter_scores` and `people`: encounters, their scores, and the ranking."""

import contextlib
import datetime as dt
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import WHOLE, Stamp
from meetbefore_assets.core.schema.encounters import CHANCE, ENCOUNTER_SCORES, PEOPLE
from meetbefore_assets.core.schema.identities import IDENTITY_ASSIGNMENTS
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.encounters.chance import write_chance
from meetbefore_assets.encounters.company import with_company
from meetbefore_assets.encounters.encounters import encounters
from meetbefore_assets.encounters.news import note_new_videos
from meetbefore_assets.encounters.person_facts import habits, proposed_roles, time_span_metric
from meetbefore_assets.encounters.score import people, score_encounters
from meetbefore_assets.faces.portraits import portrait_table
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.changed_partitions import write_changed_partitions
from meetbefore_assets.identities.certainty import with_certainty
from meetbefore_assets.identities.known_people import write_known_matches
from meetbefore_assets.identities.match import ASSET as IDENTITIES
from meetbefore_assets.identities.match import is_broken_off, match, sightings
from meetbefore_assets.identities.queries import matched_videos
from meetbefore_assets.identities.stored_corrections import CorrectionsInForce, corrections_in_force, read_corrections, shown_version
from meetbefore_assets.identities.threshold_sweep import with_threshold_range
from meetbefore_assets.recordings.places import places_version, update_places, with_places

ASSET = "encounter_scores"
_SAID_UNTIL = "said until"


@dataclass(frozen=True)
class ScoreResult:
    """What scoring changed: written partitions -> (data version, rows), dropped partitions, and the number of all encounters."""

    changed: dict[str, tuple[str, int]]
    dropped: list[str]
    encounters: int
    was_in_step: bool
    seconds: float


def scores_version(home: Home) -> str:
    """Data version of the scores: a hash of everything they depend on."""
    settings = home.settings()
    state = home.store.stamp(IDENTITIES, WHOLE)
    code = (ENCOUNTER_SCORES.code_version, PEOPLE.code_version)
    identities = state.data_version if state else ""
    return digest("scores", code, identities, settings.encounters, settings.sampling.interval_s, home.zone(), places_version(home))


def is_scored(home: Home) -> bool:
    """Whether scores and people on record are up to date with identities and settings."""
    goal = scores_version(home)
    wanted = {ASSET: goal, CHANCE.name: goal, PEOPLE.name: _people_version(home, goal)}
    return all((stamp := home.store.stamp(asset, WHOLE)) is not None and stamp.data_version == wanted[asset] for asset in wanted)


def is_of_one_decision(home: Home) -> bool:
    """Whether scores, chance and ranking are of the identities and settings in force, whatever was said since of how people are shown."""
    goal = scores_version(home)
    scores, chance, ranked = (home.store.stamp(asset, WHOLE) for asset in (ASSET, CHANCE.name, PEOPLE.name))
    return bool(scores and chance and ranked) and (scores.data_version, chance.data_version, ranked.inputs.get(ASSET)) == (goal,) * 3  # type: ignore[union-attr]


def shown_until(home: Home) -> dt.datetime | None:
    """When the last correction was made that the ranking on record knew (UTC); None: it does not say, or there is none."""
    stamp = home.store.stamp(PEOPLE.name, WHOLE)
    told = stamp.facts.get(_SAID_UNTIL) if stamp else None
    return dt.datetime.fromisoformat(told) if told else None


def _people_version(home: Home, scores: str) -> str:
    """Version of the ranking: that of the scores, and of the names and roles that people gave."""
    return digest("people", scores, shown_version(home))


@contextlib.contextmanager
def people_locked(home: Home) -> Iterator[None]:
    """Hold the locks of matching and scoring, with the ranking up to date, so that ids and names keep their meaning in the body.

    Raises LockTimeoutError.
    """
    with _deciding_alone(home):
        if is_broken_off(home):
            match(home)
        if home.store.stamp(PEOPLE.name, WHOLE) is not None and not is_scored(home):
            make_people(home)  # the run that matched has not scored yet, or was killed before
        yield


@contextlib.contextmanager
def _deciding_alone(home: Home) -> Iterator[None]:
    # If identities changed between reading two tables, a name would be looked up at old ids, and be lost.
    with home.lock("matching"), home.lock("scoring"):
        yield


def make_encounter_scores(home: Home) -> ScoreResult:
    """Score all encounters, if anything they depend on changed."""
    started = time.perf_counter()
    with _deciding_alone(home):
        update_places(home)
        goal = scores_version(home)
        state = home.store.stamp(ASSET, WHOLE)
        videos = matched_videos(home)
        if state is not None and state.data_version == goal and all(home.store.stamp(ASSET, video_id) for video_id in videos):
            return ScoreResult({}, [], int(state.facts["encounters"]), True, 0.0)
        settings = home.settings()
        seen = sightings(home, videos)
        found = encounters(seen, settings.encounters.gap_min, settings.sampling.interval_s)
        sure = with_certainty(home, videos, found, seen)
        scored = check(
            ENCOUNTER_SCORES,
            with_places(home, videos, with_threshold_range(home, score_encounters(with_company(sure), home.zone()), seen)),
        )
        changes = write_changed_partitions(
            home, ENCOUNTER_SCORES, videos, scored, lambda rows: {"encounters": str(rows["encounter_id"].n_unique())}
        )
        count = scored["encounter_id"].n_unique()
        home.store.put(ASSET, WHOLE, ENCOUNTER_SCORES.empty(), Stamp(goal, {}, {"encounters": str(count)}, 0))
    return ScoreResult(changes.written, changes.dropped, count, False, time.perf_counter() - started)


def make_people(home: Home) -> pl.DataFrame:
    """Write and return the ranking, one row per person, highest score first; scores encounters first if identities changed."""
    with _deciding_alone(home):
        make_encounter_scores(home)
        videos = matched_videos(home)
        state = home.store.stamp(ASSET, WHOLE)
        version = state.data_version if state else scores_version(home)
        until = max((one.created_at for one in read_corrections(home)), default=dt.datetime.min).isoformat()
        note_new_videos(home, videos, is_older_home=home.store.stamp(PEOPLE.name, WHOLE) is not None)
        table = _ranked_before(home, videos, version)
        if table is None:
            table = _rank(home, videos, version)
        table = check(PEOPLE, table)
        facts = {"people": str(table.height), "met again": str(table.filter(pl.col("encounters") > 1).height), _SAID_UNTIL: until}
        home.store.put(PEOPLE.name, WHOLE, table, Stamp(_people_version(home, version), {ASSET: version}, facts, table.height))
    return table


def _ranked_before(home: Home, videos: list[str], scores: str) -> pl.DataFrame | None:
    """The ranking on record with the names and roles in force, where it is of the same scores; None where it must be made anew."""
    stamps = [home.store.stamp(asset, WHOLE) for asset in (PEOPLE.name, CHANCE.name)]
    said = read_corrections(home)
    # A portrait that is taken back gives way to the best one, which is not on record.
    if any(stamp is None for stamp in stamps) or any(one.kind == "portrait" for one in said):
        return None
    ranked, chance = (stamp for stamp in stamps if stamp is not None)
    if (ranked.inputs.get(ASSET), chance.data_version) != (scores, scores):
        return None
    stands = corrections_in_force(home, videos, said)
    concerned = sorted({anchor.video_id for one in stands.corrections for anchor in one.here} & set(videos))
    faces = home.store.scan(IDENTITIES, concerned, ["face_id", "person_id"]) if concerned else IDENTITY_ASSIGNMENTS.empty()
    known = write_known_matches(home, stands, faces, scores)
    return with_corrections(home.store.get(PEOPLE.name, WHOLE), stands, faces, known)


def _rank(home: Home, videos: list[str], version: str) -> pl.DataFrame:
    """One row a person, from encounters on record."""
    scored = home.store.scan(ASSET, videos) if videos else ENCOUNTER_SCORES.empty()
    seen = sightings(home, videos)
    portraits = portrait_table(home, videos).select("face_id", "portrait")
    ranked = people(scored, seen.join(portraits, on="face_id", how="left"), home.zone())
    ranked = ranked.join(habits(scored, home.zone()), on="person_id", how="left", maintain_order="left")
    ranked = ranked.with_columns(time_span_metric(ranked))
    chance = write_chance(home, videos, scored, version).select("person_id", "expected_by_chance", "chance_p", "chance_q")
    ranked = ranked.join(chance, on="person_id", how="left", maintain_order="left")
    return _with_corrections(home, videos, ranked, seen, version)


def _with_corrections(home: Home, videos: list[str], ranked: pl.DataFrame, seen: pl.DataFrame, version: str) -> pl.DataFrame:
    """Add names, roles and portraits given by the user, and proposed roles."""
    proposed = pl.col("person_id").replace_strict(_proposed(home, videos), default=None, return_dtype=pl.String)
    stands = corrections_in_force(home, videos)
    known = write_known_matches(home, stands, seen, version)
    return with_corrections(ranked.with_columns(proposed.alias("proposed_role")), stands, seen, known)


def with_corrections(
    ranked: pl.DataFrame, stands: CorrectionsInForce, seen: pl.DataFrame, known: Mapping[str, str] = MappingProxyType({})
) -> pl.DataFrame:
    """Add names and roles given by the user, and replace best_face_id by portraits chosen by the user.

    Args:
        ranked: columns person_id and best_face_id.
        stands: the corrections in force.
        seen: columns face_id, person_id.
        known: person_id -> name from elsewhere (`known_people.imported_names`); what the user said is stronger.
    """
    person = pl.col("person_id")

    def given(texts: Mapping[str, str]) -> pl.Expr:
        return person.replace_strict(texts, default=None, return_dtype=pl.String)

    return ranked.with_columns(
        given({**known, **stands.spoken(seen, "name")}).alias("name"),
        given(stands.spoken(seen, "role")).alias("role"),
        pl.coalesce(given(stands.portraits(seen)), "best_face_id").alias("best_face_id"),
    )


def _proposed(home: Home, videos: list[str]) -> dict[str, str]:
    if not videos:
        return {}
    assigned = home.store.scan(IDENTITIES, videos, ["face_id", "person_id"])
    seen = home.store.scan("detections", videos, ["face_id", "video_id", "time_s"]).join(assigned, on="face_id")
    lengths = home.store.scan("videos", videos, ["video_id", "duration_s"])
    return proposed_roles(seen, lengths, home.settings().sampling.interval_s)
