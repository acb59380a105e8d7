"""Which profile is laid onto which channel, and which is refused with what reason."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from energybench.analysis.measurement.profiles import OLD_DAYS, age_days, apply, state
from energybench.model import ChannelProfile, Gpu, Host, SiteGain
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
    """Its value and uncertainty, under the key that the board's gain has anyway, and with the meter
    as its source.
    """
    gain = SiteGain(value=0.96, u_rel=0.008, reference="ZES LMG671, 0.1 %, run 4f2a", made_utc=NOW)
    ((channel,), _) = apply([profile(gain=gain)], [BOARD], HOST, NOW)
    assert (channel.gain.value, channel.gain.u_rel, channel.gain.key, channel.gain.source) == (
        0.96,
        0.008,
        BOARD.gain.key,
        gain.reference,
    )
    alone = profile(gain=gain, update_period_s=None, window_s=None, lag_s=None)
    ((channel,), _) = apply([alone], [BOARD], HOST, NOW)
    assert (channel.timing, channel.calibrated_utc, channel.gain.value) == ("prior", NOW, 0.96)


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
