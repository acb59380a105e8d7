"""Power of every device over time, drawn over the windows of idle and of the repeats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from energybench.model import IDLE, REPEAT, UNUSED, Part, PowerSeries, Timeline, Window
from energybench_reports.charts.downsample import LIMIT, thin
from energybench_reports.charts.figure import (
    BAND,
    COLOURS,
    IDLE_BAND,
    INK,
    Figure,
    component_colours,
    finished,
)
from energybench_reports.view.wording import component_words, counted, plain

# Width of a letter as a share of the time axis. A window narrower than its label has no label.
_LETTER = 0.015
_HEADROOM = 1.14  # of the highest power: room above the lines for the labels of the windows
_SOLID, _DASHED = [1, 0], [5, 3]


def power(alt: Any, timeline: Timeline, label: str, parts: Sequence[Part]) -> Figure | None:
    """One line a device. Dashed and called modelled: devices that no sensor measured."""
    rows, colours, dashes = _lines(timeline.series, parts)
    watts = [row["w"] for row in rows if row["w"] is not None]
    if not watts:
        return None
    end = max(row["t"] for row in rows)
    x = alt.X(
        "t:Q",
        title="seconds since the run began",
        scale=alt.Scale(domain=[0, end], nice=False),
        axis=alt.Axis(tickCount=8, format="~r" if end > 10 else ""),
    )
    y = alt.Y(
        "w:Q",
        title="power of a device (W)",
        scale=alt.Scale(domain=[0, _HEADROOM * max(watts) or 1], nice=False),
        axis=alt.Axis(tickCount=5),
    )
    lines = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(strokeWidth=1.6, interpolate="linear", invalid="break-paths-show-path-domains")
        .encode(
            x=x,
            y=y,
            color=alt.Color("part:N", title=None, scale=_scale(alt, colours)),
            strokeDash=alt.StrokeDash("part:N", title=None, scale=_scale(alt, dashes)),
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
    text = (
        f"Power over time of {counted(len(timeline.series), 'device')} of {label}, with the "
        "windows of idle and repeats shaded."
    )
    return Figure("power", finished(chart, text), _caption(timeline, label), text)


def _lines(
    series_list: Sequence[PowerSeries], parts: Sequence[Part]
) -> tuple[list[dict[str, Any]], dict[str, str], dict[str, list[int]]]:
    """The points of every device, and colour and dash of every component in the legend."""
    unused = {part.device for part in parts if not part.used}
    modelled = {(part.component, part.device) for part in parts if part.state == "modelled"}
    components = list(dict.fromkeys(s.component.removesuffix(UNUSED) for s in series_list))
    tones = component_colours(components)

    rows: list[dict[str, Any]] = []
    colours: dict[str, str] = {}
    dashes: dict[str, list[int]] = {}
    for series in series_list:
        component = series.component.removesuffix(UNUSED)
        key = component
        if series.device in unused or series.component.endswith(UNUSED):
            key += UNUSED
        name, dash = component_words(key), _SOLID
        if (component, series.device) in modelled:
            name, dash = f"{name}, modelled", _DASHED
        colours.setdefault(name, COLOURS.get(key, tones[component]))
        dashes.setdefault(name, dash)
        device = plain(series.device)
        for t, watt in thin(series.t_s, series.power_w):
            shown = None if watt is None else round(watt, 2)
            rows.append({"t": round(t, 3), "w": shown, "part": name, "device": device})
    return rows, colours, dashes


def _scale(alt: Any, by_name: dict[str, Any]) -> Any:
    return alt.Scale(domain=list(by_name), range=list(by_name.values()))


def _caption(timeline: Timeline, label: str) -> str:
    caption = (
        f"{label}. Shaded: the repeats with their numbers, and the phases before and after them. "
        "A gap in a line is a failed reading."
    )
    if max(len(series.t_s) for series in timeline.series) > LIMIT:
        caption += (
            f" Drawn from at most {LIMIT} points a device; the lowest and highest readings are "
            "kept."
        )
    return caption


def _windows(alt: Any, timeline: Timeline, end: float) -> list[Any]:
    """Bands for the windows that are not regions, with a label if the band is wide enough."""
    windows = [
        window
        for window in timeline.windows
        if window.label in (IDLE, REPEAT, "warm-up", "setup") or window.repeat is None
    ]
    rows = []
    number = 0
    for window in windows:
        number += window.label == REPEAT
        label = _window_label(window, number)
        wide = window.duration_s >= _LETTER * (len(label) + 1) * end
        rows.append(
            {
                "from": round(window.start_s, 3),
                "to": round(min(window.end_s, end), 3),
                "label": label if wide else "",
                "tint": BAND if window.label == REPEAT else IDLE_BAND,
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


def _window_label(window: Window, number: int) -> str:
    """The number of a repeat, counted from 1; the name of any other window."""
    if window.label != REPEAT:
        return plain(window.label)
    return str(number if window.repeat is None else window.repeat + 1)
