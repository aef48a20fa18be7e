"""Metadata of a video's assets: counts, times and paths; never names, pictures or person ids."""

import datetime as dt
from pathlib import Path

from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.home_files import preview_path
from meetbefore_assets.recordings.clocks import clock_of, to_local


def describe_clock(home: Home, video_id: str) -> dict[str, object]:
    """When a video was recorded, where its clock comes from, and what is doubtful about it."""
    clock = clock_of(home, video_id)
    if clock.started_at is None:
        return {"recorded": "unknown", "clock": clock.warning}
    facts = home.store.get("videos", video_id, ["duration_s", "uri"]).row(0, named=True)
    zone = home.zone()
    begin, end = (
        to_local(moment, zone) for moment in (clock.started_at, clock.started_at + dt.timedelta(seconds=float(facts["duration_s"])))
    )
    words = {"recorded": f"{begin:%Y-%m-%d %H:%M:%S} to {end:%H:%M:%S} ({zone})", "clock": f"{clock.clock_source}, zone {clock.timezone}"}
    return {
        **words,
        **({"clock in doubt": clock.warning} if clock.warning else {}),
        "recording": Path(str(facts["uri"]).partition("?day=")[0]),
    }


def describe_faces(home: Home, video_id: str) -> dict[str, object]:
    """The time span in which faces are seen, and the path of the contact sheet."""
    times = home.store.get("detections", video_id, ["time_s", "frame_id"])
    sheet = preview_path(home, video_id)
    if not times.height:
        return {"faces seen": "none"}
    span = f"{float(times['time_s'].min()):.1f} s to {float(times['time_s'].max()):.1f} s"  # type: ignore[arg-type]
    told: dict[str, object] = {"faces seen": f"{span}, in {times['frame_id'].n_unique()} frames"}
    return {**told, **({"contact sheet": sheet} if sheet.exists() else {})}
