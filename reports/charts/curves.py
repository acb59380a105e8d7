"""Curves of a study: the energy of a step and the workload's own figures over its x axis, a panel
each, a line a variant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from energybench.model import Study, StudyRun
from energybench_reports.charts.power_and_energy import Figure, finished
from energybench_reports.charts.record import TONES
from energybench_reports.view.wording import listed, plain

SECTION = "study-figures"


def figures(alt: Any, study: Study) -> list[Figure]:
    """One for each point of the grid beside the x axis, where the study asks for curves."""
    if not study.plan.curves:
        return []
    groups: dict[tuple[tuple[str, Any], ...], list[dict[str, Any]]] = defaultdict(list)
    for cell in study.cells:
        at = {name: value for name, value in cell.cell.at.items() if name != study.plan.axes.x}
        for run in cell.runs:
            groups[tuple(at.items())] += _points(study, run, cell.cell.at.get(study.plan.axes.x))
    return [_figure(alt, study, place, rows) for place, rows in groups.items() if rows]


def _points(study: Study, run: StudyRun, x: Any) -> list[dict[str, Any]]:
    """Of one run: `y` with `low` and `high` for its energy; a figure that is exact has neither."""
    shared = {"x": x, "variant": plain(run.variant)}
    made = []
    if run.energy_j is not None:
        what = "time x assumed power" if run.quality == "estimated" else "energy"
        title = f"{what} of a {plain(study.plan.step_name)} (J)"
        made.append(
            {
                **shared,
                "of": title,
                "y": run.energy_j.value,
                "low": run.energy_j.low,
                "high": run.energy_j.high,
            }
        )
    return made + [
        {**shared, "of": plain(name), "y": run.figures[name]}
        for name in study.plan.curves
        if name in run.figures
    ]


def _figure(
    alt: Any, study: Study, place: tuple[tuple[str, Any], ...], rows: list[dict[str, Any]]
) -> Figure:
    variants, shown = (list(dict.fromkeys(row[key] for row in rows)) for key in ("variant", "of"))
    x = plain(study.plan.axes.x).replace("_", " ")
    panels = [
        _panel(alt, x, name, [row for row in rows if row["of"] == name], variants) for name in shown
    ]
    title = ", ".join(
        [plain(study.plan.title), *(f"{plain(name)} {value}" for name, value in place)]
    )
    text = f"{title}: {listed(shown)} over {x}, for {listed(variants)}."
    return Figure(
        SECTION,
        finished(alt.hconcat(*panels), text),
        f"{title}. Bars: 95 % intervals; what has none is exact for its run.",
        text,
    )


def _panel(
    alt: Any, x: str, name: str, rows: Sequence[dict[str, Any]], variants: Sequence[str]
) -> Any:
    """From 0 where all values are one: an axis of no length has wrong ticks."""
    tones = alt.Color(
        "variant:N",
        title=None,
        sort=list(variants),
        scale=alt.Scale(domain=list(variants), range=list(TONES[: len(variants)])),
    )
    across = alt.X("x:O", title=x, axis=alt.Axis(labelAngle=0))
    base = alt.Chart(alt.Data(values=list(rows))).encode(x=across, color=tones)
    level = (
        len(
            {
                number
                for row in rows
                for number in (row["y"], row.get("low", row["y"]), row.get("high", row["y"]))
            }
        )
        == 1
    )
    lines = base.mark_line(
        point=alt.OverlayMarkDef(size=46, filled=True), strokeWidth=1.8, opacity=0.85
    ).encode(
        y=alt.Y("y:Q", title=name, scale=alt.Scale(zero=level), axis=alt.Axis(tickCount=5)),
        shape=alt.Shape(
            "variant:N", title=None, sort=list(variants), scale=alt.Scale(domain=list(variants))
        ),
        tooltip=[
            alt.Tooltip("variant:N"),
            alt.Tooltip("x:O", title=x),
            alt.Tooltip("y:Q", title=name, format=".4g"),
        ],
    )
    bars = base.mark_rule(strokeWidth=1, opacity=0.6).encode(y="low:Q", y2="high:Q")
    layers = [bars, lines] if any("low" in row for row in rows) else [lines]
    return alt.layer(*layers).properties(width=210, height=190)
