"""Moments of a load in step: an attached meter may miss what the run's own sensors show."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.meters.clock_offset import RunPower
from energybench.meters.series import MeterSeries
from energybench.meters.single_moments import doubts
from energybench.model import REPEAT, Doubt, Window
from tests.analysis.truth import square

ALIKE = (10.0, 80.0, 150.0, 220.0)  # starts of repeats of 60 s, in step with 1, 2, 5 and 10 s
SPREAD = (10.1, 81.3, 152.6, 223.8, 295.2, 366.5, 437.9, 508.4)


def told(
    period_s: float,
    spacing_s: float,
    averaging_s: float | None = None,
    starts_s: tuple[float, ...] = ALIKE,
    high_w: float = 500.0,
) -> tuple[Doubt, ...]:
    """A square wave from each start, seen by the run every 20 ms and by a meter of this spacing."""
    end_s = starts_s[-1] + 70.0
    t_s = np.arange(0.0, end_s, 0.02)
    watts = np.full(t_s.size, 100.0)
    for start_s in starts_s:
        inside = (t_s >= start_s) & (t_s < start_s + 60.0)
        energy = square(100.0, high_w, period_s, phase_s=start_s)
        watts[inside] = (np.diff(energy(np.append(t_s, end_s))) / np.diff(np.append(t_s, end_s)))[
            inside
        ]
    run = RunPower(t_s, np.concatenate(([0.0], np.cumsum(watts[:-1] * np.diff(t_s)))), 0.0)
    readings_s = np.arange(0.3, end_s, spacing_s)
    series = MeterSeries(
        where="m.csv",
        what="power",
        word="line",
        kind="power",
        resolution=0.1,
        t_s=readings_s,
        raw=np.ones(readings_s.size, dtype=np.int64),
        places=np.arange(readings_s.size),
    )
    repeats = [Window(label=REPEAT, start_s=start, end_s=start + 60.0) for start in starts_s]
    return doubts(series, readings_s, averaging_s, run, repeats)


@pytest.mark.parametrize(
    ("period_s", "spacing_s"), [(1.0, 1.0), (0.2, 1.0), (5.0, 5.0), (2.0, 10.0), (2.0, 1.0)]
)
@pytest.mark.parametrize("averaging_s", [None, 0.0, 0.04])
def test_a_load_in_step_with_single_moments_is_a_doubt(
    period_s: float, spacing_s: float, averaging_s: float | None
) -> None:
    """Whose period is that of the readings, a fraction of it, or a few of them."""
    made = told(period_s, spacing_s, averaging_s)
    assert [doubt.code for doubt in made] == ["in-step-unseen"]
    assert ("--averaging" in made[0].remedy) is (averaging_s is None)


@pytest.mark.parametrize(
    "made",
    [
        told(1.0, 1.0, averaging_s=1.0),
        told(1.0, 1.0, averaging_s=3.0),
        told(1.0, 1.0, high_w=100.0),
        told(1.2361, 1.0),
        told(0.7321, 1.0),
        told(1.0, 1.0, starts_s=SPREAD),
        told(30.0, 0.5),
    ],
    ids=["averages", "smooths", "constant", "slips", "slips fast", "spread starts", "slow wave"],
)
def test_other_loads_and_meters_are_none(made: tuple[Doubt, ...]) -> None:
    assert made == ()
