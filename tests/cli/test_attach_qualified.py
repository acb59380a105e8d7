"""Readings that are no mean power of the whole node, though they follow the run: a command that is
suggested reads the mean power, and what a person insists on has a doubt.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.cli.metered_runs import STARTED, Run, attach, energybench, node_j
from tests.cli.process import one_line
from tests.cli.test_attach_layouts import codes, log, stamp, times, watts
from tests.cli.test_attach_remedies import command, doubted, right

CONTRADICTS = "meter-name-contradicts"


def test_the_log_of_a_power_analyser(node: Run) -> None:
    """The number of a row rises like a counter of energy, and apparent power follows the run."""
    lines = ['"Store No.","Date","Time","Millisecond","U-1","I-1","P-1","S-1","Q-1","LAMBDA-1"']
    for number, t in enumerate(times(), 1):
        at, w = STARTED + timedelta(seconds=t), watts(t)
        cells = f"{230 + number % 7 / 10:.1f},{w / 218:.3f},{w:.1f},{w / 0.95:.1f},{w * 0.3:.1f}"
        ms = at.microsecond // 1000
        lines.append(f"{number},{at:%Y/%m/%d},{at:%H:%M:%S},{ms},{cells},0.95")
    file = log(node, lines)
    refused = attach(node, file, "--timezone", "UTC")
    assert command(refused)[-2:] == ["--unit", "W"]
    right(energybench(*command(refused)[1:], "--json", cwd=node.folder))
    shutil.rmtree(node.attached())
    options = ("--timezone", "UTC", "--unit")
    line = one_line(attach(node, file, *options, "Wh", "--column", "Store No."))
    assert "rises by exactly the same in each of" in line
    ran = attach(node, file, *options, "W", "--column", "S-1", "--json")
    assert "apparent power, in VA" in doubted(node, ran, CONTRADICTS)


@pytest.mark.parametrize(
    ("values", "suggested"),
    [
        ({"min": 0.9, "max": 1.1, "mean": 1.0}, "statistic=mean"),
        ({"apparentPower": 1.05, "activePower": 1.0}, "statistic=activePower"),
        ({"p95": 1.1, "max": 1.2}, None),
        ({"idle": 0.2, "dynamic": 0.8}, None),
    ],
)
def test_rows_of_several_statistics(
    node: Run, values: dict[str, float], suggested: str | None
) -> None:
    lines = [
        f"{stamp(t)}Z,{name},{watts(t) * factor:.1f}"
        for t in times()
        for name, factor in values.items()
    ]
    file = log(node, ["time,statistic,power_w", *lines])
    refused = attach(node, file)
    if suggested is None:
        assert "for example" not in one_line(refused)
    else:
        assert command(refused)[-2:] == ["--select", suggested]
        right(energybench(*command(refused)[1:], "--json", cwd=node.folder))
        shutil.rmtree(node.attached())
    for name in set(values) - {(suggested or "=").partition("=")[2]}:
        if values[name] > 0.7:
            ran = attach(node, file, "--select", f"statistic={name}", "--json")
            assert doubted(node, ran, CONTRADICTS)


@pytest.mark.parametrize(
    ("head", "cells", "column"),
    [
        ("time,entity_id,state", "sensor.plug_apparent_power,{w:.1f}", "state"),
        ("time,statistic,state", "max,{w:.1f}", "state"),
        ("time,value,unit", "{w:.1f},VA", "value"),
    ],
)
def test_rows_of_another_quantity_alone(node: Run, head: str, cells: str, column: str) -> None:
    rows = [f"{stamp(t)}Z,{cells.format(w=watts(t) * 1.05)}" for t in times()]
    file = log(node, [head, *rows])
    assert "for example" not in one_line(attach(node, file))
    assert "the rows hold" in one_line(attach(node, file, "--unit", "W"))
    ran = attach(node, file, "--unit", "W", "--column", column, "--json")
    assert doubted(node, ran, CONTRADICTS)


def answer(run: Run, *series: tuple[dict[str, str], Callable[[float], float]]) -> str:
    result = [
        {
            "metric": {"__name__": "kepler_node_platform_joules_total", **labels},
            "values": [[STARTED.timestamp() + t, f"{energy_j(t):.1f}"] for t in times()],
        }
        for labels, energy_j in series
    ]
    data = {"resultType": "matrix", "result": result}
    return json.dumps({"status": "success", "data": data})


def test_the_dynamic_part_of_a_node(node: Run) -> None:
    idle = ({"mode": "idle"}, lambda t: 80.0 * (t + 400))
    dynamic = ({"mode": "dynamic"}, lambda t: node_j(t) - 80.0 * t + 4000)
    file = log(node, [answer(node, dynamic, idle)], "both.json")
    line = one_line(attach(node, file))
    assert "query their sum" in line
    assert "for example" not in line
    ran = attach(node, file, "--select", "mode=dynamic", "--json")
    assert {CONTRADICTS, "meter-one-feed"} <= set(codes(ran.json))
    shutil.rmtree(node.attached())
    alone = log(node, [answer(node, dynamic)], "alone.json")
    assert "only a part" in doubted(node, attach(node, alone, "--json"), CONTRADICTS)
