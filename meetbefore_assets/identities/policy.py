"""The matching policy in force: settings, clocks and corrections, and the versions of all tracks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from meetbefore_assets.core.digest import digest
from meetbefore_assets.core.model_packs import ModelPack, default_threshold
from meetbefore_assets.core.schema.identities import IDENTITY_ASSIGNMENTS
from meetbefore_assets.home.home import Home
from meetbefore_assets.home.settings.sections import Settings
from meetbefore_assets.identities.calibration import calibration
from meetbefore_assets.identities.corrections import in_force
from meetbefore_assets.identities.stored_corrections import deciding_version, read_corrections
from meetbefore_assets.identities.thresholds import Calibration

# Source of a threshold that the user set.
BY_SETTING = "settings: matching.threshold"


@dataclass(frozen=True)
class Policy:
    """The policy of matching.

    Attributes:
        threshold: least mean cosine at which two groups are one person.
        threshold_source: where it comes from, in words.
        recogniser_id: only vectors of this recogniser are compared.
        zone: IANA name of the zone in which days are counted and local times are read.
        corrections: number of corrections in force.
        version: hash of all of this and of the settings that matter.
        calibration: how the threshold was calibrated; None if it is set.
    """

    threshold: float
    threshold_source: str
    recogniser_id: str
    zone: str
    corrections: int
    version: str
    calibration: Calibration | None


def policy(home: Home, settings: Settings | None = None) -> Policy:
    """The matching policy in force.

    Raises:
        ThresholdUnknownError: `matching.threshold` is auto, and none was measured for this recogniser.
    """
    settings = settings or home.settings()
    pack = home.model_pack(settings)
    threshold, source, reasoning = _threshold(home, settings, pack)
    zone = home.zone()
    measured = pack.recogniser.evidence
    code = (IDENTITY_ASSIGNMENTS.code_version, asdict(measured) if measured else None)
    clocks = (settings.time, list(settings.clocks))
    version = digest("policy", *code, threshold, pack.recogniser_id, zone, *clocks, deciding_version(home))
    return Policy(threshold, source, pack.recogniser_id, zone, len(in_force(read_corrections(home))), version, reasoning)


def _threshold(home: Home, settings: Settings, pack: ModelPack) -> tuple[float, str, Calibration | None]:
    wanted = settings.matching.threshold
    threshold = default_threshold(pack.recogniser, wanted)
    if not isinstance(wanted, str):
        return threshold, BY_SETTING, None
    found = calibration(home, usable_tracks(home, pack.recogniser_id), threshold)
    return found.threshold, found.sentence, found


def usable_tracks(home: Home, recogniser_id: str) -> dict[str, str]:
    """video_id -> data version of its tracks, for videos with vectors of this recogniser."""
    versions: dict[str, str] = {}
    for video_id in home.store.keys("tracks"):
        stamp = home.store.stamp("tracks", video_id)
        if stamp is not None and stamp.facts.get("model") == recogniser_id:
            versions[video_id] = stamp.data_version
    return versions


def fingerprint(home: Home, decided: Policy, tracks: Mapping[str, str]) -> str:
    """Data version of the identities: a hash of everything they depend on."""
    names = {video_id: stamp.data_version for video_id in tracks if (stamp := home.store.stamp("sources", video_id))}
    return digest("identities", decided.version, dict(sorted(tracks.items())), dict(sorted(names.items())))
