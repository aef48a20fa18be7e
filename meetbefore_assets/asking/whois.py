"""Answers "have we met?": who of an archive's people each face of a photograph is. Nothing of the photograph is kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from meetbefore_assets.asking.pictures import Asked, faces_in_bytes, faces_in_file
from meetbefore_assets.core import words
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.gallery import Gallery, read_gallery
from meetbefore_assets.identities.open_set import Views
from meetbefore_assets.identities.policy import policy
from meetbefore_assets.identities.queries import matched_videos, people_table
from meetbefore_assets.publishing.page.phrases import Phrase, clock, count, same, say
from meetbefore_assets.recordings.clocks import clock_table

Verdict = Literal["very likely", "maybe", "nobody"]
# From which probability on somebody is named, and from which on as a possibility.
VERY_LIKELY, MAYBE = 0.9, 0.3
# People who are told of one face, and how likely the second must be at least.
TOLD, WORTH_TELLING = 2, 0.01


@dataclass(frozen=True)
class Candidate:
    """Somebody of the archive whom a face may be.

    Attributes:
        name: as the user, or an import, gave it; None: nobody did.
        probability: 0..1; None: nobody measured the recogniser.
        similarity: cosine of the face and the person's most similar track.
        last_seen: naive UTC.
        last_video, last_time_s: where the last encounter begins.
    """

    person_id: str
    name: str | None
    role: str | None
    probability: float | None
    similarity: float
    encounters: int
    days: int
    last_seen: datetime
    last_video: str
    last_time_s: float
    best_face_id: str
    best_video_id: str

    @property
    def label(self) -> str:
        return self.name or self.person_id


@dataclass(frozen=True)
class Answer:
    """Who one face is.

    Attributes:
        box: x1, y1, x2, y2 in pixels of the upright picture.
        thumbnail: JPEG of the face with its surroundings.
        time_s: of a video, where the face is best seen; None in a photograph.
        candidates: the likeliest first, TOLD at most; "nobody" may have some, too.
    """

    box: tuple[float, float, float, float]
    thumbnail: bytes
    time_s: float | None
    verdict: Verdict
    candidates: tuple[Candidate, ...]

    @property
    def best(self) -> Candidate | None:
        return self.candidates[0] if self.candidates else None


@dataclass(frozen=True)
class PictureAnswers:
    """Who the faces of a photograph are, from left to right, and among how many people they were looked for."""

    name: str
    faces: tuple[Answer, ...]
    people: int


class Asking:
    """Compares photographs with everybody on record at one moment; what is read for it is read once.

    Raises:
        UsageError: nobody is on record.
    """

    def __init__(self, home: Home) -> None:
        self._home, self._gallery = home, read_gallery(home)
        self._people = {str(row["person_id"]): row for row in people_table(home).iter_rows(named=True)}

    def ask_file(self, path: Path) -> PictureAnswers:
        """Raises NoAnswerError: it is no photograph or video, or has no face. Raises ModelError."""
        return self._answer(faces_in_file(self._home, path))

    def ask_bytes(self, data: bytes, name: str) -> PictureAnswers:
        """The same for a photograph that is no file."""
        return self._answer(faces_in_bytes(self._home, data, name))

    def _answer(self, asked: Asked) -> PictureAnswers:
        faces, gallery = asked.faces, self._gallery
        found = gallery.compare(Views(faces.vectors, faces.lengths, np.arange(len(faces))))
        chances = [None] * len(faces) if found.probability is None else found.probability.tolist()
        told = [_told(gallery, people, each) for people, each in zip(found.person.tolist(), chances, strict=True)]
        facts = self._facts({person_id for one in told for person_id, _ in one})
        answers = []
        for row, candidates in enumerate(told):
            similar = dict(zip((gallery.people[one] for one in found.person[row].tolist()), found.similarity[row].tolist(), strict=True))
            ranked = tuple(self._candidate(who, chance, similar[who], facts) for who, chance in candidates if who in facts)
            x1, y1, x2, y2 = (float(number) for number in faces.boxes[row])
            time_s = float(faces.time_s[row]) if asked.is_video else None
            answers.append(Answer((x1, y1, x2, y2), faces.thumbnails[row], time_s, self._verdict(ranked), ranked))
        return PictureAnswers(asked.name, tuple(answers), len(gallery.people))

    def _verdict(self, ranked: Sequence[Candidate]) -> Verdict:
        if not ranked:
            return "nobody"
        chance = ranked[0].probability
        if chance is None:
            return "maybe" if ranked[0].similarity >= policy(self._home).threshold else "nobody"
        return "very likely" if chance >= VERY_LIKELY else "maybe" if chance >= MAYBE else "nobody"

    def _candidate(self, person_id: str, probability: float | None, similarity: float, facts: dict[str, dict[str, Any]]) -> Candidate:
        row, last = self._people[person_id], facts[person_id]
        return Candidate(
            person_id,
            row["name"],
            row["role"],
            probability,
            similarity,
            row["encounters"],
            row["days"],
            row["last_seen"],
            last["file_name"],
            last["time_s"],
            row["best_face_id"],
            last["best_video_id"],
        )

    def _facts(self, people: Iterable[str]) -> dict[str, dict[str, Any]]:
        """person_id -> where the last encounter begins, of those who are ranked: file_name, time_s, best_video_id (of the best face)."""
        videos = matched_videos(self._home)
        wanted = [person_id for person_id in people if person_id in self._people]
        parts = self._home.store.scan("encounter_scores", videos, ["person_id", "video_id", "started_at"])
        last = parts.filter(pl.col("person_id").is_in(wanted)).sort("started_at", "video_id").unique("person_id", keep="last")
        concerned = sorted(set(last["video_id"]))
        if not concerned:
            return {}
        begins = clock_table(self._home, concerned).select("video_id", pl.col("started_at").alias("begins"))
        names = self._home.store.scan("videos", concerned, ["video_id", "file_name"])
        place = (pl.col("started_at") - pl.col("begins")).dt.total_microseconds() / 1e6
        told = last.join(begins, on="video_id").join(names, on="video_id").select("person_id", "file_name", place.alias("time_s"))
        best = pl.DataFrame([(who, self._people[who]["best_face_id"]) for who in wanted], ["person_id", "face_id"], orient="row")
        faces = self._home.store.scan("identity_assignments", videos, ["face_id", "video_id"]).rename({"video_id": "best_video_id"})
        told = told.join(best.join(faces, on="face_id").select("person_id", "best_video_id"), on="person_id")
        return {str(row["person_id"]): row for row in told.iter_rows(named=True)}


def _told(gallery: Gallery, people: list[int], chances: list[float] | None) -> list[tuple[str, float | None]]:
    """Who is told of a face, and how likely each is."""
    ids = [gallery.people[one] for one in people[:TOLD]]
    if chances is None:
        return [(person_id, None) for person_id in ids]
    return [(who, chance) for place, (who, chance) in enumerate(zip(ids, chances, strict=False)) if not place or chance >= WORTH_TELLING]


def ask(home: Home, data: bytes, name: str) -> PictureAnswers:
    """Who the faces of one photograph are.

    Args:
        home: whose people are asked for.
        data: the content of a JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF or GIF.
        name: what it is called in messages.

    Raises:
        NoAnswerError: it is no photograph, or has no face.
        UsageError: nobody is on record.
        ModelError: the pack cannot be loaded.
    """
    return Asking(home).ask_bytes(data, name)


def sentence(answer: Answer, zone: str, people: int) -> Phrase:
    """The answer for one face, in both languages; plain text, not escaped.

    Args:
        answer: of whom.
        zone: IANA name of the zone of the time that is told.
        people: among how many it was looked for.
    """
    among = count(people, "person")
    best = answer.best
    if best is None or answer.verdict == "nobody":
        nearest = same("") if best is None else say("whois.nearest", person=_who(best), sure=_sure(best))
        return say("whois.nobody", among=among, nearest=nearest)
    key = "whois.very" if answer.verdict == "very likely" else "whois.maybe"
    others = answer.candidates[1:]
    after = say("whois.next", person=_who(others[0]), sure=_sure(others[0])) if others else same("")
    met = say(
        "whois.met",
        encounters=count(best.encounters, "encounter"),
        when=clock(best.last_seen, zone),
        file=best.last_video,
        offset=words.offset(best.last_time_s),
    )
    return say(key, person=_who(best), sure=_sure(best), met=met, next=after, among=among)


def _who(candidate: Candidate) -> Phrase:
    return say("whois.you") if candidate.role == "me" else same(candidate.label)


def _sure(candidate: Candidate) -> Phrase:
    if candidate.probability is None:
        return say("whois.similarity", similarity=f"{candidate.similarity:.2f}")
    return same(words.sureness(candidate.probability))
