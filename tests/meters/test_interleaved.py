"""Meters that write into one file in turn are told by their levels; the readings of one load are
not, whatever its noise, its steps and the digits of its meter.
"""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.arrays import Floats
from energybench.meters.interleaved import doubts
from energybench.meters.series import MeterSeries
from energybench.model import REPEAT, Doubt, Window

REPEATS = tuple(
    Window(label=REPEAT, repeat=repeat, start_s=start, end_s=start + 20.0)
    for repeat, start in enumerate((40.0, 65.0, 90.0))
)
LOADS = {
    "constant": lambda t: 300.0 + 0 * t,
    "drifting": lambda t: 200.0 + t,
    "in phases of 7 s": lambda t: np.where(t % 7 < 3, 200.0, 400.0),
    "idle between the repeats": lambda t: np.where(
        (t > 40) & (t < 110) & (t % 25 > 15), 400.0, 90.0
    ),
}


def found(
    watts: Floats, t_s: Floats, resolution: float = 0.1, **changes: object
) -> tuple[Doubt, ...]:
    series = MeterSeries(
        where="m.csv",
        what="column 'power_w'",
        word="line",
        kind="power",
        resolution=resolution,
        t_s=t_s,
        raw=np.round(watts / resolution).astype(np.int64),
        places=np.arange(t_s.size) + 2,
    )._replace(**changes)
    return doubts(series, t_s, REPEATS, None, per_interval=False)


def times(spacing_s: float, meters: int = 1, late_s: float = 0.33) -> Floats:
    rows = np.arange(-10.0, 140.0, spacing_s)
    return np.sort(np.concatenate([rows + late_s * i for i in range(meters)]))


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("factors", [(1, 0.6), (1, 0.8), (1, 1.4), (1, 0.9, 0.8), (1, 1.5, 1, 0.5)])
def test_meters_in_turn(load: str, factors: tuple[float, ...]) -> None:
    """Each reads another share of the load, with noise of its own; a few rows are missing."""
    t_s = times(1.0, len(factors), 0.2)
    noise = 1 + 0.004 * np.random.default_rng(1).standard_normal(t_s.size)
    watts = LOADS[load](t_s) * np.resize(factors, t_s.size) * noise
    (doubt,) = found(watts, t_s)
    assert doubt.code == "meter-interleaved"
    assert f"at {len(set(factors)) if len(factors) < 4 else 4} levels" in doubt.message
    assert "--select" in doubt.remedy
    kept = np.delete(np.arange(t_s.size), 170)
    assert found(watts[kept], t_s[kept])


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("noise", [0.0, 0.002, 0.02, 0.1, 0.3])
@pytest.mark.parametrize("resolution", [0.1, 10.0, 30.0])
@pytest.mark.parametrize("spacing_s", [0.25, 1.0])
def test_one_load_is_not_several(
    load: str, noise: float, resolution: float, spacing_s: float
) -> None:
    """Also at the border between two values of a coarse meter, and with noise that swings back."""
    t_s = times(spacing_s)
    for seed in range(4):
        white = np.random.default_rng(seed).standard_normal(t_s.size)
        swinging = white - 0.7 * np.roll(white, 1)
        drifting = np.convolve(white, np.full(5, 0.2), mode="same")
        for scatter in (white, swinging, drifting):
            assert not found(LOADS[load](t_s) * (1 + noise * scatter), t_s, resolution)


def test_a_value_that_holds_for_some_rows_is_not_several() -> None:
    """A meter that is asked four times for each new value."""
    t_s = times(0.25)
    noise = np.random.default_rng(2).standard_normal(t_s.size // 4 + 1)
    assert not found(300.0 + 20.0 * np.repeat(noise, 4)[: t_s.size], t_s)


def test_energies_of_intervals_in_turn() -> None:
    """Energies since the row before are looked at as powers are; a counter that is read faster than
    it counts steps from level to level, and has no doubt.
    """
    t_s = times(1.0, 2, 0.5)
    joules = np.cumsum(np.resize((300.0, 180.0), t_s.size)) * 10
    counter = {"kind": "counter", "raw": joules.astype(np.int64)}
    assert not found(joules, t_s, 0.1, **counter)
    series = MeterSeries("m.csv", "column 'energy_j'", "line", "counter", 0.1, t_s,
                         joules.astype(np.int64), np.arange(t_s.size))  # fmt: skip
    (doubt,) = doubts(series, t_s, REPEATS, None, per_interval=True)
    assert "the energy is the sum of theirs" in doubt.message


@pytest.mark.parametrize("period", [5, 6, 8, 12])
def test_a_load_of_a_longer_period_is_not_several(period: int) -> None:
    """A load that switches every few rows, so that steps are rare."""
    for rows in (30, 40, 150):
        t_s = times(1.0)[:rows] + 50.0
        noise = np.random.default_rng(rows).standard_normal(rows)
        watts = np.where(np.arange(rows) % period < period / 2, 300.0, 200.0) + noise
        assert not found(watts, t_s)
