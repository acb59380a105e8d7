"""Charts as Vega-Lite specifications, made with altair. Labels travel as data only, never as markup
or expression.

altair is imported late: a person without it can still have every other format.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from energybench.errors import BadInput
from energybench.model import Measurement, Part, Timeline
from energybench.units import prefix, show
from energybench_reports.charts.downsample import LIMIT, thin
from energybench_reports.view.measurement import ASSUMED, mean_energy
from energybench_reports.view.wording import (
    UNUSED,
    amount,
    component,
    component_words,
    listed,
    ordered,
    plain,
)

# Okabe & Ito's colours, told apart by colour-blind readers too (Color Universal Design, 2008).
# report.css has a lighter set for dark pages, found by these values; so each must be written as it
# stands here.
COLOURS = {
    "cpu.package": "#0072b2",
    "cpu.dram": "#56b4e9",
    "gpu.board": "#d55e00",
    "gpu.board.unused": "#e69f00",
    "module": "#009e73",
    "node": "#cc79a7",
    "node.ac": "#cc79a7",
}
OTHERS = ("#009e73", "#cc79a7", "#8c6d1f", "#5d5d9e", "#7a7a7a")
HATCH = "#010203"  # report.css draws what has this fill as a hatching
BAND, IDLE_BAND = "#e8edf2", "#f3efe6"
INK, GRID = "#4d555e", "#d9dcdf"
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
_LETTER = 0.015  # of the time axis: what a letter needs; a window too narrow for its label has none

_CONFIG = {
    "background": "transparent",
    "font": "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif",
    "view": {"stroke": "transparent"},
    "axis": {"labelColor": INK, "titleColor": INK, "gridColor": GRID, "domainColor": GRID, "tickColor": GRID, "labelFontSize": 12, "titleFontSize": 12,
             "titleFontWeight": "normal", "titlePadding": 8, "labelPadding": 6},
    "legend": {"labelColor": INK, "titleColor": INK, "labelFontSize": 12, "orient": "top", "direction": "horizontal", "symbolStrokeWidth": 2.5,
               "labelLimit": 260, "columnPadding": 18},
}  # fmt: skip


class Figure(NamedTuple):
    """A chart of one section: its specification, what stands under it, and what is read out instead
    of it.
    """

    section: str
    spec: dict[str, Any]
    caption: str
    alt: str


def library(name: str) -> Any:
    """altair or vl_convert. Raises BadInput with the remedy where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BadInput(name, "is not installed", "pip install 'energybench[report]'") from error


def figures(
    measurements: Sequence[Measurement], timelines: Sequence[Timeline], names: Mapping[str, str]
) -> tuple[Figure, ...]:
    """Every chart that the document has data for."""
    alt = library("altair")
    parts = {m.id: m.boundary.parts for m in measurements}
    made = [energy(alt, measurements, names), repeats(alt, measurements, names)]
    made += [
        power(
            alt, timeline, names.get(timeline.run, plain(timeline.run)), parts.get(timeline.run, ())
        )
        for timeline in timelines
    ]
    return tuple(figure for figure in made if figure is not None)


def colour(keys: Sequence[str]) -> dict[str, str]:
    """A colour for each component; the same component has the same one in every chart."""
    others = iter(OTHERS * (len(keys) // len(OTHERS) + 1))
    return {key: COLOURS.get(key) or next(others) for key in keys}


def finished(chart: Any, title: str) -> dict[str, Any]:
    """The specification alone: free of altair's themes and options, and of anything that names a
    place on the web.
    """
    made = chart.to_dict()
    spec: dict[str, Any] = {
        key: made[key]
        for key in (
            "datasets",
            "layer",
            "hconcat",
            "width",
            "height",
            "facet",
            "spec",
            "columns",
            "data",
        )
        if key in made
    }
    fit = (
        {"autosize": {"type": "fit-x", "contains": "padding"}} if "layer" in spec else {}
    )  # several charts side by side have each their own width
    return spec | {"config": _CONFIG, "description": title, **fit}


def power(alt: Any, timeline: Timeline, label: str, parts: Sequence[Part]) -> Figure | None:
    """Power of every device over time, with the windows behind it.

    What no sensor measured is called modelled and dashed.
    """
    rows: list[dict[str, Any]] = []
    palette: dict[str, str] = {}
    dashes: dict[str, list[int]] = {}
    unused = {part.device for part in parts if not part.used}
    modelled = {(part.component, part.device) for part in parts if part.state == "modelled"}
    tones = colour(
        list(dict.fromkeys(series.component.removesuffix(UNUSED) for series in timeline.series))
    )
    for series in timeline.series:
        key = series.component.removesuffix(UNUSED)
        idle = series.device in unused or series.component.endswith(UNUSED)
        assumed = (key, series.device) in modelled
        name = component_words(key + UNUSED * idle) + ", modelled" * assumed
        palette.setdefault(name, COLOURS.get(key + UNUSED * idle, tones[key]))
        dashes.setdefault(name, [5, 3] if assumed else [1, 0])
        rows += [
            {"t": round(t, 3), "w": None if w is None else round(w, 2), "part": name, "device": plain(series.device)}
            for t, w in thin(series.t_s, series.power_w)
        ]  # fmt: skip
    if all(row["w"] is None for row in rows):
        return None
    end = max(row["t"] for row in rows)
    top = 1.14 * max(
        row["w"] for row in rows if row["w"] is not None
    )  # room above the lines for the windows' labels
    x = alt.X(
        "t:Q",
        title="seconds since the run began",
        scale=alt.Scale(domain=[0, end], nice=False),
        axis=alt.Axis(tickCount=8, format="~r" if end > 10 else ""),
    )
    lines = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(strokeWidth=1.6, interpolate="linear", invalid="break-paths-show-path-domains")
        .encode(
            x=x,
            y=alt.Y(
                "w:Q",
                title="power of a device (W)",
                scale=alt.Scale(domain=[0, top or 1], nice=False),
                axis=alt.Axis(tickCount=5),
            ),
            color=alt.Color(
                "part:N",
                title=None,
                scale=alt.Scale(domain=list(palette), range=list(palette.values())),
            ),
            strokeDash=alt.StrokeDash(
                "part:N",
                title=None,
                scale=alt.Scale(domain=list(dashes), range=list(dashes.values())),
            ),
            detail="device:N",
            tooltip=[
                alt.Tooltip("device:N"),
                alt.Tooltip("part:N"),
                alt.Tooltip("t:Q", title="s"),
                alt.Tooltip("w:Q", title="W"),
            ],
        )
    )
    chart = alt.layer(*_windows(alt, timeline, end), lines).properties(
        width="container", height=240
    )
    count = len(timeline.series)
    text = (
        f"Power over time of {count} device{'s' * (count != 1)} of {label}, with the windows of "
        "idle and repeats shaded."
    )
    longest = max(len(series.t_s) for series in timeline.series)
    note = (
        f" Drawn from at most {LIMIT} points a device, lowest and highest readings kept."
        if longest > LIMIT
        else ""
    )
    return Figure(
        "power",
        finished(chart, text),
        f"{label}. Shaded: repeats, by number, and what came before them. A gap is a failed "
        f"reading.{note}",
        text,
    )


def _windows(alt: Any, timeline: Timeline, end: float) -> list[Any]:
    """Bands for windows outside regions, with a label where there is room."""
    drawn = [
        window
        for window in timeline.windows
        if window.label in ("idle", "repeat", "warm-up", "setup") or window.repeat is None
    ]
    rows = []
    number = 0
    for window in drawn:
        number += window.label == "repeat"
        text = (
            str(number if window.repeat is None else window.repeat + 1)
            if window.label == "repeat"
            else plain(window.label)
        )
        wide = window.duration_s >= _LETTER * (len(text) + 1) * end
        tint = BAND if window.label == "repeat" else IDLE_BAND
        rows.append(
            {
                "from": round(window.start_s, 3),
                "to": round(min(window.end_s, end), 3),
                "label": text if wide else "",
                "tint": tint,
            }
        )
    if not rows:
        return []
    base = alt.Chart(alt.Data(values=rows))
    tint = alt.Fill("tint:N", scale=None, legend=None)
    return [
        base.mark_rect().encode(x="from:Q", x2="to:Q", fill=tint),
        base.transform_calculate(middle="(datum.from + datum.to) / 2")
        .mark_text(baseline="top", dy=3, fontSize=11, color=INK, limit=120)
        .encode(x="middle:Q", y=alt.value(0), text="label:N"),
    ]


def energy(
    alt: Any, measurements: Sequence[Measurement], names: Mapping[str, str]
) -> Figure | None:
    """Energy by component, one bar a measurement, with the interval of the sum.

    Missing parts are named below, never drawn.
    """
    shown = [m for m in measurements if m.energy_j is not None and m.components_j]
    if not shown:
        return None
    factor, unit = prefix(max(m.energy_j.value for m in shown if m.energy_j), "J")
    palette = colour(ordered(key for m in shown for key in m.components_j))
    bars: list[dict[str, Any]] = []
    sums: list[dict[str, Any]] = []
    for m in shown:
        modelled = {component(part) for part in m.boundary.parts if part.state == "modelled"}
        start = 0.0
        for key in ordered(m.components_j):
            estimate = m.components_j[key]
            end = start + estimate.value / factor
            bars.append(
                {
                    "run": names[m.id],
                    "part": component_words(key),
                    "from": start,
                    "to": end,
                    "energy": show(estimate, "J"),
                    "modelled": key in modelled,
                }
            )
            start = end
        if m.energy_j:
            did = (
                f" for {amount(m.work)}" if m.work and m.work.amount != 1 else ""
            )  # repeats may hold other amounts of the same work
            text = f"{names[m.id]}: {show(m.energy_j, 'J')}{did}" + (
                f", {ASSUMED}" if m.quality == "estimated" else ""
            )
            sums.append(
                {
                    "run": names[m.id],
                    "low": m.energy_j.low / factor,
                    "high": m.energy_j.high / factor,
                    "text": text,
                }
            )
    x = alt.X(
        "from:Q",
        title=f"energy of one repeat, gross ({unit})",
        scale=alt.Scale(zero=True, nice=True),
        axis=alt.Axis(tickCount=6),
    )
    y = alt.Y("run:N", sort=[names[m.id] for m in shown], axis=None)
    scale = alt.Scale(
        domain=[component_words(key) for key in palette], range=list(palette.values())
    )
    tip = [alt.Tooltip("run:N"), alt.Tooltip("part:N"), alt.Tooltip("energy:N")]
    base = alt.Chart(alt.Data(values=bars))
    over = alt.Chart(alt.Data(values=sums))
    layers = [
        base.mark_bar(height=20, stroke="white", strokeWidth=0.5).encode(
            x=x,
            x2="to:Q",
            y=y,
            color=alt.Color("part:N", title=None, scale=scale),
            tooltip=tip,
        ),
        base.transform_filter("datum.modelled")
        .mark_bar(height=20, color=HATCH)
        .encode(x=x, x2="to:Q", y=y),
        over.mark_rule(strokeWidth=1.5, color=INK).encode(x="low:Q", x2="high:Q", y=y),
        over.mark_tick(thickness=1.5, size=10, color=INK).encode(x="low:Q", y=y),
        over.mark_tick(thickness=1.5, size=10, color=INK).encode(x="high:Q", y=y),
        over.mark_text(
            align="left", baseline="bottom", dy=-15, dx=0, fontSize=12, color=INK
        ).encode(x=alt.value(0), y=y, text="text:N"),
    ]
    chart = alt.layer(*layers).properties(width="container", height=alt.Step(58))
    text = f"Energy of one repeat by component: {'; '.join(row['text'] for row in sums)}."
    return Figure(
        "components",
        finished(chart, text),
        f"Whisker: interval of the sum. {_caption(shown, names)}".strip(),
        text,
    )


def _caption(shown: Sequence[Measurement], names: Mapping[str, str]) -> str:
    """Which parts are modelled, and which are in no bar."""
    said = []
    keys = ordered(component(part) for m in shown for part in m.boundary.parts)
    for state, words in (
        ("modelled", "Hatched, modelled from a stated range"),
        ("missing", "In no bar, missing"),
    ):
        having = {
            key: [
                names[m.id]
                for m in shown
                if any(component(part) == key and part.state == state for part in m.boundary.parts)
            ]
            for key in keys
        }
        found = [
            f"{component_words(key)} of "
            f"{'every run' if 1 < len(runs) == len(shown) else listed(runs)}"
            for key, runs in having.items()
            if runs
        ]
        if found:
            said.append(f"{words}: {', '.join(found)}.")
    return " ".join(said)


def repeats(
    alt: Any, measurements: Sequence[Measurement], names: Mapping[str, str]
) -> Figure | None:
    """Each repeat's distance from its measurement's mean, so that spread and drift are seen."""
    rows: list[dict[str, Any]] = [
        {"run": names[m.id], "repeat": k, "off": round((repeat.energy_j / mean - 1) * 100, 4)}
        for m in measurements
        if (mean := mean_energy(m)) and len(m.repeats) > 1
        for k, repeat in enumerate(m.repeats, 1)
        if repeat.energy_j is not None
    ]
    if len(rows) < 2:
        return None
    runs = list(dict.fromkeys(row["run"] for row in rows))
    tones = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
    cycle = len(runs) // len(tones) + 1
    zero = (
        alt.Chart(alt.Data(values=[{"off": 0}]))
        .mark_rule(color=INK, strokeDash=[4, 3])
        .encode(y="off:Q")
    )
    points = (
        alt.Chart(alt.Data(values=rows))
        .mark_point(size=70, filled=True, opacity=0.9)
        .encode(
            x=alt.X("repeat:O", title="repeat", axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("run:N", sort=runs),
            y=alt.Y("off:Q", title="energy, % from the mean", axis=alt.Axis(tickCount=5)),
            color=alt.Color(
                "run:N",
                title=None,
                sort=runs,
                scale=alt.Scale(domain=runs, range=list(tones * cycle)[: len(runs)]),
            ),
            shape=alt.Shape(
                "run:N",
                title=None,
                sort=runs,
                scale=alt.Scale(domain=runs, range=list(SHAPES * cycle)[: len(runs)]),
            ),
            tooltip=[
                alt.Tooltip("run:N"),
                alt.Tooltip("repeat:O"),
                alt.Tooltip("off:Q", title="% from the mean", format="+.2f"),
            ],
        )
    )
    chart = alt.layer(zero, points).properties(width="container", height=180)
    text = f"Energy of each repeat relative to its mean, for {', '.join(runs)}."
    return Figure(
        "repeats",
        finished(chart, text),
        "Each point is one repeat; the dashed line is the mean of its measurement.",
        text,
    )
