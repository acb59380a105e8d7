"""Numbers as a person reads them."""

from __future__ import annotations

import pytest

from energybench.model import Estimate
from energybench.units import (
    WHOLE,
    counted,
    figure,
    rounded,
    short_figure,
    show,
    show_figure,
    show_value,
    whole_number,
)
from energybench.value_ranges import show_range, show_within


@pytest.mark.parametrize("text", ["9" * 5000, "²", "٣", "", "-1", "1_0", " 1", "1.0", "9" * 19])
def test_texts_that_are_no_whole_number(text: str) -> None:
    """Only ASCII digits of a number that fits 64 bits count, and nothing is raised."""
    assert whole_number(text) is None


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_whole_numbers(text: str, number: int) -> None:
    """Leading zeros are allowed."""
    assert whole_number(text) == number


@pytest.mark.parametrize(
    ("value", "low", "high", "unit", "words"),
    [
        (135.0, 129.0, 143.0, "nodes", "135 nodes [129, 143]"),
        (11.4, 6.9, 16.2, "instances", "11 instances [7, 16]"),
        (12.5, 12.5, 12.5, "nodes", "12.5 nodes"),
        (12.5, 12.4, 12.6, "nodes", "12.5 nodes [12.4, 12.6]"),
        (0.75, 0.25, 1.25, "nodes", "0.75 nodes [0.25, 1.25]"),
        (1.0, 1.0, 2.0, "nodes", "1 node [1, 2]"),
        (250.0, 250.0, 250.0, "nodes", "250 nodes"),
        (250.04, 250.04, 250.04, "nodes", "250 nodes"),
        (162.1, 161.9, 162.3, "nodes", "162 nodes"),
        (0.43, 0.38, 0.47, "share", "43.0 % [38.0, 47.0]"),
        (0.43, 0.43, 0.43, "share", "43 %"),
        (6.71901e12, 6.71899e12, 6.71903e12, "flop/s", "6.7190 Tflop/s [6.7190, 6.7190]"),
        (6.71901e12, 6.71901e12, 6.71901e12, "flop/s", "6.719 Tflop/s"),
    ],
)
def test_no_more_digits_than_a_reader_can_use(
    value: float, low: float, high: float, unit: str, words: str
) -> None:
    """Whole things are whole, shares are percentages, and five digits are enough."""
    assert show(Estimate(value=value, low=low, high=high), unit) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1048576.0, "1\u202f048\u202f576"),
        (0.8125, "0.8125"),
        (0.123456, "0.1235"),
        (369.473, "369.5"),
        (12345.6, "12\u202f350"),
        (1.17187e12, "1.172e+12"),
        (2.5e-7, "2.5e-07"),
        (0.0, "0"),
        (-3.0, "-3"),
    ],
)
def test_a_figure_without_an_interval(value: float, words: str) -> None:
    """Whole numbers in full, four significant digits of others."""
    assert figure(value) == words


@pytest.mark.parametrize(
    ("low", "high", "unit", "words"),
    [
        (846.0, 1488.2, "W", "846 to 1 488 W"),
        (16.799991, 16.800009, "", "16.8"),
        (162.0, 162.0, "nodes", "162 nodes"),
        (193.7, 196.2, "nodes", "194 to 196 nodes"),
        (587.49432, 588.50568, "MWh", "587.49 to 588.51 MWh"),
        (4e6, 9.98e6, "USD", "4 000 000 to 9 980 000 USD"),
        (0.0, 0.0, "", "0"),
        (-1.0, 3.0, "", "-1.00 to 3.00"),
        (0.0, float("inf"), "W", "0 to inf W"),
    ],
)
def test_a_range_of_solutions(low: float, high: float, unit: str, words: str) -> None:
    """Digits of what the range knows; a fixed value is no range."""
    assert show_range(low, high, unit).replace("\u202f", " ") == words


def test_a_value_has_the_digits_of_its_range() -> None:
    assert show_within(1027.2, 846.0, 1488.2, "W").replace("\u202f", " ") == "1 027 W"
    assert show_within(16.8000001, 16.799991, 16.800009) == "16.8"


def test_a_very_small_value_has_an_exponent() -> None:
    """Never zeros alone: a speedup of a millionth is not 0."""
    assert show_value(1e-8) == "1e-08"
    assert show_value(0.0) == "0"
    assert show_value(1.5e-3, "kg") == "0.00150 kg"


@pytest.mark.parametrize("unit", sorted(WHOLE | {"days", "months", "years"}))
def test_a_single_thing_has_its_singular(unit: str) -> None:
    """One node is "1 node", in every way to show a number with its unit; others have the plural."""
    one, two = (Estimate(value=n, low=n, high=n) for n in (1.0, 2.0))
    single = unit.removesuffix("s")
    shown = [show(one, unit), show_value(1.0, unit, 1), show_figure(1.0, unit)]
    shown += [show_range(1.0, 1.0, unit), " ".join(rounded(1.0, 1.0, 1.0, unit)[:2])]
    assert set(shown) == {f"1 {single}"}
    assert show(two, unit) == f"2 {unit}"
    assert show(Estimate(value=1.1, low=1.0, high=2.0), unit).startswith("1")
    assert f" {unit} " in show(Estimate(value=1.4, low=1.1, high=2.0), unit) + " " or unit in WHOLE


def test_numbers_of_things() -> None:
    assert [counted(n, "run") for n in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]
    assert [counted(n, "entry", "entries") for n in (1, 3)] == ["1 entry", "3 entries"]


@pytest.mark.parametrize(
    ("value", "significant", "words"),
    [
        (1100.0, 3, "1\u202f100"),
        (1100.0, 2, "1\u202f100"),
        (-2412.3, 3, "-2\u202f410"),
        (0.5, 3, "0.5"),
        (5.0, 3, "5"),
        (0.0, 3, "0"),
        (12345.6, 4, "12\u202f350"),
    ],
)
def test_figures_of_a_sentence_have_no_exponent(value: float, significant: int, words: str) -> None:
    assert short_figure(value, significant) == words
