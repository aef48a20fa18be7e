"""Dagster's objects: assets, checks, jobs, sensors, schedules."""
