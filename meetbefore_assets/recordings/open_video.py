"""Opens an imported video, and checks that its file is unchanged."""

import polars as pl

from meetbefore_assets.core.errors import UnreadableVideoError
from meetbefore_assets.core.ports import VideoReader
from meetbefore_assets.home.home import Home


def open_video(home: Home, video_id: str) -> tuple[VideoReader, str]:
    """Open the first of a video's files that can be reached; returns the reader and the file's uri.

    Raises:
        UnreadableVideoError: none of its files can be reached, or it cannot be opened.
    """
    uris = home.store.get("sources", video_id, ["uri"])["uri"].to_list()
    for uri in uris:
        if home.is_present([uri]):
            check_unchanged(home, video_id, uri)
            return home.adapters.recordings.open_video(uri, home.settings().sampling.allow_truncated), uri
    raise UnreadableVideoError(
        f"{video_id}: expected the file at {' or '.join(uris) or 'a known place'}, found nothing there.",
        remedy="Attach the disk, or run with the folder the file was moved to.",
    )


def check_unchanged(home: Home, video_id: str, uri: str) -> None:
    """Check that a file is still the one that was imported; results of another one would get a wrong id.

    Raises:
        UnreadableVideoError: it was written to since.
    """
    row = home.store.get("sources", video_id).filter(pl.col("uri") == uri).row(0, named=True)
    if row["kind"] == "video":
        size_bytes, mtime_ns = home.adapters.recordings.size_and_time(uri) or (0, 0)
        if (size_bytes, mtime_ns) == (row["size_bytes"], row["mtime_ns"]):
            return
        if size_bytes == row["size_bytes"] and home.adapters.recordings.content_hash(uri) == row["content_hash"]:
            return
        sizes = f"expected the {row['size_bytes']} bytes that were imported, found {size_bytes}"
        raise UnreadableVideoError(
            f"{row['file_name']}: {sizes}: it is still being written.",
            remedy="Wait until it is copied completely, then run again.",
        )
