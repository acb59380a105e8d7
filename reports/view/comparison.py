"""Comparisons in words: the headline with a graphic, and the table of ratios."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from energybench.analysis.comparison.node_time import node_time_ratio
from energybench.grading.statable import NOT_STATABLE
from energybench.model import (
    MISCOUNTED,
    SCATTER_UNKNOWN,
    Comparison,
    Estimate,
    Measurement,
    has_stamp,
    stamp_words,
    verdict_words,
)
from energybench.units import show
from energybench_reports.view import modelled
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
Sameness = Literal["same", "on-trust", "other"]
ON_TRUST = "That both did the same work is taken on trust: nothing of it was checked."
_TONES: dict[str | None, Tone] = {
    "better": "good",
    "worse": "bad",
    "equivalent": "muted",
    "inconclusive": "warn",
    None: "warn",
}


Measurements = Mapping[str, Measurement]  # by id


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
    return has_stamp(comparison.stamps, "estimated")


def title_of(comparison: Comparison) -> str:
    """'energy ratio', or what the ratio is where a power was assumed."""
    return plain(comparison.title) or MEASURED_TITLE


def tone_of(comparison: Comparison) -> Tone:
    weak = any(stamp.code in NOT_STATABLE for stamp in comparison.stamps)
    return "warn" if weak else _TONES[comparison.verdict]


def verdict_cell(comparison: Comparison) -> TableCell:
    """The verdict in a word, or that there is none; with the stamps."""
    stamps = "; ".join(stamp.words for stamp in comparison.stamps)
    verdict = _verdict(comparison)
    if not verdict:
        return TableCell("no energy verdict", stamps, "warn")
    return TableCell(verdict, stamps, tone_of(comparison))


def _verdict(comparison: Comparison) -> str:
    """The verdict, and that it is of a recording; "" if there is none."""
    if comparison.verdict is None or assumed(comparison):
        return ""
    return verdict_words(comparison.verdict, replayed=comparison.replayed)


def node_time(comparison: Comparison, measurements: Measurements) -> TableCell:
    """'124.3 s → 10.36 s' with the note '[124.1, 124.5] → [10.3, 10.4], x 1 node each'; without the
    runs the quotient of the two, for a comparison holds no interval of either.
    """
    sides = [measurements.get(run) for run in (comparison.baseline, comparison.candidate)]
    whole = [side for side in sides if side is not None and not side.partial]
    if len(whole) == len(sides):
        nodes = [f"x {counted(side.nodes, 'node')}".replace(" ", "\u00a0") for side in whole]
        equal = len(set(nodes)) == 1
        times = [value(side.time_s, "s") for side in whole]
        intervals = " → ".join(time.note for time in times if time.note)
        counts = f"{nodes[0]} each" if equal else " → ".join(nodes)
        return TableCell(
            " → ".join(time.text.replace(" ", "\u00a0") for time in times),
            f"{intervals}, {counts}" if intervals else counts,
        )
    cell = value(node_time_ratio(comparison))
    return cell._replace(note=f"{cell.note} baseline over candidate".strip())


# ---------------------------------------------------------------- headline


def answer(comparison: Comparison, measurements: Measurements) -> Answer:
    """The ratio with interval and verdict.

    measurements  runs of the document by their ids
    """
    baseline, candidate = pair(comparison)
    title, ratio = title_of(comparison), comparison.energy_ratio
    verdict = _verdict(comparison)
    verdict_line = f"verdict: {verdict}" if verdict else "no energy verdict"
    shown = show(ratio) if ratio is not None else NOT_MEASURED
    share = modelled.words(runs_of(comparison, measurements.values()))
    return Answer(
        kind="comparison",
        title=f"{baseline} → {candidate}",
        figure_name=title,
        figure=value(ratio) if ratio is not None else None,
        sentence=_sentence(comparison),
        verdict=verdict or verdict_line,
        verdict_words=_verdict_words(comparison),
        tone=tone_of(comparison),
        assumed=assumed(comparison),
        facts=_facts(comparison, measurements),
        line=f"{stamp_words(comparison.stamps)}{baseline} → {candidate}: {title} {shown}, "
        f"speedup {show(comparison.speedup)}, {verdict_line}"
        f"{share and f'; {modelled.NAME}: {share}'}",
        graphic=_graphic(comparison),
        stamps=tuple(stamp.words for stamp in comparison.stamps),
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
    if not comparison.counted_once:
        return (
            f"The energy that was read of {baseline} is {times} that of {candidate} (gross; "
            f"{boundary}); it may not be the energy of the work."
        )
    if assumed(comparison):
        return (
            f"The time x assumed power of {baseline} is {times} that of {candidate}. No sensor "
            f"measured the power of at least one side; {boundary}."
        )
    energy = f"{baseline} used {times} the energy of {candidate} (gross; {boundary})."
    if on_trust(comparison):
        return f"{energy} {ON_TRUST}"
    return f"For {_work(comparison)}, {energy}"


def _verdict_words(comparison: Comparison) -> str:
    _, candidate = pair(comparison)
    margin = f"±{percent(comparison.margin)}"
    if comparison.energy_ratio is None:
        return "There is no verdict, because the energy of a side is not known."
    if not comparison.counted_once:
        return "There is no verdict: " + MISCOUNTED + "."
    if assumed(comparison) or comparison.verdict is None:
        return "The times were measured. The energy of at least one side was only estimated."
    if not comparison.scatter_known:
        return f"These runs do not decide the question: {SCATTER_UNKNOWN} of {_single(comparison)}."
    work = _work(comparison)
    trusted = on_trust(comparison)
    words = {
        "better": f"{candidate} used less energy."
        if trusted
        else f"{candidate} does {work} with less energy.",
        "worse": f"{candidate} used more energy."
        if trusted
        else f"{candidate} needs more energy for {work}.",
        "equivalent": f"The two need the same energy within {margin}.",
        "inconclusive": "These runs do not decide the question: the interval of the ratio allows "
        f"more than one verdict (margin {margin}).",
    }[comparison.verdict]
    if comparison.replayed:
        words += " The verdict is that of a recording: nothing was measured here."
    return words


def _single(comparison: Comparison) -> str:
    """The side with a single repeat, in the words of its label; "both sides"."""
    own = [doubt for doubt in comparison.doubts if not doubt.about]
    names = [doubt.subject for doubt in own if doubt.code == "scatter-unknown"]
    return plain(names[0]) if names and names[0] else "both sides"


def weaknesses(comparisons: Sequence[Comparison]) -> str:
    """'1 of 3 ratios replayed from a recording, not measured here', for a mean of ratios; "" if
    all of them were measured.
    """
    stamps = [
        stamp.words
        for comparison in comparisons
        for stamp in comparison.stamps
        if stamp.code in NOT_STATABLE
    ]
    number = counted(len(comparisons), "ratio")
    return "; ".join(
        f"{stamps.count(text)} of {number} {plain(text)}" for text in dict.fromkeys(stamps)
    )


def sameness(comparison: Comparison) -> Sameness:
    """Whether both sides did the same work, other work, or work that nobody checked."""
    codes = {doubt.code for doubt in comparison.doubts}
    if "forced-work" in codes:
        return "other"
    return "on-trust" if "work-unproven" in codes else "same"


def on_trust(comparison: Comparison) -> bool:
    """Whether nothing shows that both sides did the same work."""
    return sameness(comparison) == "on-trust"


def _work(comparison: Comparison) -> str:
    return "other work" if sameness(comparison) == "other" else "the same work"


def _facts(comparison: Comparison, measurements: Measurements) -> tuple[tuple[str, TableCell], ...]:
    """Beside the headline: the speedup, and further figures as far as there are any."""
    net = TableCell("not given", tone="muted")
    if comparison.net_energy_ratio:
        net = value(comparison.net_energy_ratio)
    facts = [("speedup", value(comparison.speedup)), ("ratio net of idle", net)]
    if comparison.paired:
        pairs = TableCell(counted(comparison.paired, "pair"), "interleaved runs, block by block")
        facts.append(("analysed as", pairs))
    facts.append(("time x nodes", node_time(comparison, measurements)))
    return (*facts, *modelled.facts(runs_of(comparison, measurements.values())))


def runs_of(comparison: Comparison, runs: Iterable[Measurement]) -> tuple[Measurement, ...]:
    """The sides of the comparison among some runs."""
    sides = (comparison.baseline, comparison.candidate)
    return tuple(run for run in runs if run.id in sides)


def _graphic(comparison: Comparison) -> Table | None:
    """The headline's interval on an axis of its own."""
    if comparison.energy_ratio is None:
        return None
    axis, marks = ratio_axis(
        "baseline / candidate (1: equal energy)",
        [comparison.energy_ratio],
        comparison.margin,
        [tone_of(comparison)],
        apart=6.0,
    )
    return Table("", ("",), ((TableCell(""),),), axis=axis, marks=marks) if axis else None


# ---------------------------------------------------------------- table of ratios


def ratios(comparisons: Sequence[Comparison], nodes: Table) -> Section:
    """The section of ratios.

    nodes  the power of the nodes; without rows if the overview has it
    """
    about = (
        "A ratio above 1 is in the candidate's favour. An error that both sides share, such as the "
        "gain of one board, cancels in the ratio; an error of one side does not."
    )
    tables = [_table(comparison, len(comparisons)) for comparison in comparisons]
    return Section("ratios", "Ratios", about, (*tables, nodes))


def _table(comparison: Comparison, comparisons: int) -> Table:
    """Every ratio of a comparison, the energy ratios on a common axis.

    comparisons  number of comparisons: only then does a table need the names of its sides
    """
    baseline, candidate = pair(comparison)
    rows = _rows(comparison)
    energies = [row.estimate if row.on_axis else None for row in rows]
    axis, marks = ratio_axis(
        "energy (1: equal energy)", energies, comparison.margin, [tone_of(comparison)]
    )
    cells = tuple((TableCell(row.name, row.formula), _or_not_given(row.estimate)) for row in rows)
    head = ("ratio", "value")
    title = f"{baseline} → {candidate}" if comparisons > 1 else ""
    return Table(title, head, cells, _about(comparison), axis=axis, marks=marks)


def _rows(comparison: Comparison) -> list[_Ratio]:
    name = title_of(comparison)
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
    """Boundary, pairs, and the margin of the verdict."""
    pairs = ""
    if comparison.paired:
        pairs = f" Analysed as {counted(comparison.paired, 'pair')} of interleaved runs."
    return (
        f"Boundary: {comparison.boundary}.{pairs} The verdict is equivalent if the whole interval "
        f"lies within ±{percent(comparison.margin)} of equal energy."
    )
