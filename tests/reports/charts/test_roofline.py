"""The section and the chart of the machine's limits: unknown values are called unknown, and a run
belongs to the line of the run's device only.
"""

from __future__ import annotations

import pytest

from energybench.model import Measurement
from energybench_reports.view import limits as view_limits
from energybench_reports.view.wording import TableCell
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_gpu_node import gpu_node
from tests.reports.sample_limits import BOARDS, CPU, beside


def rows(*measurements: Measurement) -> dict[str, tuple[TableCell, ...]]:
    """Property → the cells of the runs, side by side."""
    (table,) = view_limits.section(measurements, {m.id: m.label for m in measurements}).tables
    return {row[0].text: row[1:] for row in table.rows}


def test_share_limit_intensity_and_joules() -> None:
    """2.62e13 flops and 2.9e13 bytes in 124 s, of 310 GB/s that the CPUs read at most."""
    cells = rows(beside(cpu_node(), CPU, "fp64"))
    assert cells["share of its limit"][0].text == "75.25 %"
    assert cells["limit that binds"][0].text == "memory bandwidth, 310.0 GB/s"
    assert cells["flop/B"][0].text == "0.903"
    assert cells["energy per flop"][0].text == "2.230 nJ"
    assert cells["limits measured on"][0].note == "12 days old"


def test_without_limits_the_joules_stand() -> None:
    """The share is called not known, without a number; the command to measure limits is named."""
    cells = rows(beside(cpu_node(), None, None))
    assert cells["share of its limit"][0].text == "not known"
    assert "calibrate --limits-only" in cells["limits measured on"][0].line
    assert cells["energy per flop"][0].text == "2.230 nJ"


def test_no_counts_no_section() -> None:
    section = view_limits.section((cpu_node(),), {cpu_node().id: "x"})
    assert section.tables == ()


def test_one_line_a_device_and_a_point_a_run() -> None:
    """The line bends at the ridge; a run without limits is a point without a line; without limits
    there is no chart.
    """
    alt = pytest.importorskip("altair")
    from energybench_reports.charts import roofline as chart_limits

    cpu, gpu, other = (
        beside(cpu_node(), CPU, "fp64"),
        beside(gpu_node(), BOARDS, "fp64"),
        beside(gpu_node(used=1), None, None),
    )
    names = {cpu.id: "<b>cpu</b>", gpu.id: "gpu"}
    figure = chart_limits.roofline(alt, (cpu, gpu), names)
    assert figure is not None
    lines, points = figure.data["roofs"], figure.data["points"]
    assert [row["device"] for row in lines].count("Intel Xeon Platinum 8358, fp64") == 3
    ridge = lines[1]
    assert ridge["i"] == pytest.approx(3.3e12 / 3.1e11, rel=1e-4)
    assert ridge["f"] == pytest.approx(3.3)  # Tflop/s
    assert [(row["run"], row["device"]) for row in points] == [
        ("<b>cpu</b>", lines[0]["device"]),
        ("gpu", "4 x NVIDIA A100-SXM4-40GB, fp64"),
    ]
    figure = chart_limits.roofline(alt, (cpu, other), {cpu.id: "cpu", other.id: "other"})
    assert figure is not None
    assert figure.data["points"][1]["device"] is None
    assert chart_limits.roofline(alt, (other,), {other.id: "other"}) is None
