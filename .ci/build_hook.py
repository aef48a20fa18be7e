"""Builds the package; in a checkout (an editable install) Python is told besides to keep one warning of Dagster to itself."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# `dagster dev` warns at every start that `dg dev` should be used, and there is no setting that says one knows.
NAME = "quiet_dagster_dev.pth"


class Hook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds to an editable install alone: whoever installs the wheel gets no such line."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            build_data["force_include_editable"][str(Path(self.root) / ".ci" / NAME)] = NAME
