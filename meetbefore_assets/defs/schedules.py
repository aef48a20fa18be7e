"""Schedules: catch up nightly, upkeep weekly, forget expired strangers daily."""

import dagster as dg

from meetbefore_assets.defs.jobs import catch_up, forget_strangers, upkeep


def build_schedules(nightly: str, weekly: str, zone: str) -> list[dg.ScheduleDefinition]:
    """The three schedules, all on by default.

    Args:
        nightly, weekly: cron lines.
        zone: IANA name of the zone of the cron lines.
    """
    is_on = dg.DefaultScheduleStatus.RUNNING
    return [
        dg.ScheduleDefinition(name="nightly", job=catch_up, cron_schedule=nightly, execution_timezone=zone, default_status=is_on),
        dg.ScheduleDefinition(name="weekly", job=upkeep, cron_schedule=weekly, execution_timezone=zone, default_status=is_on),
        dg.ScheduleDefinition(name="forget_strangers_daily", job=forget_strangers, cron_schedule="30 4 * * *", default_status=is_on),
    ]
