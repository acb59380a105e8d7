"""A meter that misses a fixed power, or shows one on top, is not taken for a sensor's gain; a right
gain is found as before, with the same interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from energybench.analysis.energy.boundary import cover
from energybench.errors import BadInput
from energybench.meters.site_gain import Findings, of_board, of_node
from energybench.model import Host, Window
from tests.analysis.truth import Energy, Floats
from tests.meters.known_loads import RANGES, WINDOWS, board, load, meter

# Repeats of 20 s with pauses of 15 s, and no idle phase.
PAUSES = [
    Window(label="repeat", start_s=10 + 35 * i, end_s=30 + 35 * i, repeat=i) for i in range(3)
]


def paused(idle_w: float, load_w: float) -> Energy:
    times = [-100.0] + [t for window in PAUSES for t in (window.start_s, window.end_s)] + [300.0]
    watts = [idle_w] + [load_w, idle_w] * 3
    joules = np.concatenate(([0.0], np.cumsum(np.diff(times) * watts)))
    return lambda t: np.asarray(np.interp(t, times, joules))


def against(
    gain: float,
    fixed_w: float,
    energy: Energy | None = None,
    windows: Sequence[Window] = WINDOWS,
    *,
    limit: float = 0.005,
    u_rel: float = 0.04,
) -> Findings:
    """A board with a counter and a power reading against a meter off by a fixed power."""
    energy = energy or load(60.0, 400.0)
    shown = [
        board(0, energy, gain, u_rel),
        board(0, energy, gain, u_rel, kind="power", quantity="power_instant", window_s=0.025,
              counts=False),
    ]  # fmt: skip
    reference = meter(_with(energy, fixed_w), "gpu.board", "GPU-0", limit)
    return of_board([*shown, reference], windows, reference.channel, "run")


def _with(energy: Energy, fixed_w: float) -> Callable[[Floats], Floats]:
    return lambda t: np.asarray(energy(t) + fixed_w * t)


@pytest.mark.parametrize("fixed_w", [-40.0, -35.0, -20.0, 20.0, 40.0])
@pytest.mark.parametrize("gain", [0.93, 1.0, 1.09])
def test_a_meter_that_misses_the_slot_or_sees_more_is_refused(fixed_w: float, gain: float) -> None:
    """Also where a gain of the sensor makes both alike over the repeats (1.09 and 40 W more)."""
    with pytest.raises(BadInput, match=r"no gain of .* explains the meter") as no:
        against(gain, fixed_w)
    assert f"about {abs(fixed_w):.0f} W {'less' if fixed_w < 0 else 'more'}" in no.value.what
    assert f"{60 + fixed_w:.4g} W at rest" in no.value.what
    assert "slot" in no.value.remedy


@pytest.mark.parametrize("fixed_w", [-12.0, -5.0, 5.0, 12.0])
@pytest.mark.parametrize("gain", [0.95, 1.0, 1.06])
def test_of_a_small_fixed_power_the_interval_holds_both_gains(fixed_w: float, gain: float) -> None:
    """The meter may miss it, or the zero of the sensor is off."""
    for one in against(gain, fixed_w).channels:
        of_repeats = gain * 400 / (400 + fixed_w)
        assert one.gain.low <= min(gain, of_repeats)
        assert max(gain, of_repeats) <= one.gain.high
        assert abs(one.gain.value - gain) < 1.96 * one.u_rel * gain


@pytest.mark.parametrize("gain", [0.92, 0.97, 1.0, 1.03, 1.1])
@pytest.mark.parametrize(("idle_w", "load_w"), [(60.0, 400.0), (15.0, 90.0), (100.0, 700.0)])
def test_a_right_gain_is_found_as_narrow_as_from_the_repeats(
    gain: float, idle_w: float, load_w: float
) -> None:
    for one in against(gain, 0.0, load(idle_w, load_w)).channels:
        assert one.gain.low <= gain <= one.gain.high
        assert one.gain.value == pytest.approx(gain, rel=0.003)
        assert one.u_rel < 0.006


@pytest.mark.parametrize("windows", [WINDOWS[1:], WINDOWS[1:2]])
@pytest.mark.parametrize("fixed_w", [-40.0, 0.0, 40.0])
def test_repeats_of_one_power_alone_tell_no_gain(windows: list[Window], fixed_w: float) -> None:
    """Nothing in such a run contradicts a meter that misses a part of the board."""
    with pytest.raises(BadInput, match="the run does not tell it") as no:
        against(1.0, fixed_w, windows=windows)
    assert "--idle 30" in no.value.remedy


def test_an_idle_phase_too_short_for_the_meter_tells_no_gain() -> None:
    short = Window(label="idle", start_s=30.4, end_s=31.6)
    with pytest.raises(BadInput, match=r"its quiet time tells it to .* W only"):
        against(1.0, 0.0, windows=[short, *WINDOWS[1:]])


def test_pauses_between_the_repeats_stand_for_an_idle_phase() -> None:
    for one in against(0.96, 0.0, paused(60.0, 400.0), PAUSES).channels:
        assert one.gain.low <= 0.96 <= one.gain.high
        assert one.u_rel < 0.006
    for fixed_w in (-40.0, 40.0):
        with pytest.raises(BadInput, match=r"no gain of .* explains the meter"):
            against(0.96, fixed_w, paused(60.0, 400.0), PAUSES)


def test_a_board_calibrated_before_is_judged_by_its_narrower_belief() -> None:
    """8 W of 400 W are half of a board's prior, and twice what is left after a calibration."""
    assert against(1.0, -8.0).channels
    with pytest.raises(BadInput, match=r"no gain of .* explains the meter"):
        against(1.0, -8.0, u_rel=0.01)


def test_a_meter_that_does_not_follow_the_load_is_refused() -> None:
    energy = load(60.0, 400.0)
    shown, reference = board(0, energy, 1.0), meter(lambda t: 400.0 * t, "gpu.board", "GPU-0")
    with pytest.raises(BadInput, match=r"no gain of .* explains the meter"):
        of_board([shown, reference], WINDOWS, reference.channel, "run")


def of_a_node(gain: float, fixed_w: float, fans: float = 0.0) -> Findings:
    energy = load(60.0, 400.0)
    shown = board(0, energy, gain)
    plug = meter(lambda t: fixed_w * t + (1 + fans) * energy(t), "node", "m")
    chosen = cover("device", [shown.channel], Host(name="n"), RANGES)
    return of_node([shown, plug], WINDOWS, plug.channel, chosen, "run")


@pytest.mark.parametrize("fixed_w", [-55.0, -40.0, -25.0])
@pytest.mark.parametrize("gain", [0.95, 1.0, 1.06])
def test_a_node_meter_below_the_sensors_inside_is_refused(fixed_w: float, gain: float) -> None:
    """A whole node has fixed power on top of the boards', and this meter less than theirs."""
    with pytest.raises(BadInput, match="less than the sensors inside the node at every load"):
        of_a_node(gain, fixed_w)


@pytest.mark.parametrize("fixed_w", [0.0, 5.0, 40.0, 300.0])
@pytest.mark.parametrize("gain", [0.95, 1.0, 1.06])
@pytest.mark.parametrize("fans", [0.0, 0.05])
def test_a_node_meters_fixed_power_does_not_change_the_scale(
    fixed_w: float, gain: float, fans: float
) -> None:
    scale = of_a_node(gain, fixed_w, fans).scale
    assert scale is not None
    assert scale.low <= gain <= scale.high
