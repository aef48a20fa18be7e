"""Puts the corrections of a file on record: those that fit, in the order and with the dates in which they were said."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from meetbefore_assets.core.errors import RecordTornError, UsageError
from meetbefore_assets.faces.picture_faces import embed_stored
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppressions import is_blocked_person, name_hash, suppressed_names
from meetbefore_assets.identities.correction_links import ONE_ROW, PICTURE, Conflict
from meetbefore_assets.identities.corrections import ASIDE, KINDS, ROLES, SHOWN, Correction, in_force, names_or_roles
from meetbefore_assets.identities.corrections_file import Carried, CorrectionsFile, read_file
from meetbefore_assets.identities.grouping_input import GroupingInput, TracksOnRecord, corrected_input, group, read_tracks
from meetbefore_assets.identities.known_people import KIND as KNOWN
from meetbefore_assets.identities.known_people import MAX_FACES, Looks, crops_of_known, known_in_force, write_known
from meetbefore_assets.identities.policy import policy, usable_tracks
from meetbefore_assets.identities.stored_corrections import CorrectionsInForce, corrections_in_force, read_corrections, write_correction
from meetbefore_assets.review.fit_corrections import Fitted, Fitting, LeftOut, Reason
from meetbefore_assets.review.make_corrections import conflict_key
from meetbefore_assets.review.statements import readable_name

# Clocks of two machines differ; whatever is said next must be later than all that was said.
_AHEAD = dt.timedelta(days=1)
_TEXTS = {"merge": r"|\d{1,4}", "unsure": r"(\?|[01]\.\d\d) \d{1,9}\+\d{1,9}", "role": "|".join(("", *ROLES))}
_SIDES = {"merge": 2, "not-same": 2, "split": 2, "unsure": 2, "move": 3, KNOWN: 0}


@dataclass(frozen=True)
class Imported:
    """What became of a file.

    Attributes:
        new: corrections that are on record now, oldest first.
        before: how many were on record already.
        left_out: those that do not fit.
        missed: (file name, reason) -> how many places of the new ones have no face.
    """

    new: tuple[Correction, ...]
    before: int
    left_out: tuple[LeftOut, ...]
    missed: Counter[tuple[str, Reason]]


def import_corrections(home: Home, data: bytes) -> Imported:
    """Put the corrections of a file on record; who is who is to be decided anew afterwards.

    Killed in between, it is to be called again: what is on record already is left as it is.

    Args:
        data: content of the file.

    Raises:
        UsageError: it is no such file; nothing was imported.
        ModelError: there are imported names in it, and the pack cannot be loaded.
    """
    file = read_file(data)
    looks = _Looks(home, file)
    known = read_tracks(home, sorted(usable_tracks(home, policy(home).recogniser_id)))  # before the lock: it takes long
    with home.lock("corrections"):
        return _import(home, file, known, looks)


def _import(home: Home, file: CorrectionsFile, known: TracksOnRecord, looks: "_Looks") -> Imported:
    said, fitting = read_corrections(home), Fitting(home, file)
    left_out, new = list[LeftOut](), list[Carried]()
    before = 0
    record = _OnRecord(home, said)
    for one in file.carried:
        if record.has(one.correction) or (one.correction.kind == KNOWN and looks.is_known(one, said)):
            before += 1
        elif why := record.refusal(one) or looks.refusal(one):
            left_out.append(fitting.left_out(one.correction, *why))
        else:
            new.append(one)
    fitted = fitting.fit(new)
    accepted, refused = _without_contradictions(home, known, said, fitted)
    left_out += [*fitted.left_out, *(fitting.left_out(_in_file(file, one), *why) for one, why in refused)]
    for correction in accepted:
        if correction.kind == KNOWN:
            write_known(home, correction, looks.of(correction))
        else:
            write_correction(home, correction)
    ordered = sorted(left_out, key=lambda one: (one.correction.created_at, one.correction.correction_id))
    return Imported(tuple(accepted), before, tuple(ordered), fitted.missed)


def _in_file(file: CorrectionsFile, one: Correction) -> Correction:
    return next(each.correction for each in file.carried if each.correction.correction_id == one.correction_id)


Why = tuple[Reason, str]


class _OnRecord:
    """What there is already, and what no home takes."""

    def __init__(self, home: Home, said: Sequence[Correction]) -> None:
        standing = {one.correction_id for one in in_force(said)}
        # Everything that was said has a moment of its own, also where faces of it were forgotten or a video has another id.
        self._held = {(one.created_at, one.kind, one.text) for one in said if one.correction_id in standing}
        self._undone = {(one.created_at, one.kind, one.text): one.correction_id for one in said if one.correction_id not in standing}
        self._undos = {one.text: one.correction_id for one in said if one.kind == "undo"}
        self._forgotten = suppressed_names(home)
        self._latest = dt.datetime.now(dt.UTC).replace(tzinfo=None) + _AHEAD

    def has(self, one: Correction) -> bool:
        return (one.created_at, one.kind, one.text) in self._held

    def refusal(self, one: Carried) -> Why | None:
        said = one.correction
        if (told := self._undone.get((said.created_at, said.kind, said.text))) is not None:
            return "undone", self._undos.get(told, told)
        if said.kind not in KINDS or said.kind == "undo":
            return "unknown", said.kind
        if wrong := _malformed(one):
            return "malformed", wrong
        if said.created_at > self._latest:
            return "future", f"{said.created_at:%Y-%m-%d}"
        return ("forgotten", "") if said.kind == KNOWN and name_hash(said.correction_id) in self._forgotten else None


def _malformed(one: Carried) -> str:
    """What no correction of its kind has; "" where it is sound."""
    said = one.correction
    if said.kind in ("name", KNOWN):
        try:
            if readable_name(said.text) != said.text or (said.kind == KNOWN and not said.text):
                return "the name has spaces around it, or none is there"
        except UsageError as error:
            return error.message
    elif not re.fullmatch(_TEXTS.get(said.kind, ""), said.text):
        return "the text is none of its kind"
    sides = sum(bool(side) for _, side in said.sides)
    wanted = _SIDES.get(said.kind, 1)
    if not (sides == wanted or (said.kind == "move" and sides == 2 and not said.there)) or (wanted and not said.here):
        return "the sides are not those of its kind"
    has_faces = 0 < len(one.faces) <= MAX_FACES if said.kind == KNOWN else not one.faces
    return "" if has_faces else "the faces are not those of its kind"


class _Looks:
    """The faces of imported names, by the recogniser of this home; worked out once, before anybody has to wait."""

    def __init__(self, home: Home, file: CorrectionsFile) -> None:
        self._home = home
        self._found: dict[str, Looks] = {}
        named = [one for one in file.carried if one.correction.kind == KNOWN]
        self._blocked: set[str] = set()
        for one in named:
            if not _malformed(one) and all(home.imaging.is_crop(crop) for crop in one.faces):
                self._embed(one)

    def _embed(self, one: Carried) -> None:
        key = one.correction.correction_id
        try:
            vectors, lengths = embed_stored(self._home, one.faces)
        except RecordTornError:
            return  # some bytes are no picture
        self._found[key] = Looks(vectors, lengths, one.faces)
        model = self._home.model_pack().recogniser_id
        if is_blocked_person(self._home, model, vectors, policy(self._home).threshold).any():
            self._blocked.add(key)

    def is_known(self, one: Carried, said: Sequence[Correction]) -> bool:
        """Whether all faces are on record with that name, imported here from the same photographs."""
        same = [other for other in known_in_force(said) if other.text.casefold() == one.correction.text.casefold()]
        return bool(one.faces) and set(one.faces) <= {crop for other in same for crop in crops_of_known(self._home, other.correction_id)}

    def refusal(self, one: Carried) -> Why | None:
        if one.correction.kind != KNOWN:
            return None
        key = one.correction.correction_id
        if key not in self._found:
            return "malformed", "the faces are no pictures of faces"
        return ("blocked", "") if key in self._blocked else None

    def of(self, one: Correction) -> Looks:
        return self._found[one.correction_id]


def _without_contradictions(
    home: Home, known: TracksOnRecord, said: list[Correction], fitted: Fitted
) -> tuple[list[Correction], list[tuple[Correction, Why]]]:
    """The corrections that contradict neither each other nor what is on record, oldest first; and the others, with why."""
    every = [*said, *fitted.corrections]
    located = corrections_in_force(home, list(known.graph.plan.numbers), every).located
    admission = _Admission(home, known, located, said)
    deciding = [one for one in fitted.corrections if one.kind not in (*SHOWN, *ASIDE)]
    accepted = admission.admit(deciding)
    shown = [one for one in fitted.corrections if one.kind in (*SHOWN, *ASIDE)]
    accepted += _with_free_names(home, admission, [*said, *accepted], shown)
    return sorted(accepted, key=lambda one: (one.created_at, one.correction_id)), admission.refused


class _Admission:
    """Decides which corrections hold together: the command line refuses what contradicts, and so is it here."""

    def __init__(self, home: Home, known: TracksOnRecord, located: pl.DataFrame, said: list[Correction]) -> None:
        self._home, self._known, self._located, self._said = home, known, located, said
        self.refused: list[tuple[Correction, Why]] = []
        self._before = self._conflicts(self.given(said))

    def given(self, corrections: Sequence[Correction]) -> GroupingInput:
        """The tracks, as some corrections divide and link them."""
        standing = in_force(corrections)
        located = self._located.filter(pl.col("correction_id").is_in([one.correction_id for one in standing]))
        return corrected_input(self._home, self._known, CorrectionsInForce(standing, located))

    @property
    def located(self) -> pl.DataFrame:
        return self._located

    def admit(self, new: Sequence[Correction]) -> list[Correction]:
        """Those that hold: all, if all hold together; otherwise by halves, the older first."""
        accepted: list[Correction] = []
        self._admit(list(new), accepted)
        return accepted

    def _admit(self, new: list[Correction], accepted: list[Correction]) -> None:
        if not new:
            return
        given = self.given([*self._said, *accepted, *new])
        worse = [conflict for conflict in given.links.conflicts if conflict_key(given, conflict) not in self._before]
        if not worse:
            accepted += new
        elif len(new) == 1:
            self.refused.append((new[0], self._why(given, worse[0], new[0])))
        else:
            self._admit(new[: len(new) // 2], accepted)
            self._admit(new[len(new) // 2 :], accepted)

    def _conflicts(self, given: GroupingInput) -> set[tuple[str, str, frozenset[str]]]:
        return {conflict_key(given, conflict) for conflict in given.links.conflicts}

    def _why(self, given: GroupingInput, conflict: Conflict, one: Correction) -> Why:
        if conflict.against in (PICTURE, ONE_ROW):
            return ("picture" if conflict.against == PICTURE else "one-track"), ""
        return "contradicts", conflict.against if conflict.correction_id == one.correction_id else conflict.correction_id


def _with_free_names(home: Home, admission: _Admission, said: Sequence[Correction], shown: Sequence[Correction]) -> list[Correction]:
    """What says how people are shown, but names that somebody else has, and a second person who is the user."""
    if not _may_be_taken([*said, *shown]):
        return list(shown)
    given = admission.given([*said, *shown])
    labels = group(given, policy(home).threshold)
    tracks = given.tracks.select(pl.col("face_ids").alias("face_id"), pl.Series("person_id", labels.astype(str), pl.String))
    assigned = tracks.explode("face_id")
    standing = in_force(said)
    accepted: list[Correction] = []
    for one in shown:
        others = sorted([*standing, *accepted], key=lambda each: (each.created_at, each.correction_id))
        why = _taken_by_another(one, others, admission.located, assigned)
        if why:
            admission.refused.append((one, why))
        else:
            accepted.append(one)
    return accepted


def _may_be_taken(corrections: Sequence[Correction]) -> bool:
    """Whether two corrections give one name, or say who the user is: only then it matters who everybody is."""
    given = [one.text.casefold() for one in in_force(corrections) if (one.kind == "name" and one.text) or one.text == "me"]
    return len(given) > len(set(given))


def _taken_by_another(one: Correction, others: list[Correction], located: pl.DataFrame, assigned: pl.DataFrame) -> Why | None:
    if not ((one.kind == "name" and one.text) or (one.kind == "role" and one.text == "me")):
        return None
    bearers = names_or_roles([one], located.filter(pl.col("correction_id") == one.correction_id), assigned, one.kind)
    taken = names_or_roles(others, located, assigned, one.kind)
    if any(text.casefold() == one.text.casefold() and person not in bearers for person, text in taken.items()):
        return ("name-taken", one.text) if one.kind == "name" else ("me-taken", "")
    return None
