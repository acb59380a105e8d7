"""Power of several runs laid over each other: one line for each, from its first repeat."""

from __future__ import annotations

from typing import Any

import pytest

from energybench.model import PowerSeries, Timeline, Window
from energybench_reports.charts.overlay import overlay

alt = pytest.importorskip("altair")


def line(run: str, watts: list[float | None], component: str = "cpu.package", **more: Any) -> Any:
    t_s = tuple(float(i) for i in range(len(watts)))
    return PowerSeries(
        run=run, component=component, device="", t_s=t_s, power_w=tuple(watts), **more
    )


def timeline(run: str, *series: PowerSeries, start_s: float = 0.0, **more: Any) -> Timeline:
    window = Window(label="repeat", start_s=start_s, end_s=start_s + 1.0, repeat=0)
    return Timeline(run=run, series=series, windows=(window,), **more)


def lines(*timelines: Timeline) -> dict[str, dict[float, float | None]]:
    """Power by time of each line."""
    figure = overlay(alt, timelines, {})
    assert figure is not None
    return {row["run"]: dict(zip(row["t"], row["w"], strict=True)) for row in figure.data["lines"]}


def test_each_run_begins_with_its_first_repeat() -> None:
    """The same moment of the work stands at the same place, whatever was idle before."""
    drawn = lines(
        timeline("a", line("a", [10.0, 20.0, 30.0]), start_s=1.0),
        timeline("b", line("b", [5.0, 6.0, 7.0]), start_s=0.0),
    )
    assert drawn["a"] == {-1.0: 10.0, 0.0: 20.0, 1.0: 30.0}
    assert drawn["b"] == {0.0: 5.0, 1.0: 6.0, 2.0: 7.0}


def test_devices_are_added_up_once() -> None:
    """Of several devices of a component, the line of them together or each of them, never both."""
    boards = [line("a", [1.0, 2.0], "gpu.board"), line("a", [3.0, 4.0], "gpu.board.unused")]
    together = line("a", [4.0, 6.0], "gpu.board", devices=2)
    package = line("a", [10.0, 10.0])
    other = timeline("b", line("b", [1.0, 1.0]))
    for series in ((package, *boards), (together, package, *boards)):
        assert lines(timeline("a", *series), other)["a"] == {0.0: 14.0, 1.0: 16.0}


def test_a_gap_of_a_device_is_a_gap_of_the_run() -> None:
    """A sum without one of its devices would be a fall of power that did not happen."""
    drawn = lines(
        timeline("a", line("a", [1.0, None, 3.0]), line("a", [5.0, 5.0, 5.0], "cpu.dram")),
        timeline("b", line("b", [1.0, 1.0])),
    )
    assert drawn["a"] == {0.0: 6.0, 1.0: None, 2.0: 8.0}


def test_a_job_is_the_line_of_its_nodes_together() -> None:
    """The lines of single nodes, in a second timeline, are not added to it."""
    whole = timeline("job", line("job", [30.0, 30.0], "all 2 nodes together"), of_nodes=True)
    each = timeline(
        "job",
        line("job", [10.0, 10.0], "node a"),
        line("job", [20.0, 20.0], "node b"),
        of_nodes=True,
    )
    drawn = lines(whole, each, timeline("b", line("b", [1.0, 1.0])))
    assert set(drawn) == {"job", "b"}
    assert drawn["job"] == {0.0: 30.0, 1.0: 30.0}


def test_one_run_is_not_laid_over_itself() -> None:
    """Nor over a run without readings."""
    one = timeline("a", line("a", [1.0, 2.0]))
    empty = timeline("b", line("b", [None, None]))
    assert overlay(alt, [], {}) is None
    assert overlay(alt, [one], {}) is None
    assert overlay(alt, [one, empty, timeline("c")], {}) is None


def test_many_runs_differ_in_colour_or_dashes() -> None:
    runs = [timeline(str(number), line(str(number), [1.0, 2.0])) for number in range(24)]
    figure = overlay(alt, runs, {})
    assert figure is not None
    encoding = figure.drawing["layer"][-1]["encoding"]
    colours = encoding["color"]["scale"]["range"]
    dashes = encoding["strokeDash"]["scale"]["range"]
    looks = {(colour, tuple(dash)) for colour, dash in zip(colours, dashes, strict=True)}
    assert len(looks) == 24
    assert len(figure.data["lines"]) == 24
