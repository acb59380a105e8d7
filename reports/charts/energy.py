"""Energy of measurements by component, and the distance of every repeat from the mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from energybench.model import NOT_READ, TIME_X_ASSUMED_POWER, Measurement
from energybench.units import prefix, show
from energybench_reports.charts import distinction
from energybench_reports.charts.figure import component_colours, finished
from energybench_reports.charts.theme import GREY, HATCH, INK, WHITE
from energybench_reports.view.energy import mean_energy
from energybench_reports.view.layout import Figure
from energybench_reports.view.wording import (
    amount,
    component_words,
    listed,
    ordered,
)

Names = Mapping[str, str]
_LONGEST_NAME = 60  # characters above a bar


def energy(alt: Any, measurements: Sequence[Measurement], names: Names) -> Figure | None:
    """One bar a measurement, divided by component, with the interval of the sum. Parts without
    energy are named in the caption, never drawn.
    """
    shown = [m for m in measurements if m.energy_j is not None and m.components_j]
    if not shown:
        return None
    factor, unit = prefix(max(m.energy_j.value for m in shown if m.energy_j), "J")
    bars = [row for m in shown for row in _bars(m, names[m.id], factor)]
    sums = [_sum(m, names[m.id], factor) for m in shown]
    chart = _layered(alt, [row["run"] for row in sums], _colours(alt, shown), unit)
    words = "; ".join(f"{row['name']}: {row['energy']}" for row in sums)
    text = f"Energy of one repeat by component: {words}."
    caption = f"Whisker: interval of the total energy. {_caption(shown, names)}".strip()
    data = {"bars": bars, "sums": sums}
    return finished("components", chart, data, caption, text)


def _colours(alt: Any, shown: Sequence[Measurement]) -> Any:
    palette = component_colours(ordered(key for m in shown for key in m.components_j))
    colours = {component_words(key): colour for key, colour in palette.items()}
    if component_words(NOT_READ) in colours:
        colours[component_words(NOT_READ)] = GREY
    return alt.Color(
        "part:N",
        title=None,
        scale=alt.Scale(domain=list(colours), range=list(colours.values())),
        legend=distinction.legend(alt, list(colours)),
    )


def _layered(alt: Any, runs: Sequence[str], colours: Any, unit: str) -> Any:
    """Coloured bars, a hatching over modelled parts, the interval of the sum, and above each bar
    the name of the run and its energy, on a line each: a narrow chart cuts a name, never a number.
    """
    x = alt.X(
        "from:Q",
        title=f"energy of one repeat, gross ({unit})",
        scale=alt.Scale(zero=True, nice=True),
        axis=alt.Axis(tickCount=6),
    )
    y = alt.Y("run:N", sort=list(runs), axis=None)
    tip = [alt.Tooltip("run:N"), alt.Tooltip("part:N"), alt.Tooltip("energy:N")]
    base = alt.Chart(alt.NamedData("bars"))
    over = alt.Chart(alt.NamedData("sums"))
    layers = [
        base.mark_bar(height=20, stroke=WHITE, strokeWidth=0.5).encode(
            x=x, x2=alt.X2("to:Q"), y=y, color=colours, tooltip=tip
        ),
        base.transform_filter("datum.modelled")
        .mark_bar(height=20, color=HATCH)
        .encode(x=x, x2=alt.X2("to:Q"), y=y),
        over.mark_rule(strokeWidth=1.5, color=INK).encode(
            x=alt.X("low:Q"), x2=alt.X2("high:Q"), y=y
        ),
        over.mark_tick(thickness=1.5, size=10, color=INK).encode(x=alt.X("low:Q"), y=y),
        over.mark_tick(thickness=1.5, size=10, color=INK).encode(x=alt.X("high:Q"), y=y),
    ]
    for field, above_px in (("name", 28), ("energy", 15)):
        text = over.mark_text(
            align="left",
            baseline="bottom",
            dy=-above_px,
            fontSize=12,
            color=INK,
            limit={"expr": "width"},
        )
        layers.append(text.encode(x=alt.XValue(0), y=y, text=alt.Text(f"{field}:N")))
    return alt.layer(*layers).properties(width="container", height=alt.Step(66))


def _bars(measurement: Measurement, name: str, factor: float) -> list[dict[str, Any]]:
    """A piece of the bar for every component, from the end of the component before."""
    modelled = {part.reported_as for part in measurement.boundary.parts if part.state == "modelled"}
    rows = []
    start = 0.0
    for key in ordered(measurement.components_j):
        estimate = measurement.components_j[key]
        end = start + estimate.value / factor
        rows.append(
            {
                "run": name,
                "part": component_words(key),
                "from": start,
                "to": end,
                "energy": show(estimate, "J"),
                "modelled": key in modelled or key == NOT_READ,
            }
        )
        start = end
    return rows


def _sum(measurement: Measurement, name: str, factor: float) -> dict[str, Any]:
    """The interval of the sum, and the two lines of text above the bar."""
    total, work = measurement.energy_j, measurement.work
    assert total is not None
    text = show(total, "J")
    if measurement.quality == "estimated":
        text += f", {TIME_X_ASSUMED_POWER}"
    # The repeats of two measurements may hold different amounts of the same work.
    if work and work.amount != 1:
        text += f" for {_beginning(amount(work))}"
    return {
        "run": name,
        "low": total.low / factor,
        "high": total.high / factor,
        "name": _beginning(name),
        "energy": text,
    }


def _beginning(name: str) -> str:
    """The beginning of a long name: a line of the chart is not broken."""
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"


def _caption(shown: Sequence[Measurement], names: Names) -> str:
    """The modelled parts, the missing parts, which have no bar, and node time not read."""
    sentences = []
    for state, words in (
        ("modelled", "Hatched, because modelled from a stated range of power"),
        ("missing", "Not in a bar, because missing"),
    ):
        runs_of = _runs_with(state, shown, names)
        if runs_of:
            phrases = [
                f"{component_words(key)} of {_run_words(runs, len(shown))}"
                for key, runs in runs_of.items()
            ]
            sentences.append(f"{words}: {', '.join(phrases)}.")
    unread = [names[m.id] for m in shown if NOT_READ in m.components_j]
    if unread:
        sentences.append(
            f"Hatched grey, because estimated from the nodes that were read: "
            f"{component_words(NOT_READ)} of {_run_words(unread, len(shown))}."
        )
    return " ".join(sentences)


def _runs_with(state: str, shown: Sequence[Measurement], names: Names) -> dict[str, list[str]]:
    """Component → names of the runs with a part of the component in `state`."""
    runs_of: dict[str, list[str]] = {
        key: [] for key in ordered(part.reported_as for m in shown for part in m.boundary.parts)
    }
    for m in shown:
        keys = {part.reported_as for part in m.boundary.parts if part.state == state}
        for key in keys:
            runs_of[key].append(names[m.id])
    return {key: runs for key, runs in runs_of.items() if runs}


def _run_words(runs: Sequence[str], total: int) -> str:
    return "every run" if 1 < total == len(runs) else listed(runs)


def repeats(alt: Any, measurements: Sequence[Measurement], names: Names) -> Figure | None:
    """Distance of every repeat from the mean of the measurement: shows spread and drift."""
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
    zero = (
        alt.Chart(alt.NamedData("mean"))
        .mark_rule(color=INK, strokeDash=[4, 3])
        .encode(y=alt.Y("off:Q"))
    )
    points = (
        alt.Chart(alt.NamedData("repeats"))
        .mark_point(size=70, filled=True, opacity=0.9)
        .encode(
            x=alt.X("repeat:O", title="repeat", axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("run:N", sort=runs),
            y=alt.Y("off:Q", title="energy, % from the mean", axis=alt.Axis(tickCount=5)),
            **distinction.marks_of_runs(alt, runs),
            tooltip=[
                alt.Tooltip("run:N"),
                alt.Tooltip("repeat:O"),
                alt.Tooltip("off:Q", title="% from the mean", format="+.2f"),
            ],
        )
    )
    chart = alt.layer(zero, points).properties(width="container", height=180)
    text = f"Energy of each repeat relative to its mean, for {', '.join(runs)}."
    caption = "Each point is one repeat; the dashed line is the mean of the measurement."
    data = {"mean": [{"off": 0}], "repeats": rows}
    return finished("repeats", chart, data, caption, text)
