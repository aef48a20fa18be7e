"""Column lineage: the columns of the parent asset that each column is made from."""

import dagster as dg

from meetbefore_assets.core.schema.lists import table_of

# Columns that are not made from the parent's column of the same name.
_FROM: dict[str, dict[str, tuple[str, ...]]] = {
    "frames": {"frame_id": ("content_hash",)},
    "detections": {"face_id": ("pts",)},
    "embeddings": {"vector": ("crop",), "raw_norm": ("crop",)},
    "tracks": {
        "track_id": ("face_id",),
        "faces": ("face_id",),
        "face_ids": ("face_id",),
        "vector": ("vector", "raw_norm"),
    },
    "identity_assignments": {
        "face_id": ("face_ids",),
        "person_id": ("vector", "quality", "frame_pts"),
        "similarity": ("vector",),
        "runner_up_person_id": ("vector",),
        "runner_up_similarity": ("vector",),
    },
    "encounter_scores": {"encounter_id": ("face_id",), "faces": ("face_id",), "seconds_visible": ("face_id",), "score": ("person_id",)},
    "people": {
        "encounters": ("encounter_id",),
        "videos": ("video_id",),
        "days": ("started_at",),
        "first_seen": ("started_at",),
        "last_seen": ("ended_at",),
        "span_h": ("started_at", "ended_at"),
    },
}


def sources_of(asset: str) -> dict[str, tuple[str, ...]]:
    """Column of an asset -> columns of its parent; new columns are left out."""
    table = table_of(asset)
    if not table.made_from:
        return {}
    given = table_of(table.made_from).dtypes
    same = {name: (name,) for name in table.dtypes if name in given}
    return same | _FROM.get(asset, {})


def column_lineage(asset: str) -> dict[str, dg.TableColumnLineage]:
    """Column lineage as metadata of a materialization."""
    deps = {
        column: [dg.TableColumnDep(asset_key=dg.AssetKey(table_of(asset).made_from), column_name=source) for source in sources]
        for column, sources in sources_of(asset).items()
    }
    return {"dagster/column_lineage": dg.TableColumnLineage(deps)} if deps else {}
