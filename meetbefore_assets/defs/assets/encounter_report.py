"""Asset `encounter_report`: the report page."""

from pathlib import Path

import dagster as dg

from meetbefore_assets.defs.assets.people import people
from meetbefore_assets.defs.materialize import OWNERS, HomeResource, metadata
from meetbefore_assets.publishing.page.render import write_report


@dg.asset(group_name="publishing", kinds={"html"}, deps=[people], owners=OWNERS)
def encounter_report(home: HomeResource) -> dg.MaterializeResult[None]:
    """The page: people, faces, times and places in the videos, in one HTML file.

    It is made when somebody asks for it (here, or `meetbefore report`): no job does, and it is as new as the last time.
    """
    written = write_report(home)
    shown = {
        **metadata({"people shown": written.people, "bytes": written.size_bytes}, written.people),
        "file": dg.MetadataValue.path(home.address(Path(written.path))),
    }
    return dg.MaterializeResult(metadata=shown, data_version=dg.DataVersion(written.version))
