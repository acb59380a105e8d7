"""Sums over many nodes have few effects, and compare like the sums of all their effects."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from energybench.analysis.uncertainty.budget import budget
from energybench.analysis.uncertainty.effect_kinds import Place
from energybench.analysis.uncertainty.effects import (
    bound,
    combine,
    normal,
    rectangular,
    student,
    uncombined,
)
from energybench.analysis.uncertainty.node_sums import KEPT_KEYS, SHARES, compact, sum_of_nodes
from energybench.analysis.uncertainty.propagation import propagate
from energybench.model import Estimate

NODES = 150


def node(name: str, joules: Sequence[float]) -> Estimate:
    """One node with a board for each energy."""
    effects = []
    for i, energy_j in enumerate(joules):
        place = Place("gpu.board", f"{name}-{i}", "counter")
        effects += [
            normal("gain", 0.05 * energy_j, place, key=f"gain:{name}-{i}"),
            normal("lag", 0.001 * energy_j, place, key="lag:sensor model"),
            rectangular("window-edges", 0.02 * energy_j, place),
            bound(
                "counter-against-power", 0.001 * energy_j, place, key=f"counter-power:{name}-{i}"
            ),
        ]
    effects.append(student(0.01 * sum(joules), 7))
    return uncombined(sum(joules), effects)


def job(first: int = 0, factor: float = 1.0, seed: int = 0) -> list[Estimate]:
    """Nodes with two boards each, numbered from `first`; the energies depend on the seed."""
    energies_j = factor * np.random.default_rng(seed).uniform(100, 900, (NODES, 2))
    return [node(f"n{first + i}", boards.tolist()) for i, boards in enumerate(energies_j)]


def everything(nodes: Sequence[Estimate]) -> Estimate:
    """The sum with every effect of every node."""
    return combine(math.fsum(one.value for one in nodes), [e for one in nodes for e in one.effects])


def ratio(a: Estimate, b: Estimate) -> Estimate:
    return propagate(lambda x: x["a"] / x["b"], {"a": a, "b": b})


def test_a_sum_over_nodes_has_the_interval_of_all_effects_and_a_hundredth_of_them() -> None:
    """Within 1.5 %, in a few kilobytes however many nodes there are."""
    nodes = job()
    total, all_effects = sum_of_nodes(nodes), everything(nodes)
    assert total.value == all_effects.value
    assert total.value - total.low == pytest.approx(all_effects.value - all_effects.low, rel=0.015)
    assert total.high - total.value == pytest.approx(all_effects.high - total.value, rel=0.015)
    assert len(total.effects) <= 2 * SHARES + 4
    assert len(msgspec.json.encode(total)) < 30_000


def test_a_key_on_several_nodes_is_one_error() -> None:
    """The lag of a sensor model adds up over the nodes and keeps its key."""
    (lag,) = [e for e in sum_of_nodes(job()).effects if e.key == "lag:sensor model"]
    assert lag.u == pytest.approx(0.001 * math.fsum(one.value for one in job()))


@pytest.mark.parametrize("other", [0, NODES])
def test_a_ratio_of_sums_is_that_of_all_effects(other: int) -> None:
    """Gains cancel on the same boards, and do not cancel on other boards, for which the bounds of
    either side count in full.
    """
    sides = job(), job(first=other, factor=0.3)
    sums = ratio(*(sum_of_nodes(side) for side in sides))
    all_effects = ratio(*(everything(side) for side in sides))
    assert sums.half_width == pytest.approx(all_effects.half_width, rel=0.02)


def test_the_gains_of_the_same_boards_cancel_wholly() -> None:
    """Each board 0.3 times the energy: nothing is left of a thousand gains."""
    sides = [
        compact([[e for e in one.effects if e.kind == "gain"] for one in job(factor=factor)])
        for factor in (1.0, 0.3)
    ]
    found = ratio(uncombined(1.0, sides[0]), uncombined(0.3, sides[1]))
    assert found.half_width < 1e-9


def test_boards_with_other_proportions_cancel_in_part() -> None:
    """The same boards with other energies: on average what is left is right."""
    left, right = [], []
    for seed in range(1, 9):
        sides = job(), job(seed=seed)
        left.append(ratio(*(sum_of_nodes(side) for side in sides)).half_width)
        right.append(ratio(*(everything(side) for side in sides)).half_width)
    assert np.mean(left) == pytest.approx(np.mean(right), rel=0.05)


def test_an_exchanged_node_never_narrows_the_interval() -> None:
    """One node of 150 is another one: only its boards' shares do not cancel."""
    baseline, candidate = job(), [*job(factor=0.3)[:-1], *job(first=900, factor=0.3)[-1:]]
    sums = ratio(sum_of_nodes(baseline), sum_of_nodes(candidate))
    strict = ratio(everything(baseline), everything(candidate))
    apart = ratio(sum_of_nodes(baseline), sum_of_nodes(job(first=NODES, factor=0.3)))
    assert strict.half_width * 0.98 < sums.half_width < 0.75 * apart.half_width


def test_idle_power_and_energy_of_one_job_share_their_errors() -> None:
    """Net energy: the boards' gains act on the difference."""
    nodes, idle = job(), job(factor=0.5)

    def net(gross: Estimate, rest: Estimate) -> Estimate:
        return propagate(lambda x: x["e"] - x["i"], {"e": gross, "i": rest})

    sums = net(sum_of_nodes(nodes), sum_of_nodes(idle))
    assert sums.half_width == pytest.approx(
        net(everything(nodes), everything(idle)).half_width, rel=0.02
    )


def test_few_effects_stay_as_they_are() -> None:
    """A job of ten nodes keeps every effect, and with it the names of its boards."""
    effects = [one.effects for one in job()[:10]]
    found = compact(effects)
    assert {e.key for e in found} == {e.key for one in effects for e in one}
    assert len([e for e in found if e.kind == "window-edges"]) == 20
    assert len([e for e in found if e.kind == "gain"]) == 20 <= KEPT_KEYS


def test_the_scatter_of_the_sum_replaces_that_of_the_nodes() -> None:
    """Nodes that ran the same repeats do not scatter independently."""
    own = student(123.0, 4)
    found = [e for e in sum_of_nodes(job(), own).effects if e.kind == "scatter"]
    assert found == [own]


def test_order_of_nodes_and_zero_contributions_do_not_change_the_keys() -> None:
    """A board without energy in one quantity leaves the keys of its share as in the others."""
    nodes = [one.effects for one in job()]
    silent = [
        [msgspec.structs.replace(e, u=0.0) if e.key == "gain:n7-0" else e for e in one]
        for one in reversed(nodes)
    ]
    assert {e.key for e in compact(nodes)} == {e.key for e in compact(silent)}


def test_a_budget_says_how_many_boards_a_line_holds() -> None:
    """The shares are one line, which names the number of boards and not that of the shares."""
    lines = budget(sum_of_nodes(job()))
    (gain,) = [line for line in lines if ": gain" in line.effect]
    assert (gain.effect, gain.devices) == ("gpu.board: gain (300 together)", 1)


def test_a_sum_over_nothing_is_refused() -> None:
    """No node is not 0 J."""
    with pytest.raises(ValueError, match="no nodes"):
        sum_of_nodes([])
