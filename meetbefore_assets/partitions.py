"""A partition a video, named by its video_id."""

import dagster as dg

PARTITIONS_NAME = "videos"
# Runs with this tag leave a table alone that another run brought in step meanwhile; without it (in the UI) it is made again.
ONLY_MISSING_TAG = "meetbefore/only_missing"
videos_partitions = dg.DynamicPartitionsDefinition(name=PARTITIONS_NAME)
