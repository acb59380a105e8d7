"""Comparisons in words: the answer, its graphic, and the table of ratios."""

from __future__ import annotations

from collections.abc import Sequence

from energybench.model import Comparison, Estimate
from energybench.units import show
from energybench_reports.view.layout import Answer, Section, Table, ratio_axis
from energybench_reports.view.wording import (
    NOT_MEASURED,
    Cell,
    Tone,
    counted,
    percent,
    plain,
    value,
)

MEASURED_TITLE = "energy ratio"
_NOT_ENERGY = ("speedup", "energy-delay ratio")  # rows that stand off the axis of energy ratios
_TONES: dict[str | None, Tone] = {
    "better": "good",
    "worse": "bad",
    "equivalent": "muted",
    "inconclusive": "warn",
    None: "warn",
}


def pair(comparison: Comparison) -> tuple[str, str]:
    """The labels of baseline and candidate."""
    baseline, candidate = (plain(label) for label in comparison.labels)
    return baseline or plain(comparison.baseline), candidate or plain(comparison.candidate)


def assumed(comparison: Comparison) -> bool:
    """Whether the ratio stands on an assumed power: then it is no energy ratio and carries no
    verdict.
    """
    return comparison.energy_ratio is not None and (
        comparison.title != MEASURED_TITLE or comparison.verdict is None
    )


def answer(comparison: Comparison) -> Answer:
    """The ratio, its interval and the verdict."""
    baseline, candidate = pair(comparison)
    title = plain(comparison.title) or MEASURED_TITLE
    weak = assumed(comparison)
    verdict = "no energy verdict" if comparison.verdict is None or weak else comparison.verdict
    figure = value(comparison.energy_ratio) if comparison.energy_ratio is not None else None
    said = f"verdict: {verdict}" if comparison.verdict == verdict else verdict
    shown = show(comparison.energy_ratio) if comparison.energy_ratio is not None else NOT_MEASURED
    return Answer(
        kind="comparison",
        title=f"{baseline} → {candidate}",
        figure_name=title,
        figure=figure,
        sentence=_sentence(comparison),
        verdict=verdict,
        verdict_words=_verdict_words(comparison),
        tone="warn" if weak else _TONES[comparison.verdict],
        assumed=weak,
        facts=_facts(comparison),
        line=f"{baseline} → {candidate}: {title} {shown}, speedup {show(comparison.speedup)}, {said}",
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
    where = f"boundary: {comparison.boundary}"
    if assumed(comparison):
        return (
            f"Time x assumed power of {baseline} is {times} that of {candidate}. No sensor "
            f"measured the power of at least one side; {where}."
        )
    return f"For the same work, {baseline} used {times} the energy of {candidate} (gross; {where})."


def _verdict_words(comparison: Comparison) -> str:
    _, candidate = pair(comparison)
    margin = f"±{percent(comparison.margin)}"
    if comparison.energy_ratio is None:
        return "No energy, no verdict."
    if assumed(comparison) or comparison.verdict is None:
        return "A side is estimated, not measured: the times were measured, the energies were not."
    return {
        "better": f"{candidate} does the same work with less energy.",
        "worse": f"{candidate} needs more energy for the same work.",
        "equivalent": f"The two need the same energy within {margin}.",
        "inconclusive": f"These runs cannot tell: the interval allows more than one verdict (margin {margin}).",
    }[comparison.verdict]


def _facts(comparison: Comparison) -> tuple[tuple[str, Cell], ...]:
    """Beside the headline: speedup always, the rest where there is any."""
    facts = [("speedup", value(comparison.speedup))]
    facts.append(
        ("ratio net of idle", value(comparison.net_energy_ratio))
        if comparison.net_energy_ratio
        else ("ratio net of idle", Cell("not given", tone="muted"))
    )
    if comparison.paired:
        facts.append(
            (
                "analysed as",
                Cell(counted(comparison.paired, "pair"), "interleaved runs, block by block"),
            )
        )
    baseline, candidate = comparison.node_hours
    facts.append(("node-hours", Cell(f"{baseline:.3g} → {candidate:.3g}")))
    return tuple(facts)


def _rows(comparison: Comparison) -> list[tuple[str, Estimate | None, str]]:
    name = plain(comparison.title) or MEASURED_TITLE
    rows: list[tuple[str, Estimate | None, str]] = [
        (f"{name}, gross", comparison.energy_ratio, "E baseline / E candidate")
    ]
    rows.append(
        (
            f"{name}, net of idle",
            comparison.net_energy_ratio,
            "E − P idle · T, baseline / candidate",
        )
    )
    rows += [
        (plain(line.label), line.energy_ratio, "E baseline / E candidate, over what the label says")
        for line in comparison.second_lines
    ]
    rows.append(("speedup", comparison.speedup, "T baseline / T candidate"))
    rows.append(
        ("energy-delay ratio", comparison.energy_delay_ratio, "E · T, baseline / candidate")
    )
    return rows


def _graphic(comparison: Comparison) -> Table | None:
    """The headline's interval on an axis of its own."""
    if comparison.energy_ratio is None:
        return None
    tone: Tone = "warn" if assumed(comparison) else _TONES[comparison.verdict]
    axis, marks = ratio_axis(
        "baseline / candidate; 1 = the same",
        [comparison.energy_ratio],
        comparison.margin,
        [tone],
        apart=6.0,
    )
    return Table("", ("",), ((Cell(""),),), axis=axis, marks=marks) if axis else None


def table(comparison: Comparison) -> Table:
    """Every ratio of one comparison on one axis."""
    baseline, candidate = pair(comparison)
    rows = _rows(comparison)
    tone: Tone = "warn" if assumed(comparison) else _TONES[comparison.verdict]
    energies = [estimate if name not in _NOT_ENERGY else None for name, estimate, _ in rows]
    axis, marks = ratio_axis("energy; 1 = the same", energies, comparison.margin, [tone])
    cells = tuple(
        (Cell(name, of), value(estimate) if estimate else Cell("not given", tone="muted"))
        for name, estimate, of in rows
    )
    hours = " and ".join(
        f"{label} {hours:.3g}"
        for label, hours in zip((baseline, candidate), comparison.node_hours, strict=True)
    )
    powers = "; ".join(
        f"{label} {show(power, 'W')}" + (f", idle {show(idle, 'W')}" if idle else "")
        for label, power, idle in zip(
            (baseline, candidate), comparison.power_w, comparison.idle_power_w, strict=True
        )
    )
    how = (
        f" Analysed as {counted(comparison.paired, 'pair')} of interleaved runs."
        if comparison.paired
        else ""
    )
    about = (
        f"Boundary: {comparison.boundary}.{how} Node-hours: {hours}. Power of a node: {powers}. "
        f"Equivalent means within ±{percent(comparison.margin)}."
    )
    return Table(
        f"{baseline} → {candidate}", ("ratio", "value"), cells, about, axis=axis, marks=marks
    )


def ratios(comparisons: Sequence[Comparison]) -> Section:
    """The section of ratios."""
    about = (
        "A ratio above 1 is in the candidate's favour. What both sides share, such as the gain of "
        "one board, cancels in it; what they do not share does not."
    )
    return Section(
        "ratios", "Ratios", about, tuple(table(comparison) for comparison in comparisons)
    )
