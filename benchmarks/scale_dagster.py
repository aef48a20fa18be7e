"""Dagster's own cost on this machine, per run and with many partitions; part of `benchmarks.scale_units`."""

import asyncio
import sqlite3
from pathlib import Path

import dagster as dg
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster_graphql.schema import create_schema

from benchmarks.clips import ClipKind, make_clip
from benchmarks.scale_timing import Found, clock_s, cpu_s, size_of
from benchmarks.speed_methods import STEPS, Ours
from meetbefore_assets.cli.options import build_definitions
from meetbefore_assets.open_home import open_home
from meetbefore_assets.recordings.intake import import_recordings, known_videos
from meetbefore_assets.running import instance
from meetbefore_assets.running.partitions import PARTITIONS_NAME
from meetbefore_assets.running.worker import Task, _Executor


def dagster(folder: Path, count: int) -> Found:
    """Dagster's cost per run of some videos: CPU seconds, bytes and rows."""
    source = make_clip(ClipKind(seconds=2, faces=1), folder / "clips", None)
    clips = [folder / "short" / f"2025030708{number:02d}05.mp4" for number in range(count + 1)]
    clips[0].parent.mkdir(exist_ok=True)
    for number, clip in enumerate(clips):
        # A box that players pass over tells copies apart, or they would be one recording.
        clip.write_bytes(source.read_bytes() + (12).to_bytes(4, "big") + b"free" + number.to_bytes(4, "big"))
    ours = Ours(folder / "alone", "sface", 1)
    for clip in clips:
        ours.take_in(clip)
    ours.run(clips[0])
    alone_s = cpu_s(lambda: [ours.run(clip) for clip in clips[1:]])
    home_folder = folder / "home"
    executor = _Executor(build_definitions, home_folder, 1, lambda *_: None)
    home = open_home(home_folder)
    import_recordings(home, [clips[0].parent])
    ids = list(known_videos(home))
    with instance.open_instance(home_folder) as opened:
        instance.add_partitions(opened, ids)

    def process(video_ids: list[str]) -> None:
        for video_id in video_ids:
            outcome = executor.execute(Task("process_video", video_id, STEPS))
            assert outcome.is_success, outcome.message

    process(ids[:1])
    bytes_before, rows_before = size_of(home_folder / "dagster"), _rows(home_folder / "dagster")
    with_s = cpu_s(lambda: process(ids[1:]))
    return {
        "run_s": (with_s - alone_s) / count,
        "run_bytes": (size_of(home_folder / "dagster") - bytes_before) / count,
        "run_rows": (_rows(home_folder / "dagster") - rows_before) / count,
    }


def _rows(folder: Path) -> int:
    """Number of rows in all of Dagster's databases."""
    total = 0
    for path in folder.rglob("*.db"):
        with sqlite3.connect(path) as database:
            names = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
            total += sum(database.execute(f'select count(*) from "{name}"').fetchone()[0] for name in names)
    return total


def partitions(folder: Path, count: int) -> Found:
    """Add so many partitions to an instance of Dagster: wall-clock seconds to add and to read them, bytes."""
    keys = [f"DJI_{number:014d}_0001_D-{number:08x}" for number in range(count)]
    with instance.open_instance(folder / "home") as opened:
        before = size_of(folder / "home")
        add_s = clock_s(lambda: instance.add_partitions(opened, keys))
        read_s = min(clock_s(lambda: opened.get_dynamic_partitions(PARTITIONS_NAME)) for _ in range(3))
        one_more_s = clock_s(lambda: instance.add_partitions(opened, ["one more"]))
        grown = size_of(folder / "home") - before
        page_s = _page_s(opened)
    return {"add_s": add_s, "read_s": read_s, "one_more_s": one_more_s, "bytes": grown, "page_s": page_s}


# What the page of an asset asks for: the names of its partitions, and which of them are made.
_PAGE = """query { assetNodeOrError(assetKey: {path: ["tracks"]}) { ... on AssetNode {
    partitionKeysByDimension { name partitionKeys }
    partitionStats { numPartitions numMaterialized }
    assetPartitionStatuses { ... on DefaultPartitionStatuses { materializedPartitions unmaterializedPartitions } } } } }"""


def _page_s(opened: dg.DagsterInstance) -> float:
    """Wall-clock seconds until the web server answers for an asset's page; the second time, with warm caches."""
    target = ModuleTarget("meetbefore_assets.definitions", "defs", None, "meetbefore")
    with WorkspaceProcessContext(opened, target) as workspace:

        def ask() -> None:
            answer = asyncio.run(create_schema().execute_async(_PAGE, context_value=workspace.create_request_context()))
            assert not answer.errors, answer.errors

        ask()
        return clock_s(ask)
