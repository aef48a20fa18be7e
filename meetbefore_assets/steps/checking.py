"""What the asset checks look at: tables of the record, the index and the published database, as they lie there."""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from meetbefore_assets.domain import soundness
from meetbefore_assets.errors import RecordTornError
from meetbefore_assets.schema import PUBLISHED, SIMILAR_TRACKS, Table
from meetbefore_assets.steps.clocks import clock_of, clock_table
from meetbefore_assets.steps.edges import edge_store, plan_edges
from meetbefore_assets.steps.matched import matched_videos
from meetbefore_assets.steps.policy import usable_tracks
from meetbefore_assets.steps.publishing import fetcher, open_published, vector_size, video_rows, wanted_versions
from meetbefore_assets.workbench import WHOLE, Fetch, Snapshot, Workbench

NEIGHBOURS = 5
# Videos whose published rows are compared one by one with the record; of all others the versions and numbers of rows are.
COMPARED_VIDEOS = 3
# Objects that are checked against their declaration in one piece.
TOGETHER = 256


@dataclass(frozen=True)
class Verdict:
    """Findings in sentences (none: all is well), and how much was looked at."""

    findings: list[str]
    looked_at: dict[str, int] = field(default_factory=dict)


def guarded(look: Callable[[], Verdict]) -> Verdict:
    """A table that cannot be read is a finding."""
    try:
        return look()
    except RecordTornError as error:
        return Verdict([str(error)])


def declared(bench: Workbench, table: Table, keys: list[str]) -> Verdict:
    """Some objects of one table against its declaration."""
    findings: list[str] = []
    rows = 0
    for start in range(0, len(keys), TOGETHER):
        some = keys[start : start + TOGETHER]
        try:
            frame = bench.store.scan(table.name, some)
            found = soundness.outside_declaration(table, frame)
        except RecordTornError:
            found = [""]
        # Two thousand objects are looked at in a second together, and in ten one by one, which only says what is wrong with which.
        frames = [frame] if not found else [bench.store.get(table.name, key) for key in some]
        rows += sum(frame.height for frame in frames)
        findings += [finding for frame in frames if found for finding in soundness.outside_declaration(table, frame)]
    return Verdict(findings, {"objects": len(keys), "rows": rows})


def unit_vectors(bench: Workbench, video_id: str) -> Verdict:
    """The vectors of one video."""
    vectors = np.array(bench.store.get("embeddings", video_id, ["vector"])["vector"].to_list(), np.float32)
    return Verdict(soundness.not_unit(vectors, bench.found_pack().recogniser.vector_size), {"vectors": len(vectors)})


def faces_as_in_neighbours(bench: Workbench, video_id: str) -> Verdict:
    """The faces of one video against those of the videos before and after it by name, which mostly tells the time."""
    keys = bench.store.keys("detections")
    at = keys.index(video_id)
    around = [key for key in keys[max(0, at - NEIGHBOURS) : at + NEIGHBOURS + 1] if key != video_id]
    counts = [count for key in around if (count := _faces_and_moments(bench, key))]
    faces, moments = _faces_and_moments(bench, video_id) or (0, 0)
    return Verdict(soundness.lost_its_faces(faces, moments, counts), {"faces": faces, "moments": moments, "neighbours": len(counts)})


def _faces_and_moments(bench: Workbench, video_id: str) -> tuple[int, int] | None:
    stamp = bench.store.stamp("detections", video_id)
    return (stamp.rows, int(stamp.facts.get("moments", 0))) if stamp else None


def clock_is_plausible(bench: Workbench, video_id: str) -> Verdict:
    """The clock of one video."""
    clock = clock_of(bench, video_id)
    duration_s = float(bench.store.get("videos", video_id, ["duration_s"])["duration_s"][0])
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    return Verdict(soundness.doubtful_clock(clock.started_at, duration_s, clock.clock_source, now))


def cameras_record_one_at_a_time(bench: Workbench) -> Verdict:
    """The clocks of all videos: files of one camera lie one after another."""
    videos = [key for key in bench.store.keys("videos") if bench.store.stamp("videos", key) is not None]
    if not videos:
        return Verdict([])
    clocks = clock_table(bench, videos).select("video_id", "started_at", "clock_source")
    facts = bench.store.scan("videos", videos, ["video_id", "file_name", "uri", "duration_s", "width", "height", "tags"])
    cameras = [_camera(row) for row in facts.iter_rows(named=True)]
    recordings = facts.with_columns(pl.Series("camera", cameras)).join(clocks, on="video_id")
    named = recordings.with_columns(pl.concat_str("camera", "clock_source", separator="|").alias("camera"))
    return Verdict(soundness.overlapping(named), {"recordings": len(videos)})


def _camera(row: dict[str, object]) -> str:
    """What tells one camera from another: its make and model, the size of its pictures, and the folder it writes to."""
    tags = json.loads(str(row["tags"]))
    parts = (tags.get("make", ""), tags.get("model", ""), row["width"], row["height"], Path(str(row["uri"])).parent)
    return "|".join(map(str, parts))


def every_face_once(bench: Workbench) -> Verdict:
    """Vectors and assignments of all videos that were matched."""
    videos = matched_videos(bench)
    if not videos:
        return Verdict([])
    embedded = bench.store.scan("embeddings", videos, ["face_id"])["face_id"]
    assigned = bench.store.scan("identity_assignments", videos, ["face_id"])["face_id"]
    return Verdict(soundness.not_assigned_once(embedded, assigned), {"faces": len(embedded)})


def nobody_twice_in_a_frame(bench: Workbench) -> Verdict:
    """Assignments of all videos against the pictures their faces are in."""
    videos = matched_videos(bench)
    if not videos:
        return Verdict([])
    assigned = bench.store.scan("identity_assignments", videos, ["face_id", "person_id"])
    frames = bench.store.scan("detections", videos, ["face_id", "frame_id"])
    faces = assigned.join(frames, on="face_id")
    return Verdict(soundness.twice_in_a_frame(faces), {"faces": faces.height})


def index_in_step(bench: Workbench) -> Verdict:
    """The stored edges: each object readable, as declared, and between tracks that there were when it was written.

    Videos whose edges are not stored yet, or not any more, are no finding: they may have come a moment ago, and whoever needs
    their edges finds them.
    """
    versions = usable_tracks(bench, bench.found_pack().recogniser_id)
    store, plan = edge_store(bench), plan_edges(bench, versions)
    findings: list[str] = []
    keys = store.keys(SIMILAR_TRACKS.name)
    for key in keys:
        stamp = store.stamp(SIMILAR_TRACKS.name, key)
        if stamp is None:
            findings.append("an object of it is torn.")
            continue
        edges = store.get(SIMILAR_TRACKS.name, key)
        findings += soundness.outside_declaration(SIMILAR_TRACKS, edges)
        strangers = edges.filter((pl.col("row") >= int(stamp.facts["tracks"])) | (pl.col("video") != int(stamp.facts["number"]))).height
        if strangers:
            findings.append(f"{strangers} edges are of tracks that their video does not have.")
    return Verdict(findings, {"tracks": plan.tracks, "objects": len(keys), "videos not indexed yet": len(plan.new)})


def database_equals_record(bench: Workbench) -> Verdict:
    """Numbers of rows of every part, and all rows of some videos and of the tables in one piece.

    Parts that the record has in another version by now are no finding: another run is at work, and will publish them.
    """
    videos = video_rows(bench)
    with open_published(bench).snapshot(vector_size(bench)) as held:
        if held is None:
            return Verdict(["it is not there, or has another shape than declared."])
        return _compared(bench, held, wanted_versions(bench, videos), fetcher(bench, videos))


def _compared(bench: Workbench, held: Snapshot, wanted: Mapping[str, Mapping[str, str]], fetch: Fetch) -> Verdict:
    findings: list[str] = []
    late = compared = 0
    for table in PUBLISHED:
        parts = held.versions[table.name]
        same = sorted(part for part, version in parts.items() if wanted[table.name].get(part) == version)
        late += len(parts.keys() | wanted[table.name].keys()) - len(same)
        counts = held.counts(table, is_whole=WHOLE in parts or not parts)
        wrong = [part for part in same if counts.get(part, 0) != _recorded(bench, table, part, fetch)]
        if wrong:
            findings.append(f"{table.name}: {len(wrong)} of {len(same)} parts have another number of rows than the record.")
            continue
        strangers = sum(count for part, count in counts.items() if part not in parts)
        if strangers:
            findings.append(f"{table.name}: {strangers} rows are of nothing that was published.")
        some = same[:COMPARED_VIDEOS]
        if some:
            ours = fetch(table, some)
            compared += ours.height
            if not _is_same(held.rows(table, some), ours, table):
                findings.append(f"{table.name}: rows differ from those of the record.")
    return Verdict(findings, {"rows compared": compared, "parts not published yet": late})


def _recorded(bench: Workbench, table: Table, part: str, fetch: Fetch) -> int:
    if part == WHOLE:
        return fetch(table, [part]).height
    stamp = bench.store.stamp(table.name, part)
    return stamp.rows if stamp else 0


def _is_same(theirs: pl.DataFrame, ours: pl.DataFrame, table: Table) -> bool:
    names = [column.name for column in table.public]
    return theirs.select(names).sort(table.key).equals(ours.select(names).sort(table.key))
