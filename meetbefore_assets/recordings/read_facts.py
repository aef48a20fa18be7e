"""The table `videos`: what the container of each recording says."""

import json

from meetbefore_assets.core.schema.recordings import VIDEOS
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.record.table_writer import WrittenTable, start_table
from meetbefore_assets.recordings.open_video import open_video


def make_videos(home: Home, video_id: str) -> WrittenTable:
    """Read the container of a recording, and write its row."""
    builder = start_table(home, VIDEOS, video_id)
    sources = home.store.get("sources", video_id).sort("file_name", "uri")
    reader, uri = open_video(home, video_id)
    with reader:
        facts = reader.facts()
    row = {
        "video_id": video_id,
        "file_name": sources["file_name"][0],
        "uri": uri,
        "content_hash": sources["content_hash"][0],
        "duration_s": facts.duration_s,
        "width": facts.width,
        "height": facts.height,
        "rotation_deg": facts.rotation_deg,
        "fps": facts.fps,
        "codec": facts.codec,
        "container": facts.container,
        "tags": json.dumps(dict(facts.tags), sort_keys=True),
        "sidecar_start": home.adapters.recordings.sidecar_start(uri),
    }
    shown = {name: row[name] for name in ("file_name", "duration_s", "width", "height", "rotation_deg", "fps", "codec", "container")}
    return builder.write(VIDEOS.frame([row]), shown)
