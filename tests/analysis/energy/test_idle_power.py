"""Idle power before and after the work: their mean, the drift between them, and what it does to net
energy.
"""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.energy.idle_power import AFTER, BEFORE
from energybench.analysis.measurement.measure import Record, measure
from energybench.model import Host, Measurement, Window
from tests.analysis.runs import RANGES
from tests.analysis.truth import Sensor, channel, gain, polls, trace


def run(
    before_w: float | None,
    after_w: float | None,
    *,
    work_w: float = 300.0,
    gain_u: float = 0.0,
    session: str | None = None,
) -> Measurement:
    """One board: 10 s of idle, two repeats of 10 s, 10 s of idle.

    None: that phase was not measured.
    """
    spans = [
        (5.0, 15.0, before_w),
        (20.0, 30.0, work_w),
        (35.0, 45.0, work_w),
        (50.0, 60.0, after_w),
    ]

    def energy(t):  # type: ignore[no-untyped-def]
        return sum(
            (power or 0.0) * np.clip(np.asarray(t) - start + 1, 0, end - start + 2)
            for start, end, power in spans
        )

    labels = (
        (("idle", BEFORE), spans[0]),
        (("repeat", ""), spans[1]),
        (("repeat", ""), spans[2]),
        (("idle", AFTER), spans[3]),
    )
    windows = [
        Window(label=label, start_s=span[0], end_s=span[1], note=note)
        for (label, note), span in labels
        if span[2] is not None
    ]
    made = channel(gain=gain(gain_u), resolution=1e-6, update_period_s=0.001)
    t = np.concatenate([polls(start, end) for start, end, _ in spans])
    record = Record(
        id="r",
        label="r",
        workload=None,
        command=("p",),
        boundary="device",
        host=Host(name="n"),
        windows=tuple(windows),
        works=(),
        verification=(),
        session=session,
    )
    return measure(
        record, [trace(made, t, Sensor(energy, period_s=0.001).counts(t, made.resolution))], RANGES
    )


def codes(found: Measurement) -> set[str]:
    return {doubt.code for doubt in found.doubts}


def test_the_mean_of_both_phases_is_subtracted() -> None:
    """Each phase stands in the result with its own power; net = gross - mean idle x time; the state
    names both.
    """
    found = run(100.0, 102.0)
    assert [idle.power_w.value for idle in found.idles] == pytest.approx([100, 102], rel=1e-3)
    assert [idle.state for idle in found.idles] == [BEFORE, AFTER]
    assert found.idle_power_w is not None
    assert found.net_energy_j is not None
    assert found.idle_power_w.value == pytest.approx(101, rel=1e-3)
    assert found.net_energy_j.value == pytest.approx((300 - 101) * 10, rel=1e-3)
    assert found.idle_state is not None
    assert found.idle_state.startswith("before and after the work")


def test_the_drift_is_an_effect_of_known_size() -> None:
    """Rectangular between the two: half-width 1 W for 100 W and 102 W, and ten times that on 10 s
    of net energy.
    """
    found = run(100.0, 102.0)
    assert found.idle_power_w is not None
    assert found.net_energy_j is not None
    (drift,) = [effect for effect in found.idle_power_w.effects if "drift" in effect.name]
    assert (drift.distribution, abs(drift.u) * 3**0.5) == (
        "rectangular",
        pytest.approx(1.0, rel=0.01),
    )
    assert found.net_energy_j.half_width >= 0.95 * 10


@pytest.mark.parametrize(
    ("after_w", "doubted"),
    [(100.0, False), (100.5, False), (102.0, True), (110.0, True), (80.0, True)],
)
def test_a_drift_is_doubted_where_it_is_certain_and_matters(after_w: float, doubted: bool) -> None:
    """Half a percent is passed over; 2 % that the sensors resolve, and all beyond 5 %, is said with
    both values.
    """
    found = run(100.0, after_w)
    assert ("idle-drift" in codes(found)) is doubted
    if doubted:
        (message,) = [doubt.message for doubt in found.doubts if doubt.code == "idle-drift"]
        assert "100 W before the work" in message
        assert f"{after_w:.4g} W after the work" in message


def test_a_gain_does_not_shrink_with_a_second_phase() -> None:
    """One board's gain is the same error in both phases: the mean carries the whole of it."""
    found = run(100.0, 100.0, gain_u=0.05)
    assert found.idle_power_w is not None
    assert max(
        effect.u for effect in found.idle_power_w.effects if effect.key == "gain:test"
    ) == pytest.approx(5.0, rel=0.01)


def test_one_phase_is_enough() -> None:
    """An interrupted run has the idle before its work alone, without a drift; without any there is
    no idle power.
    """
    found = run(100.0, None)
    assert found.idle_power_w is not None
    assert found.idle_state == BEFORE
    assert not [effect for effect in found.idle_power_w.effects if "drift" in effect.name]
    assert run(None, None).idle_power_w is None
    assert run(None, None).idles == ()


def test_net_is_refused_where_the_drift_leaves_nothing_of_it() -> None:
    """Work 20 W above an idle that went from 100 W to 180 W: its net energy could be anything, and
    is not given.
    """
    found = run(100.0, 180.0, work_w=150.0)
    assert found.net_energy_j is None
    assert {"net-refused", "idle-drift"} <= codes(found)


def test_interleaved_runs_share_the_drift() -> None:
    """They were idle at the same times: the drift has one key for the session, so that it partly
    cancels in a ratio of net energies.
    """
    found = run(100.0, 102.0, session="s")
    assert found.idle_power_w is not None
    assert "idle-drift:s" in {effect.key for effect in found.idle_power_w.effects}
