"""Suppressions keep what was forgotten from coming back: places of faces, hashes of files, and on request one vector per person."""

import datetime as dt
import secrets

import numpy as np
import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.errors import RecordTornError
from meetbefore_assets.core.ports import F32, Bool, Stamp
from meetbefore_assets.core.schema.forgetting import BLOCKED_PEOPLE, FORGOTTEN_FACES, FORGOTTEN_NAMES, FORGOTTEN_VIDEOS
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.suppression_match import Suppressions, no_suppressions

BOX = ("x1", "y1", "x2", "y2")
# Stands for infinity before the first and after the last sampled frame: a number that JSON and SQL can hold.
_OPEN_END_S = 3600.0


def suppressions_of(home: Home, video_id: str) -> Suppressions:
    """The forgotten faces of one video."""
    version = suppressions_version(home, video_id)
    if not version:
        return no_suppressions()
    try:
        table = home.store.get(FORGOTTEN_FACES.name, video_id)
    except RecordTornError as error:
        raise unknown_suppressions(video_id, error.message) from error
    boxes = table.select(BOX).to_numpy().astype(np.float32).reshape(-1, 4)
    time_s, from_s, until_s, chain = (table[name].to_numpy() for name in ("time_s", "from_s", "until_s", "chain"))
    return Suppressions(time_s, boxes, from_s, until_s, chain, version)


def suppressions_version(home: Home, video_id: str) -> str:
    """Hash of the forgotten faces of one video; "" if there are none.

    Raises:
        RecordTornError: the table cannot be read, so it is unknown who was forgotten there.
    """
    stamp = home.store.stamp(FORGOTTEN_FACES.name, video_id)
    if stamp is not None:
        return stamp.data_version
    if video_id in home.store.keys(FORGOTTEN_FACES.name):
        raise unknown_suppressions(video_id, _why_torn(home, video_id))
    return ""


def unknown_suppressions(video_id: str, why: str) -> RecordTornError:
    """The error for a video whose suppressions cannot be read."""
    return RecordTornError(
        f"{video_id} is left as it is: people were forgotten in it, and where they are seen cannot be read ({why}).",
        remedy="Restore one of the two files from a backup, or forget the whole video (meetbefore forget VIDEO).",
    )


def _why_torn(home: Home, video_id: str) -> str:
    try:
        home.store.get(FORGOTTEN_FACES.name, video_id)
    except (RecordTornError, KeyError) as error:
        return error.message if isinstance(error, RecordTornError) else "it is gone"
    return "it was mended just now: run again"


def are_suppressions_known(home: Home, video_id: str) -> bool:
    """Whether the suppressions of a video can be read."""
    try:
        suppressions_of(home, video_id)
    except RecordTornError:
        return False
    return True


def suppress(home: Home, faces: pl.DataFrame) -> int:
    """Suppress faces: record their places, so that they do not come back; returns how many were new.

    Args:
        faces: columns video_id, time_s, x1, y1, x2, y2, track_id (any text that is the same for the faces of one track).

    Raises:
        RecordTornError: the suppressions of one of the videos cannot be read; nothing was written.
    """
    added = 0
    with home.lock("forgetting"):
        for video_id in faces["video_id"].unique():
            suppressions_of(home, video_id)
        for (video_id,), rows in faces.sort("video_id", "time_s", *BOX).group_by("video_id", maintain_order=True):
            added += _suppress_in_video(home, str(video_id), rows)
    return added


def _suppress_in_video(home: Home, video_id: str, rows: pl.DataFrame) -> int:
    known = home.store.get(FORGOTTEN_FACES.name, video_id) if suppressions_version(home, video_id) else FORGOTTEN_FACES.empty()
    first = int(known["chain"].max()) + 1 if known.height else 0  # type: ignore[arg-type]
    chains = {track: first + number for number, track in enumerate(rows["track_id"].unique(maintain_order=True))}
    number = pl.col("track_id").replace_strict(chains, return_dtype=pl.Int64).alias("chain")
    new = _with_interval(home, video_id, rows.with_columns(number)).select(list(known.columns)).cast(FORGOTTEN_FACES.dtypes)  # type: ignore[arg-type]
    table = pl.concat([known, new]).unique(FORGOTTEN_FACES.key, keep="first", maintain_order=True)
    version = digest(FORGOTTEN_FACES.name, [[str(value) for value in row] for row in table.rows()])
    home.store.put(FORGOTTEN_FACES.name, video_id, check(FORGOTTEN_FACES, table), Stamp(version, {}, {}, table.height))
    return table.height - known.height


def _with_interval(home: Home, video_id: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Add from_s and until_s if missing: the times of the neighbouring sampled frames."""
    if "from_s" in rows.columns:
        return rows
    planned = home.store.stamp("frames", video_id) is not None
    moments = home.store.get("frames", video_id, ["time_s"])["time_s"].sort().to_numpy() if planned else np.zeros(0)
    time_s = rows["time_s"].to_numpy()
    padded = np.concatenate([[-np.inf], moments, [np.inf]])
    before = padded[np.searchsorted(moments, time_s, side="left")]
    after = padded[np.searchsorted(moments, time_s, side="right") + 1]
    return rows.with_columns(
        pl.Series("from_s", np.maximum(before, time_s - _OPEN_END_S)), pl.Series("until_s", np.minimum(after, time_s + _OPEN_END_S))
    )


def carry_suppressions(home: Home, old: str, new: str) -> None:
    """Copy suppressions to a recording's new version (a whole copy after a partial one), which shows the same people at the same times."""
    if suppressions_version(home, old):
        rows = home.store.get(FORGOTTEN_FACES.name, old)
        suppress(home, rows.with_columns(pl.lit(new).alias("video_id"), pl.col("chain").cast(pl.String).alias("track_id")))


def suppressed_files(home: Home) -> set[str]:
    """Content hashes of forgotten files, which are not imported again."""
    return set(home.store.keys(FORGOTTEN_VIDEOS.name))


def suppress_file(home: Home, content_hash: str) -> None:
    """Keep a file from being imported again; only its content hash is kept, not its name."""
    rows = FORGOTTEN_VIDEOS.frame([{"content_hash": content_hash, "forgotten_at": _now()}])
    home.store.put(FORGOTTEN_VIDEOS.name, content_hash, check(FORGOTTEN_VIDEOS, rows), Stamp(content_hash, {}, {}, 1))


def suppress_name(home: Home, correction_id: str) -> None:
    """Keep an imported name from coming back with a file of corrections; only a hash of its correction's id is kept."""
    key = name_hash(correction_id)
    rows = FORGOTTEN_NAMES.frame([{"name_hash": key, "forgotten_at": _now()}])
    home.store.put(FORGOTTEN_NAMES.name, key, check(FORGOTTEN_NAMES, rows), Stamp(key, {}, {}, 1))


def suppressed_names(home: Home) -> set[str]:
    """Hashes (`name_hash`) of imported names that were forgotten."""
    return set(home.store.keys(FORGOTTEN_NAMES.name))


def name_hash(correction_id: str) -> str:
    """Hash of the correction of an imported name, whose id follows from the name and from when it was imported."""
    return digest("forgotten name", correction_id)


def block_person(home: Home, model: str, vector: F32) -> str:
    """Add a person's mean vector to the block list; returns the id of the entry."""
    block_id = f"b{secrets.token_hex(4)}"
    row = {"block_id": block_id, "model": model, "vector": vector.tolist(), "blocked_at": _now()}
    home.store.put(
        BLOCKED_PEOPLE.name, block_id, check(BLOCKED_PEOPLE, BLOCKED_PEOPLE.frame([row])), Stamp(block_id, {}, {"model": model}, 1)
    )
    return block_id


def is_blocked_person(home: Home, model: str, vectors: F32, threshold: float) -> Bool:
    """Which of (n, d) unit vectors belong to somebody on the block list: (n,) bool."""
    keys = home.store.keys(BLOCKED_PEOPLE.name)
    is_blocked = np.zeros(len(vectors), bool)
    if not keys or not len(vectors):
        return is_blocked
    listed = home.store.scan(BLOCKED_PEOPLE.name, keys).filter(pl.col("model") == model)
    for vector in listed["vector"].to_list():
        is_blocked |= vectors @ np.array(vector, np.float32) >= threshold
    return is_blocked


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)
