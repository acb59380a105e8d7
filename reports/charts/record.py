"""Curves recorded by workloads (a loss by step, and by the energy spent): a chart for every name of
a curve, a line for every run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from energybench.model import Measurement, Series
from energybench_reports.charts import distinction
from energybench_reports.charts.downsample import LIMIT, thin
from energybench_reports.charts.figure import finished
from energybench_reports.view.layout import Figure
from energybench_reports.view.record import KEY, energy_at
from energybench_reports.view.wording import listed, plain


class _Axes(NamedTuple):
    """Name of the curve and titles of the axes: curves with equal axes share a chart."""

    name: str
    x_title: str
    y_title: str


def figures(
    alt: Any, measurements: Sequence[Measurement], names: Mapping[str, str]
) -> list[Figure]:
    """Every curve with two points or more."""
    charts: dict[_Axes, list[dict[str, Any]]] = {}
    for m in measurements:
        for series in m.record.series if m.record is not None else ():
            if sum(y is not None for y in series.y) < 2:
                continue
            for axes, points in _curves(m, series):
                columns = {"x": [x for x, _ in points], "y": [y for _, y in points]}
                charts.setdefault(axes, []).append({"run": names[m.id], **columns})
    return [_figure(alt, axes, rows) for axes, rows in charts.items()]


def _curves(
    measurement: Measurement, series: Series
) -> Iterator[tuple[_Axes, list[tuple[float, float | None]]]]:
    """The curve over its own x and, if two points or more have an energy, over the energy."""
    name, y_title = plain(series.name), plain(series.y_title)
    points = list(thin(series.x, series.y))
    yield _Axes(name, plain(series.x_title), y_title), points

    spent = [(energy_at(measurement, series, x), y) for x, y in points]
    by_energy = [(energy.value, y) for energy, y in spent if energy is not None]
    if len(by_energy) > 1:
        yield _Axes(f"{name} by energy", "energy, gross (J)", y_title), by_energy


def _figure(alt: Any, axes: _Axes, rows: Sequence[dict[str, Any]]) -> Figure:
    name, x_title, y_title = axes
    runs = list(dict.fromkeys(row["run"] for row in rows))
    line = (
        alt.Chart(alt.NamedData("curves"))
        .transform_flatten(["x", "y"])
        .mark_line(strokeWidth=1.8, invalid="break-paths-show-path-domains")
        .encode(
            x=alt.X("x:Q", title=x_title or None, axis=alt.Axis(tickCount=8)),
            y=alt.Y(
                "y:Q",
                title=y_title or name,
                scale=alt.Scale(zero=False),
                axis=alt.Axis(tickCount=5),
            ),
            **distinction.lines_of_runs(alt, runs),
            tooltip=[
                alt.Tooltip("run:N"),
                alt.Tooltip("x:Q", title=x_title or "x"),
                alt.Tooltip("y:Q", title=y_title or name),
            ],
        )
    )
    text = f"{name} of {listed(runs)}."
    chart = alt.layer(line).properties(width="container", height=220)
    caption = f"{text} Drawn from at most {LIMIT} points a curve."
    return finished(KEY, chart, {"curves": rows}, caption, text)
