"""Whom do I keep meeting? A Dagster project that finds the people who cross your path again and again.

One folder per stage of the data; each imports only the folders below it (`meetbefore_assets_tests/test_layers.py` checks every import).

    cli             the command line
    web             the app, and the guard and login before it and the Dagster UI
    demo            a small labelled archive, and how much of it was found
    definitions     the Dagster definitions
    defs            assets, checks, jobs, sensors, schedules
    running         `meetbefore run`: Dagster instance, worker processes, executors
    open_home       a home with its adapters
    forgetting      erasing people and videos everywhere
    upkeep          checks and repairs of the record
    asking          questions with a photograph: who is this
    publishing      the database, the page, exports
    review          corrections, questions, what-if
    encounters      encounters, scores, chance
    identities      who is who: edges, grouping, matching, corrections
    faces           sampling, detections, embeddings, tracks
    recordings      files, clocks, places, video readers
    home            settings, versions, table writer, suppressions
    storage         Parquet, object store, DuckDB, locks
    core            errors, schema, ports
"""

import os

# onnxruntime sends usage figures to its maker unless it finds this when it is loaded. No module of this package can load it earlier.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
