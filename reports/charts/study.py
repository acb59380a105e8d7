"""Heat maps of a study: speedup and energy ratio over its two axes, one figure a panel, one map a
variant
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from energybench.model import Estimate, Study, StudyRatio
from energybench.units import show
from energybench_reports.charts import curves as chart_curves
from energybench_reports.charts.power_and_energy import INK, Figure, finished
from energybench_reports.view.wording import plain

SECTION = "study-ratios"
_CELL, _ACROSS = 62, 3  # pixels of a cell; maps beside each other
_SPAN = 1.05  # the scale of colours reaches at least so far from 1
_COLOURS = [
    "#eda36b",
    "#f6d9c2",
    "#f7f7f7",
    "#cfe2ee",
    "#74b3d9",
]  # light vermilion and blue about white, below and above 1: dark figures stay readable
_FIGURES = "#111111"  # report.css leaves this colour as it is, on dark pages too


def figures(alt: Any, studies: Sequence[Study]) -> list[Figure]:
    """Every heat map that the studies have data for."""
    return [figure for study in studies for figure in _of(alt, study)]


def _of(alt: Any, study: Study) -> list[Figure]:
    axes = study.plan.axes
    panels: dict[tuple[Any, ...], list[tuple[Any, Any, StudyRatio]]] = defaultdict(list)
    without: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(
        list
    )  # fields of variants that were measured and have nothing to be compared with
    for cell in study.cells:
        at = cell.cell.at
        place = tuple(at.get(name) for name in axes.panels)
        panels[place] += [(at.get(axes.x), at.get(axes.y), ratio) for ratio in cell.ratios]
        first = cell.runs[0]
        if first.state == "does-not-fit":
            said = f"{plain(first.variant)} does not fit"
            alone = [run for run in cell.runs[1:] if run.state == "measured"]
            without[place] += [
                {
                    "variant": plain(run.variant),
                    "x": at.get(axes.x),
                    "y": at.get(axes.y),
                    "ratio": 1,
                    "text": "no fit",
                    "said": said,
                }
                for run in alone
            ]
    made = []
    for place, found in panels.items():
        where = ", ".join(
            _worded(name, value) for name, value in zip(axes.panels, place, strict=True)
        )
        made.append(_map(alt, study, found, "speedup", "speedup", where, without[place]))
        energies = [(x, y, ratio) for x, y, ratio in found if ratio.energy_ratio is not None]
        made.append(
            _map(
                alt,
                study,
                energies,
                "energy_ratio",
                energies[0][2].energy_title if energies else "",
                where,
            )
        )
    return [figure for figure in made if figure is not None] + chart_curves.figures(alt, study)


def _worded(name: str, value: Any) -> str:
    return (
        (plain(name) if value else f"not {plain(name)}")
        if isinstance(value, bool)
        else plain(value)
    )


def _map(
    alt: Any,
    study: Study,
    found: Sequence[tuple[Any, Any, StudyRatio]],
    quantity: str,
    title: str,
    where: str,
    more: Sequence[dict[str, Any]] = (),
) -> Figure | None:
    """One panel: a map a variant.

    Cells that differ only in other axes are one field, their geometric mean. `more`: fields without
    a ratio.
    """
    fields: dict[tuple[str, Any, Any], list[Estimate]] = defaultdict(list)
    for x, y, ratio in found:
        fields[ratio.variant, x, y].append(getattr(ratio, quantity))
    rows = [
        {
            "variant": plain(variant),
            "x": x,
            "y": y,
            "ratio": round(_mean(values), 4),
            "text": f"{_mean(values):.3g}" + " ?" * _open(values),
            "said": _said(values),
        }
        for (variant, x, y), values in fields.items()
    ]
    if not rows:
        return None
    axes = study.plan.axes
    far = max(max(max(row["ratio"], 1 / row["ratio"]) for row in rows), _SPAN)
    domain = [1 / far, far**-0.5, 1, far**0.5, far]
    xs, ys = (
        sorted(
            {row[name] for row in [*rows, *more]}, key=lambda value: (isinstance(value, str), value)
        )
        for name in ("x", "y")
    )
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
    layers = [
        base.mark_rect(stroke="white").encode(
            color=alt.Color(
                "ratio:Q",
                title=title,
                scale=alt.Scale(type="log", domain=domain, range=_COLOURS, interpolate="lab"),
                legend=alt.Legend(format=".3~g", values=[1 / far, 1, far]),
            )
        ),
        base.mark_text(fontSize=12, color=_FIGURES).encode(text="text:N"),
    ]
    chart = (
        alt.layer(*layers, data=alt.Data(values=[*rows, *more]))
        .properties(width=_CELL * len(xs), height=26 * len(ys))
        .facet(
            facet=alt.Facet(
                "variant:N", title=None, header=alt.Header(labelColor=INK, labelFontSize=13)
            ),
            columns=_ACROSS,
        )
    )
    first = plain(study.plan.cells[0].variants[0].name)
    place = f"{plain(study.plan.title)}{where and f', {where}'}"
    text = (
        f"{place}: {title}, {first} / variant, over {plain(axes.x)} and {plain(axes.y)}, from "
        f"{_least(rows)} to {_most(rows)}."
    )
    others = sorted(
        {name for cell in study.cells for name in cell.cell.at} - {axes.x, axes.y, *axes.panels}
    )
    several = [name for name in others if len({cell.cell.at.get(name) for cell in study.cells}) > 1]
    mean = (
        f" Geometric mean over {' and '.join(plain(name) for name in several)}; each stands in the "
        "table."
        if several
        else ""
    )
    caption = (
        f"{title[:1].upper()}{title[1:]}, {first} / variant{where and f'; {where}'}. Above 1 is in "
        f"the variant's favour. Intervals: in the table.{mean}"
    )
    caption += (
        " A question mark: the interval holds 1."
        if any(row["text"].endswith("?") for row in rows)
        else ""
    )
    caption += f" No fit: {first} does not." if more else ""
    return Figure(SECTION, finished(chart, text), caption, text)


def _mean(values: Sequence[Estimate]) -> float:
    """Geometric: the mean of ratios (SPEC)."""
    return math.exp(sum(math.log(value.value) for value in values) / len(values))


def _open(values: Sequence[Estimate]) -> bool:
    """Whether no interval tells which side of 1 it is."""
    return all(value.low <= 1 <= value.high for value in values)


def _said(values: Sequence[Estimate]) -> str:
    return (
        show(values[0])
        if len(values) == 1
        else f"{_mean(values):.3g}, geometric mean of {len(values)} cells"
    )


def _least(rows: Sequence[dict[str, Any]]) -> str:
    return f"{min(row['ratio'] for row in rows):.3g}"


def _most(rows: Sequence[dict[str, Any]]) -> str:
    return f"{max(row['ratio'] for row in rows):.3g}"
