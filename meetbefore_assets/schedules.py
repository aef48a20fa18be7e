"""Schedules, both on by default."""

import dagster as dg

from meetbefore_assets.upkeep_jobs import catch_up, upkeep


def build_schedules(nightly: str, weekly: str, zone: str) -> list[dg.ScheduleDefinition]:
    """The two schedules.

    Args:
        nightly, weekly: cron lines.
        zone: IANA name of the zone they are read in.
    """
    times = {"nightly": (catch_up, nightly), "weekly": (upkeep, weekly)}
    return [
        dg.ScheduleDefinition(
            name=name, job=job, cron_schedule=line, execution_timezone=zone, default_status=dg.DefaultScheduleStatus.RUNNING
        )
        for name, (job, line) in times.items()
    ]
