"""Which profile is laid onto which channel, and which is refused with what reason."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from energybench.analysis.energy.window_energy import energy as window_energy
from energybench.analysis.measurement.profiles import (
    AGAINST_AGAIN,
    OLD_DAYS,
    age_days,
    apply,
    state,
)
from energybench.analysis.traces.trace_curve import curve
from energybench.model import ChannelProfile, Gpu, Host, MeterError, SiteGain, Window
from tests.analysis import truth

NOW, UUID = "2026-11-23T10:00:00+00:00", "GPU-5eed0000-0000-0000-0000-000000000000"
GPU = Gpu(
    uuid=UUID,
    name="A100",
    driver="550.54",
    power_limit_w=400.0,
    sm_clock_max_mhz=1410,
    memory_clock_max_mhz=1215,
)
IDS = ("machine:m1", "boot:b1")
HOST = Host(name="node1", ids=IDS, kernel="6.1.0", governor="performance", gpus=(GPU,))
BOARD = truth.channel(device=UUID, quantity="power_instant", kind="power")
PACKAGE = truth.channel(collector="rapl", device="package-0", component="cpu.package")


def profile(of: object = BOARD, **changes: object) -> ChannelProfile:
    channel = of  # type: ignore[assignment]
    driver, clocks = state(channel.device, HOST)  # type: ignore[attr-defined]
    stated: dict[str, object] = {
        "channel": channel.id,  # type: ignore[attr-defined]
        "device": channel.device,  # type: ignore[attr-defined]
        "host": "node1",
        "host_ids": HOST.identities,
        "driver": driver,
        "clocks": clocks,
        "update_period_s": 0.1,
        "update_period_u_s": 1e-4,
        "window_s": 0.025,
        "lag_s": 0.04,
        "lag_u_s": 0.001,
        "made_utc": "2026-11-13T10:00:00+00:00",
    }
    return ChannelProfile(**{**stated, **changes})  # type: ignore[arg-type]


METER = MeterError(name="LMG671", key="gain:meter:LMG671", u_rel=0.006)
GAIN = SiteGain(
    value=0.96,
    u_rel=0.008,
    reference="ZES LMG671, 0.1 %, run 4f2a",
    meter=METER,
    driver="550.54",
    made_utc="2026-11-20T10:00:00+00:00",
)
ONLY_GAIN = profile(gain=GAIN, update_period_s=None, window_s=None, lag_s=None)


def test_a_profile_that_fits_is_used() -> None:
    """Period, window, lag and its uncertainty come from the profile, and the channel says so."""
    (channel, other), doubts = apply([profile()], [BOARD, PACKAGE], HOST, NOW)
    assert (channel.update_period_s, channel.window_s, channel.lag_s, channel.lag_u_s) == (
        0.1,
        0.025,
        0.04,
        0.001,
    )
    assert (channel.timing, channel.calibrated_utc) == ("profile", "2026-11-13T10:00:00+00:00")
    assert other == PACKAGE
    assert doubts == ()


def test_what_could_not_be_found_out_stays_as_it_was_believed() -> None:
    """None takes nothing away; a lag estimated below zero is zero; nothing at all is no
    calibration.
    """
    board = replace(BOARD, window_s=1.0)
    ((channel,), _) = apply([profile(window_s=None, lag_s=-0.001)], [board], HOST, NOW)
    assert (channel.window_s, channel.lag_s, channel.timing) == (1.0, 0.0, "profile")
    ((channel,), _) = apply(
        [profile(update_period_s=None, window_s=None, lag_s=None)], [board], HOST, NOW
    )
    assert channel == board


def test_a_gain_of_the_site_replaces_the_prior() -> None:
    """Its value and uncertainty, with the meter as its source. The error without the meter's has
    the key of this calibration of the board.
    """
    ((channel,), doubts) = apply([profile(gain=GAIN)], [BOARD], HOST, NOW)
    assert doubts == ()
    assert (channel.gain.value, channel.gain.u_rel, channel.gain.source, channel.gain.meter) == (
        0.96,
        0.008,
        GAIN.reference,
        METER,
    )
    assert channel.gain.own_u_rel == pytest.approx(math.sqrt(0.008**2 - 0.006**2))
    assert channel.gain.own_key == f"calibrated {GAIN.made_utc}/{BOARD.gain.key}"
    assert BOARD.gain.own_key == BOARD.gain.key
    ((channel,), _) = apply([ONLY_GAIN], [BOARD], HOST, NOW)
    assert (channel.timing, channel.calibrated_utc, channel.gain.value) == (
        "prior",
        GAIN.made_utc,
        0.96,
    )


@pytest.mark.parametrize(
    ("timing", "gain", "used", "doubted"),
    [
        ({}, {}, ("profile", 0.96), []),
        ({}, {"driver": "535.104"}, ("profile", 1.0), ["profile-refused"]),
        ({}, {"clocks": "power limit 300 W"}, ("profile", 1.0), ["profile-refused"]),
        ({}, {"made_utc": "2026-01-01T00:00:00Z"}, ("profile", 0.96), ["profile-old"]),
        ({}, {"made_utc": "yesterday"}, ("profile", 1.0), ["profile-refused"]),
        ({}, {"meter": None}, ("profile", 1.0), ["profile-refused"]),
        ({"driver": "535.104"}, {}, ("prior", 0.96), ["profile-refused"]),
        ({"made_utc": "2026-01-01T00:00:00Z"}, {}, ("profile", 0.96), ["profile-old"]),
        (
            {"driver": "535.104"},
            {"driver": "535.104"},
            ("prior", 1.0),
            ["profile-refused", "profile-refused"],
        ),
    ],
)
def test_timing_and_gain_are_judged_apart(
    timing: dict[str, str], gain: dict[str, Any], used: tuple[str, float], doubted: list[str]
) -> None:
    """Each by its own driver, clocks and date: a new timing does not revive an old gain, and an old
    timing does not cost a new gain. The remedies say which of the two to find anew.
    """
    found = profile(gain=replace(GAIN, **gain), **timing)
    ((channel,), doubts) = apply([found], [BOARD], HOST, NOW)
    assert (channel.timing, channel.gain.value) == used
    assert [doubt.code for doubt in doubts] == doubted
    assert [doubt.remedy == AGAINST_AGAIN for doubt in doubts] == [
        part is gain for part in (timing, gain) if part
    ]


def test_two_calibrations_of_a_lag_are_two_errors() -> None:
    """The lag of a board has the error of the calibration that found it."""
    t = np.arange(0.0, 12.0, 0.05)
    energy = truth.square(100.0, 400.0, 6.0)
    channels = [
        BOARD,
        *(
            apply([profile(lag_u_s=0.02, made_utc=made)], [BOARD], HOST, NOW)[0][0]
            for made in ("2026-11-13T10:00:00Z", "2026-11-13T10:00:00Z", "2026-11-14T10:00:00Z")
        ),
    ]
    keys = []
    for channel in channels:
        channel = replace(channel, lag_u_s=0.02)
        watts = truth.Sensor(energy).watts(t, channel.resolution)
        points = curve(truth.trace(channel, t, watts))
        assert points is not None
        window = Window(label="repeat", start_s=2.0, end_s=4.0)
        keys += [
            effect.key for effect in window_energy(points, window).effects if effect.kind == "lag"
        ]
    prior, first, again, second = keys
    assert first == again
    assert len({prior, first, second}) == 3


@pytest.mark.parametrize(
    ("gpu", "said"),
    [
        (replace(GPU, driver="535.104"), "made with driver 550.54, this is 535.104"),
        (replace(GPU, driver=None), "this is not known"),
        (replace(GPU, power_limit_w=300.0), "made at power limit 400 W"),
        (replace(GPU, sm_clock_max_mhz=1200), "SM at most 1200 MHz"),
    ],
)
def test_another_driver_or_clock_refuses_a_boards_profile(gpu: Gpu, said: str) -> None:
    """The channel keeps its prior; one doubt a device says which profile was refused, why, and what
    to do.
    """
    counter = truth.channel(device=UUID)
    channels, doubts = apply(
        [profile(), profile(counter)], [BOARD, counter], replace(HOST, gpus=(gpu,)), NOW
    )
    assert channels == (BOARD, counter)
    (doubt,) = doubts
    assert (doubt.code, doubt.remedy) == ("profile-refused", "energybench calibrate")
    assert UUID in doubt.message
    assert said in doubt.message


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"kernel": "6.8.0"}, "Linux 6.1.0"), ({"governor": "powersave"}, "governor performance")],
)
def test_another_kernel_or_governor_refuses_a_sockets_profile(
    changes: dict[str, str], said: str
) -> None:
    (_, doubts) = apply([profile(PACKAGE)], [PACKAGE], replace(HOST, **changes), NOW)
    assert said in doubts[0].message


def test_a_sockets_profile_belongs_to_its_host_and_a_boards_to_the_board() -> None:
    """package-0 of another node is passed over without a word; a board that has moved keeps its
    profile.
    """
    without = profile(PACKAGE, host_ids=IDS)
    elsewhere = replace(HOST, name="node2", ids=("machine:m2", "boot:b2"))
    assert apply([without], [PACKAGE], elsewhere, NOW) == ((PACKAGE,), ())
    ((channel,), doubts) = apply([profile()], [BOARD], elsewhere, NOW)
    assert (channel.timing, doubts) == ("profile", ())
    assert apply([profile()], [PACKAGE], replace(HOST, gpus=()), NOW) == ((PACKAGE,), ())


@pytest.mark.parametrize(
    ("changes", "used"),
    [
        ({"name": "container-4d1f"}, True),
        ({"name": "container-4d1f", "ids": ("boot:b1",)}, True),
        ({"ids": ("machine:m1", "boot:b2")}, True),
        ({"ids": ("machine:m2", "boot:b2")}, False),
        ({"ids": ("boot:b2",)}, False),
        ({"ids": ("boot:b2",), "gpus": (GPU,)}, True),
    ],
)
def test_a_machine_is_known_by_its_identities_and_not_by_its_name(
    changes: dict[str, Any], used: bool
) -> None:
    """The same node under the host name of a container uses its profile; another node with the
    same host name does not. Common boards tell the machine too.
    """
    here = replace(HOST, **{"gpus": (), **changes})
    ((channel,), doubts) = apply([profile(PACKAGE)], [PACKAGE], here, NOW)
    assert (channel.timing == "profile", doubts) == (used, ())


def test_a_profile_without_an_identity_is_refused_in_words() -> None:
    """Older versions stated a host name only, which another machine may have."""
    old = profile(PACKAGE, host_ids=())
    ((channel,), (doubt,)) = apply([old], [PACKAGE], HOST, NOW)
    assert (channel.timing, doubt.code) == ("prior", "profile-refused")
    assert "did not identify its machine: calibrate again" in doubt.message
    ((channel,), doubts) = apply(
        [profile(PACKAGE), replace(old, made_utc="2026-01-01T00:00:00+00:00")], [PACKAGE], HOST, NOW
    )
    assert (channel.timing, doubts) == ("profile", ())


def test_an_old_profile_is_used_with_a_doubt() -> None:
    """Half a year on it still stands, and its age is told; a date that is none is refused."""
    ((channel,), doubts) = apply([profile(made_utc="2026-01-23T10:00:00Z")], [BOARD], HOST, NOW)
    assert channel.timing == "profile"
    assert [(doubt.code, "304 days" in doubt.message) for doubt in doubts] == [
        ("profile-old", True)
    ]
    assert apply([profile(made_utc="2026-06-01T00:00:00+00:00")], [BOARD], HOST, NOW)[1] == ()
    ((channel,), doubts) = apply([profile(made_utc="yesterday")], [BOARD], HOST, NOW)
    assert (channel.timing, doubts[0].code) == ("prior", "profile-refused")
    assert OLD_DAYS == 180


def test_ages() -> None:
    """Days; None where one time is none, or only one of them has a zone."""
    assert age_days("2026-11-22T10:00:00Z", NOW) == 1
    assert age_days("2026-11-22T10:00:00", NOW) is None
    assert age_days("", NOW) is None
