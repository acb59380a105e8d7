"""Which claims decide, and which verdicts follow: whatever the order of the claims, and from whole
numbers of whole things.
"""

from __future__ import annotations

import itertools

import pytest

from energybench.model import Projection
from tests.projecting.claim_files import claim, run, unknown

QUANTITY = unknown("u", 1, 9)
FIVE, THREE = claim("five", 5, "u"), claim("three", 3, "u")


def nodes(name: str, low: float, high: float) -> str:
    return unknown(name, low, high).replace('unit = ""', 'unit = "nodes"')


def verdicts(projection: Projection) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {one.name: (one.verdict, one.excluded_by) for one in projection.claims}


@pytest.mark.parametrize("order", [*itertools.permutations((FIVE, THREE, claim("free", 9, "v")))])
def test_two_claims_that_exclude_each_other_are_not_consistent(order: tuple[str, ...]) -> None:
    """Nothing decides which of the two holds: each names the other, in every order."""
    projection = run(QUANTITY, unknown("v", 1, 30), *order)
    assert verdicts(projection) == {
        "five": ("contradicts", ("three",)),
        "three": ("contradicts", ("five",)),
        "free": ("consistent", ()),
    }
    assert projection.solution is not None
    assert set(projection.solution.contested) == {"five", "three"}
    five = next(one for one in projection.claims if one.name == "five")
    assert '"three"' in five.why


@pytest.mark.parametrize("order", [*itertools.permutations((FIVE, THREE, claim("more", 2.9, "u")))])
def test_a_majority_does_not_depend_on_the_order(order: tuple[str, ...]) -> None:
    """Three claims of one quantity that all exclude each other: none is consistent."""
    assert {verdict for verdict, _ in verdicts(run(QUANTITY, *order)).values()} == {"contradicts"}


def test_more_claims_against_one() -> None:
    """Two claims that agree are the only largest set; the third names both."""
    agreeing = claim("also five", 10, "2 * u")
    for order in itertools.permutations((FIVE, agreeing, THREE)):
        result = verdicts(run(QUANTITY, *order))
        assert result["five"] == result["also five"] == ("consistent", ())
        assert result["three"][0] == "contradicts"
        assert set(result["three"][1]) == {"five", "also five"}


@pytest.mark.parametrize(
    ("silent", "excluded"),
    [
        (claim("silent", 3, "u", circular=True), "needs"),
        (claim("silent", 3, "u", kind="plausibility check"), "needs"),
    ],
)
def test_claims_that_do_not_count_decide_nothing(silent: str, excluded: str) -> None:
    """One published claim against several that do not count: the published one is consistent, the
    others are tested against its solution.
    """
    second = silent.replace('"silent"', '"silent too"')
    for order in itertools.permutations((FIVE, silent, second)):
        projection = run(QUANTITY, *order)
        result = verdicts(projection)
        assert result["five"] == ("consistent", ())
        assert result["silent"] == result["silent too"] == (excluded, ("five",))
        assert projection.solution is not None
        assert projection.solution.holds == ("five",)


def test_a_check_that_agrees_with_the_solution() -> None:
    """A plausibility check that holds is consistent, a circular claim never; neither tests an open
    quantity.
    """
    check = claim("check", 5, "u", kind="plausibility check")
    circular = claim("circular", 5, "u", circular=True)
    projection = run(QUANTITY, FIVE, check, circular)
    assert [one.verdict for one in projection.claims] == ["consistent", "consistent", "needs"]
    assert projection.claims[0].fixes == ("quantity u",)


@pytest.mark.parametrize(("power", "verdict"), [(7, "needs"), (8, "consistent")])
def test_whole_things_are_whole_in_solutions(power: float, verdict: str) -> None:
    """7 kW at 2 kW a node would need 3.5 nodes: a tension; 8 kW need 4."""
    projection = run(
        nodes("n", 1, 10), claim("power", power, "2 * n"), claim("again", power / 2, "n * 1")
    )
    assert [one.verdict for one in projection.claims] == [verdict, verdict]
    assert projection.solution is not None
    (entry,) = projection.solution.unknowns
    assert entry.best == (4 if verdict == "consistent" else None)
    needed = [tension.needed for tension in projection.solution.tensions]
    if verdict == "needs":
        assert needed == [pytest.approx((3.5, 3.5), abs=1e-4)] * 2
        assert "between 3 and 4 nodes" in projection.claims[0].needs[0]


@pytest.mark.parametrize("unit", ["nodes", "servers", "GPUs", "cars"])
def test_a_whole_number_is_sought_among_many(unit: str) -> None:
    """A saving that only 1 234 things give, of up to 100 000, beside a free quantity."""
    table = unknown("n", 1, 100_000).replace('unit = ""', f'unit = "{unit}"')
    projection = run(
        table,
        unknown("w", 1, 2),
        claim("total", 1234 * 3.7, "3.7 * n", tolerance=1e-5),
        claim("w", 1.5, "w * n / n"),
    )
    assert projection.solution is not None
    assert projection.solution.fails == ()
    best = {entry.name: entry.best for entry in projection.solution.unknowns}
    assert best["n"] == 1234


def test_an_input_in_whole_units_is_whole_in_solutions() -> None:
    """An input of 1 to 3 nodes is 1, 2 or 3: 2.5 kW at 1 kW a node do not go together with it."""
    table = (
        '[inputs.n]\nvalue = 2\nlow = 1\nhigh = 3\nunit = "nodes"\nsource = "s"\n'
        'evidence = "seen"\n'
    )
    tables = (table, unknown("k", 1, 1.2))
    half = run(*tables, claim("half", 2.5, "n * k"), claim("one", 1, "k"))
    whole = run(*tables, claim("whole", 3, "n * k"), claim("one", 1, "k"))
    assert half.solution is not None
    assert half.solution.fails == ("half",)
    assert whole.solution is not None
    assert whole.solution.holds == ("whole", "one")
