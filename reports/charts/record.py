"""The curves of workloads' own records (a loss by step, and by the energy it took): one chart a
name of curve, one line a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from energybench.model import Measurement
from energybench_reports.charts import power_and_energy as charts
from energybench_reports.charts.downsample import LIMIT, thin
from energybench_reports.view.record import KEY, energy_at
from energybench_reports.view.wording import listed, plain

TONES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


def figures(
    alt: Any, measurements: Sequence[Measurement], names: Mapping[str, str]
) -> list[charts.Figure]:
    """Every curve with two points or more; curves of one name and axes share a chart."""
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for m in measurements:
        for series in m.record.series if m.record is not None else ():
            if sum(y is not None for y in series.y) < 2:
                continue
            points = list(thin(series.x, series.y))
            by_x = (plain(series.name), plain(series.x_title), plain(series.y_title))
            found.setdefault(by_x, []).extend(
                {"x": x, "y": y, "run": names[m.id]} for x, y in points
            )
            by_energy = (
                f"{plain(series.name)} by energy",
                "energy, gross (J)",
                plain(series.y_title),
            )
            spent = [(energy_at(m, series, x), y) for x, y in points]
            if sum(energy is not None for energy, _ in spent) > 1:
                found.setdefault(by_energy, []).extend(
                    {"x": energy.value, "y": y, "run": names[m.id]}
                    for energy, y in spent
                    if energy is not None
                )
    return [_figure(alt, key, rows) for key, rows in found.items()]


def _figure(alt: Any, key: tuple[str, str, str], rows: Sequence[dict[str, Any]]) -> charts.Figure:
    name, x_title, y_title = key
    runs = list(dict.fromkeys(row["run"] for row in rows))
    tones = (TONES * (len(runs) // len(TONES) + 1))[: len(runs)]
    line = (
        alt.Chart(alt.Data(values=list(rows)))
        .mark_line(strokeWidth=1.8, invalid="break-paths-show-path-domains")
        .encode(
            x=alt.X("x:Q", title=x_title or None, axis=alt.Axis(tickCount=8)),
            y=alt.Y(
                "y:Q",
                title=y_title or name,
                scale=alt.Scale(zero=False),
                axis=alt.Axis(tickCount=5),
            ),
            color=alt.Color(
                "run:N", title=None, sort=runs, scale=alt.Scale(domain=runs, range=list(tones))
            ),
            tooltip=[
                alt.Tooltip("run:N"),
                alt.Tooltip("x:Q", title=x_title or "x"),
                alt.Tooltip("y:Q", title=y_title or name),
            ],
        )
    )
    text = f"{name} of {listed(runs)}."
    return charts.Figure(
        KEY,
        charts.finished(alt.layer(line).properties(width="container", height=220), text),
        f"{text} At most {LIMIT} points a curve.",
        text,
    )
