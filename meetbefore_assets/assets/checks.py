"""Checks on assets. Those that block are on what the next assets would build on; the others are hints for people."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
from dagster._utils.warnings import PreviewWarning

from meetbefore_assets.assets.common import Bench
from meetbefore_assets.partitions import videos_partitions
from meetbefore_assets.schema import (
    DETECTIONS,
    EMBEDDINGS,
    ENCOUNTER_SCORES,
    FRAMES,
    IDENTITY_ASSIGNMENTS,
    PEOPLE,
    TRACKS,
    VIDEOS,
    Table,
)
from meetbefore_assets.steps import checking
from meetbefore_assets.steps.checking import Verdict
from meetbefore_assets.workbench import WHOLE, Workbench

SCHEMA_CHECK = "schema_and_ranges"
_PER_VIDEO = (VIDEOS, FRAMES, DETECTIONS, EMBEDDINGS, TRACKS)
_OF_ALL = (IDENTITY_ASSIGNMENTS, ENCOUNTER_SCORES)


def build_checks() -> list[dg.AssetChecksDefinition]:
    """Every check of the project."""
    with warnings.catch_warnings():
        # Checks by partition are marked as a preview by Dagster 1.13; without them one video's success hides another's failure.
        warnings.simplefilter("ignore", PreviewWarning)
        return [*_schema_checks(), *_checks_of_a_video(), *_checks_of_all()]


def _schema_checks() -> list[dg.AssetChecksDefinition]:
    meaning = "Columns, types, keys, nulls and ranges are as declared."
    checks = [_video_check(table.name, SCHEMA_CHECK, meaning, _declared(table), is_blocking=True) for table in _PER_VIDEO]
    checks += [_check(table.name, SCHEMA_CHECK, meaning, _all_declared(table), is_blocking=True) for table in _OF_ALL]
    return [*checks, _check("people", SCHEMA_CHECK, meaning, lambda bench: checking.declared(bench, PEOPLE, [WHOLE]), is_blocking=True)]


def _declared(table: Table) -> Callable[[Workbench, str], Verdict]:
    return lambda bench, video_id: checking.declared(bench, table, [video_id])


def _all_declared(table: Table) -> Callable[[Workbench], Verdict]:
    return lambda bench: checking.declared(bench, table, [key for key in bench.store.keys(table.name) if key != WHOLE])


def _checks_of_a_video() -> list[dg.AssetChecksDefinition]:
    return [
        _video_check("embeddings", "unit_vectors", "Every vector has the recogniser's size and length 1.", checking.unit_vectors, True),
        _video_check(
            "detections",
            "faces_as_in_neighbours",
            "The video has not lost its faces while the videos around it have many: a hint that a model or a decoder broke.",
            checking.faces_as_in_neighbours,
        ),
        _video_check(
            "videos", "clock_is_plausible", "It was not recorded in the future, or before cameras had clocks.", checking.clock_is_plausible
        ),
    ]


def _checks_of_all() -> list[dg.AssetChecksDefinition]:
    return [
        _check("identity_assignments", "every_face_once", "Every face with a vector is one person.", checking.every_face_once, True),
        _check(
            "identity_assignments",
            "nobody_twice_in_a_frame",
            "Two faces in one picture are two people.",
            checking.nobody_twice_in_a_frame,
            True,
        ),
        _check("face_index", "in_step_with_manifest", "The index holds just the tracks on record.", checking.index_in_step, True),
        _check(
            "matching_policy",
            "cameras_record_one_at_a_time",
            "Recordings of one camera do not overlap: otherwise its clock or its zone is wrong (setting `clocks`).",
            checking.cameras_record_one_at_a_time,
        ),
        _check(
            "meetbefore_db", "equals_the_record", "The published database holds what the record holds.", checking.database_equals_record
        ),
    ]


def _video_check(
    asset: str, name: str, meaning: str, look: Callable[[Workbench, str], Verdict], is_blocking: bool = False
) -> dg.AssetChecksDefinition:
    """A check of one video's table."""

    @dg.asset_check(asset=asset, name=name, description=meaning, blocking=is_blocking, partitions_def=videos_partitions)
    def evaluate(context: dg.AssetCheckExecutionContext, bench: Bench) -> dg.AssetCheckResult:
        video_id = context.partition_key
        return _result(checking.guarded(lambda: look(bench, video_id)), meaning, is_blocking)

    return evaluate


def _check(
    asset: str, name: str, meaning: str, look: Callable[[Workbench], Verdict], is_blocking: bool = False
) -> dg.AssetChecksDefinition:
    """A check of what is decided or published for all videos at once."""

    @dg.asset_check(asset=asset, name=name, description=meaning, blocking=is_blocking)
    def evaluate(bench: Bench) -> dg.AssetCheckResult:
        return _result(checking.guarded(lambda: look(bench)), meaning, is_blocking or asset == "meetbefore_db")

    return evaluate


def _result(verdict: Verdict, meaning: str, is_error: bool) -> dg.AssetCheckResult:
    facts: Mapping[str, Any] = {**verdict.looked_at, "findings": len(verdict.findings)}
    return dg.AssetCheckResult(
        passed=not verdict.findings,
        severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        description=" ".join(verdict.findings) or meaning,
        metadata=facts,
    )
