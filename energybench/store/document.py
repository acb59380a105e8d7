"""Gathering results, and the power of every run over time, into the document of a report."""

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
    Trace,
    Window,
)
from energybench.store import reader
from energybench.store.layout import INDEX, RUN, find, runs
from energybench.store.study import is_study, read_study, studies

Result = Measurement | Comparison | Projection | Study
_POINTS = 4000  # points of a series; a report thins further for its charts
MOST_TIMELINES = 24  # more charts of power than this are no longer read by anybody


class Gathered(NamedTuple):
    """The content of a report. notes: timelines that cannot be shown, with the reason."""

    results: list[Result]
    timelines: list[Timeline]
    notes: list[str]


def gather(names: Sequence[str], store: Path, most_timelines: int = MOST_TIMELINES) -> Gathered:
    """Results and timelines of runs, stores and result files, in the order of the names.

    most_timelines  of how many runs to read the samples: 0 for a report without charts of power
    Damaged samples cost the chart, not the result. Raises BadInput.
    """
    results: list[Result] = []
    timelines: list[Timeline] = []
    notes: list[str] = []
    measurements = 0
    for name in names:
        path = Path(name)
        if is_study(path) or path.name == INDEX:
            results.append(read_study(path))
            continue
        if path.is_file() and path.name != RUN:
            results.append(reader.result(path))
            continue
        stored = [read_study(study) for study in studies(path)]
        results += stored
        for directory in _runs(name, store, required=not stored):
            measured = reader.read_run(directory)
            results.append(measured)
            measurements += 1
            if measurements > most_timelines:
                continue
            try:
                timelines.append(timeline(directory, measured))
            except BadInput as why:
                notes.append(f"Power over time of {measured.label} is not shown: {why}")
    if 0 < most_timelines < measurements:
        notes.append(
            f"Power over time is shown for the first {most_timelines} of {measurements} runs."
        )
    return Gathered(results, timelines, notes)


def _runs(name: str, store: Path, required: bool) -> list[Path]:
    """The runs of a folder, or the run that the name finds in the store. Raises BadInput."""
    path = Path(name)
    if not path.is_dir() or (path / RUN).is_file():
        return [find(name, store)]
    directories = runs(path)
    if required and not directories:
        raise BadInput(
            name,
            "holds no finished run",
            f"a run has a {RUN}; unfinished runs: energybench recover",
        )
    return directories


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
    """Power over time of every channel that is summed, and the run's windows, in seconds since the
    first sample.
    """
    traces, windows = reader.read_traces(directory)
    curves = _curves(traces)
    origin_s = min((float(shown.t_s[0]) for shown in curves), default=0.0)
    series = tuple(_series(shown, measurement.id, origin_s) for shown in curves)
    shifted = tuple(
        Window(
            label=window.label,
            start_s=window.start_s - origin_s,
            end_s=window.end_s - origin_s,
            repeat=window.repeat,
        )
        for window in windows
    )
    return Timeline(run=measurement.id, series=series, windows=shifted)


def _curves(traces: Sequence[Trace]) -> list[Curve]:
    """Curves of the channels that are summed; of a counter and a power sensor of one component,
    only the counter's.
    """
    counted = [trace for trace in traces if trace.channel.counts and trace.ok.any()]
    curves = [energy for trace in counted if (energy := curve(trace)) is not None]
    counters = {_component(energy) for energy in curves if energy.channel.kind == "counter"}
    return [
        energy
        for energy in curves
        if energy.channel.kind == "counter" or _component(energy) not in counters
    ]


def _component(energy: Curve) -> tuple[str, str]:
    return energy.channel.device, energy.channel.component


def _series(energy: Curve, run: str, origin_s: float) -> PowerSeries:
    """Mean power between the curve's points, on a grid no finer than the sensor resolves; None
    across a gap.
    """
    channel = energy.channel
    step_s = max(2 * energy.period_s, 0.2, (energy.t_s[-1] - energy.t_s[0]) / _POINTS)
    edges = np.arange(energy.t_s[0], energy.t_s[-1], step_s)
    if edges.size < 2:
        edges = energy.t_s[[0, -1]]
    watts = np.diff(np.interp(edges, energy.t_s, energy.energy_j)) / np.diff(edges)
    middle = (edges[1:] + edges[:-1]) / 2
    # distance between the two points of the curve around every point of the grid
    left = np.clip(np.searchsorted(energy.t_s, middle) - 1, 0, energy.t_s.size - 2)
    gaps_s = np.diff(energy.t_s)[left]
    powers = tuple(
        None if gap_s > 10 * step_s else round(float(value), 3)
        for value, gap_s in zip(watts, gaps_s, strict=True)
    )
    component = channel.component + ("" if channel.used else ".unused")
    return PowerSeries(
        run=run,
        component=component,
        device=channel.device,
        t_s=tuple(round(float(t), 4) for t in middle - origin_s),
        power_w=powers,
    )
