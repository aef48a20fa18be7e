"""Calibrates `matching.threshold = auto` on the tracks on record, once for each state of the record."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import F32, WHOLE, Stamp
from meetbefore_assets.core.schema.identities import CALIBRATION
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.person_ids import cannot_links
from meetbefore_assets.identities.stored_edges import edge_store, vectors_as_matrix
from meetbefore_assets.identities.thresholds import Calibration, Observations, Strangers, calibrate

ASSET = CALIBRATION.name
# Raise it when the same tracks give another threshold.
_CODE = 1
# Number of sampled videos, for tracks and for single faces; the sample depends on video ids only.
_VIDEOS, _FACE_VIDEOS = 256, 32


@dataclass(frozen=True)
class _Cached:
    version: str
    calibration: Calibration


def calibration(home: Home, versions: Mapping[str, str], default: float) -> Calibration:
    """The calibrated threshold for some tracks: read from the index, or computed if it is not stored.

    Args:
        home: the home.
        versions: video_id -> version of its tracks.
        default: the recogniser's threshold.
    """
    version = _version(versions, default)
    stamp = edge_store(home).stamp(ASSET, WHOLE)
    if stamp is not None and stamp.data_version == version:
        return _from_json(stamp.facts["calibration"])
    cached = home.cache.get(ASSET)
    if not (isinstance(cached, _Cached) and cached.version == version):
        cached = home.cache[ASSET] = _Cached(version, _calibrate_record(home, versions, default))
    return cached.calibration


def store_calibration(home: Home, versions: Mapping[str, str], default: float) -> Calibration:
    """Like `calibration`, and store the result, so that it is not computed again."""
    found = calibration(home, versions, default)
    stamp = Stamp(_version(versions, default), {}, {"calibration": json.dumps(asdict(found))}, 0)
    if edge_store(home).stamp(ASSET, WHOLE) != stamp:
        edge_store(home).put(ASSET, WHOLE, CALIBRATION.empty(), stamp)
    return found


def calibration_facts(found: Calibration) -> dict[str, object]:
    """The numbers behind a calibrated threshold, by name, for people; unknown ones are left out."""
    facts: dict[str, object] = {
        "recogniser's own threshold": found.seen.default,
        "tracks": found.seen.tracks,
        "tracks looked at": found.seen.sampled,
        "people among them, about": round(found.seen.people),
    }
    for name, one in (("strangers", found.strangers), ("strangers in one frame", found.frame_strangers)):
        if one is not None:
            facts |= {f"{name}: centre": one.centre, f"{name}: spread": one.spread, f"{name}: pairs": one.pairs}
    if found.seen.moments is not None:
        facts["consecutive faces of one person: 5%"], facts["consecutive faces of one person: median"] = found.seen.moments
    if found.wanted is not None and found.false_links is not None:
        facts |= {"threshold that the budget asks for": found.wanted, "pairs of strangers expected above": round(found.false_links, 1)}
    return facts


def _version(versions: Mapping[str, str], default: float) -> str:
    return digest(ASSET, _CODE, dict(sorted(versions.items())), default)


def _calibrate_record(home: Home, versions: Mapping[str, str], default: float) -> Calibration:
    tracks = sum(stamp.rows for video_id in versions if (stamp := home.store.stamp("tracks", video_id)))
    videos = sorted(versions, key=lambda video_id: hashlib.sha256(video_id.encode()).digest())
    chosen = sorted(videos[:_VIDEOS])
    sample = home.store.scan("tracks", chosen, ["video_id", "vector", "frame_pts"]) if chosen else pl.DataFrame()
    if not sample.height:
        return calibrate(0, np.empty((0, 1), np.float32), np.empty((0, 2), np.int64), np.empty(0, np.float32), default)
    return calibrate(
        tracks, vectors_as_matrix(sample["vector"]), cannot_links(sample), _moments(home, sorted(videos[:_FACE_VIDEOS])), default
    )


def _moments(home: Home, videos: list[str]) -> F32:
    """Cosines of consecutive faces of one track."""
    known = [video_id for video_id in videos if home.store.stamp("embeddings", video_id)]
    if not known:
        return np.empty(0, np.float32)
    tracks = home.store.scan("tracks", known, ["track_id", "face_ids"]).explode("face_ids").rename({"face_ids": "face_id"})
    faces = tracks.join(home.store.scan("embeddings", known, ["face_id", "vector"]), on="face_id", maintain_order="left")
    vectors = vectors_as_matrix(faces["vector"])
    is_same = (faces["track_id"].shift(-1) == faces["track_id"])[:-1].to_numpy()
    return np.asarray(np.einsum("ij,ij->i", vectors[:-1], vectors[1:])[is_same], np.float32)


def _from_json(text: str) -> Calibration:
    content = json.loads(text)
    seen = content["seen"]
    strangers, framed = (Strangers(**content[name]) if content[name] else None for name in ("strangers", "frame_strangers"))
    moments = (seen["moments"][0], seen["moments"][1]) if seen["moments"] else None
    return Calibration(
        content["threshold"], Observations(**{**seen, "moments": moments}), strangers, framed, content["wanted"], content["false_links"]
    )
