"""Lists of tables, each derived from the flags of their declarations."""

from meetbefore_assets.core.schema import encounters, faces, forgetting, identities, recordings
from meetbefore_assets.core.schema.faces import DETECTIONS
from meetbefore_assets.core.schema.recordings import SOURCES
from meetbefore_assets.core.schema.table import Table

# Every table that is declared. Lists are made when they are asked for, so that a declaration is all that a table takes.
TABLES: tuple[Table, ...] = tuple(
    each for stage in (recordings, faces, identities, encounters, forgetting) for each in vars(stage).values() if isinstance(each, Table)
)


def recorded_tables() -> list[Table]:
    """Tables that lie in the record."""
    return [table for table in TABLES if table.objects != "computed" and not table.is_cached]


def tables_kept_twice() -> list[Table]:
    """Tables that lie in the record in two copies."""
    return [table for table in recorded_tables() if table.is_kept_twice]


def is_made_anew(asset: str) -> bool:
    """Whether a table of the record that is gone is made again, from recordings or from other tables."""
    return not any(table.record_name == asset.removesuffix("_copy") and table.is_original for table in TABLES)


def per_video_tables() -> list[Table]:
    """Tables with an object a video; `sources` last, so that a video that is dropped half is seen and dropped again."""
    found = [table for table in recorded_tables() if table.objects == "video"]
    return sorted(found, key=lambda table: table.name == SOURCES.name)


def pipeline_assets() -> tuple[str, ...]:
    """The assets of one video, in the order in which they are made (the job process_video)."""
    return assets_of("process_video")


def crop_assets() -> tuple[str, ...]:
    """The assets of one video that are made from its detections, so that its file may be away."""
    found = [DETECTIONS.name]
    for asset in pipeline_assets():
        if table_of(asset).made_from in found:
            found.append(asset)
    return tuple(found[1:])


def assets_of(job: str) -> tuple[str, ...]:
    """The assets that a job makes, in the order in which their tables are declared."""
    return tuple(dict.fromkeys(table.asset for table in TABLES if table.asset and table.job == job))


def decided_per_video() -> tuple[str, ...]:
    """Assets that are partitioned by video but decided over all videos at once."""
    return tuple(table.asset for table in per_video_tables() if table.job == "match")


def published_tables() -> list[Table]:
    """Tables of the published database, with the columns they have there."""
    return [table.published for table in TABLES if table.is_published]


def personal_tables() -> list[Table]:
    """Tables that say where somebody is seen, what they look like or who they are."""
    return [table for table in TABLES if table.redaction != "none"]


def table_of(asset: str) -> Table:
    """The table of an asset that is named after it, or the first that it makes. Raises KeyError."""
    made = [table for table in TABLES if table.asset == asset]
    if not made:
        raise KeyError(asset)
    return next((table for table in made if table.name == asset), made[0])
