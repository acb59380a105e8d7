"""A meter that stood still: frozen readings of power, and counters that lost energy, are told by
the run's own sensors. Coarse, smoothing and seldom renewed meters at honest work are not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from energybench.analysis.arrays import Floats
from energybench.errors import BadInput
from energybench.meters.clock_offset import RunPower
from energybench.meters.series import MeterSeries, check_sampling
from energybench.meters.still_readings import counter_doubts, without_frozen
from energybench.model import REPEAT, Doubt, Window

WINDOWS = (Window(label=REPEAT, repeat=0, start_s=40.0, end_s=100.0),)
FINE = np.arange(-120.0, 300.0, 0.05)
RNG = np.random.default_rng(7)
MOVING = np.repeat(RNG.uniform(120.0, 330.0, 40), 2)  # W, 2 s each, from 40 s on
Joules = Callable[[Floats], Floats]


def energy(*, moving: bool = True) -> Joules:
    """Power inside the node: 60 W, and in the repeat 250 W or another power every 2 s."""
    middle = FINE[1:] - 0.025
    load = MOVING[np.clip((middle - 40.0).astype(int), 0, 59)] if moving else 250.0
    watts = np.where((middle > 40.0) & (middle < 100.0), load, 60.0)
    joules = np.concatenate(([0.0], np.cumsum(watts * 0.05)))
    return lambda t: np.asarray(np.interp(t, FINE, joules))


def run_power(joules: Joules, last_s: float = 140.0) -> RunPower:
    t_s = np.arange(0.0, last_s, 0.1)
    return RunPower(t_s, joules(t_s), 5e-4, 1e-3)


def node_j(joules: Joules, t_s: Floats) -> Floats:
    return np.asarray(50.0 * (t_s + 120.0) + 1.07 * joules(t_s))


def series(kind: str, t_s: Floats, values: Floats, resolution: float) -> MeterSeries:
    raw = np.floor(values / resolution + (0.5 if kind == "power" else 0.0)).astype(np.int64)
    return MeterSeries(
        where="m.csv", what="column 'x'", word="line", kind=kind, resolution=resolution,
        t_s=t_s, raw=raw, places=np.arange(2, t_s.size + 2),
    )  # type: ignore[arg-type]  # fmt: skip


def powers(
    joules: Joules, step_w: float, spacing: float = 1.0, width: float | None = None
) -> MeterSeries:
    t_s = np.arange(-80.0, 220.0, spacing) + 0.3
    width = width or spacing
    watts = (node_j(joules, t_s) - node_j(joules, t_s - width)) / width
    noise = 0.003 * watts * np.random.default_rng(3).standard_normal(t_s.size)
    return series("power", t_s, watts + noise, step_w)


def frozen(meter: MeterSeries, start_s: float, end_s: float) -> MeterSeries:
    raw = meter.raw.copy()
    last = int(np.searchsorted(meter.t_s, start_s)) - 1
    raw[(meter.t_s > start_s) & (meter.t_s < end_s)] = raw[last]
    return meter._replace(raw=raw)


def checked(meter: MeterSeries, joules: Joules, ahead_s: float = 0.0) -> MeterSeries:
    meter = meter._replace(t_s=meter.t_s + ahead_s)
    spacing = float(np.median(np.diff(meter.t_s)))
    return without_frozen(meter, spacing, run_power(joules), 0.0, 60.0)


@pytest.mark.parametrize("ahead_s", [0.0, 13.7])
@pytest.mark.parametrize(
    ("step_w", "spacing", "start_s", "end_s"),
    [
        (0.1, 1.0, 60.0, 75.0),
        (0.1, 1.0, 60.0, 66.0),
        (1.0, 1.0, 60.0, 75.0),
        (5.0, 1.0, 45.0, 75.0),
        (0.1, 0.083, 60.0, 68.0),
        (0.1, 2.0, 50.0, 72.0),
        (0.1, 1.0, 90.0, 110.0),
        (0.1, 1.0, 30.0, 48.0),
    ],
)
def test_frozen_readings_of_a_moving_load_are_left_out(
    step_w: float, spacing: float, start_s: float, end_s: float, ahead_s: float
) -> None:
    """All but the last reading before; every other reading stays."""
    joules = energy()
    honest = powers(joules, step_w, spacing)
    meter = frozen(honest, start_s, end_s)
    still = (meter.t_s > start_s) & (meter.t_s < end_s)
    left = checked(meter, joules, ahead_s)
    places = {row.place for row in left.left_out}
    assert set(meter.places[still].tolist()) <= places
    # a reading before or after may have the same value by chance
    assert len(places) <= still.sum() + 2
    assert all("stands still" in row.reason for row in left.left_out)
    assert not checked(honest, joules, ahead_s).left_out


@pytest.mark.parametrize("moving", [True, False])
@pytest.mark.parametrize("step_w", [0.1, 1.0, 10.0, 50.0, 100.0])
@pytest.mark.parametrize(("spacing", "width"), [(1.0, 1.0), (1.0, 10.0), (0.25, 1.0), (5.0, 5.0)])
def test_honest_readings_stay(moving: bool, step_w: float, spacing: float, width: float) -> None:
    """A meter with coarse steps repeats its value, and a meter that smooths follows the load late:
    neither stood still.
    """
    joules = energy(moving=moving)
    meter = powers(joules, step_w, spacing, width)
    assert without_frozen(meter, width, run_power(joules), 0.0, 60.0) is meter


@pytest.mark.parametrize("step_w", [0.1, 1.0])
def test_a_meter_frozen_at_a_steady_load_shows_the_right_power(step_w: float) -> None:
    joules = energy(moving=False)
    meter = frozen(powers(joules, step_w), 60.0, 80.0)
    assert not checked(meter, joules).left_out


def test_a_meter_at_the_end_of_its_range_is_not_frozen() -> None:
    joules = energy()
    meter = powers(joules, 0.1)
    assert not checked(meter._replace(raw=np.minimum(meter.raw, 2500)), joules).left_out


def test_a_gap_of_frozen_readings_names_them() -> None:
    joules = energy()
    left = checked(frozen(powers(joules, 0.1), 60.0, 75.0), joules)
    with pytest.raises(BadInput, match=r"no reading for 1\d.* stands still at the"):
        check_sampling(left, left.t_s, WINDOWS, 40.0)
    left = checked(frozen(powers(joules, 0.1), 71.0, 300.0), joules)
    with pytest.raises(BadInput, match=r"before the last repeat did .*stands still at the"):
        check_sampling(left, left.t_s, WINDOWS, 40.0)


def counter(
    joules: Joules,
    resolution: float,
    flats: tuple[tuple[float, float], ...] = (),
    *,
    spacing: float = 1.0,
    renewed_s: float = 0.0,
) -> MeterSeries:
    """A counter that does not count during the flats, and is renewed at multiples of renewed_s."""
    t_s = np.arange(-80.0, 220.0, spacing) + 0.3
    at = np.floor(t_s / renewed_s) * renewed_s if renewed_s else t_s
    total = node_j(joules, at)
    for start_s, end_s in flats:
        total -= node_j(joules, np.clip(at, start_s, end_s))
    return series("counter", t_s, total - total.min(), resolution)


def doubted(
    meter: MeterSeries, joules: Joules, last_s: float = 140.0, limit: float = 0.01
) -> tuple[Doubt, ...]:
    return counter_doubts(meter, run_power(joules, last_s), 0.0, 60.0, WINDOWS, limit)


@pytest.mark.parametrize("moving", [True, False])
@pytest.mark.parametrize("last_s", [101.0, 140.0])
@pytest.mark.parametrize(
    ("resolution", "spacing", "flat"),
    [
        (3.6, 1.0, (60.0, 63.5)),
        (3.6, 1.0, (97.0, 103.2)),
        (3.6, 1.0, (60.0, 75.0)),
        (360.0, 1.0, (60.0, 70.0)),
        (3.6, 0.083, (60.0, 61.0)),
        (3.6, 5.0, (55.0, 75.0)),
        (1000.0, 1.0, (50.0, 85.0)),
    ],
)
def test_a_counter_that_stood_still_is_refused(
    resolution: float, spacing: float, flat: tuple[float, float], last_s: float, moving: bool
) -> None:
    joules = energy(moving=moving)
    meter = counter(joules, resolution, (flat,), spacing=spacing)
    with pytest.raises(BadInput, match=r"stood still for .* and did not make up for it"):
        doubted(meter, joules, last_s)


@pytest.mark.parametrize("moving", [True, False])
@pytest.mark.parametrize("resolution", [0.1, 3.6, 36.0, 360.0, 3600.0])
@pytest.mark.parametrize("spacing", [0.083, 0.25, 1.0, 5.0])
@pytest.mark.parametrize("renewed_s", [0.0, 1.02, 4.0, 7.3, 15.0])
def test_an_honest_counter_is_not_doubted(
    moving: bool, resolution: float, spacing: float, renewed_s: float
) -> None:
    """A coarse one, or one that is renewed seldom, makes up for its equal values."""
    joules = energy(moving=moving)
    meter = counter(joules, resolution, spacing=spacing, renewed_s=renewed_s)
    assert doubted(meter, joules) == ()


def test_little_energy_that_a_counter_lost_is_a_doubt() -> None:
    """A counter whose limit of error is larger than the energy that it lost."""
    joules = energy()
    meter = counter(joules, 3.6, ((60.0, 63.5),))
    [doubt] = doubted(meter, joules, limit=0.5)
    assert doubt.code == "meter-outliers"
    assert "stood still for" in doubt.message
    # before the repeat, and outside of all windows
    assert doubted(counter(joules, 3.6, ((20.0, 30.0),)), joules) == ()
