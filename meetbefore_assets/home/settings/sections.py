"""Setting sections: frozen models, every key described, unknown keys refused."""

import math
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from meetbefore_assets.core.uris import REMOTE_SCHEMES


class Section(BaseModel):
    """What all sections have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def check_zone(name: str) -> str:
    """Return `name` if it is an IANA zone, else raise ValueError saying what was expected."""
    if name not in available_timezones():
        raise ValueError(f"'{name}' is not a time zone; expected an IANA name such as 'Europe/Berlin' or 'Asia/Shanghai'")
    ZoneInfo(name)
    return name


class NamePattern(Section):
    """How a file name tells when its recording began."""

    name: str = Field(description="shown as clock_source")
    pattern: str = Field(description="regular expression with the groups year, month, day and, if known, hour, minute, second, millisecond")
    zone: str = Field("local", description="'local' (time.zone), 'UTC', or an IANA name")

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return value if value == "local" else check_zone(value)

    @field_validator("pattern")
    @classmethod
    def _pattern(cls, value: str) -> str:
        import re

        try:
            groups = set(re.compile(value).groupindex)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if not {"year", "month", "day"} <= groups:
            raise ValueError("expected the named groups year, month and day, found " + (", ".join(sorted(groups)) or "none"))
        return value


class TimeSettings(Section):
    """Zones and clocks of the cameras."""

    zone: str = Field("local", description="zone of cameras that write local time, and of what people read; 'local' is this machine's")
    patterns: tuple[NamePattern, ...] = Field((), description="own file name patterns, tried before the built-in ones")
    creation_time: Literal["utc", "local", "ignore"] = Field(
        "utc", description="how to read the container's creation_time; some cameras write local time there"
    )

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return value if value == "local" else check_zone(value)


class ClockCorrection(Section):
    """Corrects the clock of one camera; nothing is decoded again."""

    files: str = Field(description="file name pattern (* and ?), for example 'DJI_*'")
    offset_s: float = Field(0.0, ge=-1e9, le=1e9, description="seconds to add to what the camera said")
    zone: str | None = Field(None, description="zone the camera was set to, instead of time.zone")

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str | None) -> str | None:
        return value if value is None else check_zone(value)


class SamplingSettings(Section):
    """Which moments of a video are looked at."""

    interval_s: float = Field(1.0, ge=0.02, le=3600, description="one moment is looked at every so many seconds")
    tolerance_s: float = Field(0.25, ge=0, le=1800, description="a keyframe this near to the wanted moment is taken instead (cheaper)")
    allow_truncated: bool = Field(False, description="use what can be read of files that are cut short, instead of failing")

    @model_validator(mode="after")
    def _tolerance(self) -> "SamplingSettings":
        if self.tolerance_s > self.interval_s / 2:
            raise ValueError(f"tolerance_s must be at most half of interval_s ({self.interval_s / 2:g}), found {self.tolerance_s:g}")
        return self


class FramesSettings(Section):
    """What is kept of the moments themselves."""

    keep: Literal["none", "preview", "full"] = Field(
        "none", description="whole pictures on disk: none, small ones, or as AreWeMeetBefore kept them"
    )


class ModelsSettings(Section):
    """Which models run, and where."""

    pack: str = Field(
        "sface", min_length=1, description="'sface', an InsightFace pack by name, or a folder with a detector and a recogniser"
    )
    device: Literal["auto", "cpu", "openvino", "cuda", "tensorrt", "coreml"] = Field(
        "auto", description="where the models run; auto: cuda or openvino where they are installed, else cpu"
    )
    mirror: bool = Field(True, description="embed each face and its mirror image, and take the mean: twice the work, surer vectors")
    threads: int = Field(0, ge=0, le=1024, description="chunks of a video that are worked on at once; 0: the cores shared among the jobs")


class DetectionSettings(Section):
    """Which faces are kept."""

    min_face_px: float = Field(20.0, ge=4, le=4096, description="shorter side of the smallest face that is kept")
    min_score: Annotated[float, Field(ge=0.05, le=0.99)] | Literal["auto"] = Field(
        "auto", description="least detector score; auto: what belongs to the detector"
    )
    min_sharpness: float = Field(0.0, ge=0, le=1, description="least sharpness (0 blurred .. 1 sharp); 0 keeps all")
    min_turned_score: float = Field(
        0.8, ge=0, le=1, description="least detector score of a face seen from the side or from behind; 0 keeps all"
    )
    max_side: int = Field(1280, ge=160, le=8192, description="longer side of the picture that is searched, pixels")


class TrackSettings(Section):
    """How the faces of one shot are linked."""

    max_gap_s: float = Field(3.0, ge=0, le=3600, description="longest absence inside one track")
    min_similarity: float | Literal["auto"] = Field(
        "auto", description="least cosine between two faces of one track; auto: what belongs to the recogniser"
    )

    @field_validator("min_similarity")
    @classmethod
    def _similarity(cls, value: float | str) -> float | str:
        return _cosine_or_auto(value)


class MatchingSettings(Section):
    """When two groups of faces are one person."""

    threshold: float | Literal["auto"] = Field(
        "auto",
        description="least cosine at which two groups are one person; auto: the recogniser's own, or more if the archive asks for it",
    )

    @field_validator("threshold")
    @classmethod
    def _threshold(cls, value: float | str) -> float | str:
        return _cosine_or_auto(value)


def _cosine_or_auto(value: float | str) -> float | str:
    if isinstance(value, str):
        return value
    if not -1.0 < value < 1.0 or math.isnan(value):
        raise ValueError(f"expected a cosine between -1 and 1 (0.3 to 0.6 is usual) or 'auto', found {value:g}")
    return value


class IndexSettings(Section):
    """What finds similar tracks."""

    kind: Literal["auto", "memory", "disk", "pgvector"] = Field(
        "auto", description="where vectors are searched: in memory (auto does so), in files of the home, or in the server of store.postgres"
    )


class EncounterSettings(Section):
    """When sightings are one encounter."""

    gap_min: float = Field(30.0, gt=0, le=60 * 24 * 366, description="sightings of a person nearer than this are one encounter")


class UpkeepSettings(Section):
    """What the schedules do, and how long history is kept."""

    watch_s: int = Field(15, ge=2, le=86400, description="the sensors look for new files and changed settings every so many seconds")
    nightly: str = Field("0 3 * * *", description="when what was left undone is caught up with, as a cron line in the zone of this machine")
    weekly: str = Field("30 4 * * 0", description="when record and index are verified and litter is cleared away, as a cron line")
    keep_runs_days: int = Field(90, ge=0, le=36500, description="runs and events of the UI older than this go; 0 keeps all")

    @field_validator("nightly", "weekly")
    @classmethod
    def _cron(cls, value: str) -> str:
        if len(value.split()) != 5 or not set(value) <= set("0123456789*,-/ "):
            raise ValueError("expected a cron line of five fields such as '0 3 * * *' (three o'clock every night)")
        return value


class PrivacySettings(Section):
    """What is not kept for ever."""

    single_sightings_days: int = Field(
        0, ge=0, le=36525, description="strangers met once are forgotten so many days after they were seen; 0 keeps them"
    )


class StoreSettings(Section):
    """Where the record is kept, and what several machines share besides."""

    uri: str = Field("", description="where the record is kept: a folder, or an address such as s3://bucket/folder; empty: <home>/record")
    postgres: str = Field("", description="postgresql:// address in which locks are taken, for several machines; empty: files in the home")
    cache_gib: float = Field(20.0, ge=0.1, le=1e6, description="most room for copies of recordings that lie in an object store")

    @field_validator("uri")
    @classmethod
    def _uri(cls, value: str) -> str:
        scheme = value.partition("://")[0] if "://" in value else "file"
        if scheme != "file" and scheme not in REMOTE_SCHEMES:
            raise ValueError(
                f"expected a folder, or an address that begins with file://, {', '.join(f'{known}://' for known in REMOTE_SCHEMES)}"
            )
        return value

    @field_validator("postgres")
    @classmethod
    def _postgres(cls, value: str) -> str:
        if value and not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("expected an address such as postgresql://user:password@host/database")
        return value


class Settings(Section):
    """All settings of one home."""

    sources: tuple[str, ...] = Field((), description="folders with recordings; empty: <home>/videos")
    time: TimeSettings = TimeSettings()
    clocks: tuple[ClockCorrection, ...] = Field((), description="corrections of camera clocks, the first that fits is used")
    sampling: SamplingSettings = SamplingSettings()
    frames: FramesSettings = FramesSettings()
    models: ModelsSettings = ModelsSettings()
    detection: DetectionSettings = DetectionSettings()
    tracks: TrackSettings = TrackSettings()
    matching: MatchingSettings = MatchingSettings()
    index: IndexSettings = IndexSettings()
    encounters: EncounterSettings = EncounterSettings()
    upkeep: UpkeepSettings = UpkeepSettings()
    privacy: PrivacySettings = PrivacySettings()
    store: StoreSettings = StoreSettings()
