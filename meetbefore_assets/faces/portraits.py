"""The table `portraits`: how good a portrait each face makes, measured once on the stored crops."""

import polars as pl

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.ports import Stamp
from meetbefore_assets.core.schema.faces import PORTRAITS
from meetbefore_assets.core.schema.table import check
from meetbefore_assets.faces.lighting import contrast, light, portrait_score
from meetbefore_assets.home.home import Home

_FACES_AT_ONCE = 1_000  # of 38 kB each, decoded
_MEASURED = ["face_id", "video_id", "sharpness", "quality", "crop"]


def portrait_table(home: Home, videos: list[str]) -> pl.DataFrame:
    """The portraits table of some videos, columns of PORTRAITS; faces that were not measured yet are measured now, 0.4 ms each.

    Raises:
        RecordTornError: a stored crop is no picture.
    """
    found = [video_id for video_id in videos if _is_measured(home, video_id)]
    return home.store.scan(PORTRAITS.name, found) if found else PORTRAITS.empty()


def _is_measured(home: Home, video_id: str) -> bool:
    """Measure the faces of a video unless that was done for its current detections; returns False if it has no detections."""
    faces, before = home.store.stamp("detections", video_id), home.store.stamp(PORTRAITS.name, video_id)
    if faces is None:
        return False
    version = digest(PORTRAITS.name, PORTRAITS.code_version, faces.data_version)
    if before is None or before.data_version != version:
        table = check(PORTRAITS, _measure(home, video_id))
        home.store.put(PORTRAITS.name, video_id, table, Stamp(version, {"detections": faces.data_version}, {}, table.height))
    return True


def _measure(home: Home, video_id: str) -> pl.DataFrame:
    parts = [PORTRAITS.empty()]
    for faces in home.store.parts("detections", video_id, _MEASURED, _FACES_AT_ONCE):
        crops = home.imaging.decode_crops(faces["crop"].to_list())
        light_of = light(crops)
        score = portrait_score(light_of, contrast(crops), faces["sharpness"].to_numpy(), faces["quality"].to_numpy())
        parts.append(faces.select("face_id", "video_id", pl.Series("light", light_of), pl.Series("portrait", score)))
    return pl.concat(parts)
