"""The chart of power: the devices of a kind together in bold, each in a shade, extremes kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from energybench.model import Document, Measurement, PowerSeries, Timeline
from energybench_reports.charts.downsample import STEPS
from energybench_reports.charts.figure import spec
from energybench_reports.charts.power import power
from energybench_reports.figures import figures
from energybench_reports.view.document import build
from energybench_reports.view.layout import Figure
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.samples import SAMPLES

alt = pytest.importorskip("altair")


def series(watts: list[float | None], device: str = "package-0", **more: Any) -> PowerSeries:
    return PowerSeries(
        run=cpu_node().id,
        component=more.pop("component", "cpu.package"),
        device=device,
        t_s=tuple(i / 10 for i in range(len(watts))),
        power_w=tuple(watts),
        **more,
    )


def drawn(*lines: PowerSeries, parts: Any = ()) -> Figure:
    figure = power(alt, Timeline(run="x", series=lines, windows=()), "run", parts)
    assert figure is not None
    return figure


def test_boards_have_a_sum_and_shades() -> None:
    """The line of the boards together is bold and has the component's colour; no two boards have
    the same colour.
    """
    document = SAMPLES["comparison"]()
    *_, chart = [f for f in figures(document, build(document)) if f.section == "power"]
    lines = {line["name"]: line for line in chart.data["lines"]}
    assert [name for name, line in lines.items() if line["bold"]] == ["gpu.board, 4 together"]
    boards = [lines[f"gpu.board {number}"]["w"] for number in range(1, 5)]
    together = lines["gpu.board, 4 together"]["w"]
    columns = list(zip(*boards, strict=True))
    assert None in together  # one board has a gap
    for total, column in zip(together, columns, strict=True):
        assert (total is None) == (None in column)
        if total is not None:
            assert total == pytest.approx(sum(column), rel=1e-3)
    layer = chart.drawing["layer"][-1]
    scale = layer["encoding"]["color"]["scale"]
    tones = dict(zip(scale["domain"], scale["range"], strict=True))
    assert tones["gpu.board, 4 together"] == "#d55e00"
    assert len({tones[f"gpu.board {number}"] for number in range(1, 5)}) == 4
    assert "Bold: the devices of a kind together" in chart.caption


def test_long_series_keep_a_spike_and_a_dip() -> None:
    """Readings of a day fit into some ten kilobytes; a spike and a dip of one reading survive."""
    watts: list[float | None] = [200.0 + i % 7 for i in range(864_000)]
    watts[123_456], watts[654_321] = 911.0, 3.0
    chart = drawn(series(watts))
    (line,) = chart.data["lines"]
    assert len(line["t"]) <= STEPS
    assert max(line["high"]) == 911.0
    assert min(line["low"]) == 3.0
    assert len(json.dumps(spec(chart))) < 60_000
    assert f"Drawn in {STEPS} steps" in chart.caption


def test_a_gap_of_a_long_series_stays_a_gap() -> None:
    """The line is interrupted, and the readings beside the gap stay in the area."""
    watts: list[float | None] = [200.0] * 50_000
    watts[20_000:20_005] = [None] * 5
    watts[20_006] = 700.0
    (line,) = drawn(series(watts)).data["lines"]
    assert line["w"].count(None) == 1
    assert max(line["high"]) == 700.0
    assert set(line["w"]) - {None} == {200.0}


def test_short_series_are_the_readings() -> None:
    """A series of few readings is drawn from each of them, without an area."""
    (line,) = drawn(series([1.0, None, 3.0])).data["lines"]
    assert line["t"] == [0.0, 0.1, 0.2]
    assert line["w"] == [1.0, None, 3.0]
    assert line["low"] == line["high"] == []


def test_a_modelled_power_is_called_so() -> None:
    """The line of a device without a sensor is dashed and called modelled."""
    run = SAMPLES["estimated"]().results[0]
    assert isinstance(run, Measurement)
    chart = drawn(series([90.0, 90.0]), parts=run.boundary.parts)
    assert "cpu.package, modelled" in json.dumps(spec(chart))
    assert "[5, 3]" in json.dumps(spec(chart))


def test_no_reading_no_chart() -> None:
    line = Timeline(run="x", series=(series([None, None]),), windows=())
    assert power(alt, line, "run", ()) is None


def test_data_do_not_pass_through_altair() -> None:
    """The drawing that altair made and compared with its schema holds no data."""
    document = SAMPLES["training"]()
    for sample in ("comparison", "training"):
        document = SAMPLES[sample]()
        for figure in figures(document, build(document)):
            text = json.dumps(figure.drawing)
            assert '"values": [{' not in text
            assert set(figure.data)
            assert all(f'"name": "{name}"' in text for name in figure.data)


def test_a_document_of_timelines_alone() -> None:
    """Without its measurement a timeline has the name of its run."""
    line = Timeline(run="run-x", series=(series([1.0, 2.0]),), windows=())
    document = Document(title="", results=(), timelines=(line,))
    (chart,) = figures(document, build(document))
    assert "run-x" in chart.alt
