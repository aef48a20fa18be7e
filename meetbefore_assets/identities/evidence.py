"""Evidence that two groups of tracks are one person: a log-likelihood ratio that adds up over tracks.

A track's vector is taken for a part of its person, a part that all people of the archive share, and noise (the two-covariance model
of speaker recognition, Brümmer and de Villiers 2010, with one variance in every direction):

    x = shared(length) + g y + noise,   y ~ N(0, I / d) over d dimensions, noise of variance e / d in each, e = v - g²

How much of the person there is, the fidelity g, rises with the length of the recogniser's raw vector: SFace's is about 7 for a
poor face and 12 for a good one. What is shared leans with it too (blurred faces are alike), so its mean is a line in the length.

Of a group of tracks two numbers matter, and both add up: S = sum of (g / e)(x - shared) and N = sum of g² / e. With

    λ(N, S) = d/2 (|S|² / (1 + N) - ln(1 + N))

the ratio of "A and B are one person" to "they are two" is λ(A and B) - λ(A) - λ(B). So a lone poor pair needs a higher cosine
than a good one, and many good tracks of two groups a lower one.

Tracks are not independent: fifty of the same light, clothes and turn of the head are one look, and somebody who is seen in two looks
would be two people for certain. So N and S of each group are divided by what its tracks agree too much:

    1 + c N + w (N - n) max(0, a - 1),   a = (|S|² - sum of its tracks' own |s|²) / (N² - sum of their n²)

with n the mean of a track's g² / e; a is 1 for independent looks of one person, and e.g. 3 for one good look again and again.

Poor faces of strangers are alike in ways that no mean takes off, so two groups of poorness t and t' pay a price of κ t t'. And how
much is asked for depends on how many people there are: any two tracks of a small archive are one person more often.

The numbers of SFace were found on casts drawn from degraded photographs. Those found on one half of the people did as well on the other;
the ones in use lie between the two, chosen with both halves and labelled footage in sight. The price of poor meeting poor is paid for by
precision: on hard casts of 140 people 0.90 instead of 0.89 at 1.5, and 0.92 at 3.5, where meetings get lost. Measures that say nothing
more about a vector than its length does, on people they were not fitted on: likeness of the face's and its mirror image's vectors,
sharpness, size, light, contrast, the detector's score (the loss of a pair changed by less than 0.01 of 1.3).
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meetbefore_assets.core.model_packs import EvidenceModel
from meetbefore_assets.core.ports import F32, F64, I64, Bool
from meetbefore_assets.identities.edges import all_edges
from meetbefore_assets.identities.joining import by_group
from meetbefore_assets.identities.vectors import Rows, content_hash, rows_at_once

# Tracks of an archive that say what its people share; more say no more.
SAMPLE = 2048
# Tracks this alike are taken for one person there: a person counts once.
_ALIKE = 0.40
# People that an archive must show before what they share is trusted half.
_PRIOR_PEOPLE = 20.0
# The slope over the length is held back as if so many people showed none; lengths are counted in steps of this size.
_RIDGE, _LENGTH_STEP = 4.0, 1.6
# Numbers of people between which the least ratio rises by the logarithm, in steps that one more video seldom moves; beyond them
# `matching.threshold = auto` rises.
_FEWEST, _MANY, _STEP = 50, 150, 0.25
# What is shared is rounded, so that the last bits of a sum never tell.
_DECIMALS = 3
# g² / e of a track whose agreement with others is taken as it is, and a share of pairs that is none.
_GOOD_TRACK, _NOTHING = 0.5, 1e-6
# Nobody is joined without a pair of tracks within this of the usual threshold: with it, edges are few.
NEAR = 0.05


@dataclass(frozen=True)
class SharedLook:
    """The part of a vector that all people of an archive share.

    Attributes:
        mean: (d,) mean vector, each person counting once.
        slope: (d,) how it changes with the length of the raw vector, for each step.
        length: mean of it.
        trust: 0..1, share that is taken off: little is known of a small archive.
        people: of those tracks, about.
    """

    mean: F32
    slope: F32
    length: float
    trust: float
    people: float

    def take_off(self, vectors: F32, lengths: F32) -> F32:
        """(m, d) vectors without it; `lengths` (m,) of the raw vectors."""
        lean = ((lengths - np.float32(self.length)) / np.float32(_LENGTH_STEP))[:, None]
        return np.asarray(vectors - np.float32(self.trust) * (self.mean + lean * self.slope), np.float32)


def shared_look(vectors: F32, lengths: F32) -> SharedLook:
    """What the people of some tracks share; the same for every order of rows.

    Args:
        vectors: (m, d) float32, unit rows.
        lengths: (m,) float32, mean length of the raw vectors of each track.
    """
    rows = np.lexsort((lengths, content_hash(vectors)))[:SAMPLE]
    if not len(rows):
        nothing = np.zeros(vectors.shape[1], np.float32)
        return SharedLook(nothing, nothing, 0.0, 0.0, 0.0)
    x, length = vectors[rows].astype(np.float64), lengths[rows].astype(np.float64)
    weight = 1.0 / (1 + np.bincount(all_edges(vectors[rows], _ALIKE).pairs.ravel(), minlength=len(rows)))
    people = float(weight.sum())
    mean, usual = weight @ x / people, float(weight @ length / people)
    lean = (length - usual) / _LENGTH_STEP
    slope = (weight * lean) @ (x - mean) / (float((weight * lean**2).sum()) + _RIDGE)
    return SharedLook(_rounded(mean), _rounded(slope), round(usual, 2), round(people / (people + _PRIOR_PEOPLE), 2), people)


def _rounded(vector: F64) -> F32:
    return np.round(vector, _DECIMALS).astype(np.float32)


@dataclass(frozen=True)
class EvidencePolicy:
    """When two groups of tracks are one person, by evidence.

    Attributes:
        threshold: the setting `matching.threshold`: higher is surer; see `least_ratio`.
        model: what was measured of the recogniser.
        look: what the archive's people share.
    """

    threshold: float
    model: EvidenceModel
    look: SharedLook

    @property
    def least_ratio(self) -> float:
        """Least log-likelihood ratio of two groups that are joined."""
        few = math.log(min(max(self.look.people, _FEWEST), _MANY) / _MANY)
        asked = (self.threshold - self.model.threshold) * self.model.ratio_per_threshold
        return self.model.least_ratio + round(few / _STEP) * _STEP + asked

    def probability(self, ratio: F64) -> F64:
        """That two groups of such log-likelihood ratios are one person; what the threshold asks for does not matter."""
        usual = replace(self, threshold=self.model.threshold).least_ratio
        log_odds = self.model.certainty_at_least + self.model.certainty * (ratio - usual)
        return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -50, 50))))

    @property
    def least_cosine(self) -> float:
        """Least cosine of the most similar tracks of two groups that are joined."""
        # A threshold near 1 joins nobody but copies of one picture, whatever their quality.
        return self.threshold - NEAR * min(1.0, (1 - self.threshold) / (1 - self.model.threshold))


def fidelity(lengths: F32, model: EvidenceModel) -> F64:
    """(m,) how much of its person each vector holds, by the length of the raw vector."""
    rising = 1 / (1 + np.exp((model.middle_length - lengths.astype(np.float64)) / model.length_scale))
    return np.asarray(model.least_fidelity + (model.best_fidelity - model.least_fidelity) * rising)


def poorness(lengths: F32, model: EvidenceModel) -> F64:
    """(m,) 0 for good vectors, rising below."""
    return np.asarray(np.maximum(0.0, (model.good_length - lengths.astype(np.float64)) / 2))


class EvidenceLinkage:
    """Sums of the groups' evidence, and its log-likelihood ratios.

    Args:
        vectors: the m rows' vectors.
        lengths: (m,) float32, mean length of the raw vectors of each row.
        policy: whose model and look count.
    """

    def __init__(self, vectors: Rows, lengths: F32, policy: EvidencePolicy) -> None:
        self._vectors, self._lengths, self._policy = vectors, lengths, policy

    def begin(self, rows: I64, group: I64, count: int) -> None:
        model = self._policy.model
        rows, begins = by_group(rows, group)
        lengths = self._lengths[rows]
        g = fidelity(lengths, model)
        noise = model.variance - g**2
        held, own = g**2 / noise, np.empty(len(rows))
        vectors = self._vectors.take(rows)
        at_once = rows_at_once(vectors)
        for start in range(0, len(rows), at_once):
            here = slice(start, start + at_once)
            vectors[here] = self._policy.look.take_off(vectors[here], lengths[here]) * (g / noise)[here, None].astype(np.float32)
            own[here] = np.einsum("ij,ij->i", vectors[here], vectors[here])
        # Of each group: S, N, and of its tracks one by one the sum of the squares of either.
        self._sums: F32 = vectors if len(begins) == len(rows) else np.add.reduceat(vectors, begins, axis=0)
        parts = (held, own, held**2, held * poorness(lengths, model))
        self._held, self._own, self._each, self._poor = (_sums(part, begins) for part in parts)
        self._known = np.empty((5, count))
        self._learn(np.arange(count))

    def join(self, stays: I64, goes: I64, is_sought: Bool) -> None:
        stays, goes = stays[is_sought], goes[is_sought]
        self._sums[stays] += self._sums[goes]
        for part in (self._held, self._own, self._each, self._poor):
            part[stays] += part[goes]
        self._learn(stays)

    def _learn(self, groups: I64) -> None:
        """Work out what every comparison of some groups needs: the share of the sums that counts, N, |S|², λ and the poorness."""
        held, square = self._held[groups], np.empty(len(groups))
        at_once = rows_at_once(self._sums)
        for start in range(0, len(groups), at_once):
            some = self._sums[groups[start : start + at_once]]
            square[start : start + at_once] = np.einsum("ij,ij->i", some, some)
        share = 1 / (1 + self._policy.model.dependence * held + self._repeated(groups, square))
        poor, held, square = self._poor[groups] / held, held * share, square * share**2
        self._known[:, groups] = share, held, square, self._likelihood(held, square), poor

    def _repeated(self, groups: I64, square: F64) -> F64:
        """How often groups repeat the same look, measured by the agreement of their tracks."""
        held, each = self._held[groups], self._each[groups] / self._held[groups]
        independent = held**2 - self._each[groups]
        is_several = independent > _NOTHING * held**2
        agreement = np.divide(square - self._own[groups], independent, out=np.ones(len(groups)), where=is_several)
        # Of poor tracks hardly anything is known, nor how much they agree.
        trusted = self._policy.model.look_weight * np.minimum(1, each / _GOOD_TRACK)
        return np.asarray(trusted * (held - each) * np.maximum(0, agreement - 1))

    def _likelihood(self, held: F64, square: F64) -> F64:
        """λ of groups by their N and |S|²."""
        return np.asarray(self._policy.model.dimensions / 2 * (square / (1 + held) - np.log1p(held)))

    def similarity(self, pairs: I64, nearest: F32) -> F64:
        """Log-likelihood ratios of one person against two."""
        ratio = np.empty(pairs.shape[1])
        at_once = rows_at_once(self._sums)
        for start in range(0, len(ratio), at_once):
            a, b = pairs[:, start : start + at_once]
            dot = np.einsum("ij,ij->i", *(np.take(self._sums, rows, axis=0, mode="clip") for rows in (a, b)))
            (share_a, held_a, square_a, one_a, poor_a), (share_b, held_b, square_b, one_b, poor_b) = self._known[:, a], self._known[:, b]
            both = self._likelihood(held_a + held_b, square_a + square_b + 2 * share_a * share_b * dot)
            ratio[start : start + at_once] = both - one_a - one_b - self._policy.model.poor_price * poor_a * poor_b
        return ratio

    def against_rest(self, whole: I64) -> F64:
        """Ratios of each group and all others of its whole: (g,) int64, of which everyone has two groups or more."""

        def with_rest(values: NDArray[Any]) -> NDArray[Any]:
            total = np.zeros((int(whole.max(initial=-1)) + 1, *values.shape[1:]), values.dtype)
            np.add.at(total, whole, values)
            return np.concatenate([values, total[whole] - values])

        count = len(whole)
        self._sums = with_rest(self._sums)
        self._held, self._own, self._each, self._poor = map(with_rest, (self._held, self._own, self._each, self._poor))
        self._known = np.empty((5, 2 * count))
        self._learn(np.arange(2 * count))
        return self.similarity(np.stack([np.arange(count), np.arange(count, 2 * count)]), np.zeros(count, np.float32))


def part_probabilities(vectors: F32, lengths: F32, part: I64, whole: I64, policy: EvidencePolicy) -> F64:
    """How surely each part of a whole is the same person as all its other parts together.

    Args:
        vectors: (m, d) float32, unit rows.
        lengths: (m,) float32, mean length of the raw vectors of each.
        part: (m,) int64, 0..p-1, none missing.
        whole: (p,) int64, 0..w-1, of two parts or more each.
        policy: whose model and look count.

    Returns:
        (p,) 0..1.
    """
    linkage = EvidenceLinkage(Rows.all(vectors), lengths, policy)
    linkage.begin(np.arange(len(vectors)), part, len(whole))
    return policy.probability(linkage.against_rest(whole))


def _sums(values: F64, begins: I64) -> F64:
    """Sums of stretches of values that begin there."""
    return np.asarray(values if len(begins) == len(values) else np.add.reduceat(values, begins))
