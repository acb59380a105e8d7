"""Readings of work that stop at a largest value, beside idle phases and waits of any kind, and
sensors that show all of the power.
"""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.traces.saturation import saturated_w
from energybench.model import Window
from tests.analysis.truth import Floats

SPACING_S = 0.1
REPEATS, WORK_S = 3, 10.0


def repeats(idle_s: float) -> list[Window]:
    """Repeats with a pause before each, and after the last."""
    return [
        Window(label="repeat", start_s=start_s, end_s=start_s + WORK_S)
        for start_s in (idle_s + i * (WORK_S + idle_s) for i in range(REPEATS))
    ]


def times(idle_s: float) -> Floats:
    return np.arange(SPACING_S / 2, REPEATS * (WORK_S + idle_s) + idle_s, SPACING_S)


def busy(t_s: Floats, work: list[Window]) -> Floats:
    within = [(t_s >= window.start_s) & (t_s < window.end_s) for window in work]
    return np.asarray(np.any(within, axis=0).astype(np.float64))


def shown(watts: Floats, step_w: float) -> Floats:
    return np.asarray(np.round(watts / step_w) * step_w)


@pytest.mark.parametrize("step_w", [0.001, 0.1, 1.0])
@pytest.mark.parametrize("noise_w", [0.0, 0.05, 0.5, 3.0])
@pytest.mark.parametrize("idle_w", [60.0, 171.0, 250.0])
@pytest.mark.parametrize("idle_s", [1.0, 10.0, 60.0])
@pytest.mark.parametrize("top_w", [350.0, 400.0, 440.0])
def test_work_that_is_cut_off_beside_an_idle_phase(
    step_w: float, noise_w: float, idle_w: float, idle_s: float, top_w: float
) -> None:
    """Steady, noisy, short and long idle phases; the same sensor with a larger range has no end."""
    rng = np.random.default_rng(7)
    work, t_s = repeats(idle_s), times(idle_s)
    idle = idle_w + rng.normal(0, noise_w, t_s.size)
    watts = np.where(busy(t_s, work) > 0, rng.uniform(290, 470, t_s.size), idle)
    cut = shown(np.minimum(watts, top_w), step_w)
    assert saturated_w(cut, None, t_s, work) == cut.max()
    assert saturated_w(cut, 700.0, t_s, work) == cut.max()
    assert saturated_w(shown(watts, step_w), None, t_s, work) is None


@pytest.mark.parametrize("waits", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("step_w", [0.001, 1.0])
def test_work_that_waits_at_one_level(waits: float, step_w: float) -> None:
    """Bursts that are cut off, with waits at a steady level within the repeats."""
    rng = np.random.default_rng(8)
    work, t_s = repeats(5.0), times(5.0)
    runs = (busy(t_s, work) > 0) & (t_s % 2.0 >= 2.0 * waits)
    watts = np.where(runs, rng.uniform(290, 470, t_s.size), 90.0)
    assert saturated_w(shown(np.minimum(watts, 390.0), step_w), None, t_s, work) == 390.0
    assert saturated_w(shown(watts, step_w), None, t_s, work) is None


@pytest.mark.parametrize("spread_w", [25.0, 110.0])
def test_work_that_hardly_falls_below_the_end_of_the_range(spread_w: float) -> None:
    """Four of five readings stand at the end of the range, the others a few percent below it."""
    rng = np.random.default_rng(9)
    work, t_s = repeats(5.0), times(5.0)
    load = rng.uniform(400 - spread_w, 400 + 4 * spread_w, t_s.size)
    watts = np.where(busy(t_s, work) > 0, load, 60.0)
    assert saturated_w(np.minimum(watts, 400.0), None, t_s, work) == 400.0
    assert saturated_w(watts, None, t_s, work) is None


@pytest.mark.parametrize("window_s", [0.025, 0.1, 1.0])
@pytest.mark.parametrize("idle_s", [5.0, 10.0, 60.0])
def test_a_steady_load_has_edges_and_no_end_of_range(window_s: float, idle_s: float) -> None:
    """A level that comes back exactly, a steady idle phase, and averages over the edges."""
    work, t_s = repeats(idle_s), times(idle_s)
    fine_s = np.arange(-2.0, t_s[-1] + 1, 1e-3)
    energy = np.cumsum(60.0 + 340.0 * busy(fine_s, work)) * 1e-3
    now, before = (np.interp(at, fine_s, energy) for at in (t_s, t_s - window_s))
    watts = np.round((now - before) / window_s, 3)
    for limit_w in (None, 700.0):
        assert saturated_w(watts, limit_w, t_s, work) is None


@pytest.mark.parametrize("noise_w", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("step_w", [0.001, 0.1, 1.0])
@pytest.mark.parametrize("idle_s", [1.0, 30.0, 300.0])
def test_a_load_that_a_device_holds_at_its_limit(
    noise_w: float, step_w: float, idle_s: float
) -> None:
    """The device holds 400 W, its readings scatter about them, and most of the run is idle: an
    unknown limit makes no end of range of them.
    """
    rng = np.random.default_rng(10)
    work, t_s = repeats(idle_s), times(idle_s)
    held = 400.0 + rng.normal(0, noise_w, t_s.size)
    watts = shown(np.where(busy(t_s, work) > 0, held, 60.0), step_w)
    assert saturated_w(watts, None, t_s, work) is None


def test_a_higher_reading_outside_the_work_shows_the_range() -> None:
    """A value that another load exceeds is no end of the range."""
    rng = np.random.default_rng(11)
    work, t_s = repeats(5.0), times(5.0)
    watts = np.where(busy(t_s, work) > 0, np.minimum(rng.uniform(290, 470, t_s.size), 390.0), 60.0)
    watts[3] = 391.0
    assert saturated_w(watts, None, t_s, work) is None
