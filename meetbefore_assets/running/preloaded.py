"""Imports what every worker process needs; loaded once by the process that workers are forked from, so that they share its memory.

Importing it must start no thread, and open no file but the log that workers print to.
"""

import os
from pathlib import Path

from meetbefore_assets.running.worker import redirect_output

if os.environ.get("MEETBEFORE_HOME"):
    redirect_output(Path(os.environ["MEETBEFORE_HOME"]))

import meetbefore_assets.running.execute_job
import meetbefore_assets.running.instance  # noqa: F401
