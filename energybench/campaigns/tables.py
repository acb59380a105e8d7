"""Time, energy, node-hours and energy-delay of runs, by number of nodes and by power setting, and
the differences between the nodes of a platform.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from energybench.analysis.uncertainty.effects import not_negative, scale, student
from energybench.analysis.uncertainty.propagation import propagate
from energybench.campaigns.campaign import Campaign, Scaling
from energybench.campaigns.planned_runs import PlannedRun, PowerSetting
from energybench.campaigns.power_caps import limits_w
from energybench.model import Estimate, Measurement, Noun
from energybench.units import S_PER_H

# Least number of nodes whose mean describes the platform: identical GPUs differ by 8 % on average
# and 22 % at most (arXiv 2208.11035).
MIN_NODES = 5


class Figures(NamedTuple):
    """Figures of one unit of work, or of one repeat if the work is not counted, on all nodes.

    per      unit of work, or "repeat"
    counted  whether the work is counted
    """

    time_s: Estimate
    energy_j: Estimate | None
    per: str
    counted: bool


class Row(Noun, frozen=True, kw_only=True):
    """A run in a table.

    nodes       number of nodes of the work
    gpu_power_w  requested power cap
    gpu_limit_w  greatest enforced limit of the boards of the work in the record of the run; None
                 without boards, or if the record states no limit
    per         unit of work of the figures: "solve", or "repeat"
    node_h      node-hours
    speedup     T of the first row / T of this row, for equal work; None in weak scaling, because
                its rows did different work
    efficiency  strong scaling: speedup per node, relative to the first row; weak scaling: see
                `weak_efficiency`
    """

    run: str
    label: str
    nodes: int
    gpu_power_w: int | None = None
    gpu_limit_w: float | None = None
    gpu_clock_mhz: int | None = None
    cpu_clock_khz: int | None = None
    per: str
    time_s: Estimate
    energy_j: Estimate | None
    node_h: Estimate
    energy_delay_js: Estimate | None
    speedup: Estimate | None = None
    efficiency: Estimate | None = None


class Table(Noun, frozen=True, kw_only=True):
    """A case on a platform: its rows by number of nodes with one power setting, or by power setting
    on one number of nodes.
    """

    case: str
    platform: str
    by: Literal["nodes", "setting", "alone"]
    scaling: Scaling | None = None
    rows: tuple[Row, ...]


class NodeDifference(Noun, frozen=True, kw_only=True):
    """The same case on several nodes, separately on each node.

    energies_j  of every node, by its name
    scatter     standard deviation between the nodes, relative to their mean
    mean_j      mean over the nodes. About "these nodes" the interval holds only the errors of the
                measurements; about the platform the interval also holds the difference of the nodes
    about       "these 3 nodes", or "nodes of the platform"
    """

    run: str
    per: str
    energies_j: dict[str, Estimate]
    scatter: float | None
    mean_j: Estimate
    about: str


class _MeasuredRun(NamedTuple):
    run: PlannedRun
    measured: Measurement


# ---------------------------------------------------------------- tables


def tables(
    campaign: Campaign, measured: Sequence[tuple[PlannedRun, Sequence[Measurement]]]
) -> list[Table]:
    """The tables of each case on each platform with measurements. If both the number of nodes and
    the power setting vary, a table by number of nodes is made for each setting: rows of a table
    differ in one quantity only.
    """
    groups: dict[tuple[str, str], list[_MeasuredRun]] = {}
    for run, measurements in measured:
        if measurements:
            pair = _MeasuredRun(run, middle(measurements))
            groups.setdefault((run.case, run.platform), []).append(pair)
    tables_of_cases = []
    for (case, platform), runs in groups.items():
        if len({pair.run.nodes for pair in runs}) > 1:
            by_setting: dict[PowerSetting, list[_MeasuredRun]] = {}
            for pair in runs:
                by_setting.setdefault(pair.run.setting, []).append(pair)
            scaling = campaign.cases[case].scaling
            tables_of_cases += [
                _by_nodes(case, platform, some, scaling) for some in by_setting.values()
            ]
        else:
            rows = tuple(_relative_row(pair, runs[0], None) for pair in runs)
            by: Literal["setting", "alone"] = "setting" if len(rows) > 1 else "alone"
            tables_of_cases.append(Table(case=case, platform=platform, by=by, rows=rows))
    return tables_of_cases


def _by_nodes(case: str, platform: str, runs: Sequence[_MeasuredRun], scaling: Scaling) -> Table:
    ordered = sorted(runs, key=lambda pair: pair.run.nodes)
    rows = tuple(_relative_row(pair, ordered[0], scaling) for pair in ordered)
    return Table(case=case, platform=platform, by="nodes", scaling=scaling, rows=rows)


def _relative_row(this: _MeasuredRun, first: _MeasuredRun, scaling: Scaling | None) -> Row:
    """The row of a run, with speedup and efficiency relative to the first run of the table."""
    figures, reference = per_work(this.measured), per_work(first.measured)
    speedup = efficiency = None
    same_unit = (figures.per, figures.counted) == (reference.per, reference.counted)
    if this.run != first.run and same_unit and figures.time_s.value > 0:
        nodes_ratio = first.run.nodes / this.run.nodes
        if scaling == "weak":
            efficiency = weak_efficiency(first.measured, this.measured, nodes_ratio)
        else:
            speedup = _ratio(reference.time_s, figures.time_s)
            efficiency = scale(speedup, nodes_ratio) if scaling == "strong" else None
    return _row(this, figures, speedup, efficiency)


def weak_efficiency(
    first: Measurement, measured: Measurement, nodes_ratio: float
) -> Estimate | None:
    """Efficiency of a problem that grows with the number of nodes.

    A repeat of a command is the whole problem, whatever its adapter counts: the times of the
    repeats are compared. A repeat of a workload holds as many runs of the problem as a window
    needs: the operations per time and node are compared; None without counted operations.

    nodes_ratio  nodes of `first` / nodes of `measured`
    """
    if first.command is not None and measured.command is not None:
        return _ratio(first.time_s, measured.time_s)
    flops = [one.work.flops if one.work is not None else None for one in (first, measured)]
    if not flops[0] or not flops[1]:
        return None
    return scale(_ratio(first.time_s, measured.time_s), flops[1] / flops[0] * nodes_ratio)


def _ratio(first: Estimate, second: Estimate) -> Estimate:
    return propagate(lambda x: x["first"] / x["second"], {"first": first, "second": second})


def _row(
    this: _MeasuredRun, figures: Figures, speedup: Estimate | None, efficiency: Estimate | None
) -> Row:
    run, limits = this.run, limits_w(this.measured)
    delay = None
    if figures.energy_j is not None:
        delay = not_negative(
            propagate(
                lambda x: x["energy"] * x["time"],
                {"energy": figures.energy_j, "time": figures.time_s},
            )
        )
    return Row(
        run=run.name,
        label=run.label,
        nodes=run.nodes,
        gpu_power_w=run.setting.gpu_power_w,
        gpu_limit_w=max(limits) if limits else None,
        gpu_clock_mhz=run.setting.gpu_clock_mhz,
        cpu_clock_khz=run.setting.cpu_clock_khz,
        per=figures.per,
        time_s=figures.time_s,
        energy_j=figures.energy_j,
        node_h=scale(figures.time_s, run.nodes / S_PER_H),
        energy_delay_js=delay,
        speedup=speedup,
        efficiency=efficiency,
    )


def per_work(measured: Measurement) -> Figures:
    """Time and energy of one unit of work; of one repeat, if the work is not counted."""
    work = measured.work
    if work is None or work.amount <= 0 or measured.energy_per_work_j is None:
        return Figures(measured.time_s, measured.energy_j, "repeat", counted=False)
    time_s = scale(measured.time_s, 1 / work.amount)
    return Figures(time_s, measured.energy_per_work_j, work.unit, counted=True)


def middle(measurements: Sequence[Measurement]) -> Measurement:
    """The measurement of the middle node by energy; the latest if no energy was measured."""
    known = [one for one in measurements if one.energy_j is not None]
    if not known:
        return measurements[-1]
    ordered = sorted(known, key=lambda one: _energy_j(one).value)
    return ordered[(len(ordered) - 1) // 2]


def _energy_j(measured: Measurement) -> Estimate:
    energy_j = per_work(measured).energy_j
    assert energy_j is not None
    return energy_j


# ---------------------------------------------------------------- nodes


def node_difference(run: PlannedRun, measurements: Sequence[Measurement]) -> NodeDifference | None:
    """The difference between the nodes; None for a run on a single node."""
    known = [one for one in measurements if one.energy_j is not None]
    if len(known) < 2:
        return None
    energies_j = {one.host.name: _energy_j(one) for one in known}
    if len(energies_j) < len(known):  # two machines with the same name
        energies_j = {f"{one.host.name} {one.id}": _energy_j(one) for one in known}
    mean_j, scatter = mean_over_nodes(list(energies_j.values()))
    enough = len(known) >= MIN_NODES
    return NodeDifference(
        run=run.name,
        per=per_work(known[0]).per,
        energies_j=energies_j,
        scatter=scatter,
        mean_j=mean_j,
        about="nodes of the platform"
        if enough
        else f"these {len(known)} nodes"
        if len(known) > 1
        else "this node",
    )


def mean_over_nodes(estimates: Sequence[Estimate]) -> tuple[Estimate, float]:
    """The mean over nodes, and the standard deviation between nodes relative to the mean.

    Errors shared by the nodes, such as the error of a sensor's model, stay shared. From MIN_NODES
    on the interval holds the scatter between the nodes, s/√n with n − 1 degrees of freedom
    (Student): the mean then stands for all nodes of the platform.
    """
    count = len(estimates)
    values = [estimate.value for estimate in estimates]
    s = statistics.stdev(values)

    def formula(x: Mapping[str, Any]) -> Any:
        return sum(x[str(i)] for i in range(count)) / count

    extra = []
    if count >= MIN_NODES and s > 0:
        extra.append(student(s / math.sqrt(count), count - 1))
    inputs = {str(i): estimate for i, estimate in enumerate(estimates)}
    mean = statistics.fmean(values)
    return propagate(formula, inputs, extra), s / mean if mean else 0.0
