"""Open-set identification: which of an archive's people a face is, or none of them.

A face that is compared with N people finds a similar one by chance N times as easily. With L the log-likelihood ratio of "the face and this
person are one" (see identities/evidence.py), the odds of one person against nobody are

    odds(person) = exp(slope L + offset) / N,   P(person) = odds(person) / (1 + sum of all odds)

which is Bayes' rule where one is as likely to ask with the photograph of somebody one has met as of somebody one has not, and has met
any of the N as likely as any other. The slope is below 1 since the dimensions of a vector are not independent of each other.
"""

from dataclasses import dataclass

import numpy as np

from meetbefore_assets.core.model_packs import AskingModel
from meetbefore_assets.core.ports import F32, F64, I64
from meetbefore_assets.identities.evidence import EvidenceLinkage, EvidencePolicy
from meetbefore_assets.identities.vectors import Rows

# Of all people so many are looked at closely, those whose most similar track is nearest: the others' odds are nothing.
NEAREST = 64


@dataclass(frozen=True)
class Comparison:
    """How some faces compare with the people nearest to them.

    Attributes:
        person: (q, k) int64, people, the most similar first; k is at most NEAREST.
        similarity: (q, k) float32, cosine of the face and the person's most similar track.
        probability: (q, k) float64 that the face is this person; None: nobody measured the recogniser.
    """

    person: I64
    similarity: F32
    probability: F64 | None


@dataclass(frozen=True)
class Views:
    """Views of some people.

    Attributes:
        vectors: (m, d) float32, unit rows.
        lengths: (m,) float32, (mean) lengths of the raw vectors.
        person: (m,) int64, whose they are, 0..p-1, none missing.
    """

    vectors: F32
    lengths: F32
    person: I64

    @property
    def people(self) -> int:
        return int(self.person.max(initial=-1)) + 1


def compare(known: Views, asked: Views, policy: EvidencePolicy | None, model: AskingModel | None) -> Comparison:
    """Compare faces (or people of whom there are several) with everybody.

    Args:
        known: the tracks of an archive, one or more.
        asked: q people: each a face, or several of one.
        policy, model: what was measured of the recogniser; without them similarity alone tells.
    """
    cosine = np.full((asked.people, known.people), -1.0, np.float32)
    for who, vector in zip(asked.person.tolist(), asked.vectors, strict=True):
        np.maximum.at(cosine[who], known.person, known.vectors @ vector)
    nearest = np.argsort(-cosine, axis=1, kind="stable")[:, :NEAREST].astype(np.int64)
    similarity = np.take_along_axis(cosine, nearest, axis=1)
    if policy is None or model is None:
        return Comparison(nearest, similarity, None)
    chance = probabilities(_ratios(known, asked, nearest, policy), known.people, model)
    order = np.argsort(-chance, axis=1, kind="stable")
    nearest, similarity = np.take_along_axis(nearest, order, axis=1), np.take_along_axis(similarity, order, axis=1)
    return Comparison(nearest, similarity, np.take_along_axis(chance, order, axis=1))


def probabilities(ratios: F64, people: int, model: AskingModel) -> F64:
    """P(person) of each.

    Args:
        ratios: (q, k) log-likelihood ratios of each face and the k people nearest to it.
        people: among how many it is looked for.
        model: slope and offset.
    """
    log_odds = np.minimum(model.slope * ratios + model.offset - np.log(people), 500.0)
    top = np.maximum(log_odds.max(axis=1, keepdims=True, initial=0.0), 0.0)
    odds = np.exp(log_odds - top)
    return np.asarray(odds / (np.exp(-top) + odds.sum(axis=1, keepdims=True)))


def _ratios(known: Views, asked: Views, nearest: I64, policy: EvidencePolicy) -> F64:
    """(q, k) log-likelihood ratios of one person against two."""
    concerned, place = np.unique(nearest, return_inverse=True)
    rows = np.flatnonzero(np.isin(known.person, concerned))
    everything = np.concatenate([known.vectors[rows], asked.vectors])
    raw = np.concatenate([known.lengths[rows], asked.lengths]).astype(np.float32)
    group = np.concatenate([np.searchsorted(concerned, known.person[rows]), len(concerned) + asked.person])
    linkage = EvidenceLinkage(Rows.all(everything), raw, policy)
    linkage.begin(np.arange(len(everything)), group.astype(np.int64), len(concerned) + asked.people)
    faces = np.repeat(len(concerned) + np.arange(asked.people), nearest.shape[1])
    pairs = np.stack([place.reshape(-1), faces]).astype(np.int64)
    return linkage.similarity(pairs, np.zeros(pairs.shape[1], np.float32)).reshape(nearest.shape)
