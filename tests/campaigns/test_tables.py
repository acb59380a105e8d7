"""Tables of a campaign: scaling, power settings, and the difference between nodes."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from energybench.analysis.uncertainty.effects import combine, exact, normal, scale
from energybench.campaigns.planned_runs import planned_runs
from energybench.campaigns.table_rows import node_rows, table_rows
from energybench.campaigns.tables import (
    MIN_NODES,
    Table,
    mean_over_nodes,
    middle,
    node_difference,
    tables,
)
from energybench.model import Estimate, Measurement, WorkloadRef
from tests.analysis.runs import run, work
from tests.campaigns.examples import HEAD, campaign

UNRECORDED = "(requested; no limit in the record)"  # runs of these tests had no boards
SCALING = """
[cases.app]
command = ["app", "{nodes}"]
scaling = "SCALING"
[platforms.cpu]
nodes = [4, 1, 2]
"""


def scaled(scaling: str, change: Callable[[Measurement, int], Measurement] | None = None) -> Table:
    """Times 16, 9 and 6 s on 1, 2 and 4 nodes. change: of the measurement on a number of nodes."""
    of = campaign(HEAD + SCALING.replace("SCALING", scaling))
    times_s = {1: 16.0, 2: 9.0, 4: 6.0}
    measured = []
    for planned in planned_runs(of):
        one = run("r", times_s=(times_s[planned.nodes],) * 3)
        measured.append((planned, [change(one, planned.nodes) if change else one]))
    (table,) = tables(of, measured)
    return table


def counted(measured: Measurement, amount: float, **changes: Any) -> Measurement:
    """A measurement whose repeats did some amount of work."""
    assert measured.energy_j is not None
    return msgspec.structs.replace(
        measured,
        work=work(amount=amount, unit="site", **changes),
        energy_per_work_j=scale(measured.energy_j, 1 / amount),
    )


def about(estimate: Estimate | None) -> float:
    assert estimate is not None
    assert estimate.low <= estimate.value <= estimate.high
    return round(estimate.value, 3)


def test_strong_scaling() -> None:
    """Efficiency is the speedup per node; node-hours grow where it falls."""
    table = scaled("strong")
    assert [row.nodes for row in table.rows] == [1, 2, 4]
    first, two, four = table.rows
    assert (first.speedup, first.efficiency) == (None, None)
    assert [about(row.speedup) for row in (two, four)] == [1.778, 2.667]
    assert [about(row.efficiency) for row in (two, four)] == [0.889, 0.667]
    assert [about(row.node_h) for row in table.rows] == [0.004, 0.005, 0.007]
    assert first.energy_j is not None
    assert about(first.energy_delay_js) == pytest.approx(first.energy_j.value * 16.0, rel=1e-3)
    title, *rows = table_rows(table)
    assert title == "app on cpu by number of nodes (strong scaling), per repeat"
    assert [row.split("   ")[0].strip() for row in rows] == ["1 node", "2 nodes", "4 nodes"]


def test_weak_scaling() -> None:
    """The problem grows with the nodes: at best the time stays the same. No row did the work of
    another one, so that no speedup is stated.
    """
    table = scaled("weak")
    assert [about(row.efficiency) for row in table.rows[1:]] == [1.778, 2.667]
    assert [row.speedup for row in table.rows] == [None, None, None]


@pytest.mark.parametrize("grows", [True, False], ids=["sites", "steps"])
def test_weak_scaling_does_not_depend_on_the_unit_that_an_adapter_counts(grows: bool) -> None:
    """Sites, whose number grows with the problem, or steps, whose number stays the same: a repeat
    of a command is the whole problem.
    """

    def count(measured: Measurement, nodes: int) -> Measurement:
        return counted(measured, 1000.0 * (nodes if grows else 1))

    table = scaled("weak", count)
    assert table.rows[0].per == "site"
    assert [about(row.efficiency) for row in table.rows[1:]] == [1.778, 2.667]


@pytest.mark.parametrize("flops", [1e12, None])
def test_weak_scaling_of_a_workload_compares_the_operations_per_second_and_node(
    flops: float | None,
) -> None:
    """A repeat of a workload holds as many runs of the problem as a window needs, here three on one
    node and one on the others.
    """

    def count(measured: Measurement, nodes: int) -> Measurement:
        runs = 3 if nodes == 1 else 1
        operations = {} if flops is None else {"flops": flops * nodes * runs}
        solved = counted(measured, runs, **operations)
        reference = WorkloadRef(name="w", size="S", device="cpu")
        return msgspec.structs.replace(solved, command=None, workload=reference)

    table = scaled("weak", count)
    if flops is None:
        assert [row.efficiency for row in table.rows] == [None, None, None]
    else:
        # 16/3, 9 and 6 s for one run of the problem
        assert [about(row.efficiency) for row in table.rows[1:]] == [0.593, 0.889]


def test_rows_by_power_setting() -> None:
    of = campaign(
        HEAD
        + '[cases.milc]\nworkload = "milc"\n'
        + "[platforms.gpu]\ngpus_per_node = 4\ngpu_power_w = [400, 200]\n"
    )
    capped, uncapped = (
        run("a", gpu_w=(power_w,), times_s=(time_s,) * 3, done=work(amount=2.0))
        for power_w, time_s in ((150.0, 14.0), (300.0, 10.0))
    )
    measured = list(zip(planned_runs(of), ([uncapped], [capped]), strict=True))
    (table,) = tables(of, measured)
    assert (table.by, [row.gpu_power_w for row in table.rows]) == ("setting", [400, 200])
    # of one solve, two of which are a repeat
    assert [about(row.time_s) for row in table.rows] == [5.0, 7.0]
    assert about(table.rows[1].speedup) == round(5 / 7, 3)
    assert table.rows[1].efficiency is None
    assert table_rows(table)[0] == "milc on gpu by power setting, per solve"
    assert table_rows(table)[2].startswith("  200 W")


def test_nodes_and_power_settings_have_a_table_by_nodes_for_each_setting() -> None:
    """Speedup and efficiency are relative to the fewest nodes at the same cap, which stands in
    the title. A cap of which one number of nodes was measured has a table of its own too.
    """
    of = campaign(
        HEAD
        + '[cases.app]\ncommand = ["app"]\n'
        + "[platforms.gpu]\ngpus_per_node = 4\nnodes = [1, 2]\ngpu_power_w = [300, 200]\n"
    )
    times_s = {(1, 300): 8.0, (2, 300): 4.0, (1, 200): 12.0, (2, 200): 8.0}
    measured = [
        (planned, [run("r", times_s=(times_s[planned.nodes, planned.setting.gpu_power_w],) * 3)])
        for planned in planned_runs(of)
    ]
    first, second = tables(of, measured)
    for table, cap, efficiency in ((first, "300 W", 1.0), (second, "200 W", 0.75)):
        assert [row.nodes for row in table.rows] == [1, 2]
        assert about(table.rows[1].efficiency) == efficiency
        title, *rows = table_rows(table)
        assert (
            title
            == f"app on gpu at {cap} {UNRECORDED} by number of nodes (strong scaling), per repeat"
        )
        assert [row.split("   ")[0].strip() for row in rows] == ["1 node", "2 nodes"]
    without_one = [pair for pair in measured if pair[0].name != "app@gpu.1-nodes.200W"]
    assert [len(table.rows) for table in tables(of, without_one)] == [2, 1]


@pytest.mark.parametrize(
    ("lines", "title"),
    [
        ("nodes = 2\ngpu_power_w = [300, 200]", "app on gpu on 2 nodes by power setting"),
        ("nodes = 2\ngpu_power_w = 300", f"app on gpu on 2 nodes at 300 W {UNRECORDED}"),
        ("gpu_clock_mhz = 1410", "app on gpu at 1410 MHz"),
    ],
)
def test_a_title_names_what_all_rows_have_in_common(lines: str, title: str) -> None:
    """The number of nodes and the power setting, if the file states them once."""
    of = campaign(
        HEAD + f'[cases.app]\ncommand = ["app"]\n[platforms.gpu]\ngpus_per_node = 4\n{lines}\n'
    )
    (table,) = tables(of, [(planned, [run("r")]) for planned in planned_runs(of)])
    assert table_rows(table)[0] == f"{title}, per repeat"


def nodes(count: int, gain_u: float = 0.0) -> list[Estimate]:
    """Energies of nodes, each with an error of its own and one that all share."""
    common = normal("gain", 1.0, key="model")
    return [
        combine(100.0 + i, [common, normal("gain", gain_u, key=f"node {i}")]) for i in range(count)
    ]


def test_below_five_nodes_the_mean_is_about_these_nodes() -> None:
    """Its interval holds the errors of the measurements: own errors average out, shared ones do
    not.
    """
    mean, scatter = mean_over_nodes(nodes(4, gain_u=2.0))
    assert mean.value == pytest.approx(101.5)
    half = (mean.high - mean.low) / 2
    assert half == pytest.approx(1.96 * (1.0 + 2.0**2 / 4) ** 0.5, rel=0.02)
    assert scatter == pytest.approx(statistics.stdev([100, 101, 102, 103]) / 101.5)


def test_from_five_nodes_on_the_mean_is_about_the_platform() -> None:
    """Its interval holds the scatter between the nodes, by Student's t."""
    four, _ = mean_over_nodes([exact(float(i)) for i in range(100, 104)])
    five, _ = mean_over_nodes([exact(float(i)) for i in range(100, 105)])
    assert four.low == four.high
    t = 2.776  # of 4 degrees of freedom, 95 %
    assert (five.high - five.low) / 2 == pytest.approx(
        t * statistics.stdev(range(5)) / 5**0.5, rel=0.01
    )


@pytest.mark.parametrize(("count", "words"), [(3, "these 3 nodes"), (5, "nodes of the platform")])
def test_the_difference_of_nodes_says_what_it_is_about(count: int, words: str) -> None:
    of = campaign(HEAD + f'[cases.app]\ncommand = ["app"]\n[platforms.cpu]\nspread = {count}\n')
    (planned,) = planned_runs(of)
    measured = [run(f"r{i}", package_w=200.0 + i, host=f"n{i}") for i in range(count)]
    difference = node_difference(planned, measured)
    assert difference is not None
    assert (difference.about, len(difference.energies_j)) == (words, count)
    assert words in node_rows(difference)[0]
    assert middle(measured).host.name == f"n{(count - 1) // 2}"
    assert node_difference(planned, measured[:1]) is None
    assert MIN_NODES == 5
