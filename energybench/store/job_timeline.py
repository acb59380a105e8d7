"""Power over time of a job on the head node's clock: all nodes together, and single nodes of a
small job.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.measurement.node_coverage import FEW
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.power_steps import Readings, in_steps
from energybench.errors import BadInput
from energybench.model import Measurement, NodeShare, PowerSeries, Timeline, Window
from energybench.store import reader
from energybench.store.curves import lines_that_count
from energybench.store.device_power import STEPS, power_series
from energybench.store.layout import RUN
from energybench.store.part_files import zero_s

MOST_NODES = 64  # most nodes of a job whose samples are read for a chart
_LEAST_STEP_S = 0.2  # of the readings of a whole node


class _Node(NamedTuple):
    """Curves of the summed energies on a node, and the node's clock less the head node's clock."""

    share: NodeShare
    curves: tuple[Curve, ...]
    offset_s: float

    @property
    def start_s(self) -> float:
        return float(max(energy.t_s[0] for energy in self.curves)) - self.offset_s

    @property
    def end_s(self) -> float:
        return float(min(energy.t_s[-1] for energy in self.curves)) - self.offset_s

    @property
    def step_s(self) -> float:
        """No finer than the sensors resolve."""
        return max(2 * energy.period_s for energy in self.curves)


def job_timelines(directory: Path, job: Measurement) -> list[Timeline]:
    """All nodes together, and single nodes of a small job. Nodes without readings for the whole
    time are missing in the sum, which states its number of nodes.

    Raises BadInput if the job has too many nodes, or no part has samples.
    """
    if len(job.shares) > MOST_NODES:
        raise BadInput(
            job.label, f"has {len(job.shares)} nodes", f"charts are made of up to {MOST_NODES}"
        )
    nodes = [_node(directory, job, share) for share in job.shares if share.part]
    read = [node for node in nodes if node.curves]
    if not read:
        raise BadInput(str(directory), "no part has samples of a sensor that counts")
    start_s = min(node.start_s for node in read)
    end_s = max(node.end_s for node in read)
    step_s = max(_LEAST_STEP_S, *(node.step_s for node in read))
    edges_s = np.arange(start_s, end_s + step_s / 2, step_s)
    powers_w = {node.share.node: _power_w(node, edges_s) for node in read}
    whole = [node.share.node for node in read if node.share.state == "measured"]
    windows = _windows(job, start_s)
    timelines = []
    if whole:
        words = f"all {len(whole)} nodes together" if len(whole) > 1 else "the only node"
        if len(whole) < len(job.shares):
            words = f"{len(whole)} of {len(job.shares)} nodes together"
        total_w = np.sum([powers_w[name] for name in whole], axis=0)
        series = _series(job, words, total_w, edges_s, devices=len(whole))
        timelines.append(_timeline(job, [series], windows))
    if 1 < len(job.shares) <= FEW:
        alone = [_series(job, f"node {name}", watts, edges_s) for name, watts in powers_w.items()]
        timelines.append(_timeline(job, alone, windows))
    return timelines


def _node(directory: Path, job: Measurement, share: NodeShare) -> _Node:
    part = directory / share.part
    traces, _ = reader.read_traces(part)
    return _Node(
        share,
        tuple(lines_that_count(traces, lambda energy: energy)),
        _offset_s(reader.read_run(part), job, part),
    )


def _offset_s(part: Measurement, job: Measurement, path: Path) -> float:
    """The node's clock less the head node's clock, from a repeat stated on both clocks. Raises
    BadInput.
    """
    if part.repeats and job.repeats:
        return part.repeats[0].start_s - job.repeats[0].start_s
    zeros_s = zero_s(part.host), zero_s(job.host)
    if zeros_s[0] is None or zeros_s[1] is None:
        raise BadInput(str(path / RUN), "does not say how its clock stands to the head node's")
    return zeros_s[1] - zeros_s[0]


def _power_w(node: _Node, edges_s: Floats) -> Floats:
    """Mean power between the edges; NaN where a sensor was not read."""
    total_w = np.zeros(edges_s.size - 1)
    for energy in node.curves:
        own_s = edges_s + node.offset_s
        joules = np.interp(own_s, energy.t_s, energy.energy_j, left=np.nan, right=np.nan)
        watts = np.diff(joules) / np.diff(edges_s)
        middle_s = (own_s[1:] + own_s[:-1]) / 2
        left = np.clip(np.searchsorted(energy.t_s, middle_s) - 1, 0, energy.t_s.size - 2)
        step_s = edges_s[1] - edges_s[0]
        watts[np.diff(energy.t_s)[left] > 10 * step_s] = np.nan
        total_w += watts
    return total_w


def _windows(job: Measurement, origin_s: float) -> tuple[Window, ...]:
    return tuple(
        Window(
            label="repeat",
            start_s=repeat.start_s - origin_s,
            end_s=repeat.end_s - origin_s,
            repeat=number,
        )
        for number, repeat in enumerate(job.repeats)
    )


def _series(
    job: Measurement, words: str, watts: Floats, edges_s: Floats, devices: int = 1
) -> PowerSeries:
    """Mean powers between the edges, in steps, in seconds since the first edge."""
    middles_s = (edges_s[1:] + edges_s[:-1]) / 2
    read = Readings(edges_s, watts * np.diff(edges_s), middles_s, watts)
    steps = in_steps(read, STEPS)
    return power_series(job.id, words, "", steps, float(edges_s[0]), watts.size, devices)


def _timeline(
    job: Measurement, series: Sequence[PowerSeries], windows: Sequence[Window]
) -> Timeline:
    return Timeline(run=job.id, series=tuple(series), windows=tuple(windows), of_nodes=True)
