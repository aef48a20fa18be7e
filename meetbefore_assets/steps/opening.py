"""Opening a video that was taken in, and making sure that it is the one that was."""

import polars as pl

from meetbefore_assets.domain.ports import VideoReader
from meetbefore_assets.errors import UnreadableVideoError
from meetbefore_assets.workbench import Workbench


def open_video(bench: Workbench, video_id: str) -> tuple[VideoReader, str]:
    """The reader of the first of a video's files that is there, and its uri.

    Raises:
        UnreadableVideoError: none of its files is there, or it cannot be opened.
    """
    uris = bench.store.get("sources", video_id, ["uri"])["uri"].to_list()
    for uri in uris:
        if bench.is_present([uri]):
            refuse_changed(bench, video_id, uri)
            return bench.tools.open_video(uri, bench.settings().sampling.allow_truncated), uri
    raise UnreadableVideoError(
        f"{video_id}: expected the file at {' or '.join(uris) or 'a known place'}, found nothing there.",
        remedy="Attach the disk, or run with the folder the file was moved to.",
    )


def refuse_changed(bench: Workbench, video_id: str, uri: str) -> None:
    """Nothing is made of a file that is not the one that was taken in: it would stand under a wrong name.

    Raises:
        UnreadableVideoError: it was written to since.
    """
    row = bench.store.get("sources", video_id).filter(pl.col("uri") == uri).row(0, named=True)
    if row["kind"] == "video":
        size_bytes, mtime_ns = bench.tools.size_and_time(uri) or (0, 0)
        if (size_bytes, mtime_ns) == (row["size_bytes"], row["mtime_ns"]):
            return
        if size_bytes == row["size_bytes"] and bench.tools.content_hash(uri) == row["content_hash"]:
            return
        sizes = f"expected the {row['size_bytes']} bytes that were taken in, found {size_bytes}"
        raise UnreadableVideoError(
            f"{row['file_name']}: {sizes}: it is still being written.",
            remedy="Wait until it is copied completely, then run again.",
        )
