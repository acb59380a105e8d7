"""Power meters with a logger that is faster than the meter, and power meters that smooth: energies
and intervals against a load of known power.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from energybench.errors import BadInput
from energybench.meters import clock_offset
from energybench.meters.agreement import on_run
from energybench.meters.attached_run import Meter
from energybench.meters.clock_offset import RunPower
from energybench.meters.series import MeterSeries, spacing_s
from energybench.meters.smoothing import Smoothed, of
from tests.meters.test_renewal import FINE, ZERO_S, Power, on_and_off, run_power, uneven

METER = Meter(Path("m.csv"), "node", 0.01, "m")
LOADS: dict[str, Power] = {
    # square waves of one power each, as of repeats; two powers within a repeat; ramps. A load in
    # step with the renewals would fit several periods.
    "even": on_and_off(8.3, 5.1, repeats=16),
    "long": on_and_off(27.0, 11.0),
    "two": lambda t: on_and_off(8.3, 5.1, repeats=16)(t) - 70.0 * ((t - 40) % 13.4 < 3) * (t > 40),
    "ramp": lambda t: 90.0 + 200.0 * np.clip((t - 40) % 40 / 30, 0, 1) * ((t > 40) & (t < 260)),
    "uneven": uneven(on_and_off(15.0, 11.0)),
}
KINDS = [pytest.param(load, id=name) for name, load in LOADS.items()]


def node_j(power: Power) -> np.ndarray:
    """Energy of the node since the first of the fine times, J."""
    watts = 110.0 + 1.08 * power(FINE[1:] - 0.025)
    return np.concatenate(([0.0], np.cumsum(watts * 0.05)))


def held(
    power: Power,
    renewed_s: float,
    random: np.random.Generator,
    *,
    rows_s: float = 1.0,
    step_w: float = 0.1,
    late_s: float = 0.0,
    jitter_s: float = 0.0,
    noise_w: float = 0.0,
) -> MeterSeries:
    """Rows of the mean power over the last renewal."""
    t_s = np.arange(-60.0, 280.0, rows_s)
    t_s = t_s + jitter_s * random.uniform(-1, 1, t_s.size)
    phase_s = float(random.uniform(0, renewed_s))
    number = np.floor((t_s - phase_s) / renewed_s).astype(int)
    noise = noise_w * random.normal(size=int(np.ptp(number)) + 1)
    ends_s = number * renewed_s + phase_s
    joules = node_j(power)
    watts = np.interp(ends_s, FINE, joules) - np.interp(ends_s - renewed_s, FINE, joules)
    raw = np.round((watts / renewed_s + noise[number - number.min()]) / step_w)
    return series_of(t_s + late_s, raw, step_w)


def series_of(t_s: np.ndarray, raw: np.ndarray, step: float, kind: str = "power") -> MeterSeries:
    places = np.arange(t_s.size) + 2
    counts = raw.astype(np.int64)
    named = ("m.csv", "column 'p'", "line", kind, step)
    return MeterSeries(*named, t_s + ZERO_S, counts, places)  # type: ignore[arg-type]


def taken(series: MeterSeries, power: Power) -> tuple[Smoothed, RunPower]:
    run = run_power(power, 270.0)
    return of(series, METER, run, ZERO_S), run


def codes(smoothed: Smoothed) -> list[str]:
    return [doubt.code for doubt in smoothed.doubts]


@pytest.mark.parametrize("load", KINDS)
@pytest.mark.parametrize("rows", [1.3, 1.7, 2.3, 2.7, 3.3, 4.7])
@pytest.mark.parametrize(("rows_s", "step_w"), [(0.5, 0.1), (1.0, 0.1), (1.0, 1.0), (2.0, 1.0)])
def test_a_value_that_is_renewed_more_seldom_than_read_is_told(
    load: Power, rows: float, rows_s: float, step_w: float
) -> None:
    """Whatever the load, the rows and the meter's step: the period is found, and the readings agree
    with the load's true power over it.
    """
    random = np.random.default_rng(int(1000 * rows * rows_s))
    period_s = rows * rows_s
    smoothed, run = taken(held(load, period_s, random, rows_s=rows_s, step_w=step_w), load)
    assert codes(smoothed)[0] == "meter-smooths"
    assert spacing_s(smoothed.series) == pytest.approx(period_s, rel=0.02)
    by_meter = on_run(smoothed.series, smoothed.averaging_s, ZERO_S)
    offset = clock_offset.fit(
        smoothed.series, by_meter, run, spacing_s(smoothed.series), METER.max_offset_s
    )
    assert offset.correlation is not None
    assert offset.correlation > 0.995


@pytest.mark.parametrize("seed", range(20))
def test_also_beside_noise_jitter_of_the_rows_and_another_clock(seed: int) -> None:
    random = np.random.default_rng(seed)
    load = LOADS[str(random.choice(list(LOADS)))]
    period_s = float(random.uniform(1.2, 3.4))
    series = held(load, period_s, random, jitter_s=0.1, noise_w=1.0, late_s=21.3)
    smoothed, _ = taken(series, load)
    assert codes(smoothed)[0] == "meter-smooths"
    assert spacing_s(smoothed.series) == pytest.approx(period_s, rel=0.02)


@pytest.mark.parametrize("rows", [1.5, 1.9, 2.4])
@pytest.mark.parametrize("seed", range(4))
def test_also_renewals_of_an_irregular_meter(rows: float, seed: int) -> None:
    """Each renewal is late by another time, and the next one counts from it."""
    load, random = LOADS["uneven"], np.random.default_rng(seed)
    ends_s = np.cumsum(rows * (1 + 0.1 * random.normal(size=int(380 / rows)))) - 70.0
    watts = np.diff(np.interp(ends_s, FINE, node_j(load)), prepend=0.0) / np.diff(
        ends_s, prepend=ends_s[0] - rows
    )
    t_s = np.arange(-60.0, 280.0)
    raw = np.round(10 * watts[np.searchsorted(ends_s, t_s, side="right") - 1])
    smoothed, _ = taken(series_of(t_s, raw, 0.1), load)
    assert codes(smoothed)[0] == "meter-smooths"
    assert spacing_s(smoothed.series) == pytest.approx(rows, abs=0.6)


@pytest.mark.parametrize("load", [*KINDS, pytest.param(lambda t: 200.0 + 0 * t, id="constant")])
@pytest.mark.parametrize("step_w", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("jitter_s", [0.0, 0.1])
@pytest.mark.parametrize("noise_w", [0.0, 0.4, 6.0])
def test_a_meter_whose_every_row_is_new_keeps_its_rows(
    load: Power, step_w: float, jitter_s: float, noise_w: float
) -> None:
    """Equal readings of a steady load, or of a coarse meter, are no old ones."""
    random = np.random.default_rng(int(10 * step_w + 100 * jitter_s + noise_w))
    t_s = np.arange(-60.0, 280.0) + jitter_s * random.uniform(-1, 1, 340)
    joules = np.interp(t_s, FINE, node_j(load))
    watts = np.diff(joules, prepend=joules[0]) / np.diff(t_s, prepend=t_s[0] - 1)
    watts = watts + noise_w * random.normal(size=t_s.size)
    series = series_of(t_s[1:], np.round(watts / step_w)[1:], step_w)
    smoothed, _ = taken(series, load)
    assert smoothed.doubts == ()
    assert smoothed.series.t_s.size == series.t_s.size
    assert smoothed.averaging_s == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("load", [param for param in KINDS if param.id != "ramp"])
@pytest.mark.parametrize("constant_s", [0.8, 1.0, 1.3, 1.7, 2.2])
def test_exponential_smoothing_is_told_from_less_than_the_spacing_on(
    load: Power, constant_s: float
) -> None:
    fall = np.exp(-0.05 / constant_s)
    seen, smoothed_w = [], float(110.0 + 1.08 * load(FINE[:1])[0])
    for watts in 110.0 + 1.08 * load(FINE[1:] - 0.025):
        smoothed_w = fall * smoothed_w + (1 - fall) * float(watts)
        seen.append(smoothed_w)
    t_s = np.arange(-60.0, 280.0)
    raw = np.round(10 * np.interp(t_s, FINE[1:], seen))
    smoothed, _ = taken(series_of(t_s, raw, 0.1), load)
    assert codes(smoothed) == ["meter-smooths"]
    assert 1.4 * constant_s < smoothed.averaging_s < 5 * constant_s


@pytest.mark.parametrize("load", KINDS)
@pytest.mark.parametrize(("renewed_s", "step_j"), [(1.3, 1), (1.7, 10), (2.7, 1), (6.0, 36)])
def test_a_counter_is_read_at_its_renewals(load: Power, renewed_s: float, step_j: int) -> None:
    t_s = np.arange(-60.0, 280.0)
    seen_s = np.floor((t_s - 0.4) / renewed_s) * renewed_s + 0.4
    raw = np.floor(np.interp(seen_s, FINE, node_j(load)) / step_j)
    smoothed, _ = taken(series_of(t_s, raw, step_j, "counter"), load)
    assert codes(smoothed) == ["meter-smooths"]
    assert "--averaging" not in (smoothed.doubts[0].remedy or "")
    true_j = np.interp(smoothed.series.t_s - ZERO_S, FINE, node_j(load))
    shown_j = smoothed.series.raw * step_j
    late_s = np.abs(true_j - shown_j - step_j / 2)[2:-2] / 200.0
    assert late_s.max() < 0.5 * renewed_s


def test_a_counter_with_renewals_of_its_own_between_the_rows_follows_the_run() -> None:
    """One or two renewals from row to row; another node's counter is refused as before."""
    load = LOADS["long"]
    t_s = np.arange(-60.0, 280.0)
    raw = np.floor(np.interp(np.floor(t_s / 0.7) * 0.7, FINE, node_j(load)) / 36)
    run = run_power(load, 270.0)
    series = series_of(t_s, raw, 36.0, "counter")
    offset = clock_offset.fit(series, on_run(series, 1.0, ZERO_S), run, 1.0, 120.0)
    assert offset.determined
    assert abs(offset.offset_s) < 1.0
    other = series_of(t_s, np.floor(np.cumsum(200 + 50 * np.sin(t_s**2)) / 36), 36.0, "counter")
    with pytest.raises(BadInput, match="does not follow this run"):
        clock_offset.fit(other, on_run(other, 1.0, ZERO_S), run, 1.0, 120.0)
