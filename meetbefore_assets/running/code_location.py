"""How Dagster knows this project: one name of its code location for `meetbefore ui`, `dagster dev`, `dg dev` and the command line."""

LOCATION_NAME = "meetbefore"
MODULE = "meetbefore_assets.definitions"
