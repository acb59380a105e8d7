"""Bands of relations over a box: points within them, their extents, and the largest set of bands
that hold together.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from energybench.projecting.claim_system import ClaimSystem, Figure, identity
from energybench.projecting.feasible_points import Relation, System, Variable
from energybench.projecting.largest_sets import largest_sets


def system(
    variables: list[Variable], relations: list[Relation], figures: list[Figure]
) -> ClaimSystem:
    """Relations of the figures first, then every variable as a relation."""
    return ClaimSystem(System(variables, [*relations, *map(identity, variables)]), figures)


def figure(name: str, relation: int, low: float, high: float) -> Figure:
    aim = (low + high) / 2 if math.isfinite(low + high) else None
    return Figure(name, relation, low, high, aim)


PRODUCT = Relation("product", lambda x: x["a"] * x["b"], 10.0)
SUM = Relation("sum", lambda x: x["a"] + x["b"], 10.0)
WIDE = [Variable("a", 1.0, 100.0), Variable("b", 1.0, 100.0)]


@over(
    a=st.floats(1, 1000),
    b=st.floats(1, 1000),
    c=st.floats(0.1, 10),
    tolerance=st.sampled_from([1e-4, 1e-2, 0.1]),
)
@settings(max_examples=40, deadline=None)
def test_a_system_with_a_solution_is_solved(a: float, b: float, c: float, tolerance: float) -> None:
    """Bands about the values of some point of the box are found to hold together."""
    relations = [
        Relation("ratio", lambda x: x["a"] * x["c"] / x["b"], a * c / b),
        Relation("excess", lambda x: x["a"] * (x["c"] + x["b"]), a * (c + b)),
    ]
    figures = [
        figure(relation.name, i, value * (1 - tolerance), value * (1 + tolerance))
        for i, (relation, value) in enumerate(zip(relations, (a * c / b, a * (c + b)), strict=True))
    ]
    variables = [Variable("a", 1, 1000), Variable("b", 1, 1000), Variable("c", 0.1, 10)]
    solved = system(variables, relations, figures)
    assert solved.sets() == (tuple(figures), {})
    points = solved.points(figures)
    best = solved.preferred(figures, points)
    assert solved.system.values(best[None])[0, :2] == pytest.approx(
        [a * c / b, a * (c + b)], rel=1e-4
    )


def test_extents_are_those_of_the_set() -> None:
    """a·b = 100 ± 1 and a + b ≤ 25 over [1, 100]²: a from 5 to 20, by the quadratic formula."""
    figures = [figure("product", 0, 99, 101), figure("sum", 1, -math.inf, 25)]
    solved = system(WIDE, [PRODUCT, SUM], figures)
    ((low, high),) = solved.extents(figures, solved.points(figures), [2])
    root = math.sqrt(25**2 - 4 * 99)
    assert (low, high) == pytest.approx(((25 - root) / 2, (25 + root) / 2), rel=2e-3)


def test_extents_of_a_quantity_that_is_infinite_everywhere() -> None:
    """A quantity without a finite value has no end to look beyond; the other extents stand."""
    endless = Relation("endless", lambda x: np.full_like(x["a"], np.inf), 10.0)
    figures = [figure("product", 0, 99, 101)]
    solved = system(WIDE, [PRODUCT, endless], figures)
    endless_ends, ends = solved.extents(figures, solved.points(figures), [1, 2])
    assert not any(math.isfinite(end) for end in endless_ends)
    assert ends == pytest.approx((1.0, 100.0), rel=2e-2)


def test_figures_that_exclude_each_other_are_both_left_out() -> None:
    """a·b = 100 needs a + b ≥ 20: of a sum of 15 and the product neither is kept, in either order,
    and each names the other.
    """
    product, total = figure("product", 0, 100, 100), figure("sum", 1, 15, 15)
    for figures in ([product, total], [total, product]):
        solved = system(WIDE, [PRODUCT, SUM], figures)
        assert solved.sets() == ((), {"product": (total,), "sum": (product,)})
        assert solved.excluding(product, (total,)) == ("sum",)
        assert solved.excluding(total, (product,)) == ("product",)
    assert not len(system(WIDE, [PRODUCT, SUM], []).points([product, total]))


def test_the_largest_set_is_kept_and_not_the_first() -> None:
    """A figure that excludes two others is left out although it stands first."""
    relations = [Relation(name, lambda x: x["a"], 10.0) for name in ("first", "second", "third")]
    figures = [
        figure("first", 0, 5, 6),
        figure("second", 1, 20, 30),
        figure("third", 2, 25, 35),
    ]
    solved = system([Variable("a", 1, 100)], relations, figures)
    assert [kept.name for kept in solved.sets().kept] == ["second", "third"]


@over(
    conflicts=st.lists(st.sets(st.integers(0, 5), min_size=1, max_size=3), max_size=6),
)
def test_largest_sets_are_those_of_all_subsets(conflicts: list[set[int]]) -> None:
    """Against a search through all subsets: the claims common to the largest sets, and for each
    other claim one of these sets without it.
    """

    def holds(claims: frozenset[int]) -> bool:
        return not any(conflict <= claims for conflict in conflicts)

    subsets = [
        frozenset(chosen) for size in range(7) for chosen in itertools.combinations(range(6), size)
    ]
    most = max(len(subset) for subset in subsets if holds(subset))
    largest = [subset for subset in subsets if holds(subset) and len(subset) == most]
    answer = largest_sets(6, holds)
    assert answer.common == frozenset.intersection(*largest)
    assert answer.without.keys() == frozenset(range(6)) - answer.common
    assert all(one in largest and claim not in one for claim, one in answer.without.items())


@over(
    first=st.integers(1, 40),
    second=st.integers(1, 40),
    share=st.floats(0.2, 0.8),
)
@settings(max_examples=30, deadline=None)
def test_whole_variables_take_whole_numbers(first: int, second: int, share: float) -> None:
    """A product of two numbers of whole things: points are whole numbers; a product between two
    neighbouring products of one of them has no point.
    """
    counts = [Variable("a", 1, 50, whole=True), Variable("b", second, second, whole=True)]
    for value, possible in ((first * second, True), ((first + share) * second, False)):
        figures = [figure("product", 0, value, value)]
        solved = system(counts, [PRODUCT], figures)
        points = solved.points(figures)
        assert bool(len(points)) is possible
        if possible:
            assert points.tolist() == [[first, second]] * len(points)
            assert solved.extents(figures, points, [1]) == [(first, first)]
            assert solved.preferred(figures, points).tolist() == [first, second]


def test_extents_of_a_whole_variable_are_whole() -> None:
    """n·x = 100 ± 1 with x from 7 to 30: n from 4 (3.3 rounded up) to 14 (14.43 rounded down), and
    x only from 99/14 to 101/4.
    """
    variables = [Variable("a", 1, 50, whole=True), Variable("b", 7, 30)]
    figures = [figure("product", 0, 99, 101)]
    solved = system(variables, [PRODUCT], figures)
    counts, others = solved.extents(figures, solved.points(figures), [1, 2])
    assert counts == (4, 14)
    assert others == pytest.approx((99 / 14, 101 / 4), rel=1e-3)


def test_the_same_system_gives_the_same_answer() -> None:
    """Starts are fixed: two searches agree in every digit."""
    figures = [figure("product", 0, 99, 101)]

    def answer() -> tuple[list[float], list[tuple[float, float]]]:
        solved = system(WIDE, [PRODUCT], figures)
        points = solved.points(figures)
        best = solved.preferred(figures, points)
        return list(best), solved.extents(figures, points, [1, 2])

    assert answer() == answer()


def test_the_solution_is_near_likely_values() -> None:
    """Of a line of solutions, the point next to the likely value."""
    variables = [Variable("a", 1, 100, likely=25.0), Variable("b", 1, 100)]
    figures = [figure("product", 0, 99, 101)]
    solved = system(variables, [PRODUCT], figures)
    best = solved.preferred(figures, solved.points(figures))
    assert best == pytest.approx([25, 4], rel=1e-3)


def test_relations_with_steps_and_undefined_values() -> None:
    """A whole number of nodes, and a division by 0 inside the box."""
    relations = [
        Relation("nodes", lambda x: np.ceil(x["a"] / x["b"]), 10.0),
        Relation("inverse", lambda x: 1 / (x["a"] - x["b"]), 1.0),
    ]
    figures = [figure("nodes", 0, 7, 7), figure("inverse", 1, 0.02, 0.1)]
    solved = system(WIDE, relations, figures)
    with np.errstate(all="ignore"):
        points = solved.points(figures)
        assert len(points)
        values = solved.system.values(points)
    assert np.all(values[:, 0] == 7)
    assert np.all((values[:, 1] > 0.0199) & (values[:, 1] < 0.1001))


def test_widened_variables_reach_beyond_their_range() -> None:
    """What a figure needs outside the range is found, and the other variable stays inside."""
    narrow = [Variable("a", 1, 5), Variable("b", 1, 5)]
    figures = [figure("product", 0, 100, 100)]
    solved = system(narrow, [PRODUCT], figures)
    assert not len(solved.points(figures))
    wide = solved.widened("a")
    points = wide.points(figures)
    ((low, high),) = wide.extents(figures, points, [1])
    assert (low, high) == pytest.approx((20, 100), rel=2e-3)
    assert np.all(points[:, 1] <= 5)
