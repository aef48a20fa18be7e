"""What the asset checks look at: tables of the record, the index and the published database."""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from meetbefore_assets.core.errors import RecordTornError
from meetbefore_assets.core.ports import WHOLE, Fetch, Snapshot
from meetbefore_assets.core.schema.identities import SIMILAR_TRACKS
from meetbefore_assets.core.schema.lists import published_tables
from meetbefore_assets.core.schema.table import Table
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.policy import usable_tracks
from meetbefore_assets.identities.queries import matched_videos
from meetbefore_assets.identities.stored_edges import edge_store, plan_edges
from meetbefore_assets.publishing.database import open_published, row_reader, vector_size, video_rows, wanted_versions
from meetbefore_assets.recordings.clocks import clock_of, clock_table
from meetbefore_assets.upkeep import plausibility

NEIGHBOURS = 5
# Videos whose published rows are compared one by one with the record; of all others the versions and numbers of rows are.
COMPARED_VIDEOS = 3
# Objects that are checked against their declaration in one piece.
TOGETHER = 256


@dataclass(frozen=True)
class CheckResult:
    """Findings in sentences (none: all is well), and how much was looked at."""

    findings: list[str]
    looked_at: dict[str, int] = field(default_factory=dict)


def torn_as_finding(look: Callable[[], CheckResult]) -> CheckResult:
    """A table that cannot be read is a finding."""
    try:
        return look()
    except RecordTornError as error:
        return CheckResult([str(error)])


def matches_declaration(home: Home, table: Table, keys: list[str]) -> CheckResult:
    """Some objects of one table against its declaration."""
    findings: list[str] = []
    rows = 0
    for start in range(0, len(keys), TOGETHER):
        some = keys[start : start + TOGETHER]
        try:
            frame = home.store.scan(table.name, some)
            found = plausibility.outside_declaration(table, frame)
        except RecordTornError:
            found = [""]
        # Two thousand objects are looked at in a second together, and in ten one by one, which only says what is wrong with which.
        frames = [frame] if not found else [home.store.get(table.name, key) for key in some]
        rows += sum(frame.height for frame in frames)
        findings += [finding for frame in frames if found for finding in plausibility.outside_declaration(table, frame)]
    return CheckResult(findings, {"objects": len(keys), "rows": rows})


def unit_vectors(home: Home, video_id: str) -> CheckResult:
    """The vectors of one video."""
    vectors = np.array(home.store.get("embeddings", video_id, ["vector"])["vector"].to_list(), np.float32)
    return CheckResult(plausibility.not_unit(vectors, home.found_pack().recogniser.vector_size), {"vectors": len(vectors)})


def faces_as_in_neighbours(home: Home, video_id: str) -> CheckResult:
    """The faces of one video against those of the videos before and after it by name, which mostly tells the time."""
    keys = home.store.keys("detections")
    at = keys.index(video_id)
    around = [key for key in keys[max(0, at - NEIGHBOURS) : at + NEIGHBOURS + 1] if key != video_id]
    counts = [count for key in around if (count := _faces_and_moments(home, key))]
    faces, moments = _faces_and_moments(home, video_id) or (0, 0)
    return CheckResult(plausibility.lost_its_faces(faces, moments, counts), {"faces": faces, "moments": moments, "neighbours": len(counts)})


def _faces_and_moments(home: Home, video_id: str) -> tuple[int, int] | None:
    stamp = home.store.stamp("detections", video_id)
    return (stamp.rows, int(stamp.facts.get("moments", 0))) if stamp else None


def clock_is_plausible(home: Home, video_id: str) -> CheckResult:
    """The clock of one video."""
    clock = clock_of(home, video_id)
    duration_s = float(home.store.get("videos", video_id, ["duration_s"])["duration_s"][0])
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    return CheckResult(plausibility.doubtful_clock(clock.started_at, duration_s, clock.clock_source, now))


def cameras_record_one_at_a_time(home: Home) -> CheckResult:
    """The clocks of all videos: files of one camera lie one after another."""
    videos = [key for key in home.store.keys("videos") if home.store.stamp("videos", key) is not None]
    if not videos:
        return CheckResult([])
    clocks = clock_table(home, videos).select("video_id", "started_at", "clock_source")
    facts = home.store.scan("videos", videos, ["video_id", "file_name", "uri", "duration_s", "width", "height", "tags"])
    cameras = [_camera(row) for row in facts.iter_rows(named=True)]
    recordings = facts.with_columns(pl.Series("camera", cameras)).join(clocks, on="video_id")
    named = recordings.with_columns(pl.concat_str("camera", "clock_source", separator="|").alias("camera"))
    return CheckResult(plausibility.overlapping(named), {"recordings": len(videos)})


def _camera(row: dict[str, object]) -> str:
    """What tells one camera from another: its make and model, the size of its pictures, and the folder it writes to."""
    tags = json.loads(str(row["tags"]))
    parts = (tags.get("make", ""), tags.get("model", ""), row["width"], row["height"], Path(str(row["uri"])).parent)
    return "|".join(map(str, parts))


def every_face_once(home: Home) -> CheckResult:
    """Vectors and assignments of all videos that were matched."""
    videos = matched_videos(home)
    if not videos:
        return CheckResult([])
    embedded = home.store.scan("embeddings", videos, ["face_id"])["face_id"]
    assigned = home.store.scan("identity_assignments", videos, ["face_id"])["face_id"]
    return CheckResult(plausibility.not_assigned_once(embedded, assigned), {"faces": len(embedded)})


def nobody_twice_in_a_frame(home: Home) -> CheckResult:
    """Assignments of all videos against the pictures their faces are in."""
    videos = matched_videos(home)
    if not videos:
        return CheckResult([])
    assigned = home.store.scan("identity_assignments", videos, ["face_id", "person_id"])
    frames = home.store.scan("detections", videos, ["face_id", "frame_id"])
    faces = assigned.join(frames, on="face_id")
    return CheckResult(plausibility.twice_in_a_frame(faces), {"faces": faces.height})


def index_in_step(home: Home) -> CheckResult:
    """The stored edges: each object readable, as declared, and between tracks that there were when it was written.

    Videos whose edges are not stored yet, or not any more, are no finding: they may have come a moment ago, and whoever needs
    their edges finds them.
    """
    versions = usable_tracks(home, home.found_pack().recogniser_id)
    store, plan = edge_store(home), plan_edges(home, versions)
    findings: list[str] = []
    keys = store.keys(SIMILAR_TRACKS.name)
    for key in keys:
        stamp = store.stamp(SIMILAR_TRACKS.name, key)
        if stamp is None:
            findings.append("an object of it is torn.")
            continue
        edges = store.get(SIMILAR_TRACKS.name, key)
        findings += plausibility.outside_declaration(SIMILAR_TRACKS, edges)
        strangers = edges.filter((pl.col("row") >= int(stamp.facts["tracks"])) | (pl.col("video") != int(stamp.facts["number"]))).height
        if strangers:
            findings.append(f"{strangers} edges are of tracks that their video does not have.")
    return CheckResult(findings, {"tracks": plan.tracks, "objects": len(keys), "videos not indexed yet": len(plan.new)})


def database_equals_record(home: Home) -> CheckResult:
    """Numbers of rows of every part, and all rows of some videos and of the tables in one piece.

    Parts that the record has in another version by now are no finding: another run is at work, and will publish them.
    """
    videos = video_rows(home)
    with open_published(home).snapshot(vector_size(home)) as held:
        if held is None:
            return CheckResult(["it is not there, or has another shape than declared."])
        return _compared(home, held, wanted_versions(home, videos), row_reader(home, videos))


def _compared(home: Home, held: Snapshot, wanted: Mapping[str, Mapping[str, str]], fetch: Fetch) -> CheckResult:
    findings: list[str] = []
    late = compared = 0
    for table in published_tables():
        parts = held.versions[table.name]
        same = sorted(part for part, version in parts.items() if wanted[table.name].get(part) == version)
        late += len(parts.keys() | wanted[table.name].keys()) - len(same)
        counts = held.counts(table, is_whole=WHOLE in parts or not parts)
        wrong = [part for part in same if counts.get(part, 0) != _recorded(home, table, part, fetch)]
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
    return CheckResult(findings, {"rows compared": compared, "parts not published yet": late})


def _recorded(home: Home, table: Table, part: str, fetch: Fetch) -> int:
    if part == WHOLE:
        return fetch(table, [part]).height
    stamp = home.store.stamp(table.name, part)
    return stamp.rows if stamp else 0


def _is_same(theirs: pl.DataFrame, ours: pl.DataFrame, table: Table) -> bool:
    names = [column.name for column in table.public]
    return theirs.select(names).sort(table.key).equals(ours.select(names).sort(table.key))
