"""What each asset does, as plain functions of a workbench: no Dagster, no library of the outside world."""
