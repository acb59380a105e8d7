"""Many effects: replacing those that are as good as normal changes no interval visibly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from energybench.analysis.uncertainty.coverage_factors import BOUND_SPAN
from energybench.analysis.uncertainty.effect_kinds import Place
from energybench.analysis.uncertainty.effects import (
    bound,
    combine,
    exact,
    normal,
    rectangular,
    student,
    uncombined,
)
from energybench.analysis.uncertainty.folding import FOLD_ABOVE, normal_u, replaceable
from energybench.analysis.uncertainty.propagation import propagate
from energybench.model import Distribution, Effect, Estimate

ALL_DRAWN = 10**9


def ratio(x: Mapping[str, Any]) -> Any:
    return x["a"] / x["b"] * np.exp(x["scatter"])


def of_nodes(
    side: str, nodes: int, mean_j: float, gain: Distribution = "normal", boards: int = 4
) -> Estimate:
    """The energy of nodes with four boards and a modelled memory each: 4.5 effects a board.

    Sides with the same name run on the same boards.
    """
    rng = np.random.default_rng(nodes)
    effects: list[Effect] = [normal("lag", 0.002 * mean_j, key="lag:model of the boards")]
    for board in range(boards * nodes):
        joules = mean_j * rng.uniform(0.5, 1.5)
        place = Place("gpu.board", f"{side}-{board}", "counter")
        scale = normal if gain == "normal" else rectangular
        effects += [
            scale("gain", 0.05 * joules, place, key=f"gain:{side}-{board}"),
            rectangular("window-edges", 0.03 * joules, place),
            rectangular("resolution", 0.001 * joules, place),
            bound("unseen", 0.001 * joules, place),
        ]
        if board % boards == 0:
            memory = Place("cpu.dram", f"{side}-{board}", "model")
            effects += [
                rectangular("model", 0.2 * joules, memory, key=f"memory:{side}-{board}"),
                student(0.02 * joules, 5),
            ]
    return uncombined(mean_j * boards * nodes, effects)


def reference(inputs: Mapping[str, Estimate]) -> tuple[float, float]:
    """The interval by plain draws: three times as many as the analysis takes, each of them random.

    Bounds of a (b) all raise (lower) the ratio.
    """
    rng, draws = np.random.default_rng(5), 120_000
    values = {name: np.full(draws, estimate.value) for name, estimate in inputs.items()}
    reach = dict.fromkeys(inputs, 0.0)
    errors: dict[str, Any] = {}
    for name, estimate in inputs.items():
        for effect in estimate.effects:
            if effect.distribution == "bound":
                reach[name] += effect.u * BOUND_SPAN
                continue
            standard = errors.get(effect.key or "")
            if standard is None:
                standard = _standard(rng, effect, draws)
            if effect.key is not None:
                errors[effect.key] = standard
            values[name] += effect.u * standard
    lowest = ratio({**values, "b": values["b"] + reach["b"]})
    highest = ratio({**values, "a": values["a"] + reach["a"]})
    return float(np.quantile(lowest, 0.025)), float(np.quantile(highest, 0.975))


def _standard(rng: np.random.Generator, effect: Effect, draws: int) -> Any:
    if effect.distribution == "student":
        return rng.standard_t(effect.dof or 1.0, draws)
    if effect.distribution == "rectangular":
        return rng.uniform(-math.sqrt(3), math.sqrt(3), draws)
    return rng.standard_normal(draws)


@pytest.mark.parametrize("gain", ["normal", "rectangular"])
@pytest.mark.parametrize(("nodes", "candidate"), [(3, "other"), (3, "same"), (10, "other")])
def test_a_ratio_of_folded_effects_has_the_interval_of_drawn_ones(
    nodes: int, candidate: str, gain: Distribution
) -> None:
    """Within 1.5 %, on other nodes and on the same ones, bounds and Student's scatter included."""
    inputs = {
        "a": of_nodes("same", nodes, 1000.0, gain),
        "b": of_nodes(candidate, nodes, 300.0, gain),
        "scatter": uncombined(0.0, (student(0.01, 2.0),)),
    }
    folded = propagate(ratio, inputs, fold_above=0)
    low, high = reference(inputs)
    assert folded.value - folded.low == pytest.approx(folded.value - low, rel=0.015)
    assert folded.high - folded.value == pytest.approx(high - folded.value, rel=0.015)


def both_ways(inputs: Mapping[str, Estimate]) -> tuple[Estimate, Estimate]:
    """The ratio with folded and with drawn effects."""
    return (
        propagate(ratio, inputs, fold_above=0),
        propagate(ratio, inputs, fold_above=ALL_DRAWN),
    )


def test_the_effects_of_a_ratio_are_the_same_folded_or_drawn() -> None:
    """Folding concerns the interval; the effects that a ratio hands on are those of the inputs."""
    folded, drawn = both_ways(
        {
            "a": of_nodes("same", 3, 1000.0),
            "b": of_nodes("other", 2, 300.0),
            "scatter": exact(0.0),
        }
    )
    sizes = {(effect.name, effect.key): effect.u for effect in folded.effects}
    expected = {(effect.name, effect.key): effect.u for effect in drawn.effects}
    assert sizes == pytest.approx(expected, rel=1e-6, abs=1e-15)


def test_few_effects_are_all_drawn() -> None:
    """Up to the stated number nothing changes, to the last bit."""
    effects = [rectangular("resolution", 1.0, key=f"board {i}") for i in range(FOLD_ABOVE)]
    assert combine(1e3, effects) == combine(1e3, effects, fold_above=ALL_DRAWN)
    inputs = {"a": uncombined(1e3, effects[:9]), "b": exact(2.0), "scatter": exact(0.0)}
    drawn = propagate(ratio, inputs, fold_above=ALL_DRAWN)
    assert propagate(ratio, inputs) == propagate(ratio, inputs, fold_above=9) == drawn


def test_gains_of_many_boards_cancel_on_the_same_boards() -> None:
    """A thousand boards on both sides in the same proportions: nothing is left of their gains."""

    def side(factor: float) -> Estimate:
        gains = [normal("gain", factor * (1 + i % 7), key=f"gain:{i}") for i in range(1000)]
        return uncombined(4e5 * factor, gains)

    found = propagate(ratio, {"a": side(1.0), "b": side(0.3), "scatter": exact(0.0)})
    assert found.half_width / found.value < 1e-9


@pytest.mark.parametrize("dof", [3.0, 4.0, 5.0, 9.0])
def test_scatter_of_few_repeats_on_many_nodes(dof: float) -> None:
    """Student's t without a fourth moment is replaced only in so large a number that the sum is
    normal.
    """
    effects = [student(1.0 + i % 5, dof) for i in range(150)]
    assert sum(_mask(effects)) >= 30
    alone = {"a": uncombined(1e4, effects), "b": exact(1.0), "scatter": exact(0.0)}
    low, high = reference(alone)
    folded = combine(1e4, effects, fold_above=0)
    assert folded.half_width == pytest.approx((high - low) / 2, rel=0.015)


def test_scatter_without_a_variance_is_always_drawn() -> None:
    """A mean of two or three repeats has no variance: no normal effect stands in for it."""
    effects = [student(1.0, 1.0 + i % 2) for i in range(20)]
    drawn = combine(1e4, effects, fold_above=ALL_DRAWN)
    assert combine(1e4, effects, fold_above=0) == drawn


def test_a_large_effect_among_many_small_ones_is_drawn() -> None:
    """One modelled part that dominates keeps its rectangle: 0.95 √3 u and not 1.96 u."""
    effects = [rectangular("resolution", 1.0) for _ in range(1000)]
    effects.append(rectangular("model", 500.0))
    found = combine(1e4, effects)
    assert found.half_width == pytest.approx(0.95 * 500.0, rel=0.01)


def test_one_error_with_two_distributions_stays_one_error() -> None:
    """A gain that was calibrated between two runs is normal in one and rectangular in the other."""

    def side(scale: Any) -> Estimate:
        gains = [scale("gain", 1.0, key=f"gain:{i}") for i in range(12)]
        return uncombined(1e3, gains)

    folded, drawn = both_ways({"a": side(normal), "b": side(rectangular), "scatter": exact(0.0)})
    assert folded == drawn


def _mask(effects: Sequence[Effect]) -> list[bool]:
    contributions = np.array([normal_u(effect) for effect in effects])
    return list(replaceable(effects, contributions))


def test_the_smallest_effects_are_replaced_first() -> None:
    """The criterion: the sum of neglected fourth cumulants is at most 0.02 of the variance
    squared. Normal effects lack none.
    """
    assert _mask([rectangular("gain", 1.0)] * 59) != [True] * 59
    assert _mask([rectangular("gain", 1.0)] * 61) == [True] * 61
    assert _mask([normal("gain", 9.0), rectangular("gain", 9.0), rectangular("lag", 0.1)]) == [
        True,
        False,
        True,
    ]
