"""The stages of one video: asset -> the function that computes and writes its table."""

from meetbefore_assets.faces.detect import make_detections
from meetbefore_assets.faces.embed import make_embeddings
from meetbefore_assets.faces.frames import make_frames
from meetbefore_assets.faces.tracks import make_tracks
from meetbefore_assets.recordings.read_facts import make_videos

STAGES = {
    "videos": make_videos,
    "frames": make_frames,
    "detections": make_detections,
    "embeddings": make_embeddings,
    "tracks": make_tracks,
}
