"""Projecting keeps errors that inputs share, names mistakes, and tests claims against the inputs
of the scenario.
"""

from __future__ import annotations

import pytest

from energybench.analysis.uncertainty.effects import combine, exact, normal, rectangular
from energybench.errors import BadInput
from energybench.model import Estimate
from energybench.projecting.project import project
from energybench.projecting.scenario import (
    PublishedClaim,
    Results,
)
from tests.projecting.scenarios import codes, line, scenario, stated_input, stated_range

# ---------------------------------------------------------------- lines


def test_a_line_lists_formula_and_inputs() -> None:
    """A line shows its inputs, and the source of every input."""
    projection = project(
        scenario(
            stated_input("n", 3, "nodes", evidence="seen"),
            stated_input("p", 200, "W"),
            lines=[("power", "n * p", "W"), ("twice", "2 * power + n", "W")],
        )
    )
    power, twice = projection.lines
    assert (power.value.value, power.unit, power.formula) == (600.0, "W", "n * p")
    assert [(used.name, used.unit, used.source) for used in power.inputs] == [
        ("n", "nodes", "a test"),
        ("p", "W", "a test"),
    ]
    assert [(used.name, used.value.value, used.source) for used in twice.inputs] == [
        ("power", 600.0, "line above"),
        ("n", 3.0, "a test"),
    ]


def test_shared_inputs_cancel() -> None:
    """Lines are computed from the base inputs: a shared error has no part in a ratio or a
    difference.
    """
    x = combine(10.0, [normal("stated-range", 1.0, detail="x")])
    projection = project(
        scenario(
            stated_input("x", x),
            lines=[
                ("a", "2 * x"),
                ("b", "3 * x"),
                ("ratio", "b / a"),
                ("nothing", "a + x - b"),
                ("same", "a - 2 * x + 5"),
            ],
        )
    )
    assert (projection.lines[2].value.low, projection.lines[2].value.high) == pytest.approx(
        (1.5, 1.5), rel=1e-12
    )
    assert projection.lines[2].value.effects == ()
    assert (projection.lines[4].value.low, projection.lines[4].value.high) == pytest.approx(
        (5, 5), rel=1e-12
    )
    assert projection.lines[0].value.half_width == pytest.approx(2 * 1.96, rel=1e-3)


def test_shared_keys_cancel() -> None:
    """Two inputs of one board share the gain; inputs of two boards do not."""

    def ratio(keys: tuple[str, str]) -> Estimate:
        inputs = [
            stated_input(name, combine(100.0, [rectangular("gain", 5.0, key=key)]))
            for name, key in zip("ab", keys, strict=True)
        ]
        return project(scenario(*inputs, lines=[("r", "a / b")])).lines[0].value

    assert ratio(("board 1", "board 1")).half_width < 1e-9
    assert ratio(("board 1", "board 2")).half_width == pytest.approx(
        0.078, abs=0.002
    )  # two rectangular ±5 %: ±7.8 %


def test_ceil_over_draws() -> None:
    """A whole number of nodes stays whole at both ends of the interval."""
    projection = project(
        scenario(stated_range("s", 12.0, 10.0, 14.0), lines=[("n", "ceil(100 / s)")])
    )
    value = projection.lines[0].value
    assert (value.low, value.value, value.high) == (8.0, 9.0, 10.0)


def test_bounds_go_to_their_own_side() -> None:
    """A range of limits extends to them on both sides."""
    projection = project(
        scenario(
            stated_range("p", 428.0, 373.0, 504.0, meaning="limits"),
            lines=[("less", "1000 - p"), ("more", "2 * p")],
        )
    )
    assert (projection.lines[0].value.low, projection.lines[0].value.high) == pytest.approx(
        (496, 627)
    )
    assert (projection.lines[1].value.low, projection.lines[1].value.high) == pytest.approx(
        (746, 1008)
    )


BAD_LINES = [
    (
        [("a", "b + 1"), ("b", "x")],
        "lines.a: refers to b, which stands further down (move that line up",
    ),
    ([("a", "b"), ("b", "a")], "lines.a: refers to b, which stands further down"),
    ([("a", "a + x")], "lines.a: refers to itself"),
    ([("a", "xx")], "lines.a: refers to xx, which is neither an input nor a line"),
    ([("a", "nothing_like_it")], "have x"),
    ([("x", "1")], "lines.x: is also the name of an input"),
    ([("a", "x"), ("a", "x")], "lines.a: is also the name of a line above"),
    ([("a", "1 / (x - x)")], "lines.a: '1 / (x - x)' divides by 0"),
    ([("a", "x - x"), ("b", "x / a")], "lines.b: 'x / a' divides by 0"),
    ([("a", "x +")], "lines.a: 'x +' is not a formula"),
]


@pytest.mark.parametrize(("lines", "message"), BAD_LINES)
def test_bad_lines(lines: list[tuple[str, ...]], message: str) -> None:
    """A reference to an unknown name, in a circle or downward is one line with file and key."""
    with pytest.raises(BadInput) as caught:
        project(scenario(stated_input("x", 1), lines=lines), (), "my.toml")
    assert str(caught.value).startswith("my.toml: lines.")
    assert message in str(caught.value)


def test_an_input_that_nothing_uses_is_a_mistake() -> None:
    """An unused input is refused: a misspelt name would pass in silence."""
    with pytest.raises(BadInput, match=r"inputs\.y: is used by no line and no claim"):
        project(scenario(stated_input("x", 1), stated_input("y", 1), lines=[("a", "x")]))


# ---------------------------------------------------------------- results


def test_results_are_lines_in_their_unit() -> None:
    """The three answers are named lines; a line in a different unit is refused."""
    lines = [
        ("e", "x", "MWh"),
        ("kilo", "1000 * x", "kWh"),
        ("m", "x", "EUR"),
        ("c", "x", "t CO2e"),
    ]
    results = Results(saved_mwh_per_month="e", saved_cost_per_month="m", saved_tco2e_per_month="c")
    projection = project(
        scenario(stated_input("x", 4), lines=lines, results=results, currency="EUR")
    )
    assert projection.saved_mwh_per_month == line(projection.lines, "e").value
    assert projection.saved_cost_per_month == line(projection.lines, "m").value
    assert projection.saved_tco2e_per_month == line(projection.lines, "c").value
    for wrong, message in (
        ({"results": Results(saved_mwh_per_month="kilo")}, "whose unit is 'kWh'"),
        ({"results": Results(saved_mwh_per_month="no")}, "names no, which is not a line"),
        ({"results": Results(saved_cost_per_month="m"), "currency": "USD"}, "whose unit is 'EUR'"),
        ({"results": Results(saved_cost_per_month="m")}, "currency: is missing"),
    ):
        with pytest.raises(BadInput, match=message):
            project(scenario(stated_input("x", 4), lines=lines, **wrong))


def test_a_saving_that_is_not_shown() -> None:
    """An interval that contains 0 is a doubt."""
    projection = project(
        scenario(
            stated_range("x", 1, -1, 3),
            lines=[("e", "x", "MWh")],
            results=Results(saved_mwh_per_month="e"),
        )
    )
    assert "saving-not-shown" in codes(projection.doubts)


# ---------------------------------------------------------------- claims


@pytest.mark.parametrize(
    ("claimed", "tolerance", "fits"),
    [
        (10.0, 0.0, True),
        (11.9, 0.0, True),
        (12.5, 0.0, False),
        (12.5, 0.2, True),
        (8.05, 0.0, True),
        (7.5, 0.0, False),
    ],
)
def test_claims_fit_by_interval_or_tolerance(claimed: float, tolerance: float, fits: bool) -> None:
    """A claim fits if the derived interval contains the claim, or within the claim's rounding."""
    claim = PublishedClaim(
        name="c", claimed=claimed, derived="x", tolerance=tolerance, why_fits="yes", why_not="no"
    )
    projection = project(
        scenario(stated_range("x", 10.0, 8.0, 12.1, meaning="limits"), claims=(claim,))
    )
    assert projection.claims[0].verdict == ("consistent" if fits else "contradicts")
    assert projection.claims[0].why == ("yes" if fits else "no")
    assert projection.claims[0].derived is not None


def test_a_claim_that_cannot_be_derived() -> None:
    """A claim without published inputs has no verdict."""
    projection = project(
        scenario(
            stated_input("x", 1),
            lines=[("a", "x")],
            claims=(PublishedClaim(name="c", claimed=12, why_not="times were not published"),),
        )
    )
    assert (
        projection.claims[0].derived,
        projection.claims[0].verdict,
        projection.claims[0].why,
    ) == (
        None,
        "cannot-be-derived",
        "times were not published",
    )


def test_a_bad_claim_is_named() -> None:
    """The message names the key of the claim's formula."""
    with pytest.raises(BadInput, match=r"s: claims\.c\.derived: refers to zz"):
        project(
            scenario(
                stated_input("x", 1),
                lines=[("a", "x")],
                claims=(PublishedClaim(name="c", claimed=1, derived="zz"),),
            )
        )


def test_doubts_and_stamps_count_the_same_inputs() -> None:
    """Inferred and assumed inputs of lines and of claims: one count and one list of names."""
    inputs = [
        stated_input("a", 1, evidence="inferred"),
        stated_input("b", 1, evidence="assumed"),
        stated_input("c", 1, evidence="assumed"),
        stated_input("d", 1, evidence="seen"),
        stated_input("f", 1, evidence="unstated"),
        stated_input("constant", 1),
    ]
    projection = project(
        scenario(
            *inputs,
            lines=[("e", "a * b * d * f * constant", "MWh")],
            results=Results(saved_mwh_per_month="e"),
            claims=(PublishedClaim(name="x", claimed=1, derived="c"),),
        )
    )
    doubts = {doubt.code: doubt.message for doubt in projection.doubts}
    assert doubts == {
        "inferred-inputs": "1 of 5 inputs inferred, not read in a source: a",
        "assumed-inputs": "2 of 5 inputs assumed, not read in a source: b, c",
        "unstated-inputs": "1 of 5 inputs without stated evidence (the scenario does not say "
        "whether they were seen, inferred or assumed): f",
    }
    stamps = {stamp.code: stamp.words for stamp in projection.stamps}
    assert all(message.startswith(stamps[code]) for code, message in doubts.items())
    assert [entry.name for entry in projection.inputs] == ["c"]


def test_no_input_at_all() -> None:
    """A scenario may be arithmetic alone."""
    assert project(scenario(lines=[("a", "2 + 2")])).lines[0].value == exact(4.0)
