"""A job on twelve GPU nodes of two kinds, one of which was not read and one for a part of the time,
and a job on two CPU nodes.

Synthetic numbers, measured nowhere.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
from msgspec import structs

from energybench.analysis.measurement.node_table import NodePart
from energybench.analysis.measurement.nodes import JobRecord, merge
from energybench.model import (
    Document,
    Job,
    Measurement,
    PowerSeries,
    Timeline,
    Window,
)
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_gpu_node import gpu_node


def job_document() -> Document:
    """Both jobs and the power of the smaller one."""
    large, small = many_nodes(), two_nodes()
    return Document(
        title="Two jobs, all of their nodes",
        results=(large, small),
        timelines=(_power(small, ("all 2 nodes together",)), _power(small, ("node a", "node b"))),
        notes=("Synthetic numbers: a sample for the reports' tests, measured nowhere.",),
        created_utc="2026-03-02T12:10:00Z",
        version="0.1.0",
    )


def many_nodes() -> Measurement:
    parts = [_part(gpu_node(), f"nid{i:03}", 1 + 0.004 * (i % 5), i) for i in range(12)]
    parts[3] = NodePart("nid003", why="its reader ended before it could write its result")
    late = parts[7].measurement
    assert late is not None
    parts[7] = parts[7]._replace(measurement=structs.replace(late, repeats=late.repeats[:6]))
    return _merged("GPU partition", parts)


def two_nodes() -> Measurement:
    return _merged("CPU partition", [_part(cpu_node(), name, 1.0, 0) for name in ("a", "b")])


def _part(measured: Measurement, name: str, factor: float, number: int) -> NodePart:
    """The same run on another node, with another energy and, of every fourth, more memory."""
    host = structs.replace(measured.host, name=name)
    if number % 4 == 1:
        host = structs.replace(host, memory_bytes=2 * (host.memory_bytes or 0))
    assert measured.energy_j is not None
    estimate = measured.energy_j
    repeats = tuple(
        structs.replace(
            repeat,
            work=None,
            energy_j=(repeat.energy_j or 0.0) * factor,
            components_j={key: x * factor for key, x in repeat.components_j.items()},
        )
        for repeat in measured.repeats
    )
    changed = structs.replace(
        measured,
        host=host,
        repeats=repeats,
        energy_j=structs.replace(
            estimate,
            value=estimate.value * factor,
            low=estimate.low * factor,
            high=estimate.high * factor,
        ),
        doubts=(),
    )
    return NodePart(name, f"node-{name}", changed, clock_half_s=0.0 if number == 0 else 0.0003)


def _merged(label: str, parts: list[NodePart]) -> Measurement:
    first = next(part.measurement for part in parts if part.measurement is not None)
    windows = tuple(
        Window(label="repeat", start_s=repeat.start_s, end_s=repeat.end_s, repeat=number)
        for number, repeat in enumerate(first.repeats)
    )
    record = JobRecord(
        id=f"2026-03-02T10-15-02Z_{label.replace(' ', '_')}_site-71-r0",
        label=label,
        command=("srun", "./app"),
        boundary=first.boundary.name,
        job=Job(launcher="slurm", cluster="site", id="71", nodes=len(parts)),
        host=first.host,
        windows=windows,
        verification=first.verification,
    )
    return msgspec.convert(_rounded(msgspec.to_builtins(merge(record, parts))), Measurement)


def _rounded(thing: Any) -> Any:
    """Numbers to nine digits: the digits behind differ from processor to processor."""
    if isinstance(thing, float) and thing and math.isfinite(thing):
        return float(f"{thing:.9g}")
    if isinstance(thing, list | tuple):
        return [_rounded(item) for item in thing]
    if isinstance(thing, dict):
        return {key: _rounded(item) for key, item in thing.items()}
    return thing


def _power(measured: Measurement, names: tuple[str, ...]) -> Timeline:
    """A square wave over the repeats."""
    origin_s = measured.repeats[0].start_s - 10.0
    windows = tuple(
        Window(
            label="repeat",
            start_s=repeat.start_s - origin_s,
            end_s=repeat.end_s - origin_s,
            repeat=number,
        )
        for number, repeat in enumerate(measured.repeats)
    )
    t_s = tuple(float(t) for t in range(0, int(windows[-1].end_s) + 10, 5))
    watts = tuple(
        470.0 if any(window.start_s <= t < window.end_s for window in windows) else 170.0
        for t in t_s
    )
    factor = 3 - len(names)
    series = tuple(
        PowerSeries(
            run=measured.id,
            component=name,
            device="",
            t_s=t_s,
            power_w=tuple(factor * watt - 12 * number for watt in watts),
        )
        for number, name in enumerate(names)
    )
    return Timeline(run=measured.id, series=series, windows=windows, of_nodes=True)
