"""Dagster objects: assets, asset checks, jobs, sensors, schedules."""
