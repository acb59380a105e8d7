"""Effects combine by key, bounds go to their side, nothing shrinks that should not."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energybench.analysis.uncertainty.effects import (
    bound,
    combine,
    exact,
    normal,
    ranged,
    rectangular,
    scale,
    student,
)
from energybench.analysis.uncertainty.propagation import propagate
from energybench.model import Estimate


def ratio(a: Estimate, b: Estimate) -> Estimate:
    return propagate(lambda x: x["a"] / x["b"], {"a": a, "b": b})


def test_two_boards_gains_of_five_percent_make_7_8_percent_on_a_ratio() -> None:
    """Two independent ±5 % rectangular gains make ±7.8 % on a ratio (facts of the field, and (2 -
    √0.2)·5 %).
    """
    found = ratio(
        combine(100, [rectangular("stated-range", 5, key="board a", detail="gain")]),
        combine(100, [rectangular("stated-range", 5, key="board b", detail="gain")]),
    )
    assert found.half_width == pytest.approx(0.078, abs=0.001)


def test_one_boards_gain_cancels_in_its_own_ratio() -> None:
    """The gain of one board is the same error in both runs on it."""
    a, b = (
        combine(300, [normal("stated-range", 12, key="board", detail="gain")]),
        combine(100, [normal("stated-range", 4, key="board", detail="gain")]),
    )
    found = ratio(a, b)
    assert found.half_width == pytest.approx(0, abs=1e-9)
    assert not found.effects


@settings(max_examples=50)
@given(value=st.floats(1, 1e6), rel=st.floats(1e-4, 0.3))
def test_a_single_effect_has_its_exact_quantiles(value: float, rel: float) -> None:
    """Stratified draws: 1.96 for a normal, 0.95·√3 for a rectangular, t for a Student effect."""
    u = value * rel
    assert combine(value, [normal("stated-range", u, detail="x")]).high - value == pytest.approx(
        1.959964 * u, rel=1e-3
    )
    assert combine(
        value, [rectangular("stated-range", u, detail="x")]
    ).high - value == pytest.approx(0.95 * u, rel=1e-3)
    assert combine(value, [student(u, 7)]).high - value == pytest.approx(2.364624 * u, rel=1e-3)


@settings(max_examples=50)
@given(us=st.lists(st.floats(0.01, 10), min_size=1, max_size=6))
def test_independent_normals_add_in_quadrature_and_shared_ones_linearly(us: list[float]) -> None:
    """The law of propagation, both ways."""
    apart = combine(0, [normal("stated-range", u, detail=f"e{i}") for i, u in enumerate(us)])
    together = combine(
        0, [normal("stated-range", u, key="one sensor", detail=f"e{i}") for i, u in enumerate(us)]
    )
    assert apart.half_width == pytest.approx(1.96 * math.sqrt(sum(u * u for u in us)), rel=0.03)
    assert together.half_width == pytest.approx(1.96 * sum(us), rel=0.002)


def test_a_bound_goes_to_its_side_only_and_wholly() -> None:
    """A missing part of up to 50 J widens the interval upward by 50 J, and by nothing downward."""
    bare = combine(100, [normal("stated-range", 2, detail="x")])
    found = combine(
        100, [normal("stated-range", 2, detail="x"), bound("stated-range", 50, detail="missing")]
    )
    assert found.high == pytest.approx(bare.high + 50, rel=1e-6)
    assert found.low == pytest.approx(bare.low, rel=1e-6)


def test_a_bound_in_the_denominator_lowers_a_ratio() -> None:
    """What the candidate may have used beside what was measured can only make the ratio smaller."""
    found = ratio(exact(100), combine(50, [bound("stated-range", 50, detail="missing")]))
    assert (found.low, found.value, found.high) == pytest.approx((1.0, 2.0, 2.0))


@settings(max_examples=40)
@given(
    a=st.floats(10, 1e5), b=st.floats(10, 1e5), ua=st.floats(0.001, 0.1), ub=st.floats(0.001, 0.1)
)
def test_a_ratios_interval_contains_it_and_turns_over(
    a: float, b: float, ua: float, ub: float
) -> None:
    """The ratio the other way round has the other interval's ends."""
    x, y = (
        combine(a, [normal("stated-range", a * ua, key="x", detail="x")]),
        combine(b, [normal("stated-range", b * ub, key="y", detail="y")]),
    )
    one, other = ratio(x, y), ratio(y, x)
    assert one.low < one.value < one.high
    assert other.low == pytest.approx(1 / one.high, rel=0.01)
    assert other.high == pytest.approx(1 / one.low, rel=0.01)


def test_the_result_is_the_same_every_time() -> None:
    """The seed is fixed: two evaluations print the same digits."""
    a, b = (
        combine(100, [normal("stated-range", 3, detail="x"), student(1, 4)]),
        combine(40, [rectangular("stated-range", 2, detail="y")]),
    )
    assert ratio(a, b) == ratio(a, b)


def test_effects_that_come_out_can_be_put_in_again() -> None:
    """A ratio's own effects, combined, give its interval again (to first order)."""
    found = ratio(
        combine(100, [normal("stated-range", 3, key="x", detail="x")]),
        combine(40, [normal("stated-range", 1, key="y", detail="y")]),
    )
    again = combine(found.value, found.effects)
    assert again.half_width == pytest.approx(found.half_width, rel=0.02)


def test_net_energy_keeps_the_sign_of_shared_effects() -> None:
    """Gross less idle on one sensor: the shared gain acts on the difference, not on the sum."""
    gross, idle = (
        combine(1000, [normal("stated-range", 40, key="s", detail="gain")]),
        combine(900, [normal("stated-range", 36, key="s", detail="gain")]),
    )
    net = propagate(lambda x: x["e"] - x["i"], {"e": gross, "i": idle})
    assert net.half_width == pytest.approx(1.96 * 4, rel=0.01)


def test_a_division_by_zero_is_an_error_not_an_infinity() -> None:
    """No number that is none."""
    with pytest.raises((ValueError, ZeroDivisionError)):
        ratio(exact(1), exact(0))


@pytest.mark.parametrize("high", [1.3, 1.5])
def test_a_stated_range_is_rectangular_or_two_bounds(high: float) -> None:
    """As its meaning says, wherever the value lies: 95 % of the width, or all of it."""
    uniform = ranged("pue", 1.2, 1.1, high)
    assert [effect.distribution for effect in uniform.effects] == ["rectangular"]
    assert uniform.high - uniform.low == pytest.approx(0.95 * (high - 1.1))
    limits = ranged("pue", 1.2, 1.1, high, meaning="limits")
    assert {effect.distribution for effect in limits.effects} == {"bound"}
    assert (limits.low, limits.high) == (pytest.approx(1.1), pytest.approx(high))
    with pytest.raises(ValueError, match="outside"):
        ranged("pue", 2.0, 1.1, 1.5)


def test_scaling_scales_everything() -> None:
    """An estimate times an exact factor."""
    found = scale(combine(10, [normal("stated-range", 1, key="k", detail="x")]), -2.0)
    assert found.value == -20
    assert found.low < found.value < found.high
    assert found.effects[0].u == -2


def test_coverage_of_a_ratio_of_small_samples() -> None:
    """Means of 8 repeats with a shared gain: the interval covers the true ratio about 95 % of the
    time.
    """
    rng = np.random.default_rng(4)
    covered, trials = 0, 150
    for _ in range(trials):
        gain = rng.normal(0, 0.04, 2)
        sides = []
        for truth, g, key in ((500.0, gain[0], "a"), (100.0, gain[1], "b")):
            data = truth * (1 + g) * (1 + rng.normal(0, 0.02, 8))
            mean = float(data.mean())
            sides.append(
                combine(
                    mean,
                    [
                        student(float(data.std(ddof=1)) / math.sqrt(8), 7),
                        normal("stated-range", 0.04 * mean, key=key, detail="gain"),
                    ],
                )
            )
        found = ratio(*sides)
        covered += found.low <= 5.0 <= found.high
    assert 0.90 <= covered / trials <= 0.99


def test_an_effect_from_an_array_can_be_written() -> None:
    """The size of an effect is a plain number, whatever it was computed with: msgspec takes no
    number of numpy.
    """
    for one in (normal("lag", np.float64(2.0)), bound("sensor-lost", np.float64(-3.0))):
        assert type(one.u) is float
        msgspec.json.encode(one)
