"""The inputs of a projection: a stated range is printed as in the scenario."""

from __future__ import annotations

import pytest

from energybench.model import Document, Estimate, Input, Line, Projection
from energybench_reports.view.document import build
from energybench_reports.view.projection import answer

# The 95 % interval of a rectangle from 373 to 483.
POWER = Estimate(value=428.0, low=375.75, high=480.25)


def of_one_line(line: Line, cost: Estimate | None = None) -> Projection:
    """A projection of a single line; cost: money saved a month, in EUR."""
    return Projection(
        scenario="one",
        title="One input",
        lines=(line,),
        saved_mwh_per_month=None,
        saved_cost_per_month=cost,
        currency="EUR" if cost is not None else None,
        saved_tco2e_per_month=None,
        claims=(),
        doubts=(),
    )


def printed(value: Estimate, stated: tuple[float, float] | None, unit: str = "W") -> str:
    """The cell of the value of a projection's only input."""
    power = Input(name="power_w", value=value, unit=unit, source="a table", stated=stated)
    line = Line(name="line", value=value, unit=unit, formula="power_w", inputs=(power,))
    projection = of_one_line(line)
    view = build(Document(title="", results=(projection,)))
    _, inputs = next(section for section in view.sections if section.key == "projection").tables
    return inputs.rows[0][1].line


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ((373.0, 483.0), "428 W (stated range: 373 to 483 W)"),
        ((428.0, 428.0), "428 W"),
        (None, "428 W [376, 480]"),
    ],
)
def test_a_stated_range_is_printed_as_it_was_stated(
    stated: tuple[float, float] | None, words: str
) -> None:
    """A stated range is not replaced by the 95 % interval of the rectangular distribution."""
    assert printed(POWER, stated) == words


def test_a_stated_value_keeps_its_digits() -> None:
    """A value is not rounded to the width of the range: 1536 nodes are not 1540."""
    nodes = Estimate(value=1536.0, low=1300.0, high=1670.0)
    assert printed(nodes, (1290.0, 1680.0), "nodes") == (
        "1\u202f536 nodes (stated range: 1\u202f290 to 1\u202f680 nodes)"
    )


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (Estimate(value=18250.0, low=18250.0, high=18250.0), "EUR (node-hours)"),
        (
            Estimate(value=18250.0, low=18000.0, high=18500.0),
            "[18\u202f000, 18\u202f500] (node-hours)",
        ),
    ],
)
def test_the_kind_of_money_stands_in_one_pair_of_parentheses(cost: Estimate, words: str) -> None:
    """Beside an exact value, which has no interval, too."""
    line = Line(name="money", value=cost, unit="EUR", formula="1", inputs=(), label="node-hours")
    projection = of_one_line(line, cost)
    ((_, cell),) = answer(projection).facts
    assert cell.line.endswith(words)
    assert "((" not in cell.line.replace(" ", "")
