"""Curves of a study: the energy of a step, and the workload's figures, over the x axis of the
study. Every quantity has a panel, every variant a line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from energybench.model import TIME_X_ASSUMED_POWER, Study, StudyRun
from energybench_reports.charts.figure import finished
from energybench_reports.charts.theme import TONES
from energybench_reports.view.layout import Figure
from energybench_reports.view.wording import listed, plain

SECTION = "study-figures"
_WIDTH, _BESIDE_PX = 210, 75  # of a panel, and of its y axis and the space to the next one
_ACROSS = 3  # panels in a row

Place = tuple[tuple[str, Any], ...]  # (axis, value) of every axis but x


def figures(alt: Any, study: Study) -> list[Figure]:
    """A figure for each place of the grid beside the x axis, if the study asks for curves."""
    if not study.plan.curves:
        return []
    places: dict[Place, list[dict[str, Any]]] = defaultdict(list)
    x_axis = study.plan.axes.x
    for cell in study.cells:
        at = cell.cell.at
        place = tuple((name, value) for name, value in at.items() if name != x_axis)
        for run in cell.runs:
            places[place] += _points(study, run, at.get(x_axis))
    return [_figure(alt, study, place, rows) for place, rows in places.items() if rows]


def _points(study: Study, run: StudyRun, x: Any) -> list[dict[str, Any]]:
    """The points of one run: `y` with `low` and `high` for the energy, `y` alone for a figure."""
    shared = {"x": x, "variant": plain(run.variant)}
    rows = []
    if run.energy_j is not None:
        quantity = TIME_X_ASSUMED_POWER if run.quality == "estimated" else "energy"
        rows.append(
            {
                **shared,
                "of": f"{quantity} of a {plain(study.plan.step_name)} (J)",
                "y": run.energy_j.value,
                "low": run.energy_j.low,
                "high": run.energy_j.high,
            }
        )
    return rows + [
        {**shared, "of": plain(name), "y": run.figures[name]}
        for name in study.plan.curves
        if name in run.figures
    ]


def _figure(alt: Any, study: Study, place: Place, rows: list[dict[str, Any]]) -> Figure:
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    quantities = list(dict.fromkeys(row["of"] for row in rows))
    x = plain(study.plan.axes.x).replace("_", " ")
    panels = [
        _panel(alt, x, name, [row for row in rows if row["of"] == name], variants)
        for name in quantities
    ]
    title = ", ".join(
        [plain(study.plan.title), *(f"{plain(name)} {value}" for name, value in place)]
    )
    text = f"{title}: {listed(quantities)} over {x}, for {listed(variants)}."
    caption = f"{title}. Bars: 95 % intervals; a figure without a bar is exact for its run."
    chart = alt.concat(*panels, columns=_ACROSS)
    return finished(SECTION, chart, {"points": rows}, caption, text, _WIDTH + _BESIDE_PX)


def _panel(
    alt: Any, x: str, name: str, rows: Sequence[dict[str, Any]], variants: Sequence[str]
) -> Any:
    """One quantity over x. The y axis starts at 0 if all values are equal: an axis of zero length
    has wrong ticks.
    """
    tones = alt.Scale(domain=list(variants), range=list(TONES[: len(variants)]))
    colour = alt.Color("variant:N", title=None, sort=list(variants), scale=tones)
    shape = alt.Shape(
        "variant:N", title=None, sort=list(variants), scale=alt.Scale(domain=list(variants))
    )
    across = alt.X("x:O", title=x, axis=alt.Axis(labelAngle=0))
    chosen = alt.FieldEqualPredicate(field="of", equal=name)
    base = alt.Chart(alt.NamedData("points")).transform_filter(chosen)
    base = base.encode(x=across, color=colour)
    values = {row[key] for row in rows for key in ("y", "low", "high") if key in row}
    lines = base.mark_line(
        point=alt.OverlayMarkDef(size=46, filled=True), strokeWidth=1.8, opacity=0.85
    ).encode(
        y=alt.Y(
            "y:Q",
            title=name,
            scale=alt.Scale(zero=len(values) == 1),
            axis=alt.Axis(tickCount=5),
        ),
        shape=shape,
        tooltip=[
            alt.Tooltip("variant:N"),
            alt.Tooltip("x:O", title=x),
            alt.Tooltip("y:Q", title=name, format=".4g"),
        ],
    )
    bars = base.mark_rule(strokeWidth=1, opacity=0.6).encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q"))
    layers = [bars, lines] if any("low" in row for row in rows) else [lines]
    return alt.layer(*layers).properties(width=_WIDTH, height=190)
