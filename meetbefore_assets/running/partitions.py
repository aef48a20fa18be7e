"""The partitions definition of videos, and tags of partitioned runs."""

import dagster as dg

PARTITIONS_NAME = "videos"
# Dagster's own tag of a run for one partition.
PARTITION_TAG = "dagster/partition"
# Most partitions added at once: Dagster passes all to SQLite in one statement, which takes 32,766 values (250,000 on Debian).
AT_ONCE = 10_000
# Runs with this tag skip a table that is up to date; runs without it (started in the UI) compute it again.
ONLY_MISSING_TAG = "meetbefore/only_missing"
videos_partitions = dg.DynamicPartitionsDefinition(name=PARTITIONS_NAME)
