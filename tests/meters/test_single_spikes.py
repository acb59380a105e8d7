"""Single readings above all others: no part of the search for the clock, and a doubt if they recur
and the run's own sensors show no peak.
"""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.arrays import Floats
from energybench.errors import BadInput
from energybench.meters.clock_offset import Offset, RunPower
from energybench.meters.offset_checks import check_covered
from energybench.meters.series import MeterSeries, MeterSteps
from energybench.meters.single_spikes import doubts, spikes, without
from energybench.model import REPEAT, Doubt, Window

_T = np.arange(0.0, 100.0, 0.05)
REPEATS = [
    Window(label=REPEAT, repeat=i, start_s=a, end_s=a + 20)
    for i, a in enumerate((15.0, 40.0, 65.0))
]
_AT = np.array([22.0, 47.0, 72.0])  # of the rows of 1 s


def _load(peaks: bool) -> Floats:
    busy = sum(((w.start_s < _T) & (w.end_s > _T)).astype(float) for w in REPEATS)
    watts = 100.0 + busy * np.where(_T % 5 < 2.5, 250.0, 80.0)
    for at_s in _AT if peaks else []:
        watts = np.where((at_s - 1 < _T) & (at_s >= _T), 500.0, watts)
    return np.asarray(watts)


def _doubts(spike_w: Floats, *, peaks: bool = False, noise: float = 0.002) -> tuple[Doubt, ...]:
    watts = _load(peaks)
    energy_j = np.concatenate(([0.0], np.cumsum(watts[:-1]) * 0.05))
    run = RunPower(_T, energy_j, 0.001, 0.05)
    rows = np.arange(2.0, 98.0, 1.0)
    meter_w = 1.1 * (np.interp(rows, _T, energy_j) - np.interp(rows - 1, _T, energy_j)) + 45
    meter_w *= 1 + noise * np.random.default_rng(1).standard_normal(rows.size)
    for at_s, value in zip(_AT, spike_w, strict=False):
        meter_w[rows == at_s] = value
    series = MeterSeries(
        where="m.csv", what="column 'power_w'", word="line", kind="power", resolution=0.1,
        t_s=rows, raw=np.round(meter_w * 10).astype(np.int64), places=np.arange(rows.size) + 2,
    )  # fmt: skip
    steps = MeterSteps(rows - 1, rows, meter_w)
    return doubts(series, steps, run, Offset(0.0, 0.01, 0.9, True), REPEATS, per_interval=False)


@pytest.mark.parametrize(
    "spike_w", [(500, 500, 500), (470, 490, 520), (1023, 1023, 1023), (4095, 8191, 3000)]
)
def test_readings_above_all_others_in_each_repeat_are_a_doubt(spike_w: Floats) -> None:
    (doubt,) = _doubts(spike_w)
    assert doubt.code == "meter-spike"
    assert "lines 22, 47, 72" in doubt.message


@pytest.mark.parametrize("noise", [0.0, 0.002, 0.02, 0.1, 0.3])
def test_readings_of_the_load_are_none(noise: float) -> None:
    """Also peaks that the sensors show, and one high reading of all repeats."""
    assert not _doubts((), noise=noise)
    assert not _doubts((), peaks=True, noise=noise)
    assert not _doubts((600.0,), noise=0.002)


def test_the_search_for_the_clock_leaves_single_high_readings_out() -> None:
    rows = np.arange(60.0)
    watts = np.where(rows % 10 < 5, 200.0, 300.0)
    high = watts.copy()
    high[[7, 23, 42]] = (4095.0, 1023.0, 500.0)
    kept = without(MeterSteps(rows - 1, rows, high))
    assert sorted(set(rows) - set(kept.end_s)) == [7, 23, 42]
    assert not spikes(watts, 1.2).any()
    assert without(MeterSteps(rows - 1, rows, watts)).end_s.size == 60


@pytest.mark.parametrize("late_s", [5.0, -5.0])
def test_an_offset_of_several_that_fit_is_the_reason_for_readings_that_do_not_cover(
    late_s: float,
) -> None:
    """A load that repeats every 5 s; without the offset the readings cover the repeats."""
    rows = np.arange(12.0, 88.0, 1.0)
    series = MeterSeries(
        where="m.csv", what="column 'power_w'", word="line", kind="power", resolution=0.1,
        t_s=rows, raw=np.full(rows.size, 3000, dtype=np.int64), places=np.arange(rows.size) + 2,
    )  # fmt: skip
    several = Offset(late_s, 3.0, 0.99, True, distinct=False)
    with pytest.raises(BadInput) as refused:
        check_covered(series, rows - late_s, REPEATS, 12.0, several)
    assert "several offsets fit alike" in refused.value.what
    with pytest.raises(BadInput) as refused:
        check_covered(series, rows - late_s, REPEATS, 12.0, several._replace(distinct=True))
    assert (
        "the first repeat did" in refused.value.what or "the last repeat did" in refused.value.what
    )
