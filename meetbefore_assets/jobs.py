"""Two jobs: the way of one video, and the decision over all of them. Both end with publishing."""

import dagster as dg

from meetbefore_assets import engines
from meetbefore_assets.domain.lineage import MATCHING, PER_VIDEO, PUBLISHING

_ENGINE = engines.chosen()

process_video = dg.define_asset_job(
    "process_video",
    selection=dg.AssetSelection.assets(*PER_VIDEO, "meetbefore_db"),
    description="One video from its file to its tracks, and publish. Who is who is decided by the job match.",
    executor_def=engines.executor(_ENGINE),
    op_retry_policy=engines.retry_policy(_ENGINE),
)

match = dg.define_asset_job(
    "match",
    selection=dg.AssetSelection.assets(*MATCHING, *PUBLISHING),
    description="Who is who, over all videos: policy, index, identities, encounters, people, database, report. "
    "Any one partition will do: the run brings all of them in step.",
)
