"""The chart of energy by component: every bar ends at the total beside it."""

from __future__ import annotations

import math

import pytest

from energybench.model import Measurement
from energybench_reports.charts import energy
from energybench_reports.view import energy as tables
from energybench_reports.view.energy import UNREAD, unread_j
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
    estimated from the others, is in the total, and is in no component.
    """
    large, small = many_nodes(), two_nodes()
    names = {large.id: "large", small.id: "small"}
    figure = energy.energy(altair, [large, small], names)
    assert figure is not None
    pieces = [bar for bar in figure.data["bars"] if bar["part"] == UNREAD]
    assert [piece["run"] for piece in pieces] == ["large"]
    assert pieces[0]["modelled"]
    assert f"{UNREAD} of large" in figure.caption
    (table,) = tables.components([large, small], names).tables
    (row,) = [row for row in table.rows if row[0].text == UNREAD]
    assert row[1].text == pieces[0]["energy"]
    assert row[2].text == "none"
    assert unread_j(small) is None


def test_no_row_of_unread_time_if_every_node_was_read() -> None:
    small = two_nodes()
    (table,) = tables.components([small], {small.id: "small"}).tables
    assert UNREAD not in [row[0].text for row in table.rows]
