"""Asset checks. Those that block guard what the next assets build on; the others are hints for people.

Tables that break their declaration are refused when they are written; the checks look again at what lies on record, at any time.
One step makes all checks of a video, and one those of each other asset: a step of Dagster costs more than most of the checks.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._utils.warnings import PreviewWarning

from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.core.schema.encounters import ENCOUNTER_SCORES, PEOPLE
from meetbefore_assets.core.schema.faces import DETECTIONS, EMBEDDINGS, FRAMES, TRACKS
from meetbefore_assets.core.schema.identities import IDENTITY_ASSIGNMENTS
from meetbefore_assets.core.schema.recordings import VIDEOS
from meetbefore_assets.core.schema.table import Table
from meetbefore_assets.defs.assets.identity_assignments import identity_assignments
from meetbefore_assets.defs.materialize import HomeResource
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.threshold_survival import cliff_below
from meetbefore_assets.identities.threshold_sweep import threshold_results
from meetbefore_assets.running.executors import op_tags
from meetbefore_assets.running.partitions import videos_partitions
from meetbefore_assets.upkeep import checks as checking
from meetbefore_assets.upkeep.checks import CheckResult

SCHEMA_CHECK = "schema_and_ranges"
_AS_DECLARED = "Columns, types, keys, nulls and ranges are as declared."


@dataclass(frozen=True)
class _Check:
    """One check; `look` is given the video of the run, or "" where it looks at all videos."""

    asset: str
    name: str
    meaning: str
    look: Callable[[Home, str], CheckResult]
    is_error: bool = True
    is_blocking: bool = False


def build_checks() -> list[dg.AssetChecksDefinition]:
    """Every check of the project."""
    with warnings.catch_warnings():
        # Checks by partition are marked as a preview by Dagster 1.13; without them one video's success hides another's failure.
        warnings.simplefilter("ignore", PreviewWarning)
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
    *map(_declared, (VIDEOS, FRAMES, DETECTIONS, EMBEDDINGS, TRACKS)),
    _Check("embeddings", "unit_vectors", "Every vector has the recogniser's size and length 1.", checking.unit_vectors),
    _Check(
        "detections",
        "faces_as_in_neighbours",
        "The video has not lost its faces while the videos around it have many: a hint that a model or a decoder broke.",
        checking.faces_as_in_neighbours,
        is_error=False,
    ),
    _Check(
        "videos",
        "clock_is_plausible",
        "It was not recorded in the future, or before cameras had clocks.",
        checking.clock_is_plausible,
        is_error=False,
    ),
)


_OF_ALL = (
    _all_declared(IDENTITY_ASSIGNMENTS),
    _Check(
        "identity_assignments",
        "every_face_once",
        "Every face with a vector is one person.",
        lambda home, _: checking.every_face_once(home),
        is_blocking=True,
    ),
    _Check(
        "identity_assignments",
        "nobody_twice_in_a_frame",
        "Two faces in one picture are two people.",
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
        "The stored edges can be read, and are of tracks on record.",
        lambda home, _: checking.index_in_step(home),
        is_blocking=True,
    ),
    _Check(
        "matching_policy",
        "cameras_record_one_at_a_time",
        "Recordings of one camera do not overlap: otherwise its clock or its zone is wrong (setting `clocks`).",
        lambda home, _: checking.cameras_record_one_at_a_time(home),
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
    """Warns when a slightly lower threshold would make the largest group jump: then this one holds by luck."""
    threshold, tried = threshold_results(home)
    found = cliff_below(threshold, [(rung.threshold, rung.largest_share) for rung in tried])
    now = next((rung.largest_share for rung in tried if rung.threshold == threshold), 0.0)
    text = "the largest group hardly grows at slightly lower thresholds"
    if found:
        text = f"at {found[0]:g} the largest group would hold {found[1]:.1%} of all tracks instead of {now:.1%}: raise matching.threshold"
    metadata: dict[str, float | str] = {"threshold": threshold, "largest group's share": now, "what it means": text}
    return dg.AssetCheckResult(passed=found is None, severity=dg.AssetCheckSeverity.WARN, metadata={**metadata}, description=text)
