"""Calibration of `whois`: asks a processed archive of labelled footage with photographs whose people are known.

    python -m benchmarks.whois_calibration HOME TRUTH.csv PHOTOS PHOTOS.csv...

HOME was made from footage of `make_footage.py`, TRUTH.csv is beside that footage, and PHOTOS.csv (identity,file,x1,y1,x2,y2: the box of
the face that is meant) lists photographs in PHOTOS that the footage did not use: of people in it and of others. Prints the answers by
the probability that was shown. A person of the archive is whoever most of their faces are by TRUTH.csv.
"""

import csv
import sys
from collections import Counter, defaultdict
from pathlib import Path

from meetbefore_assets.asking.pictures import NoAnswerError
from meetbefore_assets.asking.whois import Answer, Asking
from meetbefore_assets.identities.queries import assigned_faces
from meetbefore_assets.open_home import open_home

STEPS = ((0.99, 1.01), (0.9, 0.99), (0.7, 0.9), (0.5, 0.7), (0.3, 0.5), (0.0, 0.3))
LEAST_IOU = 0.3
Box = tuple[float, ...]


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def box_of(row: dict[str, str]) -> Box:
    return tuple(float(row[name]) for name in ("x1", "y1", "x2", "y2"))


def identities(home_folder: Path, truth: Path) -> dict[str, str]:
    """person_id -> the true person of most of its faces."""
    there = defaultdict(list)
    with truth.open(newline="") as file:
        for row in csv.DictReader(file):
            there[row["video"], int(row["t_s"])].append((row["person"], box_of(row)))
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for face in assigned_faces(open_home(home_folder)).iter_rows(named=True):
        box = tuple(face[name] for name in ("x1", "y1", "x2", "y2"))
        near = there.get((face["file_name"], round(face["time_s"])), [])
        who, shared = max(((who, overlap(box, other)) for who, other in near), key=lambda pair: pair[1], default=("", 0.0))
        if shared >= LEAST_IOU:
            votes[face["person_id"]][who] += 1
    return {person: counts.most_common(1)[0][0] for person, counts in votes.items()}


def meant(faces: tuple[Answer, ...], box: Box) -> Answer | None:
    """The answer for the face whose centre is nearest to the box's centre; None if it lies elsewhere."""

    def away(face: Answer) -> float:
        return max(abs(face.box[0] + face.box[2] - box[0] - box[2]), abs(face.box[1] + face.box[3] - box[1] - box[3])) / 2

    nearest = min(faces, key=away, default=None)
    return nearest if nearest and away(nearest) < (box[2] - box[0]) / 2 else None


def main(home_folder: Path, truth: Path, photographs: Path, lists: list[Path]) -> None:
    who, asking = identities(home_folder, truth), Asking(open_home(home_folder))
    there, answers = set(who.values()), list[tuple[bool, bool, str, float]]()
    unfound = 0
    for each in lists:
        with each.open(newline="") as file:
            for row in csv.DictReader(file):
                try:
                    face = meant(asking.ask_file(photographs / row["file"]).faces, box_of(row))
                except NoAnswerError:
                    face = None
                if face is None or face.best is None or face.best.probability is None:
                    unfound += 1
                    continue
                is_right = who.get(face.best.person_id) == row["identity"]
                answers.append((row["identity"] in there, is_right, face.verdict, face.best.probability))
    known = sum(is_there for is_there, *_ in answers)
    print(f"asked with {known} photographs of people in the footage and {len(answers) - known} of others; {unfound} without their face")
    print("shown p       answers  right  another person  a stranger  mean p  share right")
    for least, below in STEPS:
        some = [one for one in answers if least <= one[3] < below]
        right = sum(is_right for _, is_right, _, _ in some)
        strangers = sum(not is_there for is_there, *_ in some)
        mean = sum(chance for *_, chance in some) / max(1, len(some))
        print(
            f"{least:.2f} to {min(1.0, below):.2f} {len(some):8} {right:6} {len(some) - right - strangers:15} {strangers:11}"
            f" {mean:7.3f} {right / max(1, len(some)):12.3f}"
        )
    for title, is_known in (("people in the footage", True), ("others", False)):
        counts = Counter(verdict for is_there, _, verdict, _ in answers if is_there == is_known)
        print(f"{title}: {', '.join(f'{verdict} {count}' for verdict, count in counts.most_common())}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), [Path(word) for word in sys.argv[4:]])
