"""Tracks that hold two people, because somebody said so: they are divided before grouping."""

from collections.abc import Mapping, Sequence

from meetbefore_assets.domain.corrections import Correction

Faces = Mapping[tuple[str, str], Sequence[str]]


def divided_tracks(corrections: Sequence[Correction], faces: Faces, track_of: Mapping[str, str]) -> dict[str, list[list[str]]]:
    """Tracks in which a split or a not-same has both its sides, and their parts.

    Args:
        corrections: those in force, oldest first.
        faces: (correction_id, side) -> the faces found there.
        track_of: face_id -> track_id.

    Returns:
        track_id -> parts, each a sorted list of faces; the faces that nobody spoke of stay with `there`.
    """
    members: dict[str, set[str]] = {}
    for face, track in track_of.items():
        members.setdefault(track, set()).add(face)
    parts: dict[str, list[set[str]]] = {}
    for one in corrections:
        if one.kind not in ("split", "not-same"):
            continue
        here, there = set(faces.get((one.correction_id, "here"), ())), set(faces.get((one.correction_id, "there"), ()))
        for track in {track_of[face] for face in here} & {track_of[face] for face in there}:
            parts[track] = _divided(parts.get(track, [members[track]]), here, there)
    return {track: sorted(sorted(part) for part in found) for track, found in parts.items() if len(found) > 1}


def _divided(parts: list[set[str]], here: set[str], there: set[str]) -> list[set[str]]:
    result: list[set[str]] = []
    for part in parts:
        result += [part & here, part - here] if part & here and part & there else [part]
    return result
