"""The headline of a study: largest speedup or, if every variant is slower, smallest slowdown."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from energybench.model import Estimate, Study
from energybench_reports.view.study_headline import answer
from tests.reports.sample_study import study


def at(low: float, value: float, high: float) -> Study:
    """A study with equal speedups in every cell."""
    sample = study()
    speedup = Estimate(value=value, low=low, high=high)
    return replace(
        sample,
        cells=tuple(
            replace(cell, ratios=tuple(replace(ratio, speedup=speedup) for ratio in cell.ratios))
            for cell in sample.cells
        ),
    )


@pytest.mark.parametrize(
    ("edges", "name", "figure"),
    [
        ((1.5, 2.0, 2.5), "largest speedup over eager", "2.00 [1.50, 2.50]"),
        ((0.8, 1.0, 1.2), "largest speedup over eager", "1.00 [0.80, 1.20]"),
        ((0.4, 0.5, 0.625), "smallest slowdown against eager", "2.00 [1.60, 2.50]"),
    ],
)
def test_where_every_variant_is_slower_the_cost_is_the_headline(
    edges: tuple[float, float, float], name: str, figure: str
) -> None:
    headline = answer(at(*edges))
    assert headline.figure_name == name
    assert headline.figure is not None
    assert f"{headline.figure.text} {headline.figure.note}".strip() == figure
    assert name in headline.line


def test_a_ratio_that_decides_nothing_is_no_part_of_the_headline() -> None:
    """The first cell is slower, the interval of the second contains 1: the headline is the first,
    and the second is counted.
    """
    slow = at(0.4, 0.5, 0.625)
    first, second, *rest = [cell for cell in slow.cells if cell.ratios]
    wide = Estimate(value=0.9, low=0.4, high=2.0)
    unsure = replace(second, ratios=tuple(replace(ratio, speedup=wide) for ratio in second.ratios))
    headline = answer(replace(slow, cells=(first, unsure, *rest)))
    assert headline.figure_name == "smallest slowdown against eager"
    assert "because the interval contains 1" in headline.sentence
