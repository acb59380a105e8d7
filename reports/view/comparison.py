"""Comparisons in words: the headline with a graphic, and the table of ratios."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from energybench.model import SCATTER_UNKNOWN, Comparison, Estimate
from energybench.units import show
from energybench_reports.view.layout import Answer, Section, Table, ratio_axis
from energybench_reports.view.wording import (
    NOT_MEASURED,
    TableCell,
    Tone,
    counted,
    percent,
    plain,
    value,
)

MEASURED_TITLE = "energy ratio"
_TONES: dict[str | None, Tone] = {
    "better": "good",
    "worse": "bad",
    "equivalent": "muted",
    "inconclusive": "warn",
    None: "warn",
}


class _Ratio(NamedTuple):
    """A row of the table of ratios. `on_axis`: an energy ratio, drawn on the axis."""

    name: str
    estimate: Estimate | None
    formula: str
    on_axis: bool = True


def pair(comparison: Comparison) -> tuple[str, str]:
    """The labels of baseline and candidate."""
    baseline, candidate = (plain(label) for label in comparison.labels)
    return baseline or plain(comparison.baseline), candidate or plain(comparison.candidate)


def assumed(comparison: Comparison) -> bool:
    """Whether a power was assumed: then the ratio is not an energy ratio and has no verdict."""
    return comparison.energy_ratio is not None and (
        comparison.title != MEASURED_TITLE or comparison.verdict is None
    )


def _title(comparison: Comparison) -> str:
    return plain(comparison.title) or MEASURED_TITLE


def _tone(comparison: Comparison) -> Tone:
    return "warn" if assumed(comparison) else _TONES[comparison.verdict]


# ---------------------------------------------------------------- headline


def answer(comparison: Comparison) -> Answer:
    """The ratio with interval and verdict."""
    baseline, candidate = pair(comparison)
    title, ratio = _title(comparison), comparison.energy_ratio
    verdict, verdict_line = "no energy verdict", "no energy verdict"
    if comparison.verdict is not None and not assumed(comparison):
        verdict, verdict_line = comparison.verdict, f"verdict: {comparison.verdict}"
    shown = show(ratio) if ratio is not None else NOT_MEASURED
    return Answer(
        kind="comparison",
        title=f"{baseline} → {candidate}",
        figure_name=title,
        figure=value(ratio) if ratio is not None else None,
        sentence=_sentence(comparison),
        verdict=verdict,
        verdict_words=_verdict_words(comparison),
        tone=_tone(comparison),
        assumed=assumed(comparison),
        facts=_facts(comparison),
        line=f"{baseline} → {candidate}: {title} {shown}, speedup {show(comparison.speedup)}, "
        f"{verdict_line}",
        graphic=_graphic(comparison),
    )


def _sentence(comparison: Comparison) -> str:
    baseline, candidate = pair(comparison)
    ratio = comparison.energy_ratio
    if ratio is None:
        return (
            f"The energy of {baseline} or of {candidate} was not measured: only their times can be "
            "compared."
        )
    times = f"{show(ratio)} times"
    boundary = f"boundary: {comparison.boundary}"
    if assumed(comparison):
        return (
            f"The time x assumed power of {baseline} is {times} that of {candidate}. No sensor "
            f"measured the power of at least one side; {boundary}."
        )
    return (
        f"For the same work, {baseline} used {times} the energy of {candidate} (gross; {boundary})."
    )


def _verdict_words(comparison: Comparison) -> str:
    _, candidate = pair(comparison)
    margin = f"±{percent(comparison.margin)}"
    if comparison.energy_ratio is None:
        return "There is no verdict, because the energy of a side is not known."
    if assumed(comparison) or comparison.verdict is None:
        return "The times were measured. The energy of at least one side was only estimated."
    if not comparison.scatter_known:
        return f"These runs do not decide the question: {SCATTER_UNKNOWN} both sides."
    return {
        "better": f"{candidate} does the same work with less energy.",
        "worse": f"{candidate} needs more energy for the same work.",
        "equivalent": f"The two need the same energy within {margin}.",
        "inconclusive": "These runs do not decide the question: the interval of the ratio allows "
        f"more than one verdict (margin {margin}).",
    }[comparison.verdict]


def _facts(comparison: Comparison) -> tuple[tuple[str, TableCell], ...]:
    """Beside the headline: the speedup, and further figures as far as there are any."""
    net = TableCell("not given", tone="muted")
    if comparison.net_energy_ratio:
        net = value(comparison.net_energy_ratio)
    facts = [("speedup", value(comparison.speedup)), ("ratio net of idle", net)]
    if comparison.paired:
        pairs = TableCell(counted(comparison.paired, "pair"), "interleaved runs, block by block")
        facts.append(("analysed as", pairs))
    baseline, candidate = comparison.node_hours
    facts.append(("node-hours", TableCell(f"{baseline:.3g} → {candidate:.3g}")))
    return tuple(facts)


def _graphic(comparison: Comparison) -> Table | None:
    """The headline's interval on an axis of its own."""
    if comparison.energy_ratio is None:
        return None
    axis, marks = ratio_axis(
        "baseline / candidate (1: equal energy)",
        [comparison.energy_ratio],
        comparison.margin,
        [_tone(comparison)],
        apart=6.0,
    )
    return Table("", ("",), ((TableCell(""),),), axis=axis, marks=marks) if axis else None


# ---------------------------------------------------------------- table of ratios


def ratios(comparisons: Sequence[Comparison]) -> Section:
    """The section of ratios."""
    about = (
        "A ratio above 1 is in the candidate's favour. An error that both sides share, such as the "
        "gain of one board, cancels in the ratio; an error of one side does not."
    )
    tables = tuple(_table(comparison) for comparison in comparisons)
    return Section("ratios", "Ratios", about, tables)


def _table(comparison: Comparison) -> Table:
    """Every ratio of a comparison, the energy ratios on a common axis."""
    baseline, candidate = pair(comparison)
    rows = _rows(comparison)
    energies = [row.estimate if row.on_axis else None for row in rows]
    axis, marks = ratio_axis(
        "energy (1: equal energy)", energies, comparison.margin, [_tone(comparison)]
    )
    cells = tuple((TableCell(row.name, row.formula), _or_not_given(row.estimate)) for row in rows)
    head = ("ratio", "value")
    title = f"{baseline} → {candidate}"
    return Table(title, head, cells, _about(comparison), axis=axis, marks=marks)


def _rows(comparison: Comparison) -> list[_Ratio]:
    name = _title(comparison)
    gross, net = "E baseline / E candidate", "E − P idle · T, baseline / candidate"
    return [
        _Ratio(f"{name}, gross", comparison.energy_ratio, gross),
        _Ratio(f"{name}, net of idle", comparison.net_energy_ratio, net),
        *(
            _Ratio(plain(line.label), line.energy_ratio, f"{gross}, of the parts in the label")
            for line in comparison.second_lines
        ),
        _Ratio("speedup", comparison.speedup, "T baseline / T candidate", on_axis=False),
        _Ratio(
            "energy-delay ratio",
            comparison.energy_delay_ratio,
            "E · T, baseline / candidate",
            on_axis=False,
        ),
    ]


def _or_not_given(estimate: Estimate | None) -> TableCell:
    return value(estimate) if estimate else TableCell("not given", tone="muted")


def _about(comparison: Comparison) -> str:
    """Boundary, node-hours, power of a node on both sides, and the margin of the verdict."""
    sides = pair(comparison)
    hours = " and ".join(
        f"{label} {hours:.3g}" for label, hours in zip(sides, comparison.node_hours, strict=True)
    )
    powers = "; ".join(
        f"{label} {show(power, 'W')}" + (f", idle {show(idle, 'W')}" if idle else "")
        for label, power, idle in zip(
            sides, comparison.power_w, comparison.idle_power_w, strict=True
        )
    )
    pairs = ""
    if comparison.paired:
        pairs = f" Analysed as {counted(comparison.paired, 'pair')} of interleaved runs."
    return (
        f"Boundary: {comparison.boundary}.{pairs} Node-hours: {hours}. Power of a node: {powers}. "
        f"The verdict is equivalent if the whole interval lies within ±{percent(comparison.margin)}"
        " of equal energy."
    )
