"""The cast of the demo: who appears in which clip, when, where and in what light; numbers only, no pixels.

There are seven people, all from photographs inside installed packages. Somebody who comes back is cut from the *same* photograph each
time; only size, light, blur, tilt and mirroring differ. So the demo shows that the pipeline works, not how well a recogniser copes with
different photographs. The people have neutral labels, never names.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np

WIDTH, HEIGHT, FPS = 960, 540, 25
MIN_FACE_PX, MAX_FACE_PX = 45.0, 140.0

Role = Literal["companion", "returning", "once"]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Person:
    """Somebody in the demo.

    Attributes:
        label: name of the person in tables.
        role: nearly always there, back in two or more clips, or seen in one.
        package, picture: location of the photograph: an importable package, and a path inside it.
        box: the face in the photograph (x1, y1, x2, y2), pixels; measured with YuNet.
        upright_deg: anticlockwise rotation that makes the eyes level; YuNet's landmarks fail on a tilted head that is tilted further
            (faces of one person at cosine 0.14 with SFace).
        reach: half the side of the cut-out square, in longer sides of the face.
    """

    label: str
    role: Role
    package: str
    picture: str
    box: Box
    upright_deg: float = 0.0
    reach: float = 0.95

    @property
    def aspect(self) -> float:
        """Height of the face over its width."""
        return (self.box[3] - self.box[1]) / (self.box[2] - self.box[0])

    @property
    def side_per_width(self) -> float:
        """Side of the cut-out square over the width of the face."""
        return 2 * self.reach * max(1.0, self.aspect)


_GROUP = ("insightface", "data/images/t1.jpg")

# Left out, so that nobody is a borderline case: the sixth of the group, with cosines of 0.30 to 0.41 (SFace) to the laughing man, and
# skimage's camera.png, a profile with 0.34 to 0.42 to the companion.
PEOPLE: tuple[Person, ...] = (
    Person("companion", "companion", *_GROUP, (466, 267, 568, 412), 6.6),
    Person("astronaut", "returning", "skimage", "data/astronaut.png", (178, 63, 268, 177)),
    Person("laughing man", "returning", *_GROUP, (748, 353, 847, 475), 2.7),
    Person("blonde woman", "returning", *_GROUP, (1126, 273, 1221, 397), -2.4),
    Person("man of the portrait", "returning", "insightface", "data/images/Tom_Hanks_54745.png", (14, 11, 87, 113), reach=0.78),
    Person("woman with cards", "once", *_GROUP, (61, 269, 167, 397), -18.0),
    Person("woman in black", "once", *_GROUP, (267, 152, 372, 278), -19.7),
)
_BY_LABEL = {person.label: person for person in PEOPLE}

# Local start, length in seconds, people. The companion is in seven of the eight clips with people.
_TIMETABLE: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("20250307081205", 9, ("companion", "astronaut", "woman with cards")),
    ("20250307174310", 8, ("companion", "laughing man")),
    ("20250308091820", 9, ("companion", "blonde woman", "astronaut")),
    ("20250310131654", 10, ("companion", "man of the portrait", "laughing man", "blonde woman")),
    ("20250311074030", 8, ()),
    ("20250311181523", 2, ()),
    ("20250312082211", 9, ("companion", "astronaut", "blonde woman")),
    ("20250312190512", 8, ("laughing man", "woman in black")),
    ("20250314084500", 9, ("companion", "astronaut", "man of the portrait")),
    ("20250315120145", 8, ("companion", "blonde woman")),
)
_BROKEN = "20250311181523"


@dataclass(frozen=True)
class Appearance:
    """One person crossing one clip in a straight line; pairs are the values at the start and at the end.

    Attributes:
        person: label.
        start_s, end_s: time in the clip; the person is visible while start_s <= t < end_s.
        x, y: centre of the face, pixels.
        face_px: width of the face, pixels.
        turn_deg: tilt of the head in the picture, anticlockwise.
        gain: factor on the brightness of (blue, green, red).
        blur: standard deviation of a Gaussian, in thousandths of the face's width.
        is_mirrored: left and right exchanged.
    """

    person: str
    start_s: float
    end_s: float
    x: tuple[float, float]
    y: tuple[float, float]
    face_px: tuple[float, float]
    turn_deg: tuple[float, float]
    gain: tuple[float, float, float]
    blur: float
    is_mirrored: bool

    def is_there(self, time_s: float) -> bool:
        """Whether the person is in the picture at a time."""
        return self.start_s <= time_s < self.end_s

    def pose(self, time_s: float) -> tuple[float, float, float, float]:
        """Centre x, centre y, width of the face (pixels) and tilt (degrees) at a time."""
        share = (time_s - self.start_s) / (self.end_s - self.start_s)
        x, y, face_px, turn_deg = ((1 - share) * a + share * b for a, b in (self.x, self.y, self.face_px, self.turn_deg))
        return x, y, face_px, turn_deg

    def box(self, time_s: float) -> Box:
        """The face at a time, (x1, y1, x2, y2) in pixels."""
        x, y, width, _ = self.pose(time_s)
        height = width * _BY_LABEL[self.person].aspect
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2


@dataclass(frozen=True)
class Clip:
    """One file of the archive.

    Attributes:
        name: file name in DJI's pattern.
        started_at: local time without zone, as in the name.
        duration_s: whole seconds.
        appearances: the people in it; one clip is empty on purpose.
        backdrop: random seed of the background.
        is_broken: the file is truncated on purpose and cannot be opened.
    """

    name: str
    started_at: datetime
    duration_s: int
    appearances: tuple[Appearance, ...]
    backdrop: int
    is_broken: bool = False

    @property
    def people(self) -> tuple[str, ...]:
        """Labels of the people in the clip."""
        return tuple(appearance.person for appearance in self.appearances)


@dataclass(frozen=True)
class TruthRow:
    """One true face at a whole second; the columns of `truth.csv`."""

    video: str
    t_s: int
    time: str
    person: str
    x1: float
    y1: float
    x2: float
    y2: float


def person_of(label: str) -> Person:
    """The person with this label. Raises KeyError."""
    return _BY_LABEL[label]


def plan(seed: int = 7) -> tuple[Clip, ...]:
    """Plan all clips, by time.

    Who is in which clip is fixed; the seed draws paths, sizes, light, blur, tilt and mirroring. Everybody in a clip has a vertical strip of
    the picture, so that nobody covers anybody.
    """
    rng = np.random.default_rng(seed)
    looks = {person.label: _looks(person, rng) for person in PEOPLE}
    return tuple(_clip(number, start, seconds, who, looks, rng) for number, (start, seconds, who) in enumerate(_TIMETABLE, 1))


def truth(clips: tuple[Clip, ...]) -> list[TruthRow]:
    """The true faces in clips that can be opened, once a second, sorted by clip and second."""
    return [
        TruthRow(clip.name, t_s, (clip.started_at + timedelta(seconds=t_s)).isoformat(), appearance.person, *_rounded(appearance.box(t_s)))
        for clip in clips
        if not clip.is_broken
        for t_s in range(clip.duration_s)
        for appearance in clip.appearances
        if appearance.is_there(t_s)
    ]


def _rounded(box: Box) -> Box:
    x1, y1, x2, y2 = (round(float(value), 1) for value in box)
    return x1, y1, x2, y2


@dataclass(frozen=True)
class _Look:
    face_px: float
    gain: tuple[float, float, float]
    blur: float
    is_mirrored: bool


def _looks(person: Person, rng: np.random.Generator) -> list[_Look]:
    """One look for each clip of a person; sizes and brightness are drawn from separate strata, so that no two clips are alike."""
    count = sum(person.label in who for _, _, who in _TIMETABLE)
    sizes = np.exp(_strata(np.log(52.0), np.log(122.0), count, rng))
    gains = _strata(0.65, 1.15, count, rng)
    blurs = _strata(0.0, 9.0 if count > 1 else 5.0, count, rng)
    is_mirrored = rng.permutation(count) % 3 == 1
    warmth = rng.uniform(-0.12, 0.12, count)
    return [
        _Look(float(size), (float(gain * (1 - warm)), float(gain), float(gain * (1 + warm))), float(blur), bool(mirrored))
        for size, gain, warm, blur, mirrored in zip(sizes, gains, warmth, blurs, is_mirrored, strict=True)
    ]


def _strata(low: float, high: float, count: int, rng: np.random.Generator) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """`count` values in low..high, one from each of `count` equal parts, in random order."""
    parts = rng.permutation(count) + rng.random(count)
    return np.asarray(low + (high - low) * parts / count)


def _clip(number: int, start: str, seconds: int, who: tuple[str, ...], looks: dict[str, list[_Look]], rng: np.random.Generator) -> Clip:
    strips = rng.permutation(len(who))
    cast = tuple(
        _appearance(label, looks[label].pop(), int(strip), len(who), seconds, rng) for label, strip in zip(who, strips, strict=True)
    )
    name = f"DJI_{start}_{number:04d}_D.MP4"
    return Clip(name, datetime.strptime(start, "%Y%m%d%H%M%S"), seconds, cast, int(rng.integers(2**31)), start == _BROKEN)


def _appearance(label: str, look: _Look, strip: int, strips: int, seconds: int, rng: np.random.Generator) -> Appearance:
    person = _BY_LABEL[label]
    stay_s = seconds - rng.uniform(1.0, 2.0) if person.role == "companion" else rng.uniform(4.5, 6.5)
    start_s = rng.uniform(0.0, seconds - stay_s)
    room = WIDTH / strips
    widest = min(MAX_FACE_PX, 0.98 * room / person.side_per_width)
    a, b = (float(np.clip(look.face_px * zoom, MIN_FACE_PX, widest)) for zoom in rng.uniform(0.85, 1.15, 2))
    half = max(a, b) * person.side_per_width / 2
    x = rng.uniform(strip * room + half, (strip + 1) * room - half, 2)
    y = rng.uniform(half, HEIGHT - half, 2)
    turn = rng.uniform(-9.0, 9.0, 2)
    return Appearance(
        label,
        round(float(start_s), 2),
        round(float(start_s + stay_s), 2),
        (float(x[0]), float(x[1])),
        (float(y[0]), float(y[1])),
        (a, b),
        (float(turn[0]), float(turn[1])),
        look.gain,
        look.blur,
        look.is_mirrored,
    )
