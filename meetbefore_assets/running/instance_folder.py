"""The folder of a home's Dagster instance, and the environment variables for it; imports no Dagster."""

import os
from pathlib import Path

from meetbefore_assets.storage.atomic_file import write_private
from meetbefore_assets.storage.private_folder import close_new_home, private_folder

_CONFIG = """\
# Written by meetbefore for this home; edit it as you like, it is not written again.
# No folder is named: everything lies beside this file, wherever the home is moved to.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 2
run_monitoring:
  enabled: true
retention:
  sensor:
    purge_after_days: {skipped: 2, success: 14, failure: 30, started: 7}
  schedule:
    purge_after_days: 90
"""


def prepare(home_folder: Path) -> Path:
    """Create the instance's folder, and point this process and its children to it."""
    close_new_home(home_folder.absolute())
    folder = private_folder(home_folder.absolute() / "dagster")
    config = folder / "dagster.yaml"
    if not config.exists():
        write_private(config, _CONFIG.encode(), durable=True)
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
    os.environ["MEETBEFORE_HOME"] = str(home_folder.absolute())
    return folder
