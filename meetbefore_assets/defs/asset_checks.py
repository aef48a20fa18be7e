"""Asset checks. Blocking ones guard what the next assets build on; the others are hints for people.

Tables that do not match their declaration are refused when they are written; the checks test again what is on record. One step runs all
checks of a video, and one those of each other asset, because a Dagster step costs more than most checks.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from meetbefore_assets.core import words
from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.core.schema.encounters import ENCOUNTER_SCORES, PEOPLE
from meetbefore_assets.core.schema.identities import IDENTITY_ASSIGNMENTS
from meetbefore_assets.core.schema.lists import pipeline_assets, table_of
from meetbefore_assets.core.schema.table import Table
from meetbefore_assets.defs.assets.identity_assignments import identity_assignments
from meetbefore_assets.defs.materialize import HomeResource
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.threshold_survival import cliff_below
from meetbefore_assets.identities.threshold_sweep import threshold_results
from meetbefore_assets.recordings.sources import absent_sources
from meetbefore_assets.running.executors import op_tags
from meetbefore_assets.running.partitions import videos_partitions
from meetbefore_assets.upkeep import checks as checking
from meetbefore_assets.upkeep.access import access_of_home
from meetbefore_assets.upkeep.checks import CheckResult

SCHEMA_CHECK = "schema_and_ranges"
_AS_DECLARED = "Columns, types, keys, nulls and ranges match the schema."


@dataclass(frozen=True)
class _Check:
    """One check; `look` gets the video of the run, or "" if it checks all videos."""

    asset: str
    name: str
    meaning: str
    look: Callable[[Home, str], CheckResult]
    is_error: bool = True
    is_blocking: bool = False


def build_checks() -> list[dg.AssetChecksDefinition]:
    """All checks, one step for those of a video and one per other asset."""
    with warnings.catch_warnings():
        # Partitioned checks are a preview in Dagster 1.13; without them, one video's success would hide another's failure.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        steps = [_step("check_video", _OF_A_VIDEO, is_partitioned=True)]
        for asset in dict.fromkeys(check.asset for check in _OF_ALL):
            steps.append(_step(f"check_{asset}", [check for check in _OF_ALL if check.asset == asset], is_partitioned=False))
        return steps


def _declared(table: Table) -> _Check:
    return _Check(table.name, SCHEMA_CHECK, _AS_DECLARED, lambda home, video_id: checking.matches_declaration(home, table, [video_id]))


def _all_declared(table: Table) -> _Check:
    def look(home: Home, _video_id: str) -> CheckResult:
        return checking.matches_declaration(home, table, [key for key in home.store.keys(table.name) if key != WHOLE])

    return _Check(table.name, SCHEMA_CHECK, _AS_DECLARED, look, is_blocking=True)


_OF_A_VIDEO = (
    *(_declared(table_of(asset)) for asset in pipeline_assets()),
    _Check("embeddings", "unit_vectors", "Every vector has the right size and length 1.", checking.unit_vectors),
    _Check(
        "detections",
        "faces_as_in_neighbours",
        "The video has about as many faces as its neighbours; otherwise a model or decoder may be broken.",
        checking.faces_as_in_neighbours,
        is_error=False,
    ),
    _Check(
        "videos",
        "clock_is_plausible",
        "The recording date is plausible (not in the future, not before cameras had clocks).",
        checking.clock_is_plausible,
        is_error=False,
    ),
)


_OF_ALL = (
    _all_declared(IDENTITY_ASSIGNMENTS),
    _Check(
        "identity_assignments",
        "every_face_once",
        "Every face belongs to exactly one person.",
        lambda home, _: checking.every_face_once(home),
        is_blocking=True,
    ),
    _Check(
        "identity_assignments",
        "nobody_twice_in_a_frame",
        "Nobody appears twice in one picture.",
        lambda home, _: checking.nobody_twice_in_a_frame(home),
        is_blocking=True,
    ),
    _all_declared(ENCOUNTER_SCORES),
    _Check(
        "people",
        SCHEMA_CHECK,
        _AS_DECLARED,
        lambda home, _: checking.matches_declaration(home, PEOPLE, [WHOLE]),
        is_error=True,
        is_blocking=True,
    ),
    _Check(
        "face_index",
        "edges_are_sound",
        "The index can be read and matches the record.",
        lambda home, _: checking.index_in_step(home),
        is_blocking=True,
    ),
    _Check(
        "matching_policy",
        "cameras_record_one_at_a_time",
        "Recordings of one camera do not overlap; otherwise its clock or time zone is wrong (setting `clocks`).",
        lambda home, _: checking.cameras_record_one_at_a_time(home),
        is_error=False,
    ),
    _Check(
        "meetbefore_db",
        "only_its_owner_can_read_it",
        "No other user of this machine can read the home.",
        lambda home, _: access_of_home(home),
        is_error=False,
    ),
    _Check(
        "meetbefore_db",
        "sources_are_there",
        "Every folder of the setting `sources` can be looked into.",
        lambda home, _: CheckResult(absent_sources(home), {"sources": len(home.sources())}),
        is_error=False,
    ),
    _Check(
        "meetbefore_db",
        "equals_the_record",
        "The published database holds what the record holds.",
        lambda home, _: checking.database_equals_record(home),
    ),
)


def _step(name: str, checks: Sequence[_Check], *, is_partitioned: bool) -> dg.AssetChecksDefinition:
    partitions = videos_partitions if is_partitioned else None
    specs = [
        dg.AssetCheckSpec(check.name, asset=check.asset, description=check.meaning, blocking=check.is_blocking, partitions_def=partitions)
        for check in checks
    ]

    @dg.multi_asset_check(name=name, specs=specs, can_subset=True, op_tags=op_tags(name))
    def evaluate(context: dg.AssetCheckExecutionContext, home: HomeResource) -> Iterator[dg.AssetCheckResult]:
        wanted = {(key.asset_key.to_user_string(), key.name) for key in context.selected_asset_check_keys}
        video_id = context.partition_key if is_partitioned else ""
        for check in checks:
            if (check.asset, check.name) in wanted:
                yield _result(check, home, video_id)

    return evaluate


def _result(check: _Check, home: Home, video_id: str) -> dg.AssetCheckResult:
    verdict = checking.torn_as_finding(lambda: check.look(home, video_id))
    facts: Mapping[str, Any] = {**verdict.looked_at, "findings": len(verdict.findings)}
    return dg.AssetCheckResult(
        asset_key=check.asset,
        check_name=check.name,
        passed=not verdict.findings,
        severity=dg.AssetCheckSeverity.ERROR if check.is_error else dg.AssetCheckSeverity.WARN,
        description=" ".join(verdict.findings) or check.meaning,
        metadata=facts,
    )


@dg.asset_check(asset=identity_assignments, blocking=False)
def threshold_is_off_the_cliff(home: HomeResource) -> dg.AssetCheckResult:
    """Warn if a slightly lower threshold would make the largest group much larger: then the threshold is too low for this archive."""
    threshold, tried = threshold_results(home)
    found = cliff_below(threshold, [(rung.threshold, rung.largest_share) for rung in tried])
    now = next((rung.largest_share for rung in tried if rung.threshold == threshold), 0.0)
    text = "the largest group hardly grows at slightly lower thresholds"
    if found:
        sure = next((rung.sureness for rung in tried if rung.threshold == found[0]), None)
        asked = f"{found[0]:g}" + (f", which joins from {words.sureness(sure)} sure on," if sure is not None else "")
        text = f"at {asked} the largest group would be {found[1]:.1%} of all tracks, not {now:.1%}: raise matching.threshold"
    metadata: dict[str, float | str] = {"threshold": threshold, "largest group's share": now, "what it means": text}
    return dg.AssetCheckResult(passed=found is None, severity=dg.AssetCheckSeverity.WARN, metadata={**metadata}, description=text)
