"""The table `frames`: the sampled frames of a video."""

import polars as pl

from meetbefore_assets.core.schema.faces import FRAMES
from meetbefore_assets.faces.sampling import plan_frames
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.table_writer import WrittenTable, start_table
from meetbefore_assets.recordings import identifiers
from meetbefore_assets.recordings.open_video import open_video


def make_frames(home: Home, video_id: str) -> WrittenTable:
    """Plan the sampled frames of a video, and write them; nothing is decoded."""
    builder = start_table(home, FRAMES, video_id)
    sampling = builder.settings.sampling
    content_hash = home.store.get("videos", video_id, ["content_hash"])["content_hash"][0]
    reader, _ = open_video(home, video_id)
    with reader:
        index = reader.index()
    plan = plan_frames(index, sampling.interval_s, sampling.tolerance_s)
    frame = pl.DataFrame(
        {
            "video_id": [video_id] * len(plan.pts),
            "frame_id": [identifiers.frame_id(content_hash, int(pts)) for pts in plan.pts],
            "pts": plan.pts,
            "time_s": plan.time_s,
            "is_keyframe": plan.is_keyframe,
        },
        schema=FRAMES.dtypes,
    )
    facts = {"pictures": len(index.pts), "sampled frames": len(plan.pts), "keyframes": int(plan.is_keyframe.sum())}
    return builder.write(frame, facts)
