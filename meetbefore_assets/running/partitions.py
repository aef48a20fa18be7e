"""The dynamic partition of videos."""

import dagster as dg

PARTITIONS_NAME = "videos"
# Added at a time: Dagster asks SQLite about all of them in one statement, which takes 32,766 values (250,000 on Debian).
AT_ONCE = 10_000
# Runs with this tag leave a table alone that another run brought in step meanwhile; without it (in the UI) it is made again.
ONLY_MISSING_TAG = "meetbefore/only_missing"
videos_partitions = dg.DynamicPartitionsDefinition(name=PARTITIONS_NAME)
