"""How often a meter renews its reading is told by what the load does in between: the changes of a
steady load are no renewals, and a value that stays while the load moves is an old one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from energybench.analysis.arrays import Floats
from energybench.errors import BadInput
from energybench.meters.attached_run import Meter
from energybench.meters.clock_offset import RunPower
from energybench.meters.renewal import period_s, renewals
from energybench.meters.series import MeterSeries, check_sampling
from energybench.model import REPEAT, Window

FINE = np.arange(-80.0, 300.0, 0.05)
Power = Callable[[Floats], Floats]
ZERO_S = 1_772_359_200.0


def on_and_off(on_s: float, off_s: float, first_s: float = 40.0, repeats: int = 6) -> Power:
    """Repeats of one power, with pauses of another, from 40 s on."""
    last_s = first_s + repeats * (on_s + off_s)
    return lambda t: np.where(
        (t >= first_s) & (t < last_s) & ((t - first_s) % (on_s + off_s) < on_s), 300.0, 60.0
    )


def uneven(power: Power) -> Power:
    """The same with power that moves all the time."""
    return lambda t: power(t) + 8.0 * np.sin(1.7 * t) + 5.0 * np.sin(0.31 * t + 1.0)


def run_power(power: Power, end_s: float) -> RunPower:
    joules = np.concatenate(([0.0], np.cumsum(power(FINE[1:] - 0.025) * 0.05)))
    t_s = np.arange(0.0, end_s, 0.1)
    return RunPower(t_s, np.interp(t_s, FINE, joules), 5e-4, 1e-3)


def log(
    power: Power,
    renewed_s: float | None = None,
    *,
    step_w: float = 1.0,
    rows_s: float = 1.0,
    late_s: float = 0.0,
    phase_s: float = 0.0,
) -> MeterSeries:
    """A node's meter, averaging over a second; renewed_s: the value of every row is that of the
    last renewal.
    """
    t_s = np.arange(-60.0, 290.0, rows_s)
    seen_s = t_s if renewed_s is None else np.floor((t_s - phase_s) / renewed_s) * renewed_s
    seen_s = seen_s + (0.0 if renewed_s is None else phase_s) - late_s
    joules = np.concatenate(([0.0], np.cumsum(power(FINE[1:] - 0.025) * 0.05)))
    watts = 110.0 + 1.08 * (np.interp(seen_s, FINE, joules) - np.interp(seen_s - 1, FINE, joules))
    raw = np.round(watts / step_w).astype(np.int64)
    return MeterSeries(
        "m.csv", "column 'p'", "line", "power", step_w, t_s + ZERO_S, raw, np.arange(t_s.size) + 2
    )


def found(
    series: MeterSeries, power: Power, averaging_s: float | None = None, max_offset_s: float = 120.0
) -> float | None:
    meter = Meter(
        Path("m.csv"), "node", 0.01, "m", averaging_s=averaging_s, max_offset_s=max_offset_s
    )
    return period_s(series, run_power(power, 280.0), ZERO_S, meter)


@pytest.mark.parametrize(
    ("on_s", "off_s"), [(15.0, 15.0), (20.0, 20.0), (20.0, 10.0), (10.0, 10.0), (5.0, 5.0),
                        (12.0, 6.0), (10.3, 10.3), (7.7, 7.7)],
)  # fmt: skip
@pytest.mark.parametrize("step_w", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("late_s", [0.0, 0.4, 7.3, -31.0])
def test_changes_with_a_steady_load_are_no_renewals(
    on_s: float, off_s: float, step_w: float, late_s: float
) -> None:
    """Whatever the clock of the meter is off by, and whatever its step."""
    power = on_and_off(on_s, off_s)
    assert found(log(power, step_w=step_w, late_s=late_s), power) is None


@pytest.mark.parametrize("rows_s", [0.25, 0.5, 2.0])
def test_also_of_rows_that_come_faster_or_slower(rows_s: float) -> None:
    power = on_and_off(15.0, 15.0)
    assert found(log(power, rows_s=rows_s), power) is None


@pytest.mark.parametrize("renewed_s", [3.0, 5.0, 7.0, 10.0])
@pytest.mark.parametrize("phase_s", [0.0, 1.3])
@pytest.mark.parametrize("late_s", [0.0, 3.0])
@pytest.mark.parametrize(("on_s", "off_s"), [(15.0, 15.0), (20.0, 10.0), (30.0, 5.0)])
def test_values_that_stay_while_the_load_moves_are_renewed_seldom(
    renewed_s: float, phase_s: float, late_s: float, on_s: float, off_s: float
) -> None:
    """A stated averaging time does not hide it."""
    power = uneven(on_and_off(on_s, off_s))
    series = log(power, renewed_s, phase_s=phase_s, late_s=late_s)
    assert found(series, power) == pytest.approx(renewed_s, abs=0.5)
    assert found(series, power, averaging_s=1.0) == pytest.approx(renewed_s, abs=0.5)


def test_a_meter_that_is_late_by_another_time_at_every_move() -> None:
    """A steady load cannot show more renewals than the load has moves; a person who knows that
    every row is new says so.
    """
    power = on_and_off(21.0, 7.0, repeats=8)
    series = log(power)
    frozen, t_s = series.raw.copy(), series.t_s - ZERO_S
    for start_s in 40.0 + 28.0 * np.arange(8):
        frozen[(t_s > start_s) & (t_s <= start_s + 7)] = frozen[10]
    late = series._replace(raw=frozen)
    assert found(late, power) is not None
    assert found(late, power, averaging_s=1.0) is None


def test_a_run_without_sensors_is_judged_by_the_regularity_alone() -> None:
    power = uneven(on_and_off(15.0, 15.0))
    meter = Meter(Path("m.csv"), "node", 0.01, "m")
    assert period_s(log(power, 5.0), None, ZERO_S, meter) == pytest.approx(5.0)
    assert period_s(log(power), None, ZERO_S, meter) is None


def test_a_refusal_says_how_often_the_rows_come_and_how_often_their_values_change() -> None:
    power = uneven(on_and_off(15.0, 15.0))
    series = renewals(log(power, 10.0), 10.0)
    repeat = Window(label=REPEAT, repeat=0, start_s=40.0, end_s=55.0)
    with pytest.raises(BadInput) as refusal:
        check_sampling(series, series.t_s - ZERO_S, [repeat], 0.0)
    assert "rows come 1 s apart, but its values change every 10 s only" in refusal.value.what
    assert "--averaging 1" in refusal.value.remedy
    assert "--holds" not in str(refusal.value)
