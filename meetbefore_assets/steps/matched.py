"""Which videos have identities. Apart from what decides them, so that commands that only read load little."""

from meetbefore_assets.schema import IDENTITY_ASSIGNMENTS
from meetbefore_assets.workbench import WHOLE, Workbench


def matched_videos(bench: Workbench) -> list[str]:
    """Videos that have identities."""
    return [key for key in bench.store.keys(IDENTITY_ASSIGNMENTS.name) if key != WHOLE]
