"""The windows of idle and of the repeats, as bands behind a chart over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from energybench.model import IDLE, REPEAT, Window
from energybench_reports.charts.theme import BAND, IDLE_BAND, INK
from energybench_reports.view.wording import plain

# Width of a letter as a share of the time axis. A window narrower than its label has no label.
_LETTER = 0.015


def window_layers(
    alt: Any, windows: Sequence[Window], end_s: float, second: float
) -> tuple[list[Any], dict[str, list[dict[str, Any]]]]:
    """The layers and their data: bands for the windows that are not regions, with a label if the
    band is wide enough. `second`: seconds in a unit of the time axis.
    """
    rows = _rows(windows, end_s, second)
    if not rows:
        return [], {}
    base = alt.Chart(alt.NamedData("windows"))
    tints = alt.Scale(domain=[True, False], range=[BAND, IDLE_BAND])
    layers = [
        base.mark_rect().encode(
            x=alt.X("from:Q"),
            x2=alt.X2("to:Q"),
            fill=alt.Fill("repeat:N", scale=tints, legend=None),
        ),
        base.transform_calculate(middle="(datum.from + datum.to) / 2")
        .mark_text(baseline="top", dy=3, fontSize=11, color=INK, limit=120)
        .encode(x=alt.X("middle:Q"), y=alt.YValue(0), text=alt.Text("label:N")),
    ]
    return layers, {"windows": rows}


def _rows(windows: Sequence[Window], end_s: float, second: float) -> list[dict[str, Any]]:
    rows = []
    number = 0
    for window in windows:
        if window.label not in (IDLE, REPEAT, "warm-up", "setup") and window.repeat is not None:
            continue
        number += window.label == REPEAT
        label = _label(window, number)
        wide = window.duration_s >= _LETTER * (len(label) + 1) * end_s
        rows.append(
            {
                "from": round(window.start_s / second, 5),
                "to": round(min(window.end_s, end_s) / second, 5),
                "label": label if wide else "",
                "repeat": window.label == REPEAT,
            }
        )
    return rows


def _label(window: Window, number: int) -> str:
    """The number of a repeat, counted from 1; the name of any other window."""
    if window.label != REPEAT:
        return plain(window.label)
    return str(number if window.repeat is None else window.repeat + 1)
