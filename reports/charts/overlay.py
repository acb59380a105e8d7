"""Power of several runs over time, overlaid at the beginning of the first repeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.model import REPEAT, UNUSED, PowerSeries, Timeline
from energybench_reports.charts import distinction, ticks
from energybench_reports.charts.figure import finished
from energybench_reports.view.layout import Figure
from energybench_reports.view.wording import plain

_STEPS = 900  # of a line; a chart is about a thousand pixels wide
_HEADROOM = 1.08


class _Run(NamedTuple):
    """Power of all devices of a run together. t_s: from the beginning of the first repeat."""

    name: str
    t_s: Floats
    power_w: Floats


def overlay(alt: Any, timelines: Sequence[Timeline], names: Mapping[str, str]) -> Figure | None:
    """A line for each run; None for fewer than two runs with power over time."""
    first = {timeline.run: timeline for timeline in reversed(timelines)}
    runs = [
        run
        for timeline in reversed(first.values())
        if (run := _run(timeline, names.get(timeline.run, plain(timeline.run)))) is not None
    ]
    if len(runs) < 2:
        return None
    begin_s = min(float(run.t_s[0]) for run in runs)
    end_s = max(float(run.t_s[-1]) for run in runs)
    highest_w = max(float(np.nanmax(run.power_w)) for run in runs)
    second, unit = ticks.of_time(end_s - begin_s)
    labels = [run.name for run in runs]
    chart = (
        alt.layer(
            alt.Chart(alt.NamedData("start"))
            .mark_rule(strokeDash=[2, 3], opacity=0.6)
            .encode(x=alt.X("t:Q")),
            alt.Chart(alt.NamedData("lines"))
            .transform_flatten(["t", "w"])
            .mark_line(strokeWidth=1.6, invalid="break-paths-show-path-domains")
            .encode(
                x=alt.X(
                    "t:Q",
                    title=f"{unit} since the first repeat began",
                    scale=alt.Scale(domain=[begin_s / second, end_s / second], nice=False),
                    axis=alt.Axis(tickCount=8, format="~f"),
                ),
                y=alt.Y(
                    "w:Q",
                    title="power of a run (W)",
                    scale=alt.Scale(domain=[0, _HEADROOM * highest_w or 1], nice=False),
                    axis=alt.Axis(tickCount=5, format="~f"),
                ),
                **distinction.lines_of_runs(alt, labels),
                tooltip=[
                    alt.Tooltip("run:N"),
                    alt.Tooltip("t:Q", title=unit),
                    alt.Tooltip("w:Q", title="W"),
                ],
            ),
        )
    ).properties(width="container", height=260)
    data: dict[str, list[dict[str, Any]]] = {
        "start": [{"t": 0}],
        "lines": [_columns(run, second, end_s - begin_s) for run in runs],
    }
    caption = (
        f"Power of {len(runs)} runs over each other: of each run all devices together, from the "
        "beginning of its first repeat, which the dotted line marks. A gap is a time at which a "
        "device was not read."
    )
    text = f"Power over time of {len(runs)} runs, one line for each run."
    return finished("power", chart, data, caption, text)


def _run(timeline: Timeline, name: str) -> _Run | None:
    """The sum over the devices; for a job, the sum over its nodes, which is its first series."""
    lines = timeline.series[:1] if timeline.of_nodes else _one_for_each_component(timeline.series)
    lines = [line for line in lines if any(watt is not None for watt in line.power_w)]
    if not lines:
        return None
    begin_s, end_s = max(line.t_s[0] for line in lines), min(line.t_s[-1] for line in lines)
    if end_s <= begin_s:
        return None
    steps = min(_STEPS, max(len(line.t_s) for line in lines))
    t_s = np.linspace(begin_s, end_s, max(steps, 2))
    total_w = np.zeros(t_s.size)
    for line in lines:
        watts = np.array([np.nan if watt is None else watt for watt in line.power_w])
        total_w += np.interp(t_s, line.t_s, watts)
    if np.isnan(total_w).all():
        return None
    repeats_s = [window.start_s for window in timeline.windows if window.label == REPEAT]
    return _Run(name, t_s - min(repeats_s, default=0.0), total_w)


def _one_for_each_component(series_list: Sequence[PowerSeries]) -> list[PowerSeries]:
    """The series whose sum is the power of the run: for several devices of a component, the series
    of all devices together.
    """
    together = {series.component for series in series_list if series.devices > 1}
    return [
        series
        for series in series_list
        if series.devices > 1 or series.component.removesuffix(UNUSED) not in together
    ]


def _columns(run: _Run, second: float, span_s: float) -> dict[str, Any]:
    """A run as a row of columns, rounded to the resolution of a screen."""
    places = ticks.places(span_s / second)
    watts = [None if np.isnan(watt) else float(f"{watt:.4g}") for watt in run.power_w]
    return {"run": run.name, "t": (run.t_s / second).round(places).tolist(), "w": watts}
