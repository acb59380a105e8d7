"""The tables of a campaign as rows of text, for the terminal and the report."""

from __future__ import annotations

from energybench.analysis.uncertainty.effects import scale
from energybench.campaigns.collecting import CampaignResult, NodesRatio
from energybench.campaigns.tables import NodeDifference, Row, Table
from energybench.units import S_PER_H, counted, show

_READABLE_H = 0.001


def table_rows(table: Table) -> list[str]:
    """A title with the common properties of all rows, and a row for each run."""
    first = table.rows[0]
    common = (
        [f"on {counted(first.nodes, 'node')}"] if table.by != "nodes" and first.nodes > 1 else []
    )
    common += (
        [f"at {' '.join(_setting(first))}"] if table.by != "setting" and _setting(first) else []
    )
    titles = {
        "nodes": f" by number of nodes ({table.scaling} scaling)",
        "setting": " by power setting",
        "alone": "",
    }
    cells = [_cells(row, table) for row in table.rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    rows = [
        "  "
        + "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    place = " ".join([table.case, "on", table.platform, *common])
    return [f"{place}{titles[table.by]}, per {first.per}", *rows]


def _cells(row: Row, table: Table) -> list[str]:
    words = []
    if table.by == "nodes":
        words.append(counted(row.nodes, "node"))
    if table.by == "setting":
        words.append(" ".join(_setting(row)) or "as it is")
    words += [
        f"time {show(row.time_s, 's')}",
        f"energy {show(row.energy_j, 'J')}",
        _node_hours(row, min(row.node_h.value for row in table.rows)),
        f"energy-delay {show(row.energy_delay_js, 'J s')}",
    ]
    words.append(f"speedup {show(row.speedup)}" if row.speedup is not None else "")
    words.append(f"efficiency {show(row.efficiency)}" if row.efficiency is not None else "")
    return words


def _node_hours(row: Row, least_h: float) -> str:
    """Node-hours; for work of seconds or less, such as a token, node-seconds."""
    if least_h >= _READABLE_H:
        return f"node-hours {show(row.node_h)}"
    return f"node time {show(scale(row.node_h, S_PER_H), 's')}"


def _setting(row: Row) -> list[str]:
    """The power cap in the record of the run, and the requested clocks."""
    cap = []
    if row.gpu_power_w is not None and row.gpu_limit_w is not None:
        cap = [f"{row.gpu_limit_w:g} W"]
    elif row.gpu_power_w is not None:
        cap = [f"{row.gpu_power_w} W (requested; no limit in the record)"]
    clocks = ((row.gpu_clock_mhz, "MHz"), (row.cpu_clock_khz, "kHz"))
    return cap + [f"{value} {unit}" for value, unit in clocks if value is not None]


def node_rows(difference: NodeDifference) -> list[str]:
    """The nodes of a run, and their difference."""
    scatter = "" if difference.scatter is None else f", {difference.scatter:.1%} apart (1 s)"
    rows = [f"{difference.run}: {difference.about}{scatter}, per {difference.per}"]
    rows += [f"  {node}  {show(energy, 'J')}" for node, energy in difference.energies_j.items()]
    return [*rows, f"  mean of {difference.about}: {show(difference.mean_j, 'J')}"]


def ratio_row(ratio: NodesRatio) -> str:
    return (
        f"{ratio.baseline} → {ratio.candidate}: energy ratio of the means over nodes "
        f"{show(ratio.energy_ratio)} ({ratio.about})"
    )


def mean_rows(result: CampaignResult) -> list[str]:
    """The named means of the energy ratios, with the published ratios."""
    rows = []
    if result.means:
        rows = [f"means of {len(result.comparisons)} energy ratios"]
        rows += [f"  {mean.name}: {show(mean.value)}" for mean in result.means]
    rows += [
        f"  published, {ratio.name}: {ratio.energy_ratio:g} ({ratio.source})"
        for ratio in result.published
    ]
    return rows
