"""The asset checks, without Dagster: of tables of the record, of the index and of the published database."""

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
from meetbefore_assets.faces.frame_counts import sampled_frames
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.match import is_matched
from meetbefore_assets.identities.policy import usable_tracks
from meetbefore_assets.identities.queries import matched_videos
from meetbefore_assets.identities.stored_corrections import corrections_in_force
from meetbefore_assets.identities.stored_edges import edge_store, plan_edges
from meetbefore_assets.publishing.database import open_published, row_reader, vector_size, video_rows, wanted_versions
from meetbefore_assets.recordings.clocks import clock_of, clock_table
from meetbefore_assets.upkeep import plausibility

NEIGHBOURS = 5
# Number of videos whose published rows are compared with the record; for the others only versions and row counts are.
COMPARED_VIDEOS = 3
# Number of objects that are checked against their declaration at once.
TOGETHER = 256


@dataclass(frozen=True)
class CheckResult:
    """Findings as sentences (none: all is well), and how much was checked."""

    findings: list[str]
    looked_at: dict[str, int] = field(default_factory=dict)


def torn_as_finding(look: Callable[[], CheckResult]) -> CheckResult:
    """Run a check; a table that cannot be read becomes a finding."""
    try:
        return look()
    except RecordTornError as error:
        return CheckResult([str(error)])


def matches_declaration(home: Home, table: Table, keys: list[str]) -> CheckResult:
    """Check some objects of one table against its declaration."""
    findings: list[str] = []
    rows = 0
    for start in range(0, len(keys), TOGETHER):
        some = keys[start : start + TOGETHER]
        try:
            frame = home.store.scan(table.name, some)
            found = plausibility.outside_declaration(table, frame)
        except RecordTornError:
            found = [""]
        # Two thousand objects take one second together, and ten one by one, which is only needed to say which one is wrong.
        frames = [frame] if not found else [home.store.get(table.name, key) for key in some]
        rows += sum(frame.height for frame in frames)
        findings += [finding for frame in frames if found for finding in plausibility.outside_declaration(table, frame)]
    return CheckResult(findings, {"objects": len(keys), "rows": rows})


def unit_vectors(home: Home, video_id: str) -> CheckResult:
    """Check length and size of one video's vectors."""
    vectors = np.array(home.store.get("embeddings", video_id, ["vector"])["vector"].to_list(), np.float32)
    return CheckResult(plausibility.not_unit(vectors, home.model_pack().recogniser.vector_size), {"vectors": len(vectors)})


def faces_as_in_neighbours(home: Home, video_id: str) -> CheckResult:
    """Compare the number of faces in one video with the videos before and after it by name (names mostly sort by time)."""
    keys = home.store.keys("detections")
    at = keys.index(video_id)
    around = [key for key in keys[max(0, at - NEIGHBOURS) : at + NEIGHBOURS + 1] if key != video_id]
    counts = [count for key in around if (count := _faces_and_frames(home, key))]
    faces, moments = _faces_and_frames(home, video_id) or (0, 0)
    return CheckResult(
        plausibility.lost_its_faces(faces, moments, counts), {"faces": faces, "sampled frames": moments, "neighbours": len(counts)}
    )


def _faces_and_frames(home: Home, video_id: str) -> tuple[int, int] | None:
    stamp = home.store.stamp("detections", video_id)
    return (stamp.rows, sampled_frames(stamp.facts)) if stamp else None


def clock_is_plausible(home: Home, video_id: str) -> CheckResult:
    """Check the clock of one video."""
    clock = clock_of(home, video_id)
    duration_s = float(home.store.get("videos", video_id, ["duration_s"])["duration_s"][0])
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    return CheckResult(plausibility.doubtful_clock(clock.started_at, duration_s, clock.clock_source, now))


def cameras_record_one_at_a_time(home: Home) -> CheckResult:
    """Check the clocks of all videos: recordings of one camera must not overlap."""
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
    """Key of a camera: make and model, picture size, and the folder it writes to."""
    tags = json.loads(str(row["tags"]))
    parts = (tags.get("make", ""), tags.get("model", ""), row["width"], row["height"], Path(str(row["uri"])).parent)
    return "|".join(map(str, parts))


def every_face_once(home: Home) -> CheckResult:
    """Check that every face with a vector belongs to exactly one person, in all matched videos; "not a face" corrections count as nobody.

    Videos that another run is processing are no finding, nor is what changed since the last match, because it is matched again.
    """
    videos = [video_id for video_id in matched_videos(home) if _has_settled(home, video_id)]
    if not videos:
        return CheckResult([])
    embedded = home.store.scan("embeddings", videos, ["face_id"])["face_id"]
    assigned = home.store.scan("identity_assignments", videos, ["face_id"])["face_id"]
    nobodys = corrections_in_force(home, videos).nobodys()
    findings = plausibility.not_assigned_once(embedded.filter(~embedded.is_in(sorted(nobodys))), assigned)
    home.store.refresh()
    return CheckResult(findings if is_matched(home) else [], {"faces": len(embedded)})


def _has_settled(home: Home, video_id: str) -> bool:
    """Whether the tracks of a video were made from its current vectors."""
    tracks, embeddings = home.store.stamp("tracks", video_id), home.store.stamp("embeddings", video_id)
    return tracks is not None and embeddings is not None and tracks.inputs.get("embeddings") == embeddings.data_version


def nobody_twice_in_a_frame(home: Home) -> CheckResult:
    """Check that nobody is assigned two faces in one frame, in all videos."""
    videos = matched_videos(home)
    if not videos:
        return CheckResult([])
    assigned = home.store.scan("identity_assignments", videos, ["face_id", "person_id"])
    frames = home.store.scan("detections", videos, ["face_id", "frame_id"])
    faces = assigned.join(frames, on="face_id")
    return CheckResult(plausibility.twice_in_a_frame(faces), {"faces": faces.height})


def index_in_step(home: Home) -> CheckResult:
    """Check the stored edges: each object is readable, as declared, and between tracks that existed when it was written.

    Videos without stored edges are no finding: they may be new, and their edges are computed when needed.
    """
    versions = usable_tracks(home, home.model_pack().recogniser_id)
    store, plan = edge_store(home), plan_edges(home, versions)
    findings: list[str] = []
    keys = store.keys(SIMILAR_TRACKS.name)
    for key in keys:
        stamp = store.stamp(SIMILAR_TRACKS.name, key)
        if stamp is None:
            findings.append("a part of it is damaged.")
            continue
        edges = store.get(SIMILAR_TRACKS.name, key)
        findings += plausibility.outside_declaration(SIMILAR_TRACKS, edges)
        strangers = edges.filter((pl.col("row") >= int(stamp.facts["tracks"])) | (pl.col("video") != int(stamp.facts["number"]))).height
        if strangers:
            findings.append(f"{strangers} edges belong to tracks that their video does not have.")
    return CheckResult(findings, {"tracks": plan.tracks, "objects": len(keys), "videos not indexed yet": len(plan.new)})


def database_equals_record(home: Home) -> CheckResult:
    """Compare the published database with the record: the row counts of every part, and all rows of some videos and of whole tables.

    Parts with another version in the record are no finding: another run is at work, and will publish them.
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
            findings.append(f"{table.name}: {len(wrong)} of {len(same)} parts have a different number of rows than the record.")
            continue
        strangers = sum(count for part, count in counts.items() if part not in parts)
        if strangers:
            findings.append(f"{table.name}: {strangers} rows belong to nothing that was published.")
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
