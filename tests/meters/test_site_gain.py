"""Gains against a reference: the truth is recovered with an honest interval, and what cannot be
told is refused.
"""

from __future__ import annotations

import math

import pytest

from energybench.errors import BadInput
from energybench.meters.site_gain import of_board
from energybench.model import Gain, Trace
from tests.analysis.truth import channel
from tests.meters.known_loads import WINDOWS, against_board, board, load, meter


@pytest.mark.parametrize("gain", [0.9, 0.945, 1.0, 1.11])
def test_a_boards_gain_is_recovered(gain: float) -> None:
    """Of its counter and its power reading, each its own; most of what is unknown is the meter's
    limit of error.
    """
    counter, power = against_board(gain).channels
    assert counter.gain.low <= gain <= counter.gain.high
    assert counter.gain.value == pytest.approx(gain, rel=0.003)
    assert power.gain.value == pytest.approx(gain * 1.01, rel=0.003)
    assert 0.01 / math.sqrt(3) * 0.9 < counter.u_rel < 0.012


def test_one_repeat_is_enough_where_its_edges_are_known() -> None:
    """Without scatter the window's own effects stand in for it."""
    counter = against_board(0.9, windows=WINDOWS[:2]).channels[0]
    assert counter.gain.low <= 0.9 <= counter.gain.high


def test_a_gain_that_was_taken_off_before_is_counted_in() -> None:
    """The profile says shown / true, whatever the run had believed."""
    energy = load(50.0, 400.0)
    shown = board(0, energy, 0.9)
    constant = Trace(
        channel=channel(device="GPU-0", gain=Gain(value=0.95, u_rel=0.04, key="k")),
        t_s=shown.t_s,
        raw=shown.raw,
        ok=shown.ok,
    )
    reference = meter(energy, "gpu.board", "GPU-0")
    assert of_board([constant, reference], WINDOWS, reference.channel, "run").channels[
        0
    ].gain.value == pytest.approx(0.9, rel=0.003)


@pytest.mark.parametrize("gain", [0.001, 0.5, 0.85, 1.2, 2.0, 8.5])
def test_a_gain_that_no_board_has_is_refused(gain: float) -> None:
    """One of two feeds, watts taken for milliwatts, another board: the meter is wrong, and no
    sensor. The message has the gain, the belief and the likely causes.
    """
    with pytest.raises(
        BadInput, match=r"contradicts .*: shown / true .*, believed 1 ± 4\.0%"
    ) as no:
        against_board(gain)
    assert "one of several feeds" in no.value.remedy
    assert "unit" in no.value.remedy


def test_a_gain_that_contradicts_an_earlier_calibration_names_it() -> None:
    """A sensor that was calibrated to 1 % does not move by 5 %."""
    shown = board(0, load(50.0, 400.0), 0.9)
    calibrated = Trace(
        channel=channel(device="GPU-0", gain=Gain(value=0.95, u_rel=0.01, key="k")),
        t_s=shown.t_s,
        raw=shown.raw,
        ok=shown.ok,
    )
    reference = meter(load(50.0, 400.0), "gpu.board", "GPU-0")
    with pytest.raises(BadInput, match="the earlier calibration of the sensor is wrong"):
        of_board([calibrated, reference], WINDOWS, reference.channel, "run")


def test_a_sensor_that_showed_no_energy_gets_no_gain() -> None:
    energy = load(0.0, 0.0)
    reference = meter(load(50.0, 400.0), "gpu.board", "GPU-0")
    with pytest.raises(BadInput, match="no sensor of GPU-0 showed energy"):
        of_board([board(0, energy, 1.0), reference], WINDOWS, reference.channel, "run")


def test_a_meter_no_better_than_the_prior_is_refused() -> None:
    """10 % of error tells nothing about a sensor believed to 4 %."""
    with pytest.raises(
        BadInput,
        match=r"^run: this reference does not improve on the prior: 0\.9\d\d ± 6\.\d% .* against "
        r"±4\.0%",
    ):
        against_board(0.93, limit=0.11)
