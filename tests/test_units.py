"""Numbers as a person reads them."""

from __future__ import annotations

import pytest

from energybench.model import Estimate
from energybench.units import figure, show, whole_number


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
