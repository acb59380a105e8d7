"""The chart of energy by component: every bar ends at the total beside it."""

from __future__ import annotations

import math

import pytest

from energybench.model import NOT_READ, Measurement
from energybench_reports.charts import energy
from energybench_reports.view import energy as tables
from energybench_reports.view.wording import component_words
from tests.reports.consistent import consistent
from tests.reports.sample_job import many_nodes, two_nodes
from tests.reports.samples import SAMPLES

altair = pytest.importorskip("altair")


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_bar_ends_within_the_interval_of_its_total(sample: str) -> None:
    """The pieces of a bar add up to the energy of the run, that of nodes not read included."""
    runs: list[Measurement] = list(consistent(SAMPLES[sample]()).of(Measurement))
    for run in runs:
        figure = energy.energy(altair, [run], {run.id: "run"})
        if run.energy_j is None or figure is None:
            continue
        (total,) = figure.data["sums"]
        end = max(bar["to"] for bar in figure.data["bars"])
        assert total["low"] <= end <= total["high"]
        scale = total["high"] / run.energy_j.high
        assert math.isclose(end, run.energy_j.value * scale, rel_tol=1e-5)


def test_node_time_that_was_not_read_is_a_piece_and_a_row() -> None:
    """A node without a reader, and a node that was read for a part of the time: their energy is
    estimated from the others, is in the total, and is a component of its own with an interval.
    """
    large, small = many_nodes(), two_nodes()
    names = {large.id: "large", small.id: "small"}
    figure = energy.energy(altair, [large, small], names)
    assert figure is not None
    pieces = [bar for bar in figure.data["bars"] if bar["part"] == component_words(NOT_READ)]
    assert [piece["run"] for piece in pieces] == ["large"]
    assert pieces[0]["modelled"]
    assert f"{component_words(NOT_READ)} of large" in figure.caption
    (table,) = tables.components([large, small], names).tables
    (row,) = [row for row in table.rows if row[0].text == component_words(NOT_READ)]
    assert row[1].line.startswith(pieces[0]["energy"])
    assert row[2].text == "none"
    missing_j = large.components_j[NOT_READ]
    assert missing_j.low < missing_j.value < missing_j.high
    assert NOT_READ not in small.components_j
    for run in (large, small):
        assert run.energy_j is not None
        parts_j = sum(part_j.value for part_j in run.components_j.values())
        assert math.isclose(parts_j, run.energy_j.value, rel_tol=1e-4)


def test_no_row_of_unread_time_if_every_node_was_read() -> None:
    small = two_nodes()
    (table,) = tables.components([small], {small.id: "small"}).tables
    assert component_words(NOT_READ) not in [row[0].text for row in table.rows]
