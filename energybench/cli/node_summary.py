"""The nodes of a job in a few lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from energybench.model import Measurement, NodeShare
from energybench.units import counted, show, show_value

_STATES = {"measured": "all of the time", "partial": "a part of the time", "missing": "not read"}
_WIDTH = 96  # of a line of names


def coverage_line(result: Measurement) -> str:
    """'2 of 2 nodes, 100 % of 15.7 node-seconds'; empty for a run on one node."""
    # late: `energybench --help` needs no numpy
    from energybench.analysis.measurement.node_coverage import coverage

    read = coverage(result)
    if read is None:
        return ""
    words = f"{read.whole} of {counted(read.nodes, 'node')} read"
    if read.nodes == 1:
        words = f"{read.whole} of 1 node read"
    if read.partly:
        words += f" for all of the time and {read.partly} for a part"
    line = f"{words}, {read.share} of {show_value(read.window_s, '')} node-seconds"
    return line if read.complete else f"{line}: the rest of the energy is a range"


def table(result: Measurement) -> list[str]:
    """A line for each of a few nodes; of many nodes the least, the mean and the most, and every
    node that was not read for all of the time.
    """
    from energybench.analysis.measurement.node_coverage import FEW, extremes, not_whole

    if len(result.shares) < 2:
        return []
    if len(result.shares) <= FEW:
        return _rows([_cells(share) for share in result.shares])
    lines = _rows(
        [
            (
                extreme.name,
                show(extreme.share.energy_j, "J")
                if extreme.share is not None
                else show_value(extreme.energy_j, "J", 4),
                show_value(extreme.power_w, "W"),
                "",
            )
            for extreme in extremes(result.shares)
        ]
    )
    short = not_whole(result.shares)
    if len(short) <= FEW:
        return lines + _rows([_cells(share) for share in short])
    for state in ("partial", "missing"):
        names = [share.node for share in short if share.state == state]
        if names:
            lines += _names(
                f"  read for {_STATES[state]}" if state == "partial" else "  not read", names
            )
    return lines


def _cells(share: NodeShare) -> tuple[str, str, str, str]:
    word = _STATES[share.state]
    if share.state == "partial":
        word = f"{share.covered_s:.3g} of {share.window_s:.3g} s"
    if share.energy_j is None:
        return share.node, "", "", word
    return share.node, show(share.energy_j, "J"), show_value(share.power_w, "W"), word


def _rows(rows: Sequence[tuple[str, str, str, str]]) -> list[str]:
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return [
        (
            f"  node {row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}"
        ).rstrip()
        for row in rows
    ]


def _names(begin: str, names: Sequence[str]) -> list[str]:
    """All names, in lines of bounded width."""
    lines, line = [], f"{begin} ({len(names)}):"
    for name in names:
        if len(line) + len(name) + 1 > _WIDTH:
            lines.append(line)
            line = "   "
        line += f" {name}"
    return [*lines, line]
