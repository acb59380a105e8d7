"""The roofline: the highest rate of every device by arithmetic intensity, and the rates of the runs
(Williams et al., CACM 52, 2009). Both axes are logarithmic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from energybench.model import Measurement, Roofline
from energybench.units import prefix, show_value
from energybench_reports.charts import distinction, ticks
from energybench_reports.charts.figure import finished
from energybench_reports.charts.theme import INK
from energybench_reports.view.layout import Figure
from energybench_reports.view.limits import KEY
from energybench_reports.view.wording import listed, plain

_ROOM = 4.0  # factor between the outermost point or ridge and the edge of the chart
_HEIGHT = 1.6  # factor between the highest or lowest rate and the edge of the chart


def roofline(
    alt: Any, measurements: Sequence[Measurement], names: Mapping[str, str]
) -> Figure | None:
    """A line for every device and number format, a point for every run with flops and bytes.

    None if no run counts flops and bytes, or if the limits of the devices are not known.
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
    factor, unit = prefix(max(_highest(line, high) for line in lines.values()), "flop/s")
    roofs = [row for title, line in lines.items() for row in _roof(title, line, low, high, factor)]
    points = [_point(name, line, factor) for name, line in shown]
    titles = list(lines)
    rates = [row["f"] for row in (*roofs, *points) if row["f"] > 0]
    lowest, highest = _rounded(min(rates) / _HEIGHT), _rounded(max(rates) * _HEIGHT)
    x = alt.X(
        "i:Q",
        title="arithmetic intensity (flop/B)",
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(values=ticks.logarithmic(low, high), format="~g"),
    )
    y = alt.Y(
        "f:Q",
        title=f"rate ({unit})",
        scale=alt.Scale(type="log", domain=[lowest, highest], nice=False),
        axis=alt.Axis(values=ticks.logarithmic(lowest, highest), format="~g"),
    )
    colour = alt.Color(
        "device:N",
        title=None,
        sort=titles,
        scale=distinction.colours(alt, titles),
        legend=distinction.legend(alt, titles),
    )
    runs = [name for name, _ in shown]
    shape = alt.Shape("run:N", title=None, legend=None, scale=distinction.shapes(alt, runs))
    tip = [
        alt.Tooltip("run:N"),
        alt.Tooltip("i:Q", title="flop/B", format=".3g"),
        alt.Tooltip("f:Q", title=unit, format=".3g"),
        alt.Tooltip("share:N"),
    ]
    base = alt.Chart(alt.NamedData("points"))
    layers = [
        alt.Chart(alt.NamedData("roofs"))
        .mark_line(strokeWidth=2)
        .encode(x=x, y=y, color=colour, order=alt.Order("i:Q"), tooltip=[alt.Tooltip("device:N")]),
        base.mark_point(size=90, filled=True, opacity=1).encode(
            x=x,
            y=y,
            shape=shape,
            tooltip=tip,
            color=alt.condition("datum.device != null", colour, alt.value(INK)),
        ),
        base.mark_text(align="left", dx=9, dy=-2, fontSize=12, color=INK, limit=260).encode(
            x=x, y=y, text=alt.Text("run:N")
        ),
    ]
    chart = alt.layer(*layers).properties(width="container", height=300)
    words = "; ".join(
        f"{row['run']}: {show_value(factor * row['f'], 'flop/s')} at {row['i']:.3g} flop/B, "
        f"{row['share']}"
        for row in points
    )
    text = f"Roofline of {listed(titles)}. {words}."
    caption = (
        "Line: the highest rate measured on the device, limited by memory bandwidth left of the "
        "ridge and by the matrix rate right of the ridge. Point: a run; its distance below the "
        "line is the part of the rate that the run did not use."
    )
    return finished(KEY, chart, {"roofs": roofs, "points": points}, caption, text)


def _title(line: Roofline) -> str:
    if line.rate_flop_per_s is None:
        return f"{plain(line.name)}, bandwidth only"
    return f"{plain(line.name)}, {plain(line.arithmetic)}"


def _span(shown: Sequence[tuple[str, Roofline]], lines: Sequence[Roofline]) -> tuple[float, float]:
    """Intensities from well below the leftmost point or ridge to well beyond the rightmost."""
    ridges = [
        line.rate_flop_per_s.value / line.bandwidth_byte_per_s.value
        for line in lines
        if line.rate_flop_per_s and line.bandwidth_byte_per_s
    ]
    intensities = [line.intensity_flop_per_byte or 1.0 for _, line in shown] + ridges
    return _rounded(min(intensities) / _ROOM), _rounded(max(intensities) * _ROOM)


def _rounded(x: float) -> float:
    return float(f"{x:.2g}")


def _highest(line: Roofline, high: float) -> float:
    """The rate of a device's line at its right end, flop/s."""
    bandwidth, peak = _limits(line)
    return min(peak, high * bandwidth)


def _limits(line: Roofline) -> tuple[float, float]:
    """Bandwidth, byte/s, and highest rate, flop/s, which is infinite if it is not known."""
    bandwidth = line.bandwidth_byte_per_s.value if line.bandwidth_byte_per_s else 0.0
    return bandwidth, line.rate_flop_per_s.value if line.rate_flop_per_s else math.inf


def _roof(
    title: str, line: Roofline, low: float, high: float, factor: float
) -> list[dict[str, Any]]:
    """The corners of a device's line. `factor`: flop/s in the unit of the chart."""
    bandwidth, peak = _limits(line)
    ridge = [peak / bandwidth] if low < peak / bandwidth < high else []
    return [
        {
            "device": title,
            "i": float(f"{i:.6g}"),
            "f": float(f"{min(peak, i * bandwidth) / factor:.6g}"),
        }
        for i in (low, *ridge, high)
    ]


def _point(name: str, line: Roofline, factor: float) -> dict[str, Any]:
    """The rate of a run. A run without a known limit belongs to no device's line."""
    share = "share of its limit not known"
    if line.share is not None:
        share = f"{line.share.value:.0%} of its limit"
    flops = line.flop_per_s.value if line.flop_per_s else 0.0
    return {
        "run": name,
        "device": _title(line) if line.bandwidth_byte_per_s is not None else None,
        "i": float(f"{line.intensity_flop_per_byte:.6g}"),
        "f": float(f"{flops / factor:.6g}"),
        "share": share,
    }
