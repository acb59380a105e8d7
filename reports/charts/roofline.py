"""The roofline: what each device reaches at each intensity, and where the runs are (Williams et
al., CACM 52, 2009). Both axes are logarithmic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from energybench.model import Measurement, Roofline
from energybench.units import show_value
from energybench_reports.charts import power_and_energy as charts
from energybench_reports.view.limits import KEY
from energybench_reports.view.wording import listed, plain

_TONES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_ROOM = 4.0  # factor beside the outermost points and ridges


def roofline(
    alt: Any, measurements: Sequence[Measurement], names: Mapping[str, str]
) -> charts.Figure | None:
    """One line a device and format, a point a run that counts flops and bytes; None where there is
    no such run, or no device's limits.
    """
    shown = [
        (names[m.id], m.roofline)
        for m in measurements
        if m.roofline is not None and m.roofline.flop_per_s and m.roofline.intensity_flop_per_byte
    ]
    lines = {_title(line): line for _, line in shown if line.bandwidth_byte_per_s is not None}
    if not lines:
        return None
    low, high = _span(shown, list(lines.values()))
    roofs = [row for title, line in lines.items() for row in _roof(title, line, low, high)]
    points = [_point(name, line) for name, line in shown]
    titles = list(lines)
    tones = (_TONES * (len(titles) // len(_TONES) + 1))[: len(titles)]
    x = alt.X(
        "i:Q",
        title="arithmetic intensity (flop/B)",
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(tickCount=6, format="~g"),
    )
    y = alt.Y(
        "f:Q",
        title="Gflop/s",
        scale=alt.Scale(type="log", nice=True),
        axis=alt.Axis(tickCount=6, format="~g"),
    )
    colour = alt.Color(
        "device:N", title=None, sort=titles, scale=alt.Scale(domain=titles, range=list(tones))
    )
    shape = alt.Shape("run:N", title=None, legend=None, scale=alt.Scale(range=list(charts.SHAPES)))
    tip = [
        alt.Tooltip("run:N"),
        alt.Tooltip("i:Q", title="flop/B", format=".3g"),
        alt.Tooltip("f:Q", title="Gflop/s", format=".3g"),
        alt.Tooltip("share:N"),
    ]
    base = alt.Chart(alt.Data(values=points))
    layers = [
        alt.Chart(alt.Data(values=roofs))
        .mark_line(strokeWidth=2)
        .encode(x=x, y=y, color=colour, order="i:Q", tooltip=[alt.Tooltip("device:N")]),
        base.mark_point(size=90, filled=True, opacity=1).encode(
            x=x,
            y=y,
            shape=shape,
            tooltip=tip,
            color=alt.condition("datum.device != null", colour, alt.value(charts.INK)),
        ),
        base.mark_text(align="left", dx=9, dy=-2, fontSize=12, color=charts.INK, limit=260).encode(
            x=x, y=y, text="run:N"
        ),
    ]
    chart = alt.layer(*layers).properties(width="container", height=300)
    said = "; ".join(
        f"{row['run']}: {show_value(1e9 * row['f'], 'flop/s')} at {row['i']:.3g} flop/B, "
        f"{row['share']}"
        for row in points
    )
    text = f"Roofline of {listed(titles)}. {said}."
    caption = (
        "Line: what the device was measured to reach, by bandwidth up to the ridge and by its "
        "matrix rate beyond. A point below its line is what the run left."
    )
    return charts.Figure(KEY, charts.finished(chart, text), caption, text)


def _title(line: Roofline) -> str:
    return (
        f"{plain(line.name)}, {plain(line.arithmetic)}"
        if line.rate_flop_per_s is not None
        else f"{plain(line.name)}, bandwidth only"
    )


def _span(shown: Sequence[tuple[str, Roofline]], lines: Sequence[Roofline]) -> tuple[float, float]:
    """Intensities from well below the leftmost point or ridge to well beyond the rightmost."""
    ridges = [
        line.rate_flop_per_s.value / line.bandwidth_byte_per_s.value
        for line in lines
        if line.rate_flop_per_s and line.bandwidth_byte_per_s
    ]
    all_of = [line.intensity_flop_per_byte or 1.0 for _, line in shown] + ridges
    return _rounded(min(all_of) / _ROOM), _rounded(max(all_of) * _ROOM)


def _rounded(x: float) -> float:
    return float(f"{x:.2g}")


def _roof(title: str, line: Roofline, low: float, high: float) -> list[dict[str, Any]]:
    """The corners of the line, Gflop/s."""
    read = line.bandwidth_byte_per_s.value if line.bandwidth_byte_per_s else 0.0
    peak = line.rate_flop_per_s.value if line.rate_flop_per_s else math.inf
    ridge = [peak / read] if low < peak / read < high else []
    return [
        {"device": title, "i": float(f"{i:.6g}"), "f": float(f"{min(peak, i * read) / 1e9:.6g}")}
        for i in (low, *ridge, high)
    ]


def _point(name: str, line: Roofline) -> dict[str, Any]:
    share = (
        f"{line.share.value:.0%} of its limit"
        if line.share is not None
        else "share of its limit not known"
    )
    flops = line.flop_per_s.value if line.flop_per_s else 0.0
    device = _title(line) if line.bandwidth_byte_per_s is not None else None
    return {
        "run": name,
        "device": device,
        "i": float(f"{line.intensity_flop_per_byte:.6g}"),
        "f": float(f"{flops / 1e9:.6g}"),
        "share": share,
    }
