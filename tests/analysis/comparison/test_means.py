"""Three means of energy ratios: each by its formula, with common errors counted once."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energybench.analysis.comparison.compare import compare
from energybench.analysis.comparison.means import MOST, means, no_mean
from energybench.analysis.uncertainty.effects import combine, exact, normal, student
from energybench.analysis.uncertainty.propagation import propagate
from energybench.model import Comparison, Estimate
from tests.analysis.runs import run, work

replace = msgspec.structs.replace
NUMBERS = itertools.count()
BASE: Comparison = compare(
    run("cpu", package_w=400, done=work(), host="a"),
    run("gpu", package_w=100, done=work(), host="b", times_s=(2.0,) * 3),
)


def comparison(ratio: Estimate | float, power_w: float = 400.0) -> Comparison:
    value = exact(ratio) if isinstance(ratio, float) else ratio
    number = next(NUMBERS)
    return replace(
        BASE,
        baseline=f"baseline-{number}",
        candidate=f"candidate-{number}",
        workloads=(f"workload-{number}",) * 2,
        energy_ratio=value,
        power_w=(exact(power_w), exact(1000.0)),
    )


@given(st.lists(st.tuples(st.floats(0.1, 50), st.floats(10, 5000)), min_size=1, max_size=12))
def test_each_mean_follows_its_formula(applications: list[tuple[float, float]]) -> None:
    """Arithmetic, geometric, and total energy over total energy; harmonic <= geometric <=
    arithmetic if all baselines have one power.
    """
    found = means([comparison(ratio, power) for ratio, power in applications])
    assert found is not None
    n = len(applications)
    product = 1.0
    for ratio, _ in applications:
        product *= ratio
    baseline = sum(power for _, power in applications)
    candidate = sum(power / ratio for ratio, power in applications)
    assert found.arithmetic.value == pytest.approx(sum(r for r, _ in applications) / n)
    assert found.geometric.value == pytest.approx(product ** (1 / n))
    assert found.energy_weighted is not None
    assert found.energy_weighted.value == pytest.approx(baseline / candidate)
    equal = means([comparison(ratio) for ratio, _ in applications])
    assert equal is not None
    assert equal.energy_weighted is not None
    assert equal.energy_weighted.value <= equal.geometric.value * (1 + 1e-9)
    assert equal.geometric.value <= equal.arithmetic.value * (1 + 1e-9)


def test_a_common_error_does_not_average_out() -> None:
    """Four ratios with the gain of one board have a mean as uncertain as each of them; four
    independent gains have a mean half as uncertain.
    """

    def mean_of(*keys: str) -> Estimate:
        ratios = [combine(5.0, [normal("gain", 0.25, key=key)]) for key in keys]
        found = means([comparison(ratio) for ratio in ratios])
        assert found is not None
        return found.arithmetic

    common, apart = mean_of("a", "a", "a", "a"), mean_of("a", "b", "c", "d")
    assert common.half_width == pytest.approx(1.96 * 0.25, rel=0.02)
    assert apart.half_width == pytest.approx(common.half_width / 2, rel=0.03)


def test_the_interval_is_that_of_a_monte_carlo_of_the_formula() -> None:
    """First order on the logarithms against draws of the whole formula, for ratios of ±10 %."""
    ratios = {
        f"R{i}": combine(ratio, [normal("gain", 0.05 * ratio, key=f"g{i}"), student(0.02, 4)])
        for i, ratio in enumerate((8.0, 2.0, 1.2))
    }
    found = means([comparison(ratio) for ratio in ratios.values()])
    assert found is not None
    assert found.energy_weighted is not None
    drawn = {
        "arithmetic": propagate(lambda x: sum(x.values()) / 3, ratios),
        "geometric": propagate(lambda x: (x["R0"] * x["R1"] * x["R2"]) ** (1 / 3), ratios),
        "energy_weighted": propagate(lambda x: 3 / sum(1 / r for r in x.values()), ratios),
    }
    for name, expected in drawn.items():
        actual = getattr(found, name)
        assert actual.value == pytest.approx(expected.value)
        margin = 0.1 * expected.half_width
        assert actual.low == pytest.approx(expected.low, abs=margin)
        assert actual.high == pytest.approx(expected.high, abs=margin)


def test_ratios_that_do_not_belong_together_have_no_mean() -> None:
    """Two boundaries; an estimate; an energy that was not measured; a common run; too many."""
    good, other = comparison(5.0), comparison(4.0)
    odd = {
        "boundaries differ": replace(other, boundary="device"),
        "not measured": replace(other, title="time x assumed power"),
        "was not measured": replace(other, energy_ratio=None),
        "a run is in several": replace(other, baseline=good.baseline),
    }
    for words, comparison_ in odd.items():
        assert words in no_mean([good, comparison_])
        assert means([good, comparison_]) is None
    assert f"more than {MOST}" in no_mean([comparison(5.0) for _ in range(MOST + 1)])
    assert means([]) is None


def test_without_a_power_there_is_no_energy_weighted_mean() -> None:
    """The other two means need no power."""
    found = means([comparison(5.0), replace(comparison(2.0), power_w=(None, None))])
    assert found is not None
    assert found.energy_weighted is None
    assert found.arithmetic.value == pytest.approx(3.5)


@pytest.mark.parametrize(
    ("workloads", "ratios", "contradict"),
    [
        ((("milc", "milc"), ("milc", "milc")), (4.6, 0.22), True),
        ((("milc", "milc"), ("milc", "milc")), (4.6, 1.2), False),
        ((("milc", "milc"), ("milc", "milc")), (0.9, 0.2), False),
        ((("milc", "milc"), ("milc", "milc")), (4.6, 1.0), False),
        ((("milc", "milc"), ("gemm", "gemm")), (4.6, 0.22), False),
        ((("", ""), ("", "")), (4.6, 0.22), False),
        ((("milc", "gemm"), ("gemm", "milc")), (4.6, 0.22), False),
    ],
)
def test_one_workload_counts_once(
    workloads: tuple[tuple[str, str], ...], ratios: tuple[float, ...], contradict: bool
) -> None:
    """A comparison and that of the sides exchanged have no mean; two savings have one."""
    pairs = [
        replace(comparison(ratio), workloads=names)
        for ratio, names in zip(ratios, workloads, strict=True)
    ]
    assert ("contradict" in no_mean(pairs)) is contradict
    assert (means(pairs) is None) is contradict
