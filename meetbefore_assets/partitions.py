"""A partition a video, named by its video_id."""

import dagster as dg

PARTITIONS_NAME = "videos"
videos_partitions = dg.DynamicPartitionsDefinition(name=PARTITIONS_NAME)
