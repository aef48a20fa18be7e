"""Fits corrections of a file to a home: which faces of the home they are about, and why one is about none.

Videos are found by the hash of their content, faces as corrections find them (`corrections.locate`); where other frames are sampled, by
the places of the same track that the file names besides (`place_fit`). Places of forgotten faces are left out first.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import polars as pl

from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppressions import are_suppressions_known, suppressed_files
from meetbefore_assets.identities.corrections import Anchor, Correction, anchor_rows, locate
from meetbefore_assets.identities.corrections_file import OF_ONE_PICTURE, Carried, CorrectionsFile
from meetbefore_assets.identities.forgotten_places import forgotten_among, without_forgotten
from meetbefore_assets.identities.place_fit import VideoFaces, find_face
from meetbefore_assets.recordings.intake import known_videos

# Why a correction, or a place, does not fit.
Reason = Literal[
    "missing",  # the recording is not in this home
    "waiting",  # it is, but was not processed yet
    "no-face",  # no face is found there
    "forgotten",  # the faces, the recording or the imported name were forgotten here
    "blocked",  # the imported name is somebody on the block list
    "undone",  # it is on record here, and was taken back
    "contradicts",  # something that was said before says otherwise
    "picture",  # they are in one picture
    "one-track",  # they are one track here
    "name-taken",  # somebody else has that name
    "me-taken",  # somebody else is the user
    "future",  # it was said after now
    "malformed",  # the text, the faces or the sides are not those of its kind
    "unknown",  # only a later version knows its kind
]


@dataclass(frozen=True)
class LeftOut:
    """A correction of a file that does not fit.

    Attributes:
        correction: as in the file.
        reason: why.
        detail: what it contradicts, or what is wrong; "" where the reason says all.
        places: where it was to apply, or where it does not fit: (file name, seconds since the first picture).
    """

    correction: Correction
    reason: Reason
    detail: str = ""
    places: tuple[tuple[str, float], ...] = ()


@dataclass
class Fitted:
    """What fits.

    Attributes:
        corrections: with the places of this home; ids as in the file.
        left_out: what does not fit.
        missed: (file name, reason) -> how many places of corrections that fit have no face.
    """

    corrections: list[Correction] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    missed: Counter[tuple[str, Reason]] = field(default_factory=Counter)


class Fitting:
    """One file and one home. The caller holds the lock of corrections, so that nobody is forgotten meanwhile."""

    def __init__(self, home: Home, file: CorrectionsFile) -> None:
        self._home, self._file = home, file
        here = known_videos(home)
        by_hash = {video.content_hash: video_id for video_id, video in here.items()}
        gone = suppressed_files(home)
        # A video that is not here keeps the id of the file, and its places wait for it; the id must not be another video's.
        self._ids = {
            key: by_hash.get(video.content_hash, key)
            for key, video in file.videos.items()
            if video.content_hash not in gone and (video.content_hash in by_hash or key not in here)
        }
        self._known = {video_id for video_id in {*here, *self._ids.values()} if are_suppressions_known(home, video_id)}
        self._here = set(here)
        self._processed = set(home.store.keys("tracks"))
        self._names = {self._ids.get(key, key): video.file_name for key, video in file.videos.items()}
        self._forgotten_videos = {key for key, video in file.videos.items() if video.content_hash in gone}

    def places(self, one: Correction) -> tuple[tuple[str, float], ...]:
        """Where a correction of the file is: (file name, second)."""
        return tuple((self._file.videos[at.video_id].file_name, at.time_s) for _, side in one.sides for at in side)

    def left_out(self, one: Correction, reason: Reason, detail: str = "") -> LeftOut:
        """Why a correction of the file does not fit."""
        return LeftOut(one, reason, detail, self.places(one))

    def fit(self, carried: Sequence[Carried]) -> Fitted:
        """Find the faces of corrections."""
        result = Fitted()
        rebased = [(one, self._without_forgotten(one)) for one in carried]
        placed = self._placed([kept for _, kept in rebased if kept is not None])
        for one, kept in rebased:
            if kept is None:
                result.left_out.append(self.left_out(one.correction, "forgotten" if self._is_forgotten(one) else "missing"))
                continue
            spots = placed[kept.correction.correction_id]
            empty = [name for name, its in spots.items() if its and not any(spot.is_found for spot in its)]
            if kept.correction.kind == "move" and "there" in empty:
                empty.remove("there")  # whose the faces were may be gone
            lost = [spot.at for name, its in spots.items() for spot in its if not spot.is_found and (name in empty or not empty)]
            if empty:
                why = Counter(self._reason(at) for at in lost)
                where = tuple((self._names[at.video_id], at.time_s) for at in lost)
                result.left_out.append(LeftOut(one.correction, why.most_common(1)[0][0], places=where))
                continue
            result.missed.update((self._names[at.video_id], self._reason(at)) for at in lost)
            result.corrections.append(_with_sides(kept.correction, {name: [spot.at for spot in its] for name, its in spots.items()}))
        return result

    def _is_forgotten(self, one: Carried) -> bool:
        """Whether a place of it was forgotten, or may have been, rather than being in a video that has the id of another one."""
        return any(at.video_id in self._ids or at.video_id in self._forgotten_videos for at in one.anchors())

    def _without_forgotten(self, one: Carried) -> Carried | None:
        def here(at: Anchor) -> Anchor:
            return replace(at, video_id=self._ids.get(at.video_id, _NOWHERE))

        also = {here(at): tuple(here(other) for other in others) for at, others in one.also.items()}
        correction = _with_sides(one.correction, {name: [here(at) for at in side] for name, side in one.correction.sides})
        kept = without_forgotten(self._home, correction, self._known)
        if kept is None:
            return None
        gone = forgotten_among(self._home, [other for others in also.values() for other in others], self._known)
        return Carried(kept, {at: tuple(other for other in others if other not in gone) for at, others in also.items()}, one.faces)

    def _placed(self, carried: Sequence[Carried]) -> "dict[str, dict[str, list[_Spot]]]":
        """Correction -> side -> where each of its places is in this home."""
        anchors = anchor_rows([one.correction for one in carried])
        faces = _faces(self._home, sorted(set(anchors["video_id"]) & self._here & self._processed))
        track_of = dict(faces.select("face_id", "track_id").iter_rows())
        located = {(str(one), str(side), int(place)): track_of[face] for one, side, place, face in locate(anchors, faces).iter_rows()}
        in_tracks = faces.drop_nulls("track_id").partition_by("video_id", as_dict=True)
        looked_at = {str(video_id): (rows, _video_faces(rows)) for (video_id,), rows in in_tracks.items()}

        def spot(one: Carried, key: tuple[str, str, int], at: Anchor) -> _Spot:
            if key in located:
                return _Spot(at, is_found=True, track=located[key])
            if one.correction.kind in OF_ONE_PICTURE or at.video_id not in looked_at:
                return _Spot(at)
            rows, video = looked_at[at.video_id]
            others = sorted(one.also.get(at, ()), key=lambda other: abs(other.time_s - at.time_s))
            row = find_face([at, *others], video)
            if row is None:
                return _Spot(at)
            time_s, *box = rows.select("time_s", "x1", "y1", "x2", "y2").row(row)
            there = Anchor(at.video_id, round(time_s, 3), *(round(float(edge), 2) for edge in box))
            return _Spot(there, is_found=True, track=rows["track_id"][row], instead_of=at)

        found = {}
        for one in carried:
            key = one.correction.correction_id
            spots = {name: [spot(one, (key, name, place), at) for place, at in enumerate(side)] for name, side in one.correction.sides}
            found[key] = _told_apart(spots) if one.correction.kind in _DIVIDING else spots
        return found

    def _reason(self, at: Anchor) -> Reason:
        if at.video_id not in self._here:
            return "missing"
        return "no-face" if at.video_id in self._processed else "waiting"


@dataclass(frozen=True)
class _Spot:
    """A place in this home; `track` is whose face is there, `instead_of` the place of the file where another one of its track is."""

    at: Anchor
    is_found: bool = False
    track: str | None = None
    instead_of: Anchor | None = None


_NOWHERE = ""
_PLACES = ("face_id", "video_id", "time_s", "x1", "y1", "x2", "y2")
# Kinds that say that the sides here and there are two people, even where they are in one track.
_DIVIDING = ("split", "move", "not-same")


def _told_apart(spots: dict[str, list[_Spot]]) -> dict[str, list[_Spot]]:
    """Where both sides are in one track of this home, only faces at the very places of the file say where it is to be divided."""
    here, there = ({spot.track for spot in spots[name] if spot.is_found} for name in ("here", "there"))
    shared = here & there - {None}
    return {
        name: [_Spot(spot.instead_of) if spot.instead_of and spot.track in shared else spot for spot in its] for name, its in spots.items()
    }


def _with_sides(one: Correction, sides: Mapping[str, Sequence[Anchor]]) -> Correction:
    told = (tuple(dict.fromkeys(sides[name])) for name, _ in one.sides)
    return Correction(one.correction_id, one.created_at, one.kind, one.text, *told)


def _faces(home: Home, videos: Sequence[str]) -> pl.DataFrame:
    """Faces of some videos: columns of _PLACES, and track_id, null where they are in no track."""
    if not videos:
        numbers = dict.fromkeys(("time_s", "x1", "y1", "x2", "y2"), pl.Float64())
        return pl.DataFrame(schema={"face_id": pl.String(), "video_id": pl.String(), **numbers, "track_id": pl.String()})
    tracks = home.store.scan("tracks", videos, ["track_id", "face_ids"]).rename({"face_ids": "face_id"}).explode("face_id")
    return home.store.scan("detections", videos, list(_PLACES)).join(tracks, on="face_id", how="left", maintain_order="left")


def _video_faces(rows: pl.DataFrame) -> VideoFaces:
    boxes = rows.select(pl.col("x1", "y1", "x2", "y2").cast(pl.Float64)).to_numpy()
    return VideoFaces(rows["time_s"].to_numpy(), boxes, rows["track_id"].rank("dense").cast(pl.Int64).to_numpy())
