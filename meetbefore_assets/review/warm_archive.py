"""In-memory archive: the data that corrections do not change, and the identity tables of the last decision."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.errors import RecordTornError
from meetbefore_assets.core.ports import I64, WHOLE
from meetbefore_assets.core.schema.encounters import ENCOUNTER_SCORES, PEOPLE
from meetbefore_assets.core.schema.identities import KNOWN_MATCHES
from meetbefore_assets.core.schema.table import Table
from meetbefore_assets.encounters.make_tables import ASSET as SCORES
from meetbefore_assets.encounters.make_tables import is_of_one_decision, shown_until
from meetbefore_assets.faces.portraits import portrait_table
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.certainty import Looks, looks
from meetbefore_assets.identities.corrections import SHOWN, Correction
from meetbefore_assets.identities.evidence import EvidencePolicy
from meetbefore_assets.identities.grouping_input import TracksOnRecord, corrected_input, read_tracks
from meetbefore_assets.identities.known_people import imported_names
from meetbefore_assets.identities.match import ASSET as IDENTITIES
from meetbefore_assets.identities.match import is_matched, said_until
from meetbefore_assets.identities.person_evidence import BELOW
from meetbefore_assets.identities.policy import policy, usable_tracks
from meetbefore_assets.identities.queries import matched_videos
from meetbefore_assets.identities.stored_corrections import CorrectionsInForce, read_corrections
from meetbefore_assets.recordings.clocks import clock_table
from meetbefore_assets.recordings.places import place_table

_FACES: dict[str, pl.DataType] = {
    **{"face_id": pl.String(), "video_id": pl.String(), "file_name": pl.String(), "pts": pl.Int64(), "time_s": pl.Float64()},
    "seen_at": pl.Datetime("us"),
    **dict.fromkeys(("x1", "y1", "x2", "y2", "det_score", "quality"), pl.Float32()),
    "portrait": pl.Float64(),
}
_COMPANY = "seen_with"
_ASSIGNED = ["face_id", "person_id", "similarity", "runner_up_person_id", "runner_up_similarity"]
# assigned, encounters, people, aliases, known: see OfficialTables.
_Tables = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, dict[str, str], dict[str, str]]
# Another process may be writing the tables of a decision: they are read again so often, and then done without.
_ATTEMPTS = 3


@dataclass(frozen=True)
class WarmArchive:
    """Tracks, faces and settings of an archive, which no correction changes.

    Attributes:
        version: changes whenever any of it could.
        tracks: as they are grouped.
        looks: what the tracks look like; None: nobody measured the recogniser.
        faces: a row a face (of videos with tracks), by file name and time: face_id, video_id, file_name, pts, time_s, seen_at (UTC),
            x1, y1, x2, y2, det_score, quality, portrait.
        lengths: columns video_id, duration_s.
        places: columns of PLACES.
        starts: video_id -> when it begins (UTC).
        threshold: in force.
        zone: IANA name.
        gap_min, interval_s: settings of encounters and sampling.
    """

    version: str
    tracks: TracksOnRecord
    looks: Looks | None
    faces: pl.DataFrame
    lengths: pl.DataFrame
    places: pl.DataFrame
    starts: Mapping[str, dt.datetime | None]
    threshold: float
    zone: str
    gap_min: float
    interval_s: float

    @cached_property
    def rank(self) -> I64:
        """(n,) place of each face in the order of sighting that ids of people follow from."""
        order = self.faces.select("seen_at", "face_id").with_row_index().sort("seen_at", "face_id")["index"].to_numpy()
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        return rank

    @cached_property
    def row_of_face(self) -> pl.DataFrame:
        """Columns face_id, row."""
        return self.faces.select("face_id").with_row_index("row").select("face_id", pl.col("row").cast(pl.Int64))


@dataclass(frozen=True)
class OfficialTables:
    """The tables of the last decision.

    Attributes:
        state: changes whenever they did.
        is_whole: they belong together, and to what is in force but for what was said since.
        is_matched: nothing but what is said changed since who is who was decided.
        said_until: when the last thing was said that who is who was decided by; None: it is not known.
        shown_until: the same of names, roles and portraits, which need no decision.
        assigned: face_id, person_id, similarity, runner_up_person_id, runner_up_similarity.
        encounters: columns of ENCOUNTER_SCORES but seen_with, which is most of them, and follows from the others.
        people: columns of PEOPLE.
        aliases: an id that is no longer in use -> who that is.
        known: person_id -> name from elsewhere.
    """

    state: tuple[str, ...]
    is_whole: bool
    is_matched: bool
    said_until: dt.datetime | None
    shown_until: dt.datetime
    assigned: pl.DataFrame
    encounters: pl.DataFrame
    people: pl.DataFrame
    aliases: Mapping[str, str]
    known: Mapping[str, str]

    def has(self, one: Correction, subject: str) -> bool:
        """Whether the tables hold what was said; `subject` is its kind, or that of what it undoes."""
        if subject in SHOWN:
            return one.created_at <= self.shown_until
        return self.said_until is not None and one.created_at <= self.said_until

    def placed(self, archive: WarmArchive) -> "AssignedFaces":
        """Whose the faces of an archive were."""
        table = self.assigned.rename({"person_id": "was"})
        faces = archive.faces.select("face_id")
        return AssignedFaces(
            faces.join(table, on="face_id", how="left", maintain_order="left"), table.join(faces, on="face_id", how="anti")
        )


@dataclass(frozen=True)
class AssignedFaces:
    """The faces of an archive by the tables of the last decision.

    Attributes:
        faces: a row a face of the archive, in its order: face_id, was (its person; null: nobody), similarity, runner_up_person_id,
            runner_up_similarity.
        others: the same of faces that are not in the archive.
    """

    faces: pl.DataFrame
    others: pl.DataFrame


def archive_version(home: Home) -> str:
    """Version of everything that corrections do not change. Raises ModelError or SettingsError."""
    settings, decided = home.settings(), policy(home)
    tracks = usable_tracks(home, decided.recogniser_id)
    sources = {video_id: stamp.data_version for video_id in tracks if (stamp := home.store.stamp("sources", video_id))}
    given = (settings.time, list(settings.clocks), settings.encounters, settings.sampling.interval_s)
    return digest("warm", decided.threshold, decided.recogniser_id, home.zone(), *given, sorted(tracks.items()), sorted(sources.items()))


def read_archive(home: Home) -> WarmArchive:
    """Read all that deciding who is who needs: seconds of a large archive. Raises ModelError, SettingsError or StoreError."""
    version = archive_version(home)
    settings, decided = home.settings(), policy(home)
    videos = sorted(usable_tracks(home, decided.recogniser_id))
    tracks = _only_near_edges(home, read_tracks(home, videos), decided.threshold)
    clocks = clock_table(home, videos).select("video_id", "started_at")
    return WarmArchive(
        version,
        tracks,
        _looks(tracks),
        _faces(home, videos, clocks),
        home.store.scan("videos", videos, ["video_id", "duration_s"]) if videos else pl.DataFrame({"video_id": [], "duration_s": []}),
        place_table(home, videos),
        dict(clocks.iter_rows()),
        decided.threshold,
        home.zone(),
        settings.encounters.gap_min,
        settings.sampling.interval_s,
    )


def _looks(known: TracksOnRecord) -> Looks | None:
    if known.model is None or not known.tracks.height:
        return None
    return looks(known.tracks, np.take(known.vectors, known.places, axis=0), known.lengths, known.model)


def _faces(home: Home, videos: list[str], clocks: pl.DataFrame) -> pl.DataFrame:
    if not videos:
        return pl.DataFrame(schema=_FACES)
    columns = ["face_id", "video_id", "pts", "time_s", "x1", "y1", "x2", "y2", "det_score", "quality"]
    faces = home.store.scan("detections", videos, columns)
    names = home.store.scan("videos", videos, ["video_id", "file_name"])
    portraits = portrait_table(home, videos).select("face_id", "portrait")
    moment = pl.col("started_at") + pl.duration(microseconds=(pl.col("time_s") * 1e6).round().cast(pl.Int64))
    joined = faces.join(names, on="video_id").join(clocks, on="video_id").join(portraits, on="face_id", how="left")
    return joined.with_columns(moment.alias("seen_at")).select(list(_FACES)).sort("file_name", "time_s", "x1", "face_id")


def _only_near_edges(home: Home, known: TracksOnRecord, threshold: float) -> TracksOnRecord:
    """Without the edges of pairs that nobody asks for at this threshold: they are most of the memory."""
    if known.model is None or not known.tracks.height:
        return known
    given = corrected_input(home, known, CorrectionsInForce.nothing())
    asked = given.policy(threshold)
    if not isinstance(asked, EvidencePolicy):
        return known
    near = known.graph.edges.above(asked.least_cosine - BELOW)
    return replace(known, graph=replace(known.graph, edges=near, found=near.of(np.empty(0, np.int64))))


def read_official(home: Home) -> OfficialTables:
    """The tables of the last decision; where others are writing them, or never came to an end, none that could be trusted."""
    for _ in range(_ATTEMPTS):
        before = official_state(home)
        is_whole, is_in_step = is_of_one_decision(home), is_matched(home)
        until, shown = said_until(home), shown_until(home) or dt.datetime.min
        if until is None and is_in_step:  # decided before that was written down
            until = max((one.created_at for one in read_corrections(home)), default=dt.datetime.min)
        tables = _read(home)
        if before == official_state(home):
            return OfficialTables(before, is_whole, is_in_step, until, shown, *tables)
    return OfficialTables(("being written",), False, False, None, dt.datetime.min, *_nothing())


def official_state(home: Home) -> tuple[str, ...]:
    """Changes whenever the tables of a decision did; each is marked last, when it is whole."""
    stamps = [home.store.stamp(asset, WHOLE) for asset in (IDENTITIES, SCORES, PEOPLE.name, KNOWN_MATCHES.name)]
    return tuple(stamp.data_version if stamp else "" for stamp in stamps)


def _read(home: Home) -> _Tables:
    assigned, encounters, people, aliases, _ = _nothing()
    videos = matched_videos(home)
    if videos:
        assigned = home.store.scan(IDENTITIES, videos, _ASSIGNED)
    scored = [video_id for video_id in home.store.keys(SCORES) if video_id != WHOLE]
    if scored:
        encounters = _with_all_columns(_scanned(home, scored), ENCOUNTER_SCORES).drop(_COMPANY)
    if home.store.stamp(PEOPLE.name, WHOLE) is not None:
        people = _with_all_columns(home.store.get(PEOPLE.name, WHOLE), PEOPLE)
    if home.store.stamp(IDENTITIES, WHOLE) is not None:
        aliases = dict(home.store.get(IDENTITIES, WHOLE).select("alias", "person_id").iter_rows())
    # A chunk a video makes every question to a table a hundred times slower.
    return assigned.rechunk(), encounters.rechunk(), people.rechunk(), aliases, imported_names(home)


def _scanned(home: Home, videos: list[str]) -> pl.DataFrame:
    """The scores of some videos; of a home that is just being brought to the tables of today some have columns that others lack."""
    try:
        return home.store.scan(SCORES, videos)
    except RecordTornError:
        return pl.concat([home.store.get(SCORES, video_id) for video_id in videos], how="diagonal_relaxed")


def _with_all_columns(table: pl.DataFrame, declared: Table) -> pl.DataFrame:
    """A table that an earlier version may have written: columns that it lacks are null until the next run."""
    missing = [pl.lit(None, kind).alias(name) for name, kind in declared.dtypes.items() if name not in table.columns]
    return table.with_columns(missing).select(list(declared.dtypes))


def _nothing() -> _Tables:
    single = dict.fromkeys(("similarity", "runner_up_similarity"), pl.Float32())
    schema = {name: single.get(name, pl.String()) for name in _ASSIGNED}
    return pl.DataFrame(schema=schema), ENCOUNTER_SCORES.empty().drop(_COMPANY), PEOPLE.empty(), {}, {}
