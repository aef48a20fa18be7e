"""Estimates the threshold of an archive from the similarity of its strangers, and from its size.

The number of pairs of strangers grows with the square of an archive. The estimate keeps the expected number of strangers per track that
reach the threshold constant, `EXPECTED_STRANGERS`, so that false links grow as fast as tracks. If similarities of strangers are
normally distributed (centre m, spread s, both measured here), that is

    threshold = m + s * z,  z = the point of the standard normal distribution with EXPECTED_STRANGERS / tracks above it.

SFace's strangers on 2,358 photographs: m 0.104, s 0.087, 99.9% below 0.371 (a normal distribution has 0.373 there). 0.5 gives 0.39 at 1,000
such tracks, where 0.40 was measured to be best, 0.44 at 10,000 (best pairwise F: 0.43), 0.49 at 100,000 and 0.53 at a million. The
threshold is never below the recogniser's own, which was measured on a thousand tracks or fewer: a smaller archive could afford a lower
one, but has too few strangers to estimate it.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist  # scipy's takes 0.4 s to load, and every command loads this

import numpy as np

from meetbefore_assets.core.ports import F32, F64, I64
from meetbefore_assets.identities.edges import all_edges
from meetbefore_assets.identities.simple_linkage import archive_mean
from meetbefore_assets.identities.vectors import content_hash, dot_pairs

EXPECTED_STRANGERS = 0.5
# Fewest tracks and people from which the similarity of strangers is estimated.
LEAST_TRACKS = 200
LEAST_PEOPLE = 50
# Fewest pairs within one frame from which their similarity is estimated too.
LEAST_FRAME_PAIRS = 1000
# Fewest pairs of consecutive faces of one track whose similarity is reported.
LEAST_MOMENTS = 100
# Most tracks that are sampled: 2 million pairs.
SAMPLE = 2048
# Thresholds are rounded to this step, so that a new video rarely moves them.
STEP = 0.01
_NORMAL = NormalDist()
_BINS = 4000


@dataclass(frozen=True)
class Strangers:
    """Similarity of strangers: centre and spread of a normal distribution, and the number of pairs it was estimated from."""

    centre: float
    spread: float
    pairs: int


@dataclass(frozen=True)
class Observations:
    """What a threshold is estimated from.

    Attributes:
        default: the recogniser's threshold.
        tracks: number of tracks in the archive.
        sampled: number of sampled tracks.
        people: approximate number of people among those.
        moments: 5% and 50% quantiles of the cosines of consecutive faces of one track: certainly the same person, but also in the same
            light and pose, so more similar than two sightings are; None: too few.
    """

    default: float
    tracks: int
    sampled: int
    people: float
    moments: tuple[float, float] | None


@dataclass(frozen=True)
class Calibration:
    """How `matching.threshold = auto` was calibrated.

    Attributes:
        threshold: the resulting threshold.
        seen: what it was estimated from.
        strangers: similarity of random pairs, each person counting once; None: too few, so the default is used.
        frame_strangers: similarity of pairs within one frame, who are certainly strangers; None: too few.
        wanted: the threshold that the budget of false links needs.
        false_links: expected number of pairs of strangers that reach the threshold.
    """

    threshold: float
    seen: Observations
    strangers: Strangers | None
    frame_strangers: Strangers | None
    wanted: float | None
    false_links: float | None

    @property
    def sentence(self) -> str:
        """The reasoning, for people."""
        seen = self.seen
        if self.wanted is None or self.strangers is None:
            return (
                f"auto: the recogniser's own; {seen.tracks:,} tracks of about {seen.people:.0f} people are too few "
                f"to adapt it to this archive ({LEAST_TRACKS} tracks of {LEAST_PEOPLE} people needed)"
            )
        told = f"auto: similarity of strangers here {self.strangers.centre:.3f} ± {self.strangers.spread:.3f}"
        if self.frame_strangers is not None:
            told += f", within one frame {self.frame_strangers.centre:.3f} ± {self.frame_strangers.spread:.3f}"
        if seen.moments is not None:
            told += f", of one person's consecutive faces {seen.moments[1]:.2f} (5% below {seen.moments[0]:.2f}; same light)"
        budget = f"at most {EXPECTED_STRANGERS:g} strangers per track above the threshold ({seen.tracks:,} tracks) needs {self.wanted:.2f}"
        return f"{told}; {budget}" + ("" if self.wanted > seen.default else f"; the recogniser's own {seen.default:.2f} is enough")


def calibrate(tracks: int, vectors: F32, frame_pairs: I64, moments: F32, default: float) -> Calibration:
    """Calibrate the threshold of an archive.

    Args:
        tracks: number of tracks in the archive.
        vectors: (m, d) float32, unit rows: all tracks, or a sample that does not depend on the order of import.
        frame_pairs: (c, 2) int64, pairs of rows that were seen in one frame.
        moments: (n,) float32, cosines of consecutive faces of one track.
        default: the recogniser's threshold.
    """
    sample = vectors[_sample_of(vectors)]
    edges = all_edges(sample, default)
    people = archive_mean(sample, edges, default) if len(sample) else None
    seen = Observations(default, tracks, len(sample), people.people if people else 0.0, _moments(moments))
    if people is None or len(sample) < LEAST_TRACKS or people.people < LEAST_PEOPLE:
        return Calibration(default, seen, None, None, None, None)
    weight = 1.0 / (1 + np.bincount(edges.pairs.ravel(), minlength=len(sample)))
    strangers = _random_strangers(sample, people.penalty(sample), weight)
    framed = _frame_strangers(vectors, people.penalty(vectors), frame_pairs.reshape(-1, 2))
    both = [one for one in (strangers, framed) if one is not None]
    wanted = max(_wanted(one, tracks) for one in both)
    threshold = max(default, wanted)
    expected = max(tracks**2 / 2 * _above((threshold - one.centre) / one.spread) for one in both)
    return Calibration(threshold, seen, strangers, framed, wanted, expected)


def _sample_of(vectors: F32) -> I64:
    """At most SAMPLE rows, chosen and sorted by the content of their vectors."""
    return np.argsort(content_hash(vectors), kind="stable")[:SAMPLE]


def _wanted(one: Strangers, tracks: int) -> float:
    return round(float(np.ceil((one.centre + one.spread * -_NORMAL.inv_cdf(EXPECTED_STRANGERS / tracks)) / STEP - 0.5)) * STEP, 2)


def _above(deviations: float) -> float:
    """Upper tail of the standard normal distribution; NormalDist.cdf loses precision beyond six deviations."""
    return math.erfc(deviations / math.sqrt(2)) / 2


def _moments(cosine: F32) -> tuple[float, float] | None:
    if len(cosine) < LEAST_MOMENTS:
        return None
    low, middle = np.quantile(cosine, [0.05, 0.5])
    return round(float(low), 3), round(float(middle), 3)


def _random_strangers(vectors: F32, penalty: F32, weight: F64) -> Strangers:
    """Similarity of all pairs of a sample: as each person counts once, nearly all are strangers."""
    counts = np.zeros(_BINS)
    for start in range(0, len(vectors), 512):
        rows = np.arange(start, min(start + 512, len(vectors)))
        similarity = vectors[rows] @ vectors[start:].T - penalty[rows, None] - penalty[None, start:]
        i, j = np.triu_indices(len(rows), 1, similarity.shape[1])
        counts += _histogram(similarity[i, j], weight[rows[i]] * weight[start + j])
    return _normal(counts, len(vectors) * (len(vectors) - 1) // 2)


def _frame_strangers(vectors: F32, penalty: F32, pairs: I64) -> Strangers | None:
    """Similarity of pairs in one frame: certainly strangers, in the same light and often equally blurred."""
    if len(pairs) < LEAST_FRAME_PAIRS:
        return None
    similarity = dot_pairs(vectors, pairs) - penalty[pairs].sum(axis=1)
    return _normal(_histogram(similarity, np.ones(len(pairs))), len(pairs))


def _histogram(similarity: F32, weight: F64) -> F64:
    return np.histogram(similarity, bins=_BINS, range=(-2.0, 2.0), weights=weight)[0]


def _normal(counts: F64, pairs: int) -> Strangers:
    """Centre and spread from quantiles, which a few pairs of the same person (always at the upper end) do not move."""
    edges = np.linspace(-2.0, 2.0, _BINS + 1)[1:]
    share = np.cumsum(counts) / counts.sum()
    low, centre, high = np.interp([_above(1.0), 0.5, 0.95], share, edges)
    return Strangers(round(float(centre), 4), round(float(max(centre - low, (high - centre) / -_NORMAL.inv_cdf(0.05))), 4), pairs)
