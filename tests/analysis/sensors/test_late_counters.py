"""Counters of dies that show one register late or seldom, told from registers of their own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from energybench.analysis.sensors.mirrored_counters import Mirrors, mirrors
from energybench.model import Trace
from tests.analysis.sensors.test_mirrored_counters import NONE, START_UJ, ids, polls, trace

DURATION_S = 10.0


def joules(t_s: npt.NDArray[np.float64], high_w: float) -> npt.NDArray[np.float64]:
    """Energy of 40 W, and of a higher power for two of every three seconds."""
    whole = np.floor(t_s / 3)
    return 40 * t_s + (high_w - 40) * (2 * whole + np.clip(t_s - 3 * whole - 1, 0, 2))


def counter(
    number: int,
    period_s: float = 1e-3,
    lag_s: float = 0.0,
    *,
    offset_j: float = 0.0,
    high_w: float = 120.0,
    wrap: int | None = None,
    duration_s: float = DURATION_S,
) -> Trace:
    """A counter that is written every `period_s`, with the energy up to `lag_s` before."""
    t_s = polls(duration_s)
    written_s = 20.0 + np.floor(t_s / period_s) * period_s - lag_s
    counts = START_UJ + ((joules(written_s, high_w) + offset_j) * 1e6).astype(np.int64)
    return trace(f"package-0-die-{number}", counts % wrap if wrap else counts, t_s=t_s)


PAIRS = [
    ((0.25, 0.0), (0.25, 0.125)),
    ((0.1, 0.0), (0.1, 0.05)),
    ((1.0, 0.0), (1.0, 0.4)),
    ((1e-3, 0.0), (0.25, 0.0)),
    ((0.25, 0.0), (1e-3, 0.0)),
    ((0.01, 0.0), (1.0, 0.3)),
    ((1e-3, 0.0), (1e-3, 0.04)),
    ((1e-3, 0.06), (1e-3, 0.0)),
    ((1e-3, 0.0), (1e-3, 0.2)),
    ((1e-3, 0.0), (1e-3, 0.8)),
    ((0.1, 0.0), (0.25, 0.6)),
]


@pytest.mark.parametrize("wrap", [None, START_UJ + 1_600 * 10**6])
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_one_register_that_is_shown_late_is_unclear(
    one: tuple[float, float], other: tuple[float, float], wrap: int | None
) -> None:
    """Whichever counter is late, and if the register starts again from zero during the run."""
    pair = [counter(0, *one, wrap=wrap), counter(1, *other, wrap=wrap)]
    assert mirrors(pair) == Mirrors(frozenset(), ids(pair[1:]))


def test_three_dies_of_one_register() -> None:
    """A die that shows the register at once is left out; a late die is unclear."""
    found = [counter(0), counter(1), counter(2, lag_s=0.06)]
    assert mirrors(found) == Mirrors(ids(found[1:2]), ids(found[2:]))


def test_three_dies_that_are_late_by_different_times() -> None:
    found = [counter(0), counter(1, lag_s=0.06), counter(2, 0.25, 0.1)]
    assert mirrors(found) == Mirrors(frozenset(), ids(found[1:]))


@pytest.mark.parametrize("offset_j", [20.0, 60.0, 1000.0])
@pytest.mark.parametrize("high_w", [40.0, 60.0, 120.0, 400.0])
def test_registers_some_joules_apart_are_two(offset_j: float, high_w: float) -> None:
    """Equal loads, steady or not: the joules between two registers do not follow the power."""
    pair = [counter(0, high_w=high_w), counter(1, high_w=high_w, offset_j=offset_j)]
    assert mirrors(pair) == NONE


@pytest.mark.parametrize("period_s", [0.1, 0.25])
@pytest.mark.parametrize("offset_j", [200.0, -5000.0])
def test_slow_registers_far_apart_are_two(period_s: float, offset_j: float) -> None:
    """Registers start anywhere in 262 kJ, far from each other's updates."""
    pair = [counter(0, period_s), counter(1, period_s, offset_j=offset_j)]
    assert mirrors(pair) == NONE


@pytest.mark.parametrize("high_w", [110.0, 130.0])
def test_registers_that_started_together_under_unlike_loads_are_two(high_w: float) -> None:
    """Two registers that move apart while the load runs."""
    t_s = polls(DURATION_S)
    pair = [
        trace(f"package-0-die-{i}", (joules(t_s, watts) * 1e6).astype(np.int64), t_s=t_s)
        for i, watts in enumerate((120.0, high_w))
    ]
    assert mirrors(pair) == NONE
