"""Metrics against labels: are faces grouped correctly, and are people found again in other videos?

Grouping: BCubed (Bagga and Baldwin 1998) and pairwise precision and recall over the faces that were found.
Meeting: over people seen in two videos or more, the share of their pairs of videos in which they bear the same id,
averaged over people (recall); of all pairs of videos that one id links, the share that is truly one person (precision).
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from meetbefore_assets.core.ports import F64

MAX_OFFSET_S = 0.25
MIN_OVERLAP = 0.3


@dataclass(frozen=True)
class Agreement:
    """Precision and recall, 0..1."""

    precision: float
    recall: float

    @property
    def f(self) -> float:
        """Harmonic mean; 0 where both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


@dataclass(frozen=True)
class Evaluation:
    """All metrics of one grouping.

    Attributes:
        faces_true, faces_matched: faces labelled, and of these found.
        unmatched_predictions: predicted faces at labelled moments that are nobody's.
        persons_true, persons_predicted: among the matched faces.
        bcubed, pairwise: grouping of the matched faces.
        meeting: people found again in other videos.
    """

    faces_true: int
    faces_matched: int
    unmatched_predictions: int
    persons_true: int
    persons_predicted: int
    bcubed: Agreement
    pairwise: Agreement
    meeting: Agreement


def evaluate(truth: pl.DataFrame, predictions: pl.DataFrame) -> Evaluation:
    """Score predictions against labels.

    Args:
        truth: `video`, `t_s` (seconds from the start of the video, whole), `x1`, `y1`, `x2`, `y2` (source pixels), `person`.
        predictions: the same columns, a row a detected face at any moment.

    Returns:
        The measures, over predictions within 0.25 s of a labelled second that overlap a labelled box by an IoU of 0.3.
    """
    pairs, spare = match_faces(truth, predictions)
    wanted = [truth["person"][i] for i, _ in pairs]
    found = [predictions["person"][j] for _, j in pairs]
    videos = [truth["video"][i] for i, _ in pairs]
    return Evaluation(
        faces_true=len(truth),
        faces_matched=len(pairs),
        unmatched_predictions=spare,
        persons_true=len(set(wanted)),
        persons_predicted=len(set(found)),
        bcubed=bcubed(wanted, found),
        pairwise=pairwise(wanted, found),
        meeting=meeting(wanted, found, videos),
    )


def bcubed(wanted: Sequence[Hashable], found: Sequence[Hashable]) -> Agreement:
    """Mean over faces of the share of its found group that is truly its person, and of its person that is in that group."""
    both, true, groups = Counter(zip(wanted, found, strict=True)), Counter(wanted), Counter(found)
    faces = max(len(wanted), 1)
    precision = sum(n * n / groups[group] for (_, group), n in both.items()) / faces
    recall = sum(n * n / true[person] for (person, _), n in both.items()) / faces
    return Agreement(precision, recall)


def pairwise(wanted: Sequence[Hashable], found: Sequence[Hashable]) -> Agreement:
    """Of all pairs of faces that are put together, how many are one person, and the reverse."""
    hits = _pairs(Counter(zip(wanted, found, strict=True)))
    return Agreement(hits / max(_pairs(Counter(found)), 1), hits / max(_pairs(Counter(wanted)), 1))


def _pairs(groups: Counter[Hashable] | Counter[tuple[Hashable, Hashable]]) -> int:
    return sum(n * (n - 1) // 2 for n in groups.values())


def meeting(wanted: Sequence[Hashable], found: Sequence[Hashable], videos: Sequence[Hashable]) -> Agreement:
    """Are people who are in two videos or more known as the same, and are those known as the same one person?"""
    people = _links(wanted, found, videos)
    groups = _links(found, wanted, videos)
    recall = sum(hits / total for hits, total in people) / max(len(people), 1)
    precision = sum(hits for hits, _ in groups) / max(sum(total for _, total in groups), 1)
    return Agreement(precision, recall)


def _links(names: Sequence[Hashable], others: Sequence[Hashable], videos: Sequence[Hashable]) -> list[tuple[int, int]]:
    """For each name in two or more videos: pairs of its videos whose most frequent other name agrees, and all pairs."""
    seen: dict[Hashable, dict[Hashable, Counter[Hashable]]] = defaultdict(lambda: defaultdict(Counter))
    for name, other, video in zip(names, others, videos, strict=True):
        seen[name][video][other] += 1
    links = []
    for by_video in seen.values():
        major = Counter(counts.most_common(1)[0][0] for counts in by_video.values())
        total = len(by_video) * (len(by_video) - 1) // 2
        if total:
            links.append((_pairs(major), total))
    return links


def match_faces(truth: pl.DataFrame, predictions: pl.DataFrame) -> tuple[list[tuple[int, int]], int]:
    """Pair predicted faces with labelled ones.

    The prediction nearest in time to a labelled second chooses first; each takes the free label it overlaps most.

    Returns:
        (row of truth, row of predictions) pairs, and the number of predictions at labelled moments that found no label.
    """
    labelled = _boxes(truth)
    rows: dict[tuple[str, int], list[int]] = defaultdict(list)
    for i, (video, t_s) in enumerate(truth.select("video", "t_s").iter_rows()):
        rows[video, round(t_s)].append(i)
    predicted, t_s = _boxes(predictions), predictions["t_s"].cast(pl.Float64).to_numpy()
    offset = np.abs(t_s - np.round(t_s))
    pairs: list[tuple[int, int]] = []
    spare = 0
    for j in (int(j) for j in np.argsort(offset, kind="stable") if offset[j] <= MAX_OFFSET_S):
        free = rows[predictions["video"][j], round(float(t_s[j]))]
        overlap = iou(predicted[j : j + 1], labelled[free])[0]
        if len(free) and overlap.max() >= MIN_OVERLAP:
            pairs.append((free.pop(int(np.argmax(overlap))), j))
        else:
            spare += 1
    return pairs, spare


def _boxes(frame: pl.DataFrame) -> F64:
    return frame.select(pl.col("x1", "y1", "x2", "y2").cast(pl.Float64)).to_numpy()


def iou(first: F64, second: F64) -> F64:
    """Overlap of boxes (x1, y1, x2, y2): (n, 4) and (m, 4) -> (n, m), intersection over union, 0..1."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0.0), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None, :] - common
    overlap: F64 = np.divide(common, union, out=np.zeros_like(common), where=common > 0)
    return overlap
