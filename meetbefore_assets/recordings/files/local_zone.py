"""The time zone of this machine.

tzlocal keeps its first answer for as long as the process lives, and a daemon should notice when its machine travels; it also resolves
old names (Asia/Chongqing to Asia/Shanghai), which would be another policy.
"""

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

_LOG = logging.getLogger(__name__)


def machine_zone(localtime: Path = Path("/etc/localtime"), timezone: Path = Path("/etc/timezone")) -> str:
    """IANA name of this machine's time zone: from TZ, the link /etc/localtime, or /etc/timezone; 'UTC' if none of them has it."""
    told = list(_zone_candidates(localtime, timezone))
    for text in told:
        name = text.strip().removeprefix(":").rpartition("zoneinfo/")[2].removeprefix("posix/").removeprefix("right/")
        if _is_zone(name):
            return name
    if told:
        _LOG.warning("the time zone of this machine (%s) has no IANA name; UTC is used. Set time.zone.", ", ".join(told))
    return "UTC"


def _zone_candidates(localtime: Path, timezone: Path) -> Iterable[str]:
    if os.environ.get("TZ"):
        yield os.environ["TZ"]
    if localtime.is_symlink():
        yield os.readlink(localtime)
    if timezone.is_file():
        yield timezone.read_text(encoding="utf-8", errors="replace")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # from ZoneInfo: an absolute path, a folder, unknown
        return False
    return bool(name)
