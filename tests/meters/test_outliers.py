"""Readings that belong to another meter, and energy that a counter loses, are told by the run's own
sensors; the readings of an honest meter are not doubted, whatever its kind.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from energybench.analysis.arrays import Floats
from energybench.meters.clock_offset import Offset, RunPower
from energybench.meters.outliers import doubts
from energybench.meters.series import MeterSeries, held, steps
from energybench.model import REPEAT, Doubt, Window

REPEATS = tuple(
    Window(label=REPEAT, repeat=repeat, start_s=start, end_s=start + 40.0)
    for repeat, start in enumerate((40.0, 90.0, 140.0))
)
FINE = np.arange(-70.0, 260.0, 0.05)
Power = Callable[[Floats], Floats]
LOADS: dict[str, Power] = {
    "steady in the repeats": lambda t: np.where(
        (t > 40) & (t < 180) & ((t - 40) % 50 < 40), 400.0, 100.0
    ),
    "in phases of 3 s": lambda t: np.where(t % 3 < 1, 200.0, 400.0),
    "bursts of 0.4 s": lambda t: np.where(t % 4.3 < 0.4, 600.0, 150.0),
    "dips of 0.05 s": lambda t: np.where(t % 0.73 < 0.05, 150.0, 500.0),
    "drifting": lambda t: 200.0 + t + 60.0 * np.sin(t / 20.0),
}


def energy(power: Power) -> Callable[[Floats], Floats]:
    joules = np.concatenate(([0.0], np.cumsum(power(FINE[1:] - 0.025) * 0.05)))
    return lambda t: np.asarray(np.interp(t, FINE, joules))


def run_power(power: Power) -> RunPower:
    t_s = np.arange(0.0, 190.0, 0.1)
    return RunPower(t_s, energy(power)(t_s), 5e-4, 1e-3)


def times(spacing_s: float = 1.0) -> Floats:
    return np.arange(-60.0, 250.0, spacing_s)


def node_w(power: Power, t_s: Floats, width_s: float = 1.0) -> Floats:
    """Mean power of the node over the time before each reading, with noise of 0.5 W."""
    joules = energy(power)
    watts = 120.0 + 1.08 * (joules(t_s) - joules(t_s - width_s)) / width_s
    return np.asarray(watts + 0.5 * np.random.default_rng(3).standard_normal(t_s.size))


def found(
    values: Floats,
    t_s: Floats,
    power: Power,
    resolution: float = 0.1,
    *,
    averaging_s: float = 1.0,
    holds: bool = False,
    **changes: object,
) -> tuple[Doubt, ...]:
    raw = np.round(values / resolution).astype(np.int64)
    series = MeterSeries(
        "m.csv", "column 'p'", "line", "power", resolution, t_s, raw, np.arange(t_s.size) + 2
    )._replace(**changes)
    series = held(series) if holds else series
    return doubts(
        series,
        series.t_s,
        steps(series, averaging_s),
        run_power(power),
        Offset(0.0, 0.05, 0.99, True),
        REPEATS,
        per_interval=False,
    )


STEADY = LOADS["steady in the repeats"]


@pytest.mark.parametrize("every_s", [5.0, 7.0, 13.0])
@pytest.mark.parametrize("other", ["0.6 of the node", "350 W", "1.4 of the node"])
def test_rows_of_another_meter(every_s: float, other: str) -> None:
    """The doubt names how many rows, and by how much they change the energy."""
    t_s, more_s = times(), times(every_s) + 0.5
    watts, more_w = node_w(STEADY, t_s), node_w(STEADY, more_s)
    rows = {"350 W": 0 * more_w + 350.0, "0.6 of the node": 0.6 * more_w}
    more_w = rows.get(other, 1.4 * more_w)
    order = np.argsort(np.concatenate((t_s, more_s)))
    both_s = np.concatenate((t_s, more_s))[order]
    (doubt,) = found(np.concatenate((watts, more_w))[order], both_s, STEADY)
    assert doubt.code == "meter-outliers"
    rows_of_it = np.flatnonzero(order >= t_s.size) + 2
    in_repeats = [
        row
        for row, t in zip(rows_of_it, both_s[rows_of_it - 2], strict=True)
        if any(w.start_s + 1 < t < w.end_s for w in REPEATS)
    ]
    named = int(doubt.message.split(" ")[0])
    assert 0.7 * len(in_repeats) <= named <= len(in_repeats)
    first = int(doubt.message.split("(lines ")[1].split(",")[0])
    assert first in rows_of_it
    change = float(doubt.message.split("energy by ")[1].split("%")[0])
    assert (change > 0) == (other == "1.4 of the node")
    assert 0.5 < abs(change) < 10


@pytest.mark.parametrize("where", ["always", "in the repeats"])
def test_a_counter_that_loses_energy(where: str) -> None:
    """300 J every five seconds."""
    t_s = times()
    lost = np.zeros(t_s.size)
    for i, t in enumerate(t_s.tolist()):
        inside = any(w.start_s < t < w.end_s for w in REPEATS)
        lost[i] = 300.0 if t % 5 == 0 and (inside or where == "always") else 0.0
    joules = 120.0 * t_s + 1.08 * energy(STEADY)(t_s) + 1e5 - np.cumsum(lost)
    (doubt,) = found(joules, t_s, STEADY, 1.0, kind="counter")
    assert "change the energy by -" in doubt.message


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("spacing_s", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("resolution", [0.1, 10.0, 50.0])
@pytest.mark.parametrize("width_s", [0.05, 0.5, 1.0, 8.0])
def test_an_honest_meter_has_no_doubt(
    load: str, spacing_s: float, resolution: float, width_s: float
) -> None:
    """Single moments, averages that overlap, a coarse last digit, gaps, failed lags."""
    power, t_s = LOADS[load], times(spacing_s)
    watts = node_w(power, t_s, width_s)
    stated = max(width_s, spacing_s)
    for late_s in (0.0, 0.3):
        assert not found(watts, t_s + late_s, power, resolution, averaging_s=stated)
    gaps = (t_s % 37 > 4) & (np.random.default_rng(1).random(t_s.size) > 0.1)
    assert not found(watts[gaps], t_s[gaps], power, resolution, averaging_s=stated)


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("tau_s", [1.0, 4.0, 15.0])
def test_a_meter_that_smooths_has_no_doubt(load: str, tau_s: float) -> None:
    """A filter of first order, taken as an average over twice its time."""
    power = LOADS[load]
    watts, smooth = 120.0 + 1.08 * power(FINE), np.zeros(FINE.size)
    smooth[0] = watts[0]
    for i in range(1, FINE.size):
        smooth[i] = smooth[i - 1] + (watts[i] - smooth[i - 1]) * 0.05 / tau_s
    t_s = times()
    values = np.interp(t_s, FINE, smooth)
    assert not found(values, t_s, power, averaging_s=2 * tau_s)


@pytest.mark.parametrize("load", LOADS)
def test_a_log_of_changes_has_no_doubt(load: str) -> None:
    t_s = times(0.5)
    watts = np.round(node_w(LOADS[load], t_s, 0.5) / 5) * 5
    changed = np.append(True, np.diff(watts) != 0)
    assert not found(watts[changed], t_s[changed], LOADS[load], holds=True)


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("renewed_s", [0.3, 0.53, 0.9, 1.0, 1.1, 2.7, 5.1])
@pytest.mark.parametrize("resolution", [1.0, 360.0, 3600.0])
def test_a_counter_that_is_renewed_at_times_of_its_own_has_no_doubt(
    load: str, renewed_s: float, resolution: float
) -> None:
    """Some differences hold one renewal more than others; no energy is lost."""
    power, t_s = LOADS[load], times()
    seen_s = np.floor(t_s / renewed_s) * renewed_s
    joules = 120.0 * seen_s + 1.08 * energy(power)(seen_s) + 1e5
    assert not found(np.floor(joules / resolution) * resolution, t_s, power, resolution,
                     kind="counter")  # fmt: skip


def test_loads_without_a_sensor_that_last_have_no_doubt() -> None:
    """Fans at full speed for ten seconds in every minute."""
    t_s = times()
    watts = node_w(STEADY, t_s) + np.where(t_s % 60 < 10, 60.0, 0.0)
    assert not found(watts, t_s, STEADY)


def test_a_meter_that_is_faster_than_the_sensors_has_no_doubt() -> None:
    """The meter sees dips of 50 ms that a sensor which averages over a second does not show."""
    power = LOADS["dips of 0.05 s"]
    t_s, every_s = times(0.05), np.arange(0.0, 190.0, 1.0)
    joules = energy(power)
    watts = 120.0 + (joules(t_s) - joules(t_s - 0.05)) / 0.05
    series = MeterSeries(
        "m.csv", "column 'p'", "line", "power", 0.1, t_s,
        np.round(watts / 0.1).astype(np.int64), np.arange(t_s.size) + 2,
    )  # fmt: skip
    slow = RunPower(every_s, joules(every_s), 1e-3, 1.0)
    offset = Offset(0.0, 0.05, 0.99, True)
    by_meter = steps(series, 0.05)
    assert not doubts(series, t_s, by_meter, slow, offset, REPEATS, per_interval=False)
