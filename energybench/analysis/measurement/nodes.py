"""The nodes of a job → a measurement: energies are summed repeat by repeat. A node that was not
read, or not for the whole time, enters with a range.

Two merges are kept apart. A workload over several nodes states its repeats on every node, and
repeats with the same number belong together. A program has a single window on the clock of the head
node; every node's reader moves the window to its own clock before taking the energy, so that
repeats with the same number belong together here, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from energybench.analysis.energy import mean_energy
from energybench.analysis.measurement import (
    cut_repeat_doubts,
    doubts,
    node_quantities,
    node_work,
    quantities,
)
from energybench.analysis.measurement.node_doubts import of_nodes
from energybench.analysis.measurement.node_peers import fill_of
from energybench.analysis.measurement.node_quantities import without_scatter
from energybench.analysis.measurement.node_summaries import channels, hosts, parts
from energybench.analysis.measurement.node_table import (
    NodePart,
    NodeTable,
    has_own_edges,
    own_repeats,
    reading_of,
)
from energybench.analysis.measurement.record import counted_repeats, parts_left_out
from energybench.analysis.uncertainty.effects import not_negative, scale, uncombined
from energybench.analysis.uncertainty.node_sums import compact, sum_of_nodes
from energybench.analysis.uncertainty.repeats import scatter_effect
from energybench.model import (
    NOT_READ,
    Boundary,
    BoundaryName,
    Doubt,
    Estimate,
    Host,
    Job,
    Measurement,
    NodeShare,
    Repeat,
    Verification,
    Window,
    Work,
    WorkloadRef,
    WorkRecord,
)


class JobRecord(NamedTuple):
    """The head node's record of a job's run.

    windows  windows of the head node's clock, idle phases and repeats
    host     the head node
    works    work of each whole repeat, on all nodes together; None: not stated
    kept     record of the program's statements
    case     the run of a campaign; None: as stated by its nodes
    workload the workload of all nodes; None: a program
    """

    id: str
    label: str
    command: tuple[str, ...] | None
    boundary: BoundaryName
    job: Job
    host: Host
    windows: tuple[Window, ...]
    verification: tuple[Verification, ...]
    doubts: tuple[Doubt, ...] = ()
    works: tuple[Work | None, ...] = ()
    kept: WorkRecord | None = None
    case: str | None = None
    workload: WorkloadRef | None = None


def merge(
    record: JobRecord, nodes: Sequence[NodePart], *, times_alone: bool = False
) -> Measurement:
    """The measurement of all nodes together.

    times_alone  whether the head node's times are a result if every node lacks a result
    Raises ValueError if no repeat was completed, or no node gave a result.
    """
    windows = sorted(counted_repeats(record.windows), key=lambda window: window.start_s)
    partial = any(window.cut is not None for window in windows)
    read = [part for part in nodes if part.measurement is not None]
    if not windows:
        raise ValueError("no repeat was completed")
    if not read and not times_alone:
        raise ValueError("no node gave a result")
    times_s = [window.duration_s for window in windows]
    measured = any(part.measurement and part.measurement.energy_j for part in read)
    tables = _tables(record, nodes, times_s, measured=measured)
    totals_j = [sum(table.energy_j(i) for table in tables) for i in range(len(windows))]
    of_components_j = [
        _component_energies(tables, i) if measured else {} for i in range(len(windows))
    ]

    energy_j = _energy(nodes, tables, totals_j) if measured else None
    works = node_work.of_all(record.works, windows) if not partial else None
    time_s = node_quantities.time(windows)
    idle_w = node_quantities.idle_power(read)
    net_j, net_doubts = quantities.net(energy_j, _idle_of_all(idle_w, tables), time_s)
    kinds = hosts(read)
    shares = tuple(
        _share(part, table, sum(times_s), kinds.number.get(part.node))
        for part, table in zip(nodes, tables, strict=True)
    )
    return Measurement(
        id=record.id,
        label=record.label,
        workload=record.workload,
        command=record.command,
        boundary=Boundary(name=record.boundary, parts=parts(read)),
        quality=node_quantities.quality(read),
        energy_j=energy_j,
        components_j=_components(nodes, tables, of_components_j),
        time_s=time_s,
        power_w=node_quantities.power(energy_j, totals_j, times_s, len(nodes)),
        idle_power_w=idle_w,
        idle_state=_idle_state(read),
        net_energy_j=net_j,
        work=quantities.mean_work(record.works[: len(windows)]),
        energy_per_work_j=node_work.energy_per_unit(works, totals_j, without_scatter(energy_j))
        if measured
        else None,
        work_per_s=node_work.rate(works, windows),
        verification=record.verification,
        repeats=tuple(
            Repeat(
                start_s=window.start_s,
                end_s=window.end_s,
                energy_j=totals_j[i] if measured else None,
                components_j=of_components_j[i],
                work=record.works[i] if i < len(record.works) else None,
                block=window.block,
            )
            for i, window in enumerate(windows)
        ),
        regions=(),
        channels=channels(read),
        nodes=len(nodes),
        host=record.host,
        job=record.job,
        case=record.case or next(iter(_cases(read)), None),
        shares=shares,
        hosts=kinds.kinds,
        partial=partial,
        record=record.kept,
        doubts=(
            *record.doubts,
            *of_nodes(nodes, tables, shares, measured=measured),
            *doubts.of_verification(record.verification),
            *cut_repeat_doubts.of_cut_repeats(windows, parts_left_out(record.windows)),
            *doubts.of_repeats(windows, totals_j, 0.0),
            *net_doubts,
        ),
    )


def _tables(
    record: JobRecord, nodes: Sequence[NodePart], times_s: Sequence[float], *, measured: bool
) -> list[NodeTable]:
    """The energies of each node in the repeats, filled up from its peers."""
    as_read = [
        NodeTable(
            own_repeats(part.measurement, times_s),
            times_s,
            None,
            own_edges=has_own_edges(record.workload, part),
        )
        for part in nodes
    ]
    if not measured:
        return as_read
    readings = [reading_of(part, table) for part, table in zip(nodes, as_read, strict=True)]
    return [
        table.filled_up(fill_of(reading, readings))
        for table, reading in zip(as_read, readings, strict=True)
    ]


def _energy(
    nodes: Sequence[NodePart], tables: Sequence[NodeTable], totals_j: Sequence[float]
) -> Estimate:
    """Energy of a repeat on all nodes."""
    of_nodes_j = [
        uncombined(
            table.mean_j,
            (*without_scatter(_energy_of(part)), *table.lost_effects(part.node)),
        )
        for part, table in zip(nodes, tables, strict=True)
    ]
    return not_negative(sum_of_nodes(of_nodes_j, scatter_effect(totals_j)))


def _idle_of_all(idle_w: Estimate | None, tables: Sequence[NodeTable]) -> Estimate | None:
    """Idle power of all nodes together, from the mean of one node; None if nothing tells the power
    of some node.
    """
    if idle_w is None or any(table.is_open for table in tables):
        return None
    return scale(idle_w, len(tables))


def _idle_state(read: Sequence[NodePart]) -> str | None:
    """As the first node states it."""
    states = [part.measurement.idle_state for part in read if part.measurement is not None]
    return states[0] if states else None


def _cases(read: Sequence[NodePart]) -> list[str]:
    """The runs of a campaign named by the nodes."""
    cases = (part.measurement.case for part in read if part.measurement is not None)
    return [case for case in cases if case is not None]


def _energy_of(part: NodePart) -> Estimate | None:
    return part.measurement.energy_j if part.measurement is not None else None


def _components(
    nodes: Sequence[NodePart],
    tables: Sequence[NodeTable],
    energies_j: Sequence[dict[str, float]],
) -> dict[str, Estimate]:
    """Energy of each component over the nodes as far as they were read, and NOT_READ last. They add
    up to the energy of the job.

    energies_j  of each repeat, by component
    """
    read = [part.measurement.components_j for part in nodes if part.measurement is not None]
    order = dict.fromkeys((*(name for of_node_j in read for name in of_node_j), NOT_READ))
    names = [name for name in order if any(name in of_repeat_j for of_repeat_j in energies_j)]
    components = {}
    for name in names:
        values = [of_repeat_j.get(name, 0.0) for of_repeat_j in energies_j]
        effects = compact(
            [
                [
                    *without_scatter(_component_of(part, name)),
                    *table.component_effects(part.node, name),
                ]
                for part, table in zip(nodes, tables, strict=True)
            ]
        )
        components[name] = mean_energy.mean(values, effects, ())
    return components


def _component_of(part: NodePart, name: str) -> Estimate | None:
    return part.measurement.components_j.get(name) if part.measurement is not None else None


def _component_energies(tables: Sequence[NodeTable], i: int) -> dict[str, float]:
    sums: dict[str, float] = {}
    for table in tables:
        for name, energy_j in table.components_j(i).items():
            sums[name] = sums.get(name, 0.0) + energy_j
    return sums


def _share(part: NodePart, table: NodeTable, window_s: float, host: int | None) -> NodeShare:
    measurement, covered_s = part.measurement, table.covered_s
    state: Literal["measured", "partial", "missing"] = "measured" if table.is_whole else "partial"
    energy = measurement.energy_j if measurement is not None else None
    if energy is None:
        state, covered_s = "missing", 0.0
    return NodeShare(
        node=part.node,
        part=part.directory,
        state=state,
        # the effects stand in the node's own run
        energy_j=msgspec.structs.replace(energy, effects=()) if energy is not None else None,
        power_w=measurement.power_w.value
        if measurement is not None and measurement.power_w is not None
        else None,
        covered_s=covered_s,
        window_s=window_s,
        clock_half_s=part.clock_half_s,
        host=host,
    )
