"""Our own results of a Slurm job in a store, and the energy of its nodes at any time of the wall
clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from energybench.analysis.energy.boundary import Ranges
from energybench.analysis.measurement.component_energy import ComponentEnergy, NodeSamples
from energybench.cluster.reconciling import OwnEnergy
from energybench.cluster.row_windows import RowWindow
from energybench.errors import BadInput
from energybench.model import Host, Job, Measurement
from energybench.store import strict
from energybench.store.layout import RUN, runs
from energybench.store.reader import read_run, read_traces


class OwnResult(NamedTuple):
    """A run on a node of a job, or the directory of a job that was read on all of its nodes."""

    directory: Path
    measurement: Measurement


class NodePart(NamedTuple):
    """The samples of one node of a job.

    result       identity of the result with these samples
    zero_wall_s  the wall clock at zero of the clock of the samples
    """

    node: str
    result: str
    host: Host
    samples: NodeSamples
    zero_wall_s: float

    def energy(self, row: RowWindow) -> ComponentEnergy | None:
        return self.samples.energy(row.start_s - self.zero_wall_s, row.end_s - self.zero_wall_s)


def results_of(store: Path, cluster: str, names: Collection[str]) -> list[OwnResult]:
    """The finished results of a job, in the order of time. Raises BadInput for a damaged result.

    cluster  name of the cluster; "": not known, any
    names    numbers of the job in the form of a run: "120", "120_4"
    """
    return [
        OwnResult(directory, read_run(directory))
        for directory in runs(store)
        if _is_of(directory, cluster, names)
    ]


def _is_of(directory: Path, cluster: str, names: Collection[str]) -> bool:
    """Whether a run belongs to a job, only from its run.json."""
    try:
        content: Any = strict.load(directory / RUN)
    except BadInput:
        return False
    job = content.get("job") if isinstance(content, dict) else None
    if not isinstance(job, dict) or job.get("id") not in names:
        return False
    return not cluster or job.get("cluster") in (None, cluster)


def parts_of(
    results: Sequence[OwnResult], components: Collection[str], ranges: Ranges
) -> Iterator[NodePart]:
    """The parts of the nodes, of every start of the job: their times distinguish the starts. Raises
    BadInput.

    A part without samples, or whose node has no sensor of these components, is left out.
    """
    for result in results:
        for node, directory in _directories(result, result.measurement.job):
            part = _part(node, result.measurement.id, directory, components, ranges)
            if part is not None:
                yield part


def _directories(result: OwnResult, job: Job | None) -> list[tuple[str, Path]]:
    """Nodes with the directories of their own runs."""
    if result.measurement.shares:
        return [
            (share.node, result.directory / share.part)
            for share in result.measurement.shares
            if share.part
        ]
    # Slurm may know the node by another name than the host
    name = result.measurement.host.name.partition(".")[0]
    if job is not None and job.nodes == 1 and job.node_names:
        name = job.node_names
    return [(name, result.directory)]


def _part(
    node: str, result: str, directory: Path, components: Collection[str], ranges: Ranges
) -> NodePart | None:
    host = read_run(directory).host
    if host.started_utc is None or host.started_s is None:
        return None
    traces, _ = read_traces(directory)
    try:
        samples = NodeSamples(traces, host, ranges, components)
    except BadInput:
        return None  # no meter of the node
    started_s = datetime.fromisoformat(host.started_utc.replace("Z", "+00:00")).timestamp()
    return NodePart(node, result, host, samples, started_s - host.started_s)


def own_energies(
    parts: Iterable[NodePart], rows: Collection[RowWindow]
) -> dict[RowWindow, OwnEnergy]:
    """Our energy of each row's nodes and time. Of several results of a node the result with most of
    the row's time counts. Only one part's samples are in memory at a time.
    """
    best: dict[RowWindow, dict[str, ComponentEnergy]] = {row: {} for row in rows}
    results: dict[RowWindow, dict[str, str]] = {row: {} for row in rows}
    for part in parts:
        for row, nodes in best.items():
            energy = part.energy(row) if part.node in row.nodes else None
            known = nodes.get(part.node)
            if energy is not None and (known is None or energy.read_s > known.read_s):
                nodes[part.node] = energy
                results[row][part.node] = part.result
    return {row: OwnEnergy(row, nodes, results[row]) for row, nodes in best.items()}
