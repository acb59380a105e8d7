"""Counters that wrap, fail, jump and start anew."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energybench.analysis.traces.plausible import implausible_above_w
from energybench.analysis.traces.slow_updates import slower_period_s
from energybench.analysis.traces.unwrap import unwrap
from tests.analysis.traces import stepwise_unwrap
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


@settings(max_examples=200)
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


@settings(max_examples=100)
@given(
    powers=st.lists(st.floats(50, 900), min_size=5, max_size=60),
    start=st.integers(0, WRAP - 1),
)
def test_one_wrong_reading_changes_no_other(powers: list[float], start: int) -> None:
    """The joules of all other readings are equal to the last bit, wraps included, whether the steps
    are added at once or one by one.
    """
    t = np.arange(len(powers) + 1) * 0.083
    counts = np.concatenate(([0], np.cumsum(np.asarray(powers) * 0.083 * 1e6))).astype(np.int64)
    raw = (start + counts) % WRAP
    wrong_at = len(powers) // 2
    wrong = (raw[wrong_at] + WRAP // 2) % WRAP
    plain = unwrap(_rapl(t, raw))
    disturbed = unwrap(
        _rapl(np.insert(t, wrong_at + 1, t[wrong_at] + 0.01), np.insert(raw, wrong_at + 1, wrong))
    )
    assert disturbed.dropped == 1
    assert disturbed.wraps == plain.wraps
    np.testing.assert_array_equal(disturbed.t_s, plain.t_s)
    np.testing.assert_allclose(disturbed.energy_j, plain.energy_j, rtol=1e-12)


@pytest.mark.parametrize("period_s", [0.083, 0.1, 0.25])
@pytest.mark.parametrize("jump_j", [150.0, 300.0, 1500.0])
def test_a_jump_forward_is_not_spread_over_later_readings(period_s: float, jump_j: float) -> None:
    """A counter at 200 W that jumps once: the jump is a gap that is named, and no energy, even if
    the time after it would make it a possible power.
    """
    t_s = np.arange(0.0, 6.0, period_s)
    joules = 200.0 * t_s + np.where(t_s > 3.0, jump_j, 0.0)
    limits = {"max_power_w": 300.0, "update_period_s": period_s / 20}
    counts = np.round(joules * 1e6).astype(np.int64)
    counter = unwrap(trace(channel(**(RAPL | limits)), t_s, counts))
    assert counter.energy_j[-1] == pytest.approx(200.0 * t_s[-1], abs=200.0 * 2 * period_s)
    assert [span.code for span in counter.resets] == ["counter-reset"]


@st.composite
def _counts(draw: st.DrawFn) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """A counter that wraps, stands still, jumps and starts again; times and readings of it."""
    wrap = 400_000_000
    gaps = draw(
        st.lists(st.sampled_from([0.0, 0.05, 0.1, 0.1, 0.1, 3.0]), min_size=2, max_size=150)
    )
    t_s = np.concatenate(([0.0], np.cumsum(gaps)))
    watts = draw(st.sampled_from([0.0, 200.0, 950.0]))
    counts = [draw(st.integers(0, wrap - 1))]
    for gap_s in gaps:
        counts.append((counts[-1] + round(gap_s * watts * 1e6)) % wrap)
    raw = np.array(counts, dtype=np.int64)
    events = st.tuples(
        st.integers(0, len(raw) - 1),
        st.sampled_from(["wrong", "zero", "restart", "back", "jump", "still"]),
        st.integers(0, wrap - 1),
    )
    for place, event, value in draw(st.lists(events, max_size=6)):
        if event in ("wrong", "zero"):
            raw[place] = value if event == "wrong" else 0
        elif event == "still":
            raw[place : place + 5] = raw[place]
        else:
            change = {"restart": -raw[place], "back": -value // 10, "jump": value // 10}[event]
            raw[place:] = (raw[place:] + change) % wrap
    return t_s, raw


@settings(max_examples=400)
@given(counts=_counts(), wrap=st.sampled_from([None, 400_000_000, 2**63, 2**64]))
def test_rows_at_once_give_what_reading_by_reading_gives(
    counts: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]], wrap: int | None
) -> None:
    """The same readings, joules, wraps and gaps, to the last bit, wherever rows begin and end."""
    t_s, raw = counts
    made = trace(channel(**{**RAPL, "wrap": wrap}), t_s, raw)
    found = unwrap(made)
    slower_s = slower_period_s(t_s, raw, RAPL["update_period_s"])
    slack_s = 2 * max(RAPL["update_period_s"], slower_s or 0.0)
    limits = stepwise_unwrap.Limits(implausible_above_w(made.channel), slack_s)
    reference = stepwise_unwrap.step_by_step(limits, made.channel, t_s, raw)
    np.testing.assert_array_equal(found.t_s, reference.t_s)
    assert (found.wraps, found.dropped) == (reference.wraps, reference.dropped)
    assert found.resets == reference.resets
    if found.wraps or found.dropped or found.resets:
        np.testing.assert_array_equal(found.energy_j, reference.energy_j)
    else:  # without a wrap the joules are those of the counts, not a sum of rounded steps
        np.testing.assert_allclose(found.energy_j, reference.energy_j, rtol=1e-12, atol=1e-9)
