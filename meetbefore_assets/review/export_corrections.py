"""All corrections in force as a file, which fits every home with the same videos (`identities.corrections_file`)."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.corrections import Anchor, Correction, in_force
from meetbefore_assets.identities.corrections_file import OF_ONE_PICTURE, Carried, Video, can_be_written, write_file
from meetbefore_assets.identities.known_people import KIND as KNOWN
from meetbefore_assets.identities.known_people import crops_of_known
from meetbefore_assets.identities.stored_corrections import corrections_in_force, parts_of_tracks, read_corrections
from meetbefore_assets.recordings.intake import KnownVideo, known_videos

# Other places of a track that are taken along, evenly over it: between two of them its boxes are taken to move evenly.
MOST_PLACES = 8
_PLACE = ("video_id", "time_s", "x1", "y1", "x2", "y2")


def export_corrections(home: Home) -> tuple[bytes, int]:
    """The content of the file, and how many corrections are in it. No model and no video is needed."""
    known = known_videos(home)
    said = [kept for one in in_force(read_corrections(home)) if (kept := _with_known_places(one, known)) is not None]
    seen_at = _places_of_tracks(home, said, known)
    videos = {video_id: Video(content_hash=one.content_hash, file_name=_readable(one.names)) for video_id, one in known.items()}
    carried = [Carried(one, _also(one, seen_at), crops_of_known(home, one.correction_id) if one.kind == KNOWN else ()) for one in said]
    return write_file(videos, carried), len(carried)


def _readable(names: Sequence[str]) -> str:
    """The first name of a file; what is no Unicode in it is replaced."""
    return (names[0] if names else "").encode("utf-8", "replace").decode()[:1000]


def _with_known_places(one: Correction, known: dict[str, KnownVideo]) -> Correction | None:
    """Without places in videos that are not here (an imported file names them before they are); None where it then says nothing."""
    sides = [tuple(anchor for anchor in side if anchor.video_id in known and can_be_written(anchor)) for _, side in one.sides]
    if any(before and not after for (_, before), after in zip(one.sides, sides, strict=True)):
        return None
    return Correction(one.correction_id, one.created_at, one.kind, one.text, *sides)


def _places_of_tracks(home: Home, said: list[Correction], known: dict[str, KnownVideo]) -> dict[tuple[str, str, int], list[Anchor]]:
    """(correction, side, ordinal) -> where the track of that anchor is seen, as corrections divide it, by time."""
    concerned = sorted({anchor.video_id for one in said for _, side in one.sides for anchor in side} & set(home.store.keys("tracks")))
    if not concerned:
        return {}
    stands = corrections_in_force(home, concerned, said)
    tracks = home.store.scan("tracks", concerned, ["track_id", "face_ids"])
    parts = parts_of_tracks(stands, tracks)
    whole = tracks.filter(~pl.col("track_id").is_in(list(parts))).rows()
    divided = [(f"{track} {number}", part) for track, its in parts.items() for number, part in enumerate(its)]
    members = pl.DataFrame([*whole, *divided], {"part": pl.String, "face_id": pl.List(pl.String)}, orient="row").explode("face_id")
    places = home.store.scan("detections", concerned, ["face_id", *_PLACE]).join(members, on="face_id")
    anchored = stands.located.join(members, on="face_id")
    wanted = places.join(anchored.select("part").unique(), on="part").sort("part", "time_s")
    of_part = {
        str(part): [_rounded(*row) for row in rows.select(_PLACE).iter_rows()]
        for (part,), rows in wanted.group_by("part", maintain_order=True)
    }
    return {
        (str(one), str(side), int(ordinal)): of_part[str(part)]
        for one, side, ordinal, part in anchored.select("correction_id", "side", "ordinal", "part").iter_rows()
    }


def _rounded(video_id: str, time_s: float, *box: float) -> Anchor:
    return Anchor(video_id, round(time_s, 3), *(round(edge, 1) for edge in box))


def _also(one: Correction, seen_at: dict[tuple[str, str, int], list[Anchor]]) -> dict[Anchor, tuple[Anchor, ...]]:
    """Anchor -> other places of its track, none at the time of an anchor of the same side."""
    if one.kind in OF_ONE_PICTURE:
        return {}
    found: dict[Anchor, tuple[Anchor, ...]] = {}
    for name, side in one.sides:
        taken = {(anchor.video_id, anchor.time_s) for anchor in side}
        for ordinal, anchor in enumerate(side):
            seen = seen_at.get((one.correction_id, name, ordinal), [])
            others = [place for place in seen if (place.video_id, place.time_s) not in taken]
            rows = np.unique(np.linspace(0, len(others) - 1, min(MOST_PLACES, len(others))).round().astype(np.int64))
            found[anchor] = tuple(others[row] for row in rows)
    return found
