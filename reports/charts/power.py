"""Power of devices over time, drawn over the windows of idle and of the repeats.

Several devices of a component have a bold line for all of them together, whose energy is that of
the result, and thin lines in shades of the component's colour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from energybench.model import UNUSED, Part, PowerSeries, Timeline
from energybench.units import prefix
from energybench_reports.charts import distinction, ticks
from energybench_reports.charts.downsample import stepped
from energybench_reports.charts.figure import component_colours, finished
from energybench_reports.charts.theme import COLOURS, shade
from energybench_reports.charts.windows import window_layers
from energybench_reports.view.layout import Figure
from energybench_reports.view.wording import component_words, counted, plain

_HEADROOM = 1.14  # of the highest power: room above the lines for the labels of the windows
_SOLID, _DASHED = [1, 0], [5, 3]
_THIN, _BOLD = 1.3, 2.8  # px
_SIGNIFICANT = 4  # digits of a power


class _Line(NamedTuple):
    """A series with the name in the legend, its colour, and its dashes."""

    series: PowerSeries
    name: str
    colour: str
    dash: list[int]


class _Axes(NamedTuple):
    """Titles, scales of altair, and units of time and power."""

    x_title: str
    x: Any
    unit: str
    y_title: str
    y: Any
    unit_w: str


def power(alt: Any, timeline: Timeline, label: str, parts: Sequence[Part]) -> Figure | None:
    """The lines of a run. Dashed and called modelled: devices that no sensor measured."""
    lines = _lines([stepped(series) for series in timeline.series], parts)
    lines = [line for line in lines if _highest(line.series) is not None]
    if not lines:
        return None
    end_s = max(line.series.t_s[-1] for line in lines)
    highest_w = max(_highest(line.series) or 0.0 for line in lines)
    second, unit = ticks.of_time(end_s)
    watt, unit_w = prefix(highest_w, "W") if highest_w >= 1e4 else (1.0, "W")
    axes = _Axes(
        f"{unit} since the run began",
        alt.Scale(domain=[0, end_s / second], nice=False),
        unit,
        f"power ({unit_w})",
        alt.Scale(domain=[0, _HEADROOM * highest_w / watt or 1], nice=False),
        unit_w,
    )
    bands, data = window_layers(alt, timeline.windows, end_s, second)
    data["lines"] = [_columns(line, end_s, second, watt) for line in lines]
    layers = [*bands, *_line_layers(alt, lines, axes)]
    chart = alt.layer(*layers).properties(width="container", height=240)
    noun = "line" if timeline.of_nodes else "device"
    count = sum(line.series.devices == 1 for line in lines) or len(lines)
    text = (
        f"Power over time of {counted(count, noun)} of {label}, with the windows of idle and "
        "repeats shaded."
    )
    return finished("power", chart, data, _caption(timeline, lines, label), text)


def _lines(series_list: Sequence[PowerSeries], parts: Sequence[Part]) -> list[_Line]:
    """The lines in the order of the legend: of each component the sum, then the devices."""
    unused = {part.device for part in parts if part.used is False}
    modelled = {(part.component, part.device) for part in parts if part.state == "modelled"}
    components = [series.component.removesuffix(UNUSED) for series in series_list]
    tones = component_colours(list(dict.fromkeys(components)))
    alike = Counter(
        component
        for component, series in zip(components, series_list, strict=True)
        if series.devices == 1
    )
    shown: Counter[str] = Counter()
    tones_used: Counter[str] = Counter()
    lines = []
    for component, series in zip(components, series_list, strict=True):
        key, name, tone = component, component_words(component), tones[component]
        if series.devices > 1:
            devices = {part.device for part in parts if part.component == component}
            wholly = bool(devices) and all((component, device) in modelled for device in devices)
            name += f", {series.devices} together" if alike[component] else ""
        else:
            wholly = (component, series.device) in modelled
            if series.device in unused or series.component.endswith(UNUSED):
                key += UNUSED
                tone = COLOURS.get(key, tone)
            if alike[component] > 1:
                shown[component] += 1
                name = f"{name} {shown[component]}" + ", unused" * key.endswith(UNUSED)
                tones_used[tone] += 1
                tone = shade(tone, tones_used[tone] - 1)
            else:
                name = component_words(key)
        name += ", modelled" * wholly
        lines.append(_Line(series, name, tone, _DASHED if wholly else _SOLID))
    return lines


def _columns(line: _Line, end_s: float, second: float, watt: float) -> dict[str, Any]:
    """A series as one row of columns, rounded to what a screen shows."""
    series = line.series
    places = ticks.places(end_s / second) + 1
    columns: dict[str, Any] = {
        "name": line.name,
        "device": plain(series.device) if series.devices == 1 else "together",
        "bold": series.devices > 1,
        "t": [round(t / second, places) for t in series.t_s],
    }
    for key, watts in (("w", series.power_w), ("low", series.low_w), ("high", series.high_w)):
        columns[key] = [None if w is None else _rounded(w / watt) for w in watts]
    return columns


def _rounded(watts: float) -> float:
    return float(f"{watts:.{_SIGNIFICANT}g}")


def _line_layers(alt: Any, lines: Sequence[_Line], axes: _Axes) -> list[Any]:
    """Light areas between the lowest and the highest readings, thin lines, bold lines."""
    names = [line.name for line in lines]
    legend = distinction.legend(alt, names)
    tones = alt.Scale(domain=names, range=[line.colour for line in lines])
    dashes = alt.Scale(domain=names, range=[line.dash for line in lines])
    rows = alt.Chart(alt.NamedData("lines")).transform_flatten(["t", "w", "low", "high"])
    x = alt.X("t:Q", title=axes.x_title, scale=axes.x, axis=alt.Axis(tickCount=8, format="~f"))
    ticks_w = alt.Axis(tickCount=5, format="~f")
    y = {"title": axes.y_title, "scale": axes.y, "axis": ticks_w}
    tips = [
        alt.Tooltip("name:N", title="of"),
        alt.Tooltip("device:N"),
        alt.Tooltip("t:Q", title=axes.unit),
        alt.Tooltip("w:Q", title=axes.unit_w),
    ]
    layers = []
    if any(line.series.low_w for line in lines):
        tips += [alt.Tooltip("low:Q", title="lowest"), alt.Tooltip("high:Q", title="highest")]
        unbroken = "break-paths-show-path-domains"
        tone = alt.Color("name:N", title=None, scale=tones, legend=legend)
        low, high = alt.Y("low:Q", **y), alt.Y("high:Q", **y)
        layers.append(
            rows.mark_area(opacity=0.3, invalid=unbroken).encode(
                x=x, y=low, y2=alt.Y2("high:Q"), color=tone
            )
        )
        # the edges show a spike that is narrower than a pixel
        edges = rows.mark_line(strokeWidth=0.8, opacity=0.8, invalid=unbroken)
        layers += [edges.encode(x=x, y=edge, color=tone) for edge in (low, high)]
    for bold in sorted({line.series.devices > 1 for line in lines}):
        strokes = rows.transform_filter("datum.bold" if bold else "!datum.bold").mark_line(
            strokeWidth=_BOLD if bold else _THIN, invalid="break-paths-show-path-domains"
        )
        layers.append(
            strokes.encode(
                x=x,
                y=alt.Y("w:Q", **y),
                color=alt.Color("name:N", title=None, scale=tones, legend=legend),
                strokeDash=alt.StrokeDash("name:N", title=None, scale=dashes, legend=legend),
                tooltip=tips,
            )
        )
    return layers


def _highest(series: PowerSeries) -> float | None:
    watts = [watt for watt in series.high_w or series.power_w if watt is not None]
    return max(watts, default=None)


def _caption(timeline: Timeline, lines: Sequence[_Line], label: str) -> str:
    caption = (
        f"{label}. Shaded: the repeats with their numbers, and the phases before and after them. "
        "A gap in a line is a failed reading."
    )
    if timeline.of_nodes:
        caption += " Times are those of the head node's clock."
    elif any(line.series.devices > 1 for line in lines):
        caption += " Bold: the devices of a kind together; thin: each of them."
    if any(line.series.low_w for line in lines):
        steps = max(len(line.series.t_s) for line in lines)
        caption += (
            f" Drawn in {steps} steps: a line is the mean of each step, the light area reaches "
            "from the lowest to the highest reading in the step."
        )
    return caption
