"""Compares the people found in the demo archive with the true ones."""

from collections import Counter
from dataclasses import dataclass

import polars as pl

from meetbefore_assets.core.errors import SchemaError
from meetbefore_assets.demo import cast
from meetbefore_assets.demo.footage import Archive

MIN_OVERLAP = 0.3
MAX_APART_S = 0.25

_ASSIGNED = {
    "video": pl.String,
    "t_s": pl.Float64,
    "x1": pl.Float64,
    "y1": pl.Float64,
    "x2": pl.Float64,
    "y2": pl.Float64,
    "person": pl.String,
}


@dataclass(frozen=True)
class PersonVerdict:
    """The result for one true person.

    Attributes:
        label, role: see `cast.Person`.
        clips_planted, clips_found: number of clips with the person, and of those in which at least one of their faces was found.
        faces_planted, faces_found: number of true faces (one a second), and of those that were found.
        ids: (person id, number of faces) that the person's faces were assigned to, most frequent first.
        merged_with: labels of other true people who share an id with this one.
        is_in_every_clip: whether the most frequent id was found in each clip with the person.
    """

    label: str
    role: cast.Role
    clips_planted: int
    clips_found: int
    faces_planted: int
    faces_found: int
    ids: tuple[tuple[str, int], ...]
    merged_with: tuple[str, ...]
    is_in_every_clip: bool

    @property
    def is_found_once(self) -> bool:
        """Whether the person has one id, found in every clip, that nobody else has."""
        return len(self.ids) == 1 and self.is_in_every_clip and not self.merged_with

    @property
    def outcome(self) -> str:
        """The outcome in words."""
        if not self.ids:
            return "missed"
        words = [f"split into {len(self.ids)} people"] if len(self.ids) > 1 else []
        if self.merged_with:
            words.append("merged with " + ", ".join(self.merged_with))
        if self.clips_found < self.clips_planted:
            words.append(f"missed in {self.clips_planted - self.clips_found} of {self.clips_planted} clips")
        return "; ".join(words) or "found exactly once"


@dataclass(frozen=True)
class Verdict:
    """The result for everybody.

    Attributes:
        people: one entry for each true person, in the order of the cast.
        extra_faces: number of assigned faces where there is no true face, at times with known truth.
        extra_ids: person ids that only such faces have.
    """

    people: tuple[PersonVerdict, ...]
    extra_faces: int
    extra_ids: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """Whether everyone who came back is found exactly once, and nobody is merged with anybody."""
        came_back = [person for person in self.people if person.clips_planted > 1]
        return all(person.is_found_once for person in came_back) and not any(person.merged_with for person in self.people)

    def lines(self) -> list[str]:
        """The result for a terminal: a line for each true person, then the sum."""
        wide = max((len(person.label) for person in self.people), default=0)
        rows = [
            f"{person.label:<{wide}}  in {_clips(person.clips_planted):<8}{person.faces_found:>3} of {person.faces_planted:>3} faces found"
            f"   {person.outcome}"
            for person in self.people
        ]
        if self.extra_faces:
            ids = f", {len(self.extra_ids)} of them counted as people" if self.extra_ids else ""
            rows.append(f"Faces found where nobody was hidden: {self.extra_faces}{ids}.")
        return [*rows, self._sum()]

    def _sum(self) -> str:
        came_back = [person for person in self.people if person.clips_planted > 1]
        once = sum(person.is_found_once for person in came_back)
        merged = sum(bool(person.merged_with) for person in self.people)
        nobody = "nobody is" if not merged else f"{merged} people are"
        return f"{once} of {len(came_back)} people who came back are found exactly once; {nobody} merged with somebody else."


def _clips(count: int) -> str:
    return f"{count} clip" + ("s" if count != 1 else "")


def compare(archive: Archive, assignments: pl.DataFrame) -> Verdict:
    """Match true faces with assigned ones, and judge the people.

    A true and an assigned face are the same if they overlap (intersection over union >= 0.3) within 0.25 s in the same video. Of several
    candidates the greatest overlap wins, and each face is used once. Assigned faces at other times are not judged.

    Args:
        archive: from `make_archive`.
        assignments: video (file name), t_s, x1, y1, x2, y2 (pixels), person; one row per face. Other columns are ignored.

    Raises:
        SchemaError: a column is missing, or has values of the wrong type.
    """
    assigned = _checked(assignments)
    planted = _planted(archive.clips)
    matched = _match(planted, assigned)
    known = planted.join(matched, on="planted", how="left")
    owners = _owners(known)
    people = tuple(_judge(person, known.filter(pl.col("who") == person.label), owners) for person in _cast_of(archive.clips))
    extra = _judged(archive.clips, assigned).join(matched, on="face", how="anti")
    return Verdict(people, len(extra), tuple(sorted(set(extra["person"]) - set(owners))))


def _checked(assignments: pl.DataFrame) -> pl.DataFrame:
    missing = [name for name in _ASSIGNED if name not in assignments.columns]
    if missing:
        raise SchemaError(f"assignments: expected the columns {', '.join(_ASSIGNED)}, found no {', '.join(missing)}.")
    try:
        table = assignments.select(pl.col(name).cast(dtype) for name, dtype in _ASSIGNED.items())
    except pl.exceptions.InvalidOperationError as error:
        raise SchemaError(f"assignments: expected numbers for t_s and the box: {error}.") from error
    return table.with_row_index("face")


def _planted(clips: tuple[cast.Clip, ...]) -> pl.DataFrame:
    rows = [(row.video, float(row.t_s), row.person, row.x1, row.y1, row.x2, row.y2) for row in cast.truth(clips)]
    names = {
        "video": pl.String,
        "planted_s": pl.Float64,
        "who": pl.String,
        **{f"planted_{c}": pl.Float64 for c in ("x1", "y1", "x2", "y2")},
    }
    return pl.DataFrame(rows, schema=names, orient="row").with_row_index("planted")


def _match(planted: pl.DataFrame, assigned: pl.DataFrame) -> pl.DataFrame:
    """Pairs (planted, face, person) of a true and an assigned face, each used at most once."""
    apart = (pl.col("t_s") - pl.col("planted_s")).abs()
    pairs = (
        planted.join(assigned, on="video")
        .filter(apart <= MAX_APART_S)
        .with_columns(_overlap().alias("overlap"), apart.alias("apart_s"))
        .filter(pl.col("overlap") >= MIN_OVERLAP)
        .sort("overlap", "apart_s", "face", descending=[True, False, False])
    )
    taken_planted: set[int] = set()
    taken_faces: set[int] = set()
    rows: list[tuple[int, int, str]] = []
    for index, face, person in pairs.select("planted", "face", "person").iter_rows():
        if index not in taken_planted and face not in taken_faces:
            taken_planted.add(index)
            taken_faces.add(face)
            rows.append((index, face, person))
    return pl.DataFrame(rows, schema={"planted": pl.UInt32, "face": pl.UInt32, "person": pl.String}, orient="row")


def _overlap() -> pl.Expr:
    """Intersection over union of the true and the assigned box."""
    width = pl.min_horizontal("x2", "planted_x2") - pl.max_horizontal("x1", "planted_x1")
    height = pl.min_horizontal("y2", "planted_y2") - pl.max_horizontal("y1", "planted_y1")
    shared = width.clip(lower_bound=0) * height.clip(lower_bound=0)
    first = (pl.col("x2") - pl.col("x1")) * (pl.col("y2") - pl.col("y1"))
    second = (pl.col("planted_x2") - pl.col("planted_x1")) * (pl.col("planted_y2") - pl.col("planted_y1"))
    return shared / (first + second - shared)


def _owners(known: pl.DataFrame) -> dict[str, set[str]]:
    """Person id -> labels of the true people who have it."""
    owners: dict[str, set[str]] = {}
    for who, person in known.drop_nulls("person").select("who", "person").iter_rows():
        owners.setdefault(person, set()).add(who)
    return owners


def _judge(person: cast.Person, rows: pl.DataFrame, owners: dict[str, set[str]]) -> PersonVerdict:
    found = rows.drop_nulls("person")
    ids = Counter(found["person"].to_list())
    ranked = tuple(sorted(ids.items(), key=lambda entry: (-entry[1], entry[0])))
    clips = rows["video"].n_unique()
    main_clips = found.filter(pl.col("person") == ranked[0][0])["video"].n_unique() if ranked else 0
    merged = set().union(*(owners[one] for one in ids)) - {person.label}
    return PersonVerdict(
        label=person.label,
        role=person.role,
        clips_planted=clips,
        clips_found=found["video"].n_unique(),
        faces_planted=len(rows),
        faces_found=len(found),
        ids=ranked,
        merged_with=tuple(sorted(merged)),
        is_in_every_clip=main_clips == clips,
    )


def _cast_of(clips: tuple[cast.Clip, ...]) -> list[cast.Person]:
    seen = {row.person for row in cast.truth(clips)}
    return [person for person in cast.PEOPLE if person.label in seen]


def _judged(clips: tuple[cast.Clip, ...], assigned: pl.DataFrame) -> pl.DataFrame:
    """Assigned faces at times with known truth: near a whole second of a clip that can be opened."""
    lengths = {clip.name: clip.duration_s for clip in clips if not clip.is_broken}
    known = pl.DataFrame({"video": list(lengths), "length_s": list(lengths.values())}, schema={"video": pl.String, "length_s": pl.Int64})
    whole = pl.col("t_s").round()
    return assigned.join(known, on="video").filter((pl.col("t_s") - whole).abs() <= MAX_APART_S, whole < pl.col("length_s"))
