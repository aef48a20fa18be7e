"""The matching policy in force: settings, clocks and corrections, and the versions of all tracks."""

from collections.abc import Mapping
from dataclasses import dataclass

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.model_packs import FoundPack, default_threshold
from meetbefore_assets.core.schema.identities import IDENTITY_ASSIGNMENTS
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings.sections import Settings
from meetbefore_assets.identities.calibration import calibration
from meetbefore_assets.identities.corrections import in_force
from meetbefore_assets.identities.stored_corrections import corrections_version, read_corrections
from meetbefore_assets.identities.thresholds import Calibration


@dataclass(frozen=True)
class Policy:
    """How identities are decided.

    Attributes:
        threshold: least mean cosine at which two groups are one person.
        threshold_source: where it comes from, in words.
        recogniser_id: only its vectors are compared.
        zone: in which days are counted and local times are read.
        corrections: number of corrections in force.
        version: hash of all of it and of the settings that matter.
        calibration: what the archive says of its threshold; None where a setting does.
    """

    threshold: float
    threshold_source: str
    recogniser_id: str
    zone: str
    corrections: int
    version: str
    calibration: Calibration | None


def policy(home: Home, settings: Settings | None = None) -> Policy:
    """The policy in force.

    Raises:
        ThresholdUnknownError: `matching.threshold` is auto, and nobody measured one for this recogniser.
    """
    settings = settings or home.settings()
    pack = home.found_pack(settings)
    threshold, source, reasoning = _threshold(home, settings, pack)
    zone = home.zone()
    code = IDENTITY_ASSIGNMENTS.code_version
    clocks = (settings.time, list(settings.clocks))
    version = digest("policy", code, threshold, pack.recogniser_id, zone, *clocks, corrections_version(home))
    return Policy(threshold, source, pack.recogniser_id, zone, len(in_force(read_corrections(home))), version, reasoning)


def _threshold(home: Home, settings: Settings, pack: FoundPack) -> tuple[float, str, Calibration | None]:
    wanted = settings.matching.threshold
    threshold = default_threshold(pack.recogniser, wanted)
    if not isinstance(wanted, str):
        return threshold, "settings: matching.threshold", None
    found = calibration(home, usable_tracks(home, pack.recogniser_id), threshold)
    return found.threshold, found.sentence, found


def usable_tracks(home: Home, recogniser_id: str) -> dict[str, str]:
    """video_id -> version of its tracks, of the videos whose vectors are of the recogniser in force."""
    versions: dict[str, str] = {}
    for video_id in home.store.keys("tracks"):
        stamp = home.store.stamp("tracks", video_id)
        if stamp is not None and stamp.facts.get("model") == recogniser_id:
            versions[video_id] = stamp.data_version
    return versions


def fingerprint(home: Home, decided: Policy, tracks: Mapping[str, str]) -> str:
    """Content address of everything that identities depend on."""
    names = {video_id: stamp.data_version for video_id in tracks if (stamp := home.store.stamp("sources", video_id))}
    return digest("identities", decided.version, dict(sorted(tracks.items())), dict(sorted(names.items())))
