"""Heat maps of a study: speedup and energy ratio over the two axes of the study. Every panel is a
figure with a map for every variant.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from energybench.model import Estimate, Study, StudyCell, StudyRatio
from energybench.units import counted, show
from energybench_reports.charts import curves
from energybench_reports.charts.figure import finished
from energybench_reports.charts.theme import INK
from energybench_reports.view.layout import Figure
from energybench_reports.view.study_runs import baseline_name
from energybench_reports.view.wording import plain

SECTION = "study-ratios"
_BESIDE_PX = 70  # of a map: the labels of its y axis, and the space to the next one
_CELL, _ACROSS = 62, 3  # width of a cell in pixels; number of maps in a row
_SPAN = 1.05  # the scale of colours spans at least 1 / _SPAN to _SPAN
# Light vermilion below 1, white, blue above 1: dark figures stay readable on every colour.
_COLOURS = ["#eda36b", "#f6d9c2", "#f7f7f7", "#cfe2ee", "#74b3d9"]
_FIGURES = "#111111"  # on dark pages too

Place = tuple[Any, ...]  # the values of the panel axes


class _Point(NamedTuple):
    """The ratio of a variant in a cell of the study."""

    x: Any
    y: Any
    ratio: StudyRatio


class _Quantity(NamedTuple):
    """A quantity to draw: field of StudyRatio, and title."""

    field: str
    title: str


def figures(alt: Any, studies: Sequence[Study]) -> list[Figure]:
    """Every heat map that the studies have data for."""
    return [figure for study in studies for figure in _maps(alt, study)]


def _maps(alt: Any, study: Study) -> list[Figure]:
    axes = study.plan.axes
    panels: dict[Place, list[_Point]] = defaultdict(list)
    unpaired: dict[Place, list[dict[str, Any]]] = defaultdict(list)
    for cell in study.cells:
        at = cell.cell.at
        place = tuple(at.get(name) for name in axes.panels)
        panels[place] += [_Point(at.get(axes.x), at.get(axes.y), ratio) for ratio in cell.ratios]
        unpaired[place] += _without_baseline(study, cell)

    maps = []
    for place, points in panels.items():
        where = ", ".join(
            _place_words(name, value) for name, value in zip(axes.panels, place, strict=True)
        )
        speedup = _Quantity("speedup", "speedup")
        maps.append(_map(alt, study, points, speedup, where, unpaired[place]))
        energies = [point for point in points if point.ratio.energy_ratio is not None]
        if energies:
            title = plain(energies[0].ratio.energy_title)
            maps.append(_map(alt, study, energies, _Quantity("energy_ratio", title), where))
    return [figure for figure in maps if figure is not None] + curves.figures(alt, study)


def _without_baseline(study: Study, cell: StudyCell) -> list[dict[str, Any]]:
    """Fields of the measured variants of a cell, if the first variant, with which variants are
    compared, does not fit into memory.
    """
    baseline, at, axes = cell.runs[0], cell.cell.at, study.plan.axes
    if baseline.state != "does-not-fit":
        return []
    return [
        {
            "variant": plain(run.variant),
            "x": at.get(axes.x),
            "y": at.get(axes.y),
            "ratio": 1,
            "text": "no fit",
            "said": f"{plain(baseline.variant)} does not fit",
        }
        for run in cell.runs[1:]
        if run.state == "measured"
    ]


def _place_words(name: str, value: Any) -> str:
    if not isinstance(value, bool):
        return plain(value)
    return plain(name) if value else f"not {plain(name)}"


def _map(
    alt: Any,
    study: Study,
    points: Sequence[_Point],
    quantity: _Quantity,
    where: str,
    unpaired: Sequence[dict[str, Any]] = (),
) -> Figure | None:
    """One panel: a map for every variant. `unpaired`: fields without a ratio."""
    rows = _fields(points, quantity)
    if not rows:
        return None
    fields = [*rows, *unpaired]
    chart = _drawn(alt, study, fields, quantity.title, _extent(rows))
    text = _alternative(study, rows, quantity, where)
    caption = _caption(study, rows, quantity, where)
    if unpaired:
        caption += f" No fit: {baseline_name(study)} does not fit into memory there."
    columns = len({row["x"] for row in fields})
    panel_px = _CELL * columns + _BESIDE_PX
    return finished(SECTION, chart, {"fields": fields}, caption, text, panel_px)


def _fields(points: Sequence[_Point], quantity: _Quantity) -> list[dict[str, Any]]:
    """The fields of the maps. Cells at the same x and y are one field with the geometric mean of
    the cells.
    """
    fields: dict[tuple[str, Any, Any], list[Estimate]] = defaultdict(list)
    for point in points:
        key = (point.ratio.variant, point.x, point.y)
        fields[key].append(getattr(point.ratio, quantity.field))
    return [
        {
            "variant": plain(variant),
            "x": x,
            "y": y,
            "ratio": round(_mean(values), 4),
            "text": f"{_mean(values):.3g}" + " ?" * _undecided(values),
            "said": _ratio_words(values),
        }
        for (variant, x, y), values in fields.items()
    ]


def _extent(rows: Sequence[dict[str, Any]]) -> float:
    """The largest factor from 1, up or down: the end of the scale of colours."""
    ratios = [float(row["ratio"]) for row in rows]
    return max(*ratios, *(1 / ratio for ratio in ratios), _SPAN)


def _drawn(
    alt: Any, study: Study, rows: Sequence[dict[str, Any]], title: str, extent: float
) -> Any:
    """The maps of the variants side by side, on a common logarithmic scale of colours about 1."""
    axes = study.plan.axes
    domain = [1 / extent, extent**-0.5, 1, extent**0.5, extent]
    xs, ys = _sorted(row["x"] for row in rows), _sorted(row["y"] for row in rows)
    base = alt.Chart().encode(
        x=alt.X("x:O", title=plain(axes.x).replace("_", " "), sort=xs, axis=alt.Axis(labelAngle=0)),
        y=alt.Y("y:O", title=plain(axes.y).replace("_", " "), sort=ys[::-1]),
        tooltip=[
            alt.Tooltip("variant:N"),
            alt.Tooltip("x:O", title=plain(axes.x)),
            alt.Tooltip("y:O", title=plain(axes.y)),
            alt.Tooltip("said:N", title=title),
        ],
    )
    colour = alt.Color(
        "ratio:Q",
        title=title,
        scale=alt.Scale(type="log", domain=domain, range=_COLOURS, interpolate="lab"),
        legend=alt.Legend(format=".3~g", values=[1 / extent, 1, extent]),
    )
    layers = [
        base.mark_rect(stroke="white").encode(color=colour),
        base.mark_text(fontSize=12, color=_FIGURES).encode(text=alt.Text("text:N")),
    ]
    header = alt.Header(labelColor=INK, labelFontSize=13)
    return (
        alt.layer(*layers, data=alt.NamedData("fields"))
        .properties(width=_CELL * len(xs), height=26 * len(ys))
        .facet(facet=alt.Facet("variant:N", title=None, header=header), columns=_ACROSS)
    )


def _sorted(values: Any) -> list[Any]:
    """Different values in order: numbers before text."""
    return sorted(set(values), key=lambda value: (isinstance(value, str), value))


def _alternative(
    study: Study, rows: Sequence[dict[str, Any]], quantity: _Quantity, where: str
) -> str:
    """The text for a screen reader."""
    axes, ratios = study.plan.axes, [row["ratio"] for row in rows]
    title = plain(study.plan.title) + (f", {where}" if where else "")
    return (
        f"{title}: {quantity.title}, {baseline_name(study)} / variant, over {plain(axes.x)} and "
        f"{plain(axes.y)}, from {min(ratios):.3g} to {max(ratios):.3g}."
    )


def _caption(study: Study, rows: Sequence[dict[str, Any]], quantity: _Quantity, where: str) -> str:
    title = quantity.title[:1].upper() + quantity.title[1:]
    place = f"; {where}" if where else ""
    caption = (
        f"{title}, {baseline_name(study)} / variant{place}. Above 1 is in the variant's favour. "
        "The table has the intervals."
    )
    averaged = _averaged_axes(study)
    if averaged:
        caption += (
            f" Geometric mean over {' and '.join(plain(name) for name in averaged)}; the single "
            "values are in the table."
        )
    if any(row["text"].endswith("?") for row in rows):
        caption += " A question mark: the interval contains 1."
    return caption


def _averaged_axes(study: Study) -> list[str]:
    """Axes with several values that are neither x, y nor a panel."""
    axes = study.plan.axes
    others = {name for cell in study.cells for name in cell.cell.at}
    others -= {axes.x, axes.y, *axes.panels}
    return [
        name for name in sorted(others) if len({cell.cell.at.get(name) for cell in study.cells}) > 1
    ]


def _mean(values: Sequence[Estimate]) -> float:
    """Geometric mean, the mean for ratios (SPEC)."""
    return math.exp(sum(math.log(value.value) for value in values) / len(values))


def _undecided(values: Sequence[Estimate]) -> bool:
    """Whether every interval contains 1."""
    return all(value.low <= 1 <= value.high for value in values)


def _ratio_words(values: Sequence[Estimate]) -> str:
    if len(values) == 1:
        return show(values[0])
    return f"{_mean(values):.3g}, geometric mean of {counted(len(values), 'cell')}"
