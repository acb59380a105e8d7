"""Gathering results into the document that a report renders, with each run's power over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from energybench import __version__
from energybench.analysis.traces.curve import Curve, curve
from energybench.errors import BadInput
from energybench.model import (
    Comparison,
    Document,
    Measurement,
    PowerSeries,
    Projection,
    Study,
    Timeline,
    Window,
)
from energybench.store import reader
from energybench.store.layout import INDEX, RUN, find, runs
from energybench.store.study import is_study, read_study, studies

Result = Measurement | Comparison | Projection | Study
_POINTS = 4000  # per series; a report thins further for its charts


class Gathered(NamedTuple):
    """What a report is made of. notes: what could not be shown, and why."""

    results: list[Result]
    timelines: list[Timeline]
    notes: list[str]


def gather(names: Sequence[str], store: Path) -> Gathered:
    """Results and timelines of runs, stores and result files, in the order given.

    Damaged samples cost the chart, not the result.
    """
    results: list[Result] = []
    timelines: list[Timeline] = []
    notes: list[str] = []
    for name in names:
        path = Path(name)
        if is_study(path) or path.name == INDEX:
            results.append(read_study(path))
            continue
        if path.is_file() and path.name != RUN:
            results.append(reader.result(path))
            continue
        held = [read_study(found) for found in studies(path)]
        results += held
        if held and not runs(path):
            continue
        directories = (
            runs(path) if path.is_dir() and not (path / RUN).is_file() else [find(name, store)]
        )
        if not directories:
            raise BadInput(
                name,
                "holds no finished run",
                f"a run has a {RUN}; unfinished ones: energybench recover",
            )
        for directory in directories:
            measured = reader.read_run(directory)
            results.append(measured)
            try:
                timelines.append(timeline(directory, measured))
            except BadInput as why:
                notes.append(f"Power over time of {measured.label} is not shown: {why}")
    return Gathered(results, timelines, notes)


def document(
    title: str, results: Sequence[Result], timelines: Sequence[Timeline], notes: Sequence[str] = ()
) -> Document:
    """A document dated now."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return Document(
        title=title,
        results=tuple(results),
        timelines=tuple(timelines),
        notes=tuple(notes),
        created_utc=created,
        version=__version__,
    )


def timeline(directory: Path, measurement: Measurement) -> Timeline:
    """Power over time of every channel that is summed, and the run's windows; seconds since its
    first sample.
    """
    traces, windows = reader.read_traces(directory)
    curves = [
        made
        for trace in traces
        if trace.channel.counts and trace.ok.any() and (made := curve(trace)) is not None
    ]
    counters = {
        (c.channel.device, c.channel.component) for c in curves if c.channel.kind == "counter"
    }
    shown = [
        c
        for c in curves
        if c.channel.kind == "counter" or (c.channel.device, c.channel.component) not in counters
    ]
    origin = min((float(c.t_s[0]) for c in shown), default=0.0)
    series = tuple(_series(c, measurement.id, origin) for c in shown)
    moved = tuple(
        Window(label=w.label, start_s=w.start_s - origin, end_s=w.end_s - origin, repeat=w.repeat)
        for w in windows
    )
    return Timeline(run=measurement.id, series=series, windows=moved)


def _series(found: Curve, run: str, origin_s: float) -> PowerSeries:
    """Mean power between the curve's points, on a grid no finer than the sensor resolves; None
    across a gap.
    """
    channel = found.channel
    step = max(2 * found.period_s, 0.2, (found.t_s[-1] - found.t_s[0]) / _POINTS)
    edges = np.arange(found.t_s[0], found.t_s[-1], step)
    if edges.size < 2:
        edges = found.t_s[[0, -1]]
    watts = np.diff(np.interp(edges, found.t_s, found.energy_j)) / np.diff(edges)
    middle = (edges[1:] + edges[:-1]) / 2
    nearest = np.diff(found.t_s)[
        np.clip(np.searchsorted(found.t_s, middle) - 1, 0, found.t_s.size - 2)
    ]
    powers = tuple(
        None if gap > 10 * step else round(float(value), 3)
        for value, gap in zip(watts, nearest, strict=True)
    )
    component = channel.component + ("" if channel.used else ".unused")
    return PowerSeries(
        run=run,
        component=component,
        device=channel.device,
        t_s=tuple(round(float(t), 4) for t in middle - origin_s),
        power_w=powers,
    )
