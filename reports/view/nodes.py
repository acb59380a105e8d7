"""The nodes of a job in words: how much of it was read, and the share of each node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from energybench.analysis.measurement.node_coverage import (
    FEW,
    Coverage,
    coverage,
    extremes,
    not_whole,
)
from energybench.model import Measurement, NodeShare
from energybench.units import show_value
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.wording import (
    NOT_MEASURED,
    TableCell,
    Tone,
    bare,
    counted,
    known,
    plain,
    value,
)

Names = Mapping[str, str]
MOST = 200  # nodes of a table; run.json has all
_TONES: dict[str, Tone] = {"measured": "", "partial": "warn", "missing": "bad"}
_STATES = {"measured": "all of the time", "partial": "a part of the time", "missing": "not read"}
_ABOUT = (
    "The nodes of a job, each read once. Energy of one repeat and mean power of each node, as far "
    "as the node was read. The time without readings is in the job's energy with the range of "
    "power of the nodes that were read. Clock: the error with which the node's clock is known "
    "against that of the head node, which states the times."
)


def sections(measurements: Sequence[Measurement], names: Names) -> tuple[Section, ...]:
    """Few nodes each in a row; of many nodes the least, the mean, the most and every node that was
    not read for all of the time, and the table of all in the full report alone.
    """
    jobs = [m for m in measurements if m.shares]
    return (
        Section("nodes", "Nodes", _ABOUT, tuple(_short(m, names[m.id]) for m in jobs)),
        Section(
            "every-node",
            "Every node",
            "The share of every node, in the order of the job's list of nodes.",
            tuple(_full(m, names[m.id]) for m in jobs if len(m.shares) > FEW),
            detail=True,
        ),
    )


def read_words(measurement: Measurement) -> TableCell | None:
    """'38 of 40 nodes' with the note '95.7 % of 400 node-seconds'; None for one node."""
    read = coverage(measurement)
    if read is None:
        return None
    return TableCell(
        f"{read.whole} of {counted(read.nodes, 'node')}"
        + (f", and {read.partly} for a part of the time" if read.partly else ""),
        f"{read.share} of {_seconds(read)} node-seconds",
        "" if read.complete else "warn",
    )


def per_node(measurements: Sequence[Measurement]) -> str:
    """', per node' for the name of a power if one of the measurements is on several nodes."""
    return ", per node" if any(m.nodes > 1 for m in measurements) else ""


def _seconds(read: Coverage) -> str:
    return show_value(read.window_s, "")


# ---------------------------------------------------------------- tables


_HEAD = ("node", "read", "energy", "power", "time read", "clock", "kind")
_RIGHT = frozenset(("energy", "power", "time read", "clock"))


def _short(m: Measurement, name: str) -> Table:
    if len(m.shares) <= FEW:
        return _table(m, name, [_row(m, share) for share in m.shares])
    rows = [
        (
            TableCell(plain(extreme.name)),
            TableCell(""),
            value(extreme.share.energy_j, "J")
            if extreme.share is not None
            else bare(extreme.energy_j, "J", 4),
            bare(extreme.power_w, "W"),
            *(TableCell("") for _ in range(3)),
        )
        for extreme in extremes(m.shares)
    ]
    return _table(m, name, rows + [_row(m, share) for share in not_whole(m.shares)[:MOST]])


def _full(m: Measurement, name: str) -> Table:
    return _table(m, name, [_row(m, share) for share in m.shares[:MOST]])


def _table(m: Measurement, name: str, rows: Sequence[tuple[TableCell, ...]]) -> Table:
    read = read_words(m)
    title = f"{name}: {read.line}" if read is not None else name
    about = ""
    if len(m.shares) > MOST and len(rows) >= MOST:
        about = f"The first {MOST} of {len(m.shares)} nodes; the result as JSON has all."
    # columns that say the same of every node tell nothing
    kinds = len(m.hosts) > 1
    kept = len(_HEAD) if kinds else len(_HEAD) - 1
    return Table(title, _HEAD[:kept], tuple(row[:kept] for row in rows), about, right=_RIGHT)


def _row(m: Measurement, share: NodeShare) -> tuple[TableCell, ...]:
    energy = value(share.energy_j, "J")
    return (
        TableCell(plain(share.node)),
        TableCell(_STATES[share.state], tone=_TONES[share.state]),
        energy if share.energy_j is not None else TableCell(NOT_MEASURED, tone="bad"),
        bare(share.power_w, "W"),
        TableCell(f"{share.covered_s:.4g} of {share.window_s:.4g} s"),
        _clock(share),
        known(_kind(m, share)),
    )


def _clock(share: NodeShare) -> TableCell:
    if share.clock_half_s is None:
        return TableCell("not known", tone="warn" if share.state != "missing" else "muted")
    return TableCell(f"±{show_value(share.clock_half_s, 's', 2)}")


def _kind(m: Measurement, share: NodeShare) -> str | None:
    """Number of the node's kind among the hosts of the section Provenance."""
    return None if share.host is None else f"kind {share.host + 1}"
