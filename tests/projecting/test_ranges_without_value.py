"""A figure without a value somewhere in the stated ranges is refused, and whole things are drawn as
wholes.
"""

from __future__ import annotations

import msgspec
import pytest

from energybench.analysis.uncertainty.effects import combine, normal
from energybench.errors import BadInput
from energybench.model import Estimate
from energybench.projecting.project import project
from energybench.projecting.scenario_files import parse
from tests.projecting.scenarios import comparison
from tests.projecting.test_ranges import HEAD, MEANINGS, entry, interval, projected


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize(
    ("formula", "low", "high"),
    [
        ("sqrt(e)", -100.0, 1.0),
        ("sqrt(e)", -0.001, 1.0),
        ("e**0.5", -10.0, 1.0),
        ("sqrt(1 - e)", 1.0, 1.001),
        ("1/e", 0.0, 1.0),
        ("1/(e - 2)", 1.0, 2.0),
        ("e**e", 1.0, 1000.0),
    ],
)
def test_a_part_of_the_range_without_a_value(
    meaning: str, formula: str, low: float, high: float
) -> None:
    """Named with the formula, the input and its range, whatever the share of the range is."""
    with pytest.raises(BadInput) as refused:
        interval(entry("e", 1.0, low, high, meaning), formula=formula)
    for words in ("lines.y", formula, f"of e between {low:g}".replace("-", "")[:12]):
        assert words in str(refused.value)
    assert "has no value for a part of the range" in str(refused.value)


@pytest.mark.parametrize("meaning", MEANINGS)
def test_two_ranges_that_have_no_value_together(meaning: str) -> None:
    """Each alone has one, the other at its value."""
    ends = entry("a", 1.0, 0.4, 1.0, meaning), entry("b", 0.0, 0.0, 0.6, meaning)
    with pytest.raises(BadInput, match=r"a between .* and b between"):
        interval(*ends, formula="sqrt(a - b)")


def test_the_other_inputs_are_not_named() -> None:
    with pytest.raises(BadInput, match=r"of e between -1 and 2 \("):
        interval(entry("e", 1, -1, 2), entry("a", 1, 0, 2), formula="sqrt(e) * a")


def test_tails_of_measured_values_are_no_stated_range() -> None:
    """A power below 0 is a tail of a distribution, and nobody stated it: the mean of a measured
    value has an interval all the same.
    """
    text = (
        f'{HEAD}[inputs.r]\nmeasured = "energy_ratio"\n[[lines]]\nname = "y"\nformula = "sqrt(r)"\n'
    )
    made = msgspec.structs.replace(comparison(), energy_ratio=combine(5.0, (normal("gain", 2.0),)))
    result = project(parse(text, "f.toml"), (made,), "f.toml")
    assert result.lines[0].value.low < result.lines[0].value.high
    stated = entry("e", 1.0, -1.0, 1.0)
    with pytest.raises(BadInput, match=r"of e between -1 and 1 \("):
        project(parse(text.replace("sqrt(r)", "sqrt(r * e)") + stated, "f.toml"), (made,), "f.toml")


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize(
    ("formula", "low", "high"),
    [("sqrt(e)", 0.0, 1.0), ("1/e", 0.01, 1.0), ("max(0, e)", -1.0, 1.0)],
)
def test_ranges_with_a_value_everywhere(
    meaning: str, formula: str, low: float, high: float
) -> None:
    assert projected(entry("e", 1.0, low, high, meaning), formula=formula).lines


# ---------------------------------------------------------------- whole things


def of_nodes(value: int, low: int, high: int, meaning: str, formula: str) -> Estimate:
    nodes = entry("n", value, low, high, meaning).replace('unit = ""', 'unit = "nodes"')
    return interval(nodes, formula=formula)


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize(("value", "low", "high"), [(3, 1, 5), (1, 1, 2), (7, 0, 40), (40, 0, 40)])
def test_whole_things_are_whole_in_their_ranges(
    meaning: str, value: int, low: int, high: int
) -> None:
    """The distance from a whole number is 0 for every draw and at every limit."""
    off = of_nodes(value, low, high, meaning, "n - floor(n)")
    assert (off.low, off.value, off.high) == (0, 0, 0)
    same = of_nodes(value, low, high, meaning, "n")
    assert all(float(end).is_integer() for end in (same.low, same.high))
    assert same.value == value


def test_each_whole_number_is_as_likely() -> None:
    """One of five nodes in a range of 1 to 5: the mean over the draws of n² is 11."""
    squares = of_nodes(3, 1, 41, "uniform", "n")
    # the 95 % interval of 41 equally likely numbers leaves out one at either end
    assert (squares.low, squares.high) == (2, 40)
    assert of_nodes(3, 1, 41, "limits", "n").high == 41
