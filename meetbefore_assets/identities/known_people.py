"""Imported names (`meetbefore import names`): their faces, and the people of the archive they belong to.

Each imported name is a correction of the kind `known`, which is listed and undone like others. Its faces are in a table of their own. They
are compared with the archive's people after every match: so a name finds its person once the person turns up, and the order in which
videos and names are imported does not matter.
"""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.errors import RecordTornError, UsageError
from meetbefore_assets.core.ports import F32, WHOLE, Stamp
from meetbefore_assets.core.schema.identities import CORRECTIONS, KNOWN_FACES, KNOWN_MATCHES
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.faces.picture_faces import FacesFound, embed_stored
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppressions import suppress_name
from meetbefore_assets.identities.corrections import Correction, Kind, correction, in_force
from meetbefore_assets.identities.gallery import read_gallery
from meetbefore_assets.identities.known_names import Known, decide
from meetbefore_assets.identities.open_set import Views
from meetbefore_assets.identities.stored_corrections import CorrectionsInForce, read_corrections, write_correction
from meetbefore_assets.identities.stored_edges import vectors_as_matrix

KIND: Kind = "known"
# Faces of one name that are kept: more say no more.
MAX_FACES = 32


@dataclass(frozen=True)
class Added:
    """What became of one name: the correction (None: its faces were known before), and how many faces it brought."""

    correction: Correction | None
    faces: int


def add_known(home: Home, name: str, faces: FacesFound) -> Added:
    """Put the faces of somebody with a name on record; faces that are there already are left out.

    Args:
        faces: of one person, the best first.
    """
    with home.lock("corrections"):
        said = read_corrections(home)
        same = [one for one in known_in_force(said) if one.text.casefold() == name.casefold()]
        before = {_look(crop) for one in same for crop in _faces_of(home, one)["crop"]}
        new = [row for row, crop in enumerate(faces.crops) if _look(crop) not in before][: max(0, MAX_FACES - len(before))]
        if not new:
            return Added(None, 0)
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        newest = max((one.created_at for one in said), default=now)
        one = correction(max(now, newest + dt.timedelta(microseconds=1)), KIND, name)
        chosen = faces.pick(new)
        write_known(home, one, Looks(chosen.vectors, chosen.lengths, chosen.crops))
    return Added(one, len(new))


@dataclass(frozen=True)
class Looks:
    """Faces of one person: (n, d) unit vectors by the recogniser in force, (n,) lengths of the raw ones, and the n encoded crops."""

    vectors: F32
    lengths: F32
    crops: tuple[bytes, ...]


def write_known(home: Home, one: Correction, looks: Looks) -> None:
    """Put a name from elsewhere on record: its faces first, so that no name is without them. The caller holds the lock of corrections."""
    _write_faces(home, one.correction_id, looks)
    write_correction(home, one)


def crops_of_known(home: Home, correction_id: str) -> tuple[bytes, ...]:
    """The encoded crops of a name from elsewhere, the best first; none where they are gone or cannot be read."""
    try:
        return tuple(home.store.get(KNOWN_FACES.name, correction_id).sort("ordinal")["crop"])
    except (KeyError, RecordTornError):
        return ()


def _look(crop: bytes) -> str:
    return hashlib.sha256(crop).hexdigest()


def _write_faces(home: Home, correction_id: str, faces: Looks) -> None:
    said = {"correction_id": correction_id, "model": _model(home)}
    looks = zip(faces.vectors, faces.lengths, faces.crops, strict=True)
    rows: list[dict[str, object]] = [
        {**said, "ordinal": place, "vector": vector.tolist(), "raw_norm": float(length), "crop": crop}
        for place, (vector, length, crop) in enumerate(looks)
    ]
    _put_faces(home, KNOWN_FACES.frame(rows))


def _put_faces(home: Home, table: pl.DataFrame) -> None:
    correction_id, model = str(table["correction_id"][0]), str(table["model"][0])
    stamp = Stamp(digest(correction_id, model), {}, {"model": model}, table.height)
    home.store.put(KNOWN_FACES.name, correction_id, check(KNOWN_FACES, table), stamp)


def _model(home: Home) -> str:
    """What vectors depend on: the recogniser, and whether mirror images are embedded too."""
    settings = home.settings()
    return f"{home.model_pack().recogniser_id}, mirror {home.models(settings).mirror(settings.models.mirror)}"


def known_in_force(said: Sequence[Correction]) -> list[Correction]:
    """The names from elsewhere that hold, oldest first."""
    return [one for one in in_force(said) if one.kind == KIND]


def _faces_of(home: Home, one: Correction) -> pl.DataFrame:
    """The faces of a name, by the recogniser in force: embedded anew from what is kept of them where another one made the vectors."""
    if one.correction_id not in home.store.keys(KNOWN_FACES.name):
        return KNOWN_FACES.empty()
    table, model = home.store.get(KNOWN_FACES.name, one.correction_id), _model(home)
    if table.height and table["model"][0] != model:
        vectors, lengths = embed_stored(home, table["crop"].to_list())
        anew = (pl.Series("vector", vectors.tolist(), pl.List(pl.Float32)), pl.Series("raw_norm", lengths))
        table = table.with_columns(pl.lit(model).alias("model"), *anew)
        _put_faces(home, table)
    return table


def write_known_matches(home: Home, stands: CorrectionsInForce, seen: pl.DataFrame, version: str) -> dict[str, str]:
    """Decide whom the names from elsewhere belong to, and put it on record: person_id -> name of those who bear one.

    Args:
        stands: what was said.
        seen: columns face_id, person_id.
        version: of what people are made from.
    """
    known = [one for one in stands.corrections if one.kind == KIND]
    table = _matches(home, known, stands, seen) if known else KNOWN_MATCHES.empty()
    facts = {state: str(count) for state, count in table["state"].value_counts().iter_rows()}
    home.store.put(KNOWN_MATCHES.name, WHOLE, check(KNOWN_MATCHES, table), Stamp(version, {}, facts, table.height))
    return _named(table)


def _matches(home: Home, known: Sequence[Correction], stands: CorrectionsInForce, seen: pl.DataFrame) -> pl.DataFrame:
    called: dict[str, str] = {}
    tables = []
    for one in known:
        called.setdefault(one.text.casefold(), one.text)
        tables.append(_faces_of(home, one).with_columns(pl.lit(called[one.text.casefold()]).alias("name")))
    faces = pl.concat(tables).sort("name", "correction_id", "ordinal")
    if not faces.height:
        return KNOWN_MATCHES.empty()
    names = faces["name"].unique(maintain_order=True).to_list()
    found = _compared(home, faces, names)
    counts = dict(faces.group_by("name").len().iter_rows())
    states = decide(found, stands.names_said(seen))
    rows: list[dict[str, object]] = [
        {"name": one.name, "state": state, "person_id": one.person_id, "probability": one.probability, "faces": counts[one.name]}
        for one, state in zip(found, states, strict=True)
    ]
    return KNOWN_MATCHES.frame(rows).sort("name")


def _compared(home: Home, faces: pl.DataFrame, names: list[str]) -> list[Known]:
    try:
        gallery = read_gallery(home)
    except UsageError:  # nobody is on record yet
        return [Known(name, None, None, 0.0) for name in names]
    person = (faces["name"].rank("dense") - 1).to_numpy().astype(np.int64)
    asked = Views(vectors_as_matrix(faces["vector"]), faces["raw_norm"].to_numpy().astype(np.float32), person)
    compared = gallery.compare(asked)
    chances = [None] * len(names) if compared.probability is None else compared.probability[:, 0].tolist()
    who, similar = compared.person[:, 0].tolist(), compared.similarity[:, 0].tolist()
    return [Known(name, gallery.people[who[row]], chances[row], similar[row]) for row, name in enumerate(names)]


def known_matches(home: Home) -> pl.DataFrame:
    """Whom names from elsewhere belong to, as it was decided last: columns of KNOWN_MATCHES, by name."""
    return KNOWN_MATCHES.empty() if home.store.stamp(KNOWN_MATCHES.name, WHOLE) is None else home.store.get(KNOWN_MATCHES.name, WHOLE)


def imported_names(home: Home) -> dict[str, str]:
    """person_id -> name of those who bear a name from elsewhere."""
    return _named(known_matches(home))


def _named(table: pl.DataFrame) -> dict[str, str]:
    return dict(table.filter(pl.col("state") == "named").select("person_id", "name").iter_rows())


def take_back_known(home: Home) -> int:
    """Undo all names from elsewhere that hold; returns how many corrections that were."""
    with home.lock("corrections"):
        said = read_corrections(home)
        moment = max(dt.datetime.now(dt.UTC).replace(tzinfo=None), max((one.created_at for one in said), default=dt.datetime(1970, 1, 1)))
        known = known_in_force(said)
        for place, one in enumerate(known, start=1):
            write_correction(home, correction(moment + dt.timedelta(microseconds=place), "undo", one.correction_id))
    return len(known)


def forget_known(home: Home, names: Sequence[str]) -> int:
    """Erase names from elsewhere with their faces, and everything that was said of them; returns how many faces went.

    Args:
        names: as they were imported; case does not matter.
    """
    wanted = {name.casefold() for name in names}
    with home.lock("corrections"):
        said = read_corrections(home)
        gone = {one.correction_id for one in said if one.kind == KIND and one.text.casefold() in wanted}
        # What an import that was killed left of a name that is on record nowhere.
        gone_faces = gone | (set(home.store.keys(KNOWN_FACES.name)) - {one.correction_id for one in said})
        faces = sum(stamp.rows for key in gone if (stamp := home.store.stamp(KNOWN_FACES.name, key)) is not None)
        for key in sorted(gone):
            suppress_name(home, key)
        for key in sorted(gone_faces):
            home.store.drop(KNOWN_FACES.name, key)
        while dependent := {one.correction_id for one in said if one.kind == "undo" and one.text in gone} - gone:
            gone |= dependent
        for key in sorted(gone):
            home.store.drop(CORRECTIONS.name, key)
    return faces


def known_of_people(home: Home, person_ids: Sequence[str], names: Sequence[str]) -> list[str]:
    """Names from elsewhere that belong, or may belong, to some people, or that are among some names."""
    wanted = {name.casefold() for name in names}
    likely = known_matches(home).filter(pl.col("person_id").is_in(list(person_ids)) & (pl.col("state") != "waits"))["name"]
    said = {one.text for one in read_corrections(home) if one.kind == KIND}
    return sorted({*likely, *(name for name in said if name.casefold() in wanted)})
