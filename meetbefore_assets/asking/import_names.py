"""Imports names from other programs: one folder of photographs per person, or photographs whose metadata names the faces."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from meetbefore_assets.asking.pictures import NoAnswerError, faces_in_file, photographs_in
from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.ports import NamedRegion
from meetbefore_assets.faces.picture_faces import FacesFound
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.known_people import MAX_FACES, Added, add_known
from meetbefore_assets.recordings.file_kinds import VIDEO_SUFFIXES
from meetbefore_assets.review.statements import readable_name

# A region names the face that overlaps it by so much, or more.
LEAST_IOU = 0.2
# Of several faces in a photograph of somebody the one is meant that is so many times as large as any other.
LARGER = 2.0
# Folders of other programs that hold nobody's faces: where Frigate keeps what waits for a name.
NOBODY = ("train",)

Progress = Callable[[int, int], None]


@dataclass
class Imported:
    """What came of an import.

    Attributes:
        added: name -> what was put on record.
        problems: what could not be used, in words: (photograph, why).
    """

    added: dict[str, Added] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Named:
    name: str
    faces: FacesFound


def import_names(home: Home, path: Path, progress: Progress = lambda _done, _total: None) -> Imported:
    """Put the faces and names of a folder, or of a photograph, on record; who is who is to be decided anew afterwards.

    Where a photograph says whose faces are where (XMP), that counts, for all of `path`; otherwise each folder in `path` is named after
    its person. What is on record already is left out, so that it may be repeated, also after it was broken off.

    Args:
        path: a folder, or one photograph with named faces.
        progress: told how many photographs are done, of how many.

    Raises:
        UsageError: there is no photograph, or none tells a name.
        ModelError: the pack cannot be loaded.
    """
    photographs = [each for each in photographs_in([path]) if each.suffix.lower() not in VIDEO_SUFFIXES]
    result, found = Imported(), dict[str, list[FacesFound]]()
    regions = {each: written for each in photographs if (written := _regions(home, each))}
    chosen = list(regions) if regions else [each for each in photographs if _folder_name(path, each)]
    if not chosen:
        raise UsageError(
            f"no photograph in {path} tells a name: expected folders that are called after a person, or faces that a photo program named "
            "in the photographs (XMP regions).",
            remedy="For example: names/Anna/1.jpg",
        )
    for number, each in enumerate(chosen):
        progress(number, len(chosen))
        names = _named_by_regions(home, each, regions[each], result) if regions else _named_by_folder(home, path, each, result)
        for one in names:
            found.setdefault(one.name, []).append(one.faces)
    progress(len(chosen), len(chosen))
    for name, faces in sorted(found.items()):
        result.added[name] = add_known(home, name, _best(faces))
    return result


def _regions(home: Home, photograph: Path) -> tuple[tuple[NamedRegion, ...], int] | None:
    try:
        written = home.adapters.recordings.named_faces(photograph, photograph.read_bytes())
    except OSError:
        return None  # it is told of when its faces are looked for
    return (written.regions, written.orientation) if written.regions else None


def _folder_name(root: Path, photograph: Path) -> str:
    """The folder of `root` that a photograph lies in; "" where it lies in none, or in one of nobody."""
    inside = photograph.relative_to(root).parts[:-1] if root.is_dir() else ()
    return inside[0] if inside and inside[0].lower() not in NOBODY and not inside[0].startswith(".") else ""


def _named_by_folder(home: Home, root: Path, photograph: Path, result: Imported) -> Iterator[_Named]:
    try:
        # face_recognition and Frigate write no blanks.
        name = readable_name(_folder_name(root, photograph).replace("_", " "))
        faces = faces_in_file(home, photograph).faces
    except (NoAnswerError, UsageError) as error:
        result.problems.append((str(photograph), error.message))
        return
    meant = _one_face(faces)
    if meant is None:
        result.problems.append((str(photograph), f"it shows {len(faces)} faces, and none is much larger than the others."))
    else:
        yield _Named(name, faces.pick([meant]))


def _one_face(faces: FacesFound) -> int | None:
    """The face that is meant in a photograph of somebody."""
    sides = np.sqrt(np.prod(np.maximum(faces.boxes[:, 2:] - faces.boxes[:, :2], 0), axis=1))
    order = np.argsort(-sides)
    return int(order[0]) if len(order) == 1 or sides[order[0]] >= LARGER * sides[order[1]] else None


def _named_by_regions(home: Home, photograph: Path, written: tuple[tuple[NamedRegion, ...], int], result: Imported) -> Iterator[_Named]:
    regions, orientation = written
    try:
        asked = faces_in_file(home, photograph)
    except NoAnswerError as error:
        result.problems.append((str(photograph), error.message))
        return
    faces, boxes = asked.faces, asked.faces.boxes / np.array([*asked.size, *asked.size], np.float32)
    # Some programs write where faces are in the stored picture, some in the upright one: whichever fits the faces that are there.
    ways = [[region.box for region in regions], [upright(region.box, orientation) for region in regions]]
    pairs = max((match_boxes(way, boxes.tolist()) for way in ways), key=lambda found: sum(iou for _, iou in found.values()))
    for place, region in enumerate(regions):
        try:
            name = readable_name(region.name)
        except UsageError as error:
            result.problems.append((str(photograph), error.message))
            continue
        if place in pairs:
            yield _Named(name, faces.pick([pairs[place][0]]))
        else:
            result.problems.append((str(photograph), f"no face was found where {name} is said to be."))


def upright(box: tuple[float, float, float, float], orientation: int) -> tuple[float, float, float, float]:
    """Where a box of a stored picture lies in the upright one; shares of width and height.

    >>> upright((0.0, 0.0, 0.25, 0.5), 6)  # turned clockwise: what was above is at the right
    (0.5, 0.0, 1.0, 0.25)
    """
    x1, y1, x2, y2 = box
    if orientation >= 5:  # rows are columns
        x1, y1, x2, y2 = y1, x1, y2, x2
    if orientation in (2, 3, 6, 7):
        x1, x2 = 1 - x2, 1 - x1
    if orientation in (3, 4, 7, 8):
        y1, y2 = 1 - y2, 1 - y1
    return x1, y1, x2, y2


def match_boxes(regions: Sequence[Sequence[float]], faces: Sequence[Sequence[float]]) -> dict[int, tuple[int, float]]:
    """Region -> the face it names and by how much they overlap: the best pairs first, LEAST_IOU or more; each face has one region."""
    overlaps = sorted(
        ((-_iou(region, face), row, column) for row, region in enumerate(regions) for column, face in enumerate(faces)),
    )
    found, taken = dict[int, tuple[int, float]](), set[int]()
    for lost, row, column in overlaps:
        if -lost >= LEAST_IOU and row not in found and column not in taken:
            found[row] = (column, -lost)
            taken.add(column)
    return found


def _iou(a: Sequence[float], b: Sequence[float]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def _best(found: Sequence[FacesFound]) -> FacesFound:
    """The faces of one person, the best first, MAX_FACES at most."""
    arrays = {
        name: np.concatenate([getattr(faces, name) for faces in found]) for name in ("boxes", "vectors", "lengths", "quality", "time_s")
    }
    crops, thumbnails = (tuple(blob for faces in found for blob in getattr(faces, name)) for name in ("crops", "thumbnails"))
    whole = FacesFound(**arrays, crops=crops, thumbnails=thumbnails, dropped=Counter())
    return whole.pick(np.argsort(-whole.lengths, kind="stable")[:MAX_FACES])
