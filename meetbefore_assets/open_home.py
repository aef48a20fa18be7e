"""Opens a home with its adapters: the only module that knows the adapters of every stage."""

from collections.abc import Callable
from pathlib import Path

from meetbefore_assets.core.parallel import RemoteWorkers
from meetbefore_assets.faces.adapters import Faces
from meetbefore_assets.home.adapters import Adapters, no_remote_workers
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings.sections import Settings
from meetbefore_assets.identities.adapters import Identities
from meetbefore_assets.recordings.adapters import Recordings
from meetbefore_assets.storage.adapters import Storage


def open_home(
    home_folder: Path, settings: Settings | None = None, remote_workers: Callable[[], RemoteWorkers | None] = no_remote_workers
) -> Home:
    """Open a home on this machine; nothing is read or written yet.

    Args:
        home_folder: need not exist.
        settings: used instead of those of the file.
        remote_workers: returns workers of a cluster that share one video, or None.
    """
    folder = home_folder.expanduser().absolute()
    adapters = Adapters(Recordings(folder), Faces(folder), Identities(folder), Storage(folder), remote_workers)
    return Home(folder, adapters, fixed_settings=settings)
