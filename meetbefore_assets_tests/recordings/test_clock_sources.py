from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.core.errors import SettingsError
from meetbefore_assets.home.settings.sections import ClockCorrection, NamePattern, TimeSettings
from meetbefore_assets.recordings import camera_names
from meetbefore_assets.recordings.clock_sources import Clock, resolve_clock

BERLIN = TimeSettings(zone="Europe/Berlin")  # UTC+1 on 2025-03-07, UTC+2 from 2025-03-30 02:00 on
NOON = datetime(2025, 3, 7, 12, 29, 24)
MTIME_S = datetime(2025, 5, 1, 8, tzinfo=UTC).timestamp()


def resolve(
    *names: str,
    tags: Mapping[str, str] | None = None,
    sidecar: str = "",
    mtime_s: float | None = MTIME_S,
    duration_s: float = 60.0,
    time: TimeSettings = BERLIN,
    clocks: Sequence[ClockCorrection] = (),
) -> Clock:
    return resolve_clock(
        names,
        tags or {},
        sidecar_start=sidecar,
        mtime_s=mtime_s,
        duration_s=duration_s,
        time=time,
        clocks=clocks,
        machine_zone="Asia/Shanghai",
    )


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("DJI_20250307122924_0036_D.MP4", "dji"),
        ("dji_20250307122924_0036_d.mp4", "dji"),
        ("DJI_20250307_122924_123.mp4", "dji"),
        ("Copy of DJI_20250307122924_0036_D (1).MP4", "dji"),
        ("VID_20250307_122924_00_001.insv", "insta360"),
        ("VID_20250307_122924.mp4", "android"),
        ("VID20250307122924.mp4", "android"),
        ("20250307_122924.mp4", "samsung"),
        ("20250307_122924(1).mp4", "samsung"),
        ("20250307_122924_NF.mp4", "blackvue"),
        ("20250307_122924_EF.mp4", "blackvue"),
        ("20250307_122924_PR.mp4", "blackvue"),
        ("20250307_122924_NFL.mp4", "blackvue"),
        ("2025_0307_122924_0001F.MP4", "viofo"),
        ("20250307122924_000001F.MP4", "viofo"),
        ("REC_2025_03_07_12_29_24_F.MP4", "thinkware"),
        ("EVT_2025_03_07_12_29_24_R.MP4", "thinkware"),
        ("250307_122924_001_FH.MP4", "nextbase"),
        ("NO20250307-122924-000123F.MP4", "70mai"),
        ("WIN_20250307_12_29_24_Pro.mp4", "windows"),
        ("ScreenRecording_03-07-2025 12-29-24_1.MP4", "ios_screen"),
        ("Screen Recording 2025-03-07 at 12.29.24.mov", "date_time"),
        ("Screen Recording 2025-03-07 at 12.29.24\u202fPM.mov", "date_time"),
        ("Bildschirmaufnahme 2025-03-07 um 12.29.24.mov", "date_time"),
        ("Enregistrement de l’écran 2025-03-07 à 12.29.24.mov", "date_time"),
        ("Screen_Recording_20250307_122924_Maps.mp4", "date_time"),
        ("screen-20250307-122924.mp4", "date_time"),
        ("2025-03-07 12-29-24.mkv", "date_time"),
        ("2025-03-07T12.29.24.mp4", "date_time"),
        ("2025-03-07_12-29-24-front.mp4", "date_time"),
        ("2025-03-07_122924.mp4", "date_time"),
        ("walk 20250307T122924.mp4", "date_time"),
        ("20250307122924.jpg", "picture"),
    ],
)
def test_names_in_local_time(name: str, source: str) -> None:
    assert resolve(name) == Clock(NOON - timedelta(hours=1), "Europe/Berlin", source)


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("PXL_20250307_122924123.mp4", "pixel", NOON.replace(microsecond=123000)),
        ("PXL_20250307_122924123.TS.mp4", "pixel", NOON.replace(microsecond=123000)),
        ("PXL_20250307_122924.mp4", "pixel", NOON),
        ("2025-03-07T12-29-24Z.mp4", "date_time_utc", NOON),
        ("20250307T122924Z.mp4", "date_time_utc", NOON),
    ],
)
def test_names_in_utc(name: str, source: str, expected: datetime) -> None:
    assert resolve(name) == Clock(expected, "Europe/Berlin", source)


@pytest.mark.parametrize(
    ("name", "hour"),
    [("Screen Recording 2025-03-07 at 1.29.24 PM.mov", 13), ("Screen Recording 2025-03-07 at 12.29.24 AM.mov", 0)],
)
def test_names_with_halves_of_a_day(name: str, hour: int) -> None:
    assert resolve(name, time=TimeSettings(zone="UTC")).started_at == NOON.replace(hour=hour)


@pytest.mark.parametrize(
    "name", ["signal-2025-03-07-12-29-24-123.mp4", "video_2025-03-07_12-29-24.mp4", "WhatsApp Video 2025-03-07 at 12.29.24.mp4"]
)
def test_messengers_tell_when_it_was_sent(name: str) -> None:
    clock = resolve(name)
    assert clock.started_at is not None
    assert clock.started_at.replace(microsecond=0) == NOON - timedelta(hours=1)
    assert (clock.clock_source, clock.is_certain) == ("messenger", False)
    assert "sent" in clock.warning


@pytest.mark.parametrize(
    "name",
    [
        "DJI_20251307122924_0036_D.MP4",
        "DJI_20250230122924_0036_D.MP4",
        "VID_20250307_252924.mp4",
        "2025-03-07 12-61-24.mp4",
        "GX010036.MP4",
        "99920250307122924.mp4",
        "202503071229241.mp4",
        "",
    ],
)
def test_names_that_tell_no_real_date_leave_it_to_the_next_source(name: str) -> None:
    assert resolve(name, tags={"creation_time": "2025-03-07T12:29:24.000000Z"}) == Clock(NOON, "Europe/Berlin", "creation_time")


def test_sources_in_their_order() -> None:
    tags = {"creation_time": "2025-03-07T02:00:00Z", "com.apple.quicktime.creationdate": "2025-03-07T11:00:00+0800"}
    sidecar = "2025-03-07T05:00:00"
    sources = [
        resolve("DJI_20250307020000_0001_D.MP4", tags=tags, sidecar=sidecar),
        resolve("a.mov", tags=tags, sidecar=sidecar),
        resolve("a.mov", tags={"creation_time": tags["creation_time"]}, sidecar=sidecar),
        resolve("a.mov", sidecar=sidecar),
        resolve("a.mov"),
        resolve("a.mov", mtime_s=None),
    ]
    assert [(clock.clock_source, clock.started_at) for clock in sources] == [
        ("dji", datetime(2025, 3, 7, 1)),
        ("quicktime", datetime(2025, 3, 7, 3)),
        ("creation_time", datetime(2025, 3, 7, 2)),
        ("sidecar", datetime(2025, 3, 7, 4)),
        ("mtime", datetime(2025, 5, 1, 7, 59)),
        ("none", None),
    ]
    assert [clock.is_certain for clock in sources] == [True, True, True, True, False, False]
    assert [bool(clock.warning) for clock in sources] == [False, False, False, False, True, True]


def test_sidecars_may_tell_an_offset() -> None:
    assert resolve("a.mp4", sidecar="2025-03-07T12:29:24+00:00").started_at == NOON


@pytest.mark.parametrize(
    "text", ["1904-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z", "2107-03-07T12:00:00Z", "yesterday", "", "0001-01-01T00:00:00+14:00"]
)
def test_absurd_creation_times_are_passed_over(text: str) -> None:
    assert resolve("a.mp4", tags={"creation_time": text, "com.apple.quicktime.creationdate": text}).clock_source == "mtime"


@pytest.mark.parametrize(
    ("mode", "text", "expected"),
    [
        ("utc", "2025-03-07T12:29:24.000000Z", ("creation_time", NOON)),
        ("utc", "2025-03-07 12:29:24", ("creation_time", NOON)),
        ("utc", "2025-03-07T13:29:24+01:00", ("creation_time", NOON)),
        ("local", "2025-03-07T12:29:24.000000Z", ("creation_time", NOON - timedelta(hours=1))),
        ("local", "2025-03-07T16:29:24+04:00", ("creation_time", NOON)),
        ("ignore", "2025-03-07T12:29:24.000000Z", ("mtime", datetime(2025, 5, 1, 7, 59))),
    ],
)
def test_creation_time_is_read_as_the_settings_say(mode: str, text: str, expected: tuple[str, datetime]) -> None:
    time = TimeSettings.model_validate({"zone": "Europe/Berlin", "creation_time": mode})
    clock = resolve("a.mp4", tags={"creation_time": text}, time=time)
    assert (clock.clock_source, clock.started_at) == expected


def test_android_writes_creation_time_when_it_stops() -> None:
    tags = {"creation_time": "2025-03-07T12:30:24Z", "com.android.version": "14"}
    assert resolve("a.mp4", tags=tags, duration_s=60).started_at == NOON


def test_a_mere_day_takes_the_time_from_the_container_if_it_fits() -> None:
    name = "VID-20250307-WA0001.mp4"
    assert resolve(name, tags={"creation_time": "2025-03-07T11:29:24Z"}) == Clock(NOON - timedelta(hours=1), "Europe/Berlin", "whatsapp")
    late = resolve(name, tags={"creation_time": "2025-03-06T23:30:00Z"})  # half past midnight in Berlin
    assert (late.started_at, late.is_certain) == (datetime(2025, 3, 6, 23, 30), True)
    for tags in ({}, {"creation_time": "2025-03-07T23:30:00Z"}, {"creation_time": "1970-01-01T00:00:00Z"}):
        clock = resolve(name, tags=tags)
        assert (clock.started_at, clock.clock_source, clock.is_certain) == (datetime(2025, 3, 7, 11), "whatsapp", False)
        assert "noon" in clock.warning


def test_several_names_are_tried_in_the_order_of_the_alphabet() -> None:
    names = ["holiday.mp4", "b 2025-03-08 10-00-00.mp4", "a 2025-03-07 12-29-24.mp4"]
    assert resolve(*names).started_at == resolve(*reversed(names)).started_at == NOON - timedelta(hours=1)


def test_an_own_pattern_that_never_ends_is_given_up_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_names, "OWN_PATTERN_TIMEOUT_S", 0.05)
    hostile = NamePattern(name="mine", pattern=r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(a|aa)+[.]$")
    with pytest.raises(SettingsError, match=r"\(a\|aa\)\+.*did not come to an end within 0\.05 s on the name '20250307a+\.mp4'"):
        resolve(f"20250307{'a' * 80}.mp4", time=TimeSettings(patterns=(hostile,)))


def test_own_patterns_come_first_and_bring_their_zone() -> None:
    own = NamePattern(
        name="studio", pattern=r"DJI_(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(?P<hour>\d\d)(?P<minute>\d\d)", zone="Asia/Tokyo"
    )
    clock = resolve("DJI_20250307122924_0036_D.MP4", time=TimeSettings(zone="Europe/Berlin", patterns=(own,)))
    assert clock == Clock(datetime(2025, 3, 7, 3, 29), "Asia/Tokyo", "studio")


def test_local_stands_for_the_zone_of_the_machine() -> None:
    clock = resolve("DJI_20250307122924_0036_D.MP4", time=TimeSettings())
    assert (clock.started_at, clock.timezone) == (NOON - timedelta(hours=8), "Asia/Shanghai")


def test_the_first_correction_that_fits_any_name_is_used() -> None:
    clocks = [
        ClockCorrection(files="GX*", offset_s=1),
        ClockCorrection(files="dji_*_d.mp4", offset_s=-3600.5, zone="America/New_York"),
        ClockCorrection(files="*", offset_s=7),
    ]
    clock = resolve("DJI_20250307122924_0036_D.MP4", "copy.mp4", clocks=clocks)
    assert clock == Clock(NOON + timedelta(hours=5) - timedelta(seconds=3600.5), "America/New_York", "dji")
    assert resolve("a.mp4", clocks=clocks).started_at == datetime(2025, 5, 1, 7, 59, 7)


def test_a_corrected_zone_leaves_utc_times_alone() -> None:
    clock = resolve("PXL_20250307_122924000.mp4", clocks=[ClockCorrection(files="*", zone="Asia/Tokyo")])
    assert clock == Clock(NOON, "Asia/Tokyo", "pixel")


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("20250330013000", datetime(2025, 3, 30, 0, 30)),
        ("20250330023000", datetime(2025, 3, 30, 1, 30)),  # skipped: what clocks call 03:30
        ("20250330033000", datetime(2025, 3, 30, 1, 30)),
        ("20251026023000", datetime(2025, 10, 26, 0, 30)),  # doubled: the first
        ("20251026033000", datetime(2025, 10, 26, 2, 30)),
    ],
)
def test_hours_around_the_change_of_summer_time(local: str, expected: datetime) -> None:
    clock = resolve(f"DJI_{local}_0001_D.MP4")
    is_certain = local[8:10] != "02"
    assert (clock.started_at, clock.is_certain, clock.warning == "") == (expected, is_certain, is_certain)


@pytest.mark.parametrize("mtime_s", [0.0, -1e18, 1e18, float("nan"), float("inf"), None])
def test_absurd_file_times_tell_nothing(mtime_s: float | None) -> None:
    clock = resolve("a.mp4", mtime_s=mtime_s)
    assert (clock.started_at, clock.clock_source, clock.is_certain) == (None, "none", False)


@pytest.mark.parametrize("duration_s", [0.0, -5.0, float("nan"), float("inf"), 1e18])
def test_absurd_durations_do_not_move_the_start(duration_s: float) -> None:
    assert resolve("a.mp4", duration_s=duration_s).started_at == datetime(2025, 5, 1, 8)


@given(
    st.floats(-1e9, 1e9),
    st.sampled_from(["DJI_20250307122924_0036_D.MP4", "PXL_20250307_122924123.mp4", "VID-20250307-WA0001.mp4", "a.mp4"]),
)
def test_an_offset_shifts_the_start_exactly(offset_s: float, name: str) -> None:
    plain = resolve(name).started_at
    moved = resolve(name, clocks=[ClockCorrection(files="*", offset_s=offset_s)]).started_at
    assert plain is not None
    assert moved == plain + timedelta(seconds=offset_s)


@given(st.sampled_from(sorted(available_timezones())), st.datetimes(datetime(1900, 1, 1), datetime(2099, 12, 31)))
def test_every_zone_reads_every_moment(zone: str, moment: datetime) -> None:
    clock = resolve(f"DJI_{moment:%Y%m%d%H%M%S}_0001_D.MP4", clocks=[ClockCorrection(files="*", zone=zone)])
    assert clock.started_at is not None
    back = clock.started_at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert back == moment.replace(microsecond=0) or not clock.is_certain
    assert abs(clock.started_at - moment) <= timedelta(hours=25)
