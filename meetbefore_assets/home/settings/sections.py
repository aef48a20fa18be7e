"""The settings, as frozen models by section: every key is described, unknown keys are refused."""

import math
import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from meetbefore_assets.core.uris import LOCAL_SCHEMES, REMOTE_SCHEMES


class Section(BaseModel):
    """Base of all sections: frozen, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def check_zone(name: str) -> str:
    """Return `name` if it is an IANA time zone. Raises ValueError."""
    if name not in available_timezones():
        raise ValueError(f"'{name}' is not a time zone; expected an IANA name such as 'Europe/Berlin' or 'Asia/Shanghai'")
    ZoneInfo(name)
    return name


class NamePattern(Section):
    """A file name pattern that gives the start of a recording."""

    name: str = Field(description="shown as clock_source")
    pattern: str = Field(
        max_length=500, description="regular expression with the groups year, month, day and, if known, hour, minute, second, millisecond"
    )
    zone: str = Field("local", description="'local' (time.zone), 'UTC', or an IANA name")

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return value if value == "local" else check_zone(value)

    @field_validator("pattern")
    @classmethod
    def _pattern(cls, value: str) -> str:
        import regex

        try:
            groups = set(regex.compile(value).groupindex)
        except regex.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if not {"year", "month", "day"} <= groups:
            raise ValueError("expected the named groups year, month and day, found " + (", ".join(sorted(groups)) or "none"))
        return value


class TimeSettings(Section):
    """Zones and clocks of the cameras."""

    zone: str = Field("local", description="time zone of cameras that write local time, and of everything shown; 'local' is this machine's")
    patterns: tuple[NamePattern, ...] = Field((), description="own file name patterns, tried before the built-in ones")
    creation_time: Literal["utc", "local", "ignore"] = Field(
        "utc", description="zone of the container's creation_time; some cameras write local time there"
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
    """Which frames of a video are sampled."""

    interval_s: float = Field(1.0, ge=0.02, le=3600, description="seconds between sampled frames")
    tolerance_s: float = Field(0.25, ge=0, le=1800, description="use a keyframe instead if one is this near, seconds (faster)")
    allow_truncated: bool = Field(False, description="use the readable part of files that are cut short, instead of failing")

    @model_validator(mode="after")
    def _tolerance(self) -> "SamplingSettings":
        if self.tolerance_s > self.interval_s / 2:
            raise ValueError(f"tolerance_s must be at most half of interval_s ({self.interval_s / 2:g}), found {self.tolerance_s:g}")
        return self


class FramesSettings(Section):
    """What is kept of the sampled frames."""

    keep: Literal["none", "preview", "full"] = Field(
        "none", description="keep sampled frames on disk: none, small previews, or full as AreWeMeetBefore did"
    )


class ModelsSettings(Section):
    """Which models run, and where."""

    pack: str = Field(
        "sface", min_length=1, description="'sface', an InsightFace pack by name, or a folder with a detector and a recogniser"
    )
    device: Literal["auto", "cpu", "openvino", "cuda", "tensorrt", "coreml"] = Field(
        "auto", description="where the models run; auto: cuda or openvino where they are installed, else cpu"
    )
    mirror: bool | Literal["auto"] = Field(
        "auto",
        description="also embed mirror images of faces: twice the work; auto: of all or of the best of each track, by pack",
    )
    threads: int = Field(0, ge=0, le=1024, description="chunks of a video processed at once; 0: cores divided among the jobs")


class DetectionSettings(Section):
    """Which faces are kept."""

    min_face_px: float = Field(20.0, ge=4, le=4096, description="smallest face, shorter side in pixels")
    min_score: Annotated[float, Field(ge=0.05, le=0.99)] | Literal["auto"] = Field(
        "auto", description="lowest detector score; auto: the detector's own"
    )
    min_sharpness: float = Field(0.0, ge=0, le=1, description="lowest sharpness (0 blurred .. 1 sharp); 0 keeps all")
    min_turned_score: float = Field(
        0.8, ge=0, le=1, description="lowest detector score of faces seen from the side or from behind; 0 keeps all"
    )
    max_side: int = Field(1280, ge=160, le=8192, description="size at which pictures are searched, longer side in pixels")


class TrackSettings(Section):
    """How the faces of one shot are linked."""

    max_gap_s: float = Field(3.0, ge=0, le=3600, description="longest gap within one track, seconds")
    min_similarity: float | Literal["auto"] = Field(
        "auto", description="lowest similarity of two faces of one track; auto: the recogniser's own"
    )

    @field_validator("min_similarity")
    @classmethod
    def _similarity(cls, value: float | str) -> float | str:
        return _cosine_or_auto(value)


class MatchingSettings(Section):
    """When two groups of faces are one person."""

    threshold: float | Literal["auto"] = Field(
        "auto",
        description="people are joined above this similarity (higher: surer); auto: the recogniser's, or higher if the archive needs it",
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

    gap_min: float = Field(
        30.0, gt=0, le=60 * 24 * 366, description="sightings of a person closer together than this are one encounter, minutes"
    )


class UpkeepSettings(Section):
    """What the schedules do, and how long history is kept."""

    watch_s: int = Field(15, ge=2, le=86400, description="how often the sensors look for new files and changed settings, seconds")
    nightly: str = Field("0 3 * * *", description="when unfinished work is done, as a cron line in the zone of this machine")
    weekly: str = Field("30 4 * * 0", description="when the record and index are checked and cleaned up, as a cron line")
    keep_runs_days: int = Field(90, ge=0, le=36500, description="delete runs and events of the UI after so many days; 0 keeps all")

    @field_validator("nightly", "weekly")
    @classmethod
    def _cron(cls, value: str) -> str:
        if len(value.split()) != 5 or not set(value) <= set("0123456789*,-/ "):
            raise ValueError("expected a cron line of five fields such as '0 3 * * *' (three o'clock every night)")
        return value


class PrivacySettings(Section):
    """What is not kept for ever."""

    group_access: bool = Field(False, description="the group of the home may read and write it; then run doctor --fix")
    single_sightings_days: int = Field(0, ge=0, le=36525, description="forget strangers met once after so many days; 0 keeps them")


class LimitsSettings(Section):
    """Limits on what a file may take to process."""

    picture_megapixels: float = Field(
        200.0, gt=0, le=100_000, description="larger pictures are not decoded (three to six bytes of memory a pixel), megapixels"
    )


class StoreSettings(Section):
    """Where the record is kept, and what several machines share."""

    uri: str = Field("", description="where the record is kept: a folder, or an address such as s3://bucket/folder; empty: <home>/record")
    postgres: str = Field(
        "", repr=False, description="postgresql:// address in which locks are taken, for several machines; empty: files in the home"
    )
    cache_gib: float = Field(20.0, ge=0.1, le=1e6, description="disk space for copies of recordings from an object store, GiB")

    @field_validator("uri")
    @classmethod
    def _uri(cls, value: str) -> str:
        scheme = value.partition("://")[0] if "://" in value else "file"
        known = (*LOCAL_SCHEMES, *REMOTE_SCHEMES)
        if scheme not in known:
            raise ValueError(f"expected a folder, or an address that begins with {', '.join(f'{each}://' for each in known)}")
        return value

    @field_validator("postgres")
    @classmethod
    def _postgres(cls, value: str) -> str:
        if value and not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("expected an address such as postgresql://user@host/database, with :password behind the user if it has one")
        user, _, rest = value.partition("?")[0].partition("://")[2].partition("@")
        if "@" in rest or (rest and "/" in user):  # Postgres would take part of the password for the host, and print it
            raise ValueError("expected a password without @ and /: write %40 for @ and %2F for /")
        return value


class UiSettings(Section):
    """What `meetbefore ui` serves."""

    hosts: tuple[str, ...] = Field(
        (), description="names besides this machine's own by which a proxy of yours reaches `meetbefore ui`, such as 'faces.example:8443'"
    )

    @field_validator("hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not re.fullmatch(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", host):
                raise ValueError("expected names such as 'faces.example' or 'faces.example:8443', without 'https://', path or *")
        return value


class NewsSettings(Section):
    """To whom news is told."""

    command: tuple[str, ...] = Field((), description="program with its arguments that gets news as JSON on standard input, without a shell")
    file: str = Field("", description="file that the latest news is written to, as JSON; in the home if no folder is named")
    timeout_s: float = Field(30.0, ge=1, le=600, description="the program is ended after so many seconds")

    @field_validator("command")
    @classmethod
    def _command(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value and not value[0].strip():
            raise ValueError("expected a program and its arguments, such as ['notify-send', 'meetbefore'], found no program")
        return value


class Settings(Section):
    """All settings of one home."""

    sources: tuple[str, ...] = Field((), description="folders with recordings; empty: <home>/videos")
    time: TimeSettings = TimeSettings()
    clocks: tuple[ClockCorrection, ...] = Field((), description="corrections of camera clocks; the first that fits is used")
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
    limits: LimitsSettings = LimitsSettings()
    store: StoreSettings = StoreSettings()
    ui: UiSettings = UiSettings()
    news: NewsSettings = NewsSettings()
