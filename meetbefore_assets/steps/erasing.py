"""Taking faces and videos out of what is on record. The caller holds the lock of the video."""

import polars as pl

from meetbefore_assets.domain.lineage import FORGOTTEN, version_of
from meetbefore_assets.domain.ports import Stamp
from meetbefore_assets.schema import DETECTIONS, EMBEDDINGS, IDENTITY_ASSIGNMENTS, check
from meetbefore_assets.settings import digest
from meetbefore_assets.steps import detecting
from meetbefore_assets.steps.changed import rows_version
from meetbefore_assets.steps.forgotten import graves_of
from meetbefore_assets.workbench import Workbench

_DROPPED = f"dropped: {detecting.FORGOTTEN}"
_TABLES = ("detections", "embeddings", "tracks", "identity_assignments", "encounter_scores")


def is_erased(bench: Workbench, video_id: str) -> bool:
    """Whether the tables of a video hold no face that was to be forgotten."""
    graves = graves_of(bench, video_id)
    versions = [graves.version]
    for asset, source in (("detections", FORGOTTEN), ("embeddings", "detections"), ("tracks", "embeddings")):
        stamp = bench.store.stamp(asset, video_id)
        if stamp is not None and stamp.inputs.get(source, "") != versions[-1]:
            return False
        versions.append(stamp.data_version if stamp else "")
    return True


def erase_rows(bench: Workbench, video_id: str) -> int:
    """Drop the forgotten faces of a video from its detections and embeddings, and from who is who; returns how many there were.

    The tables get the versions they would have, had they been made from the file again. Tracks are left to the caller.
    """
    erased = _erase_detections(bench, video_id)
    is_there = bench.store.stamp("detections", video_id) is not None
    kept = bench.store.get("detections", video_id, ["face_id"]) if is_there else DETECTIONS.empty().select("face_id")
    _erase_embeddings(bench, video_id, kept)
    _erase_identities(bench, video_id, kept)
    for asset in _TABLES:
        bench.store.sweep(asset, video_id)
    return erased


def _erase_detections(bench: Workbench, video_id: str) -> int:
    stamp, graves = bench.store.stamp("detections", video_id), graves_of(bench, video_id)
    if stamp is None or stamp.inputs.get(FORGOTTEN, "") == graves.version:
        return 0
    rows, best, gone = 0, detecting.best_faces(DETECTIONS.empty()), list[float]()
    with bench.store.writer("detections", video_id) as writer:
        writer.add(DETECTIONS.empty())
        for part in bench.store.parts("detections", video_id, list(DETECTIONS.dtypes), detecting.ROWS_AT_ONCE):
            rest = detecting.without_forgotten(bench, part, graves)
            writer.add(check(DETECTIONS, rest))
            rows, best = rows + rest.height, detecting.best_faces(pl.concat([best, rest.select(best.columns)]))
            gone += part.join(rest, on="face_id", how="anti")["time_s"].to_list()
        detecting.remove_kept(bench, video_id, sorted(set(gone)))
        detecting.write_preview(bench, video_id, best)
        counts = {"faces": str(rows), _DROPPED: str(int(stamp.facts.get(_DROPPED, 0)) + len(gone))}
        inputs = {**stamp.inputs, FORGOTTEN: graves.version}
        writer.commit(Stamp(_next_version("detections", stamp, inputs), inputs, {**stamp.facts, **counts}, rows))
    return len(gone)


def _erase_embeddings(bench: Workbench, video_id: str, kept: pl.DataFrame) -> None:
    stamp, source = bench.store.stamp("embeddings", video_id), bench.store.stamp("detections", video_id)
    if stamp is None or source is None or stamp.inputs.get("detections") == source.data_version:
        return
    rows = bench.store.get("embeddings", video_id)
    rest = rows.join(kept, on="face_id", how="semi", maintain_order="left")
    inputs = {**stamp.inputs, "detections": source.data_version}
    is_whole = rest.height == kept.height  # otherwise they belong to other detections, and are made again by the next run
    version = _next_version("embeddings", stamp, inputs) if is_whole else digest("erased", stamp.data_version, source.data_version)
    changed = Stamp(version, inputs, {**stamp.facts, "faces": str(rest.height)}, rest.height)
    bench.store.put("embeddings", video_id, check(EMBEDDINGS, rest), changed)


def _erase_identities(bench: Workbench, video_id: str, kept: pl.DataFrame) -> None:
    """Who is who is decided anew afterwards; until then nobody forgotten is found there."""
    stamp = bench.store.stamp("identity_assignments", video_id)
    if stamp is None:
        return
    rows = bench.store.get("identity_assignments", video_id)
    rest = rows.join(kept, on="face_id", how="semi", maintain_order="left")
    if rest.height != rows.height:
        changed = Stamp(rows_version(rest), stamp.inputs, stamp.facts, rest.height)
        bench.store.put("identity_assignments", video_id, check(IDENTITY_ASSIGNMENTS, rest), changed)


def _next_version(asset: str, stamp: Stamp, inputs: dict[str, str]) -> str:
    """The version that the same program makes from other inputs; what an older program made stays out of date."""
    is_current = stamp.data_version == version_of(asset, stamp.inputs)
    return version_of(asset, inputs) if is_current else digest("erased", stamp.data_version, inputs)
