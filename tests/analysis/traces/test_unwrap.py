"""Counters that wrap, fail, jump and start anew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energybench.analysis.traces.unwrap import unwrap
from tests.analysis.truth import channel, trace

WRAP = 262_143_328_850
RAPL = {
    "collector": "rapl",
    "resolution": 1e-6,
    "update_period_s": 0.001,
    "wrap": WRAP,
    "max_power_w": 1000.0,
}


def _rapl(t, raw, ok=None):  # type: ignore[no-untyped-def]
    return trace(channel(**RAPL), np.asarray(t, dtype=float), np.asarray(raw, dtype=np.int64), ok)


@settings(max_examples=200, deadline=None)
@given(
    powers=st.lists(st.floats(0, 900), min_size=2, max_size=60),
    start=st.integers(0, WRAP - 1),
    failed=st.sets(st.integers(1, 59), max_size=20),
)
def test_unwrapping_gives_back_what_was_counted(
    powers: list[float], start: int, failed: set[int]
) -> None:
    """Whatever the start, the powers and the reads that failed, the joules between the first and
    last good read are right.
    """
    t = np.arange(len(powers) + 1) * 0.1
    counts = np.concatenate(([0], np.cumsum(np.asarray(powers) * 0.1 * 1e6))).astype(np.int64)
    ok = np.array([i not in failed for i in range(t.size)])
    raw = np.where(ok, (start + counts) % WRAP, 0)
    found = unwrap(_rapl(t, raw, ok))
    last = np.flatnonzero(ok)[-1]
    assert found.energy_j[-1] == pytest.approx(counts[last] * 1e-6, abs=1e-6)
    assert found.dropped == 0
    assert (np.diff(found.energy_j) >= 0).all()
    assert found.wraps == (start + counts[last]) // WRAP


def test_a_wrap_is_counted_once() -> None:
    """30 J across the wrap are 30 J (a peer: −262 113 J, then +262 173 J)."""
    found = unwrap(_rapl([0, 0.1, 0.2], [WRAP - 20_000_000, WRAP - 10_000_000, 0 + 10_000_000]))
    assert found.energy_j[-1] == pytest.approx(30)
    assert found.wraps == 1


def test_a_zero_that_no_power_explains_is_dropped() -> None:
    """A file that reads 0 for once is no wrap of 262 kJ."""
    raw = [5_000_000_000 + i * 7_000_000 for i in range(10)]
    raw[4] = 0
    found = unwrap(_rapl(np.arange(10) * 0.1, raw))
    assert found.energy_j[-1] == pytest.approx(63)
    assert found.dropped == 1
    assert found.wraps == 0
    assert not found.resets


def test_a_counter_that_starts_anew_leaves_a_gap_that_is_named() -> None:
    """A driver reload: joules before and after are kept, what fell in between is a span that nobody
    vouches for.
    """
    raw = [9_000_000 + i * 30_000 for i in range(5)] + [i * 30_000 for i in range(6)]
    found = unwrap(
        trace(channel(max_power_w=1000.0), np.arange(11) * 0.1, np.asarray(raw, dtype=np.int64))
    )
    assert found.energy_j[-1] == pytest.approx(4 * 30 + 5 * 30)
    assert [span.extra_j for span in found.resets] == [None]


def test_a_long_gap_may_hide_wraps() -> None:
    """A difference shows that it wrapped, never how often: a gap longer than a wrap takes says how
    much it may hide.
    """
    found = unwrap(_rapl([0, 0.1, 600.1], [0, 5_000_000, 9_000_000]))
    assert [span.extra_j for span in found.ambiguous] == [pytest.approx(2 * WRAP * 1e-6)]


def test_nothing_good_gives_nothing() -> None:
    """All reads failed: no points, no crash."""
    found = unwrap(_rapl([0, 0.1], [0, 0], np.array([False, False])))
    assert found.t_s.size == 0


@pytest.mark.parametrize("back_j", [35.0, 60.0, 85.0])
@pytest.mark.parametrize("wrap", [None, WRAP])
def test_a_counter_set_back_for_good_is_not_swallowed(back_j: float, wrap: int | None) -> None:
    """A step back that the load has made up for before three readings: the energy that may be
    lacking is named, and reaches what is lacking.
    """
    t = np.arange(40) * 0.1
    joules = 300.0 * t + 50_000.0
    joules[20:] -= back_j
    made = channel(max_power_w=1200.0, wrap=wrap)
    found = unwrap(trace(made, t, np.round(joules * 1e3).astype(np.int64)))
    lacking = 300.0 * 3.9 - found.energy_j[-1]
    (span,) = found.resets
    assert lacking == pytest.approx(back_j, abs=0.1) or lacking == pytest.approx(30.0, abs=0.1)
    if span.extra_j is not None:
        assert span.extra_j == pytest.approx(lacking, abs=1.0)


@pytest.mark.parametrize("component", ["gpu.board", "module", "node", "cpu.package"])
def test_a_counter_without_a_stated_limit_drops_what_no_device_draws(component: str) -> None:
    """One reading that is megajoules too high: the largest device of its kind is the limit."""
    t = np.arange(60) * 0.1
    raw = np.round(300.0 * t * 1e3).astype(np.int64) + 10_000
    raw[30] += 4_294_967_295
    found = unwrap(trace(channel(component=component, max_power_w=None), t, raw))
    assert found.dropped == 1
    assert found.energy_j[-1] == pytest.approx(300.0 * 5.9)
