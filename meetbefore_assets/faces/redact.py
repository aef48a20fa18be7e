"""Removes forgotten faces from the tables of a video. The caller holds the lock of the video."""

import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import Stamp
from meetbefore_assets.core.schema.faces import DETECTIONS, EMBEDDINGS
from meetbefore_assets.core.schema.lists import per_video_tables
from meetbefore_assets.core.schema.table import Table, check
from meetbefore_assets.faces import detect, kept_pictures
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.changed_partitions import rows_version
from meetbefore_assets.home.record.forgotten_ids import keep_forgotten_ids
from meetbefore_assets.home.record.suppressions import suppressions_of
from meetbefore_assets.home.record.versions import SUPPRESSIONS_INPUT, version_of

_DROPPED = f"dropped: {detect.SUPPRESSED}"


def is_redacted(home: Home, video_id: str) -> bool:
    """Whether the tables of a video contain no suppressed face. Raises RecordTornError if the suppressions cannot be read."""
    suppressions = suppressions_of(home, video_id)
    versions = [suppressions.version]
    for asset, source in (("detections", SUPPRESSIONS_INPUT), ("embeddings", "detections"), ("tracks", "embeddings")):
        stamp = home.store.stamp(asset, video_id)
        if stamp is not None and stamp.inputs.get(source, "") != versions[-1]:
            return False
        versions.append(stamp.data_version if stamp else "")
    return True


def redact_video(home: Home, video_id: str) -> int:
    """Drop the forgotten faces of a video from its detections, embeddings, and all other tables of its faces; returns their number.

    The tables get the versions that they would have if they were made from the file again. Tracks are left to the caller.
    """
    erased = _redact_detections(home, video_id)
    is_there = home.store.stamp("detections", video_id) is not None
    kept = home.store.get("detections", video_id, ["face_id"]) if is_there else DETECTIONS.empty().select("face_id")
    _redact_embeddings(home, video_id, kept)
    personal = [table for table in per_video_tables() if table.redaction != "none"]
    for table in personal:
        if table.redaction == "rows":
            _redact_rows(home, table, video_id, kept)
    for table in personal:
        home.store.sweep(table.name, video_id)
    return erased


def _redact_detections(home: Home, video_id: str) -> int:
    stamp, suppressions = home.store.stamp("detections", video_id), suppressions_of(home, video_id)
    if stamp is None or stamp.inputs.get(SUPPRESSIONS_INPUT, "") == suppressions.version:
        return 0
    rows, best, gone = 0, kept_pictures.best_faces(DETECTIONS.empty()), DETECTIONS.empty().select("face_id", "time_s")
    with home.store.writer("detections", video_id) as writer:
        writer.add(DETECTIONS.empty())
        for part in home.store.parts("detections", video_id, list(DETECTIONS.dtypes), detect.ROWS_AT_ONCE):
            rest = detect.without_suppressed(home, part, suppressions)
            writer.add(check(DETECTIONS, rest))
            rows, best = rows + rest.height, kept_pictures.best_faces(pl.concat([best, rest.select(best.columns)]))
            gone = pl.concat([gone, part.join(rest, on="face_id", how="anti").select(gone.columns)])
        keep_forgotten_ids(home, video_id, gone["face_id"])
        kept_pictures.remove_kept_frames(home, video_id, sorted(set(gone["time_s"])))
        kept_pictures.write_preview(home, video_id, best)
        counts = {"faces": str(rows), _DROPPED: str(int(stamp.facts.get(_DROPPED, 0)) + gone.height)}
        inputs = {**stamp.inputs, SUPPRESSIONS_INPUT: suppressions.version}
        writer.commit(Stamp(_next_version("detections", stamp, inputs), inputs, {**stamp.facts, **counts}, rows))
    return gone.height


def _redact_embeddings(home: Home, video_id: str, kept: pl.DataFrame) -> None:
    stamp, source = home.store.stamp("embeddings", video_id), home.store.stamp("detections", video_id)
    if stamp is None or source is None or stamp.inputs.get("detections") == source.data_version:
        return
    rows = home.store.get("embeddings", video_id)
    rest = rows.join(kept, on="face_id", how="semi", maintain_order="left")
    inputs = {**stamp.inputs, "detections": source.data_version}
    is_whole = rest.height == kept.height  # otherwise they belong to other detections, and the next run makes them again
    version = _next_version("embeddings", stamp, inputs) if is_whole else digest("erased", stamp.data_version, source.data_version)
    changed = Stamp(version, inputs, {**stamp.facts, "faces": str(rest.height)}, rest.height)
    home.store.put("embeddings", video_id, check(EMBEDDINGS, rest), changed)


def _redact_rows(home: Home, table: Table, video_id: str, kept: pl.DataFrame) -> None:
    """Drop the rows of faces that are not kept, so that no forgotten face is left in the table until the videos are matched again."""
    stamp = home.store.stamp(table.name, video_id)
    if stamp is None:
        return
    rows = home.store.get(table.name, video_id)
    rest = rows.join(kept, on="face_id", how="semi", maintain_order="left")
    if rest.height != rows.height:
        changed = Stamp(rows_version(rest), stamp.inputs, stamp.facts, rest.height)
        home.store.put(table.name, video_id, check(table, rest), changed)


def _next_version(asset: str, stamp: Stamp, inputs: dict[str, str]) -> str:
    """The version that the same program would make from other inputs; a table of an older program stays out of date."""
    is_current = stamp.data_version == version_of(asset, stamp.inputs)
    return version_of(asset, inputs) if is_current else digest("erased", stamp.data_version, inputs)
