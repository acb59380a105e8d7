"""The headline of a study: the ratio that was measured best, how far the study came, and how many
published claims were confirmed.
"""

from __future__ import annotations

from typing import NamedTuple

from energybench.model import (
    SCATTER_UNKNOWN,
    Estimate,
    Study,
    StudyCell,
    StudyRatio,
    stamp_words,
    verdict_words,
)
from energybench.units import show
from energybench_reports.view.layout import Answer
from energybench_reports.view.study_runs import baseline_name, count_runs, is_estimated
from energybench_reports.view.wording import TableCell, counted, plain, value

_ESTIMATED = (
    "Times and memory were measured. Energies are time x assumed power and give no energy verdict."
)

Fact = tuple[str, TableCell]


class _Pair(NamedTuple):
    """A ratio and the cell of the measurement."""

    ratio: StudyRatio
    cell: StudyCell


class _Headline(NamedTuple):
    """The large figure: name, value, variant and cell, and the energy in the cell."""

    name: str
    figure: Estimate | None
    place: str
    energy: Fact | None
    slower: bool


def answer(study: Study) -> Answer:
    """The largest speedup or, if every variant is slower than the first, the smallest loss."""
    headline = _headline(study)
    claims = _claim_counts(study)
    facts = _facts(study, claims)
    if headline.energy is not None:
        facts.append(headline.energy)
    estimated = is_estimated(study)
    direction = "Smallest slowdown" if headline.slower else "Largest speedup"
    ratio = "not measured"
    if headline.figure is not None:
        ratio = f"{show(headline.figure)} ({headline.place})"
    begin = f"{stamp_words(study.stamps)}{plain(study.label)}"
    line = f"{begin}: {_progress(study)} cells, {headline.name} {ratio}"
    if claims:
        line += f"; claims: {claims}"
    return Answer(
        kind="study",
        title=plain(study.label),
        figure_name=headline.name,
        figure=value(headline.figure) if headline.figure is not None else None,
        sentence=f"{plain(study.plan.about)} {direction}: {headline.place}.",
        verdict="energies estimated" if estimated else "",
        verdict_words=_ESTIMATED if estimated else "",
        tone="warn" if estimated else "",
        assumed=False,
        facts=tuple(facts),
        line=line,
        stamps=tuple(stamp.words for stamp in study.stamps),
    )


# ---------------------------------------------------------------- the large figure


def _headline(study: Study) -> _Headline:
    baseline = baseline_name(study)
    pairs = [_Pair(ratio, cell) for cell in study.cells for ratio in cell.ratios]
    decided = [
        pair for pair in pairs if pair.ratio.scatter_known and not _contains_one(pair.ratio.speedup)
    ]
    slower = bool(decided) and all(
        pair.ratio.speedup.low > 0 and pair.ratio.speedup.high < 1 for pair in decided
    )
    name = f"smallest slowdown against {baseline}" if slower else f"largest speedup over {baseline}"
    if not pairs:
        return _Headline(name, None, "nothing was compared", None, slower)

    # Ranked by the lower end: the middle of a wide interval says little.
    best = max(decided or pairs, key=lambda pair: pair.ratio.speedup.low)
    speedup = best.ratio.speedup
    return _Headline(
        name=name,
        figure=_inverse(speedup) if slower else speedup,
        place=_place(best, pairs, decided),
        energy=_energy_fact(best.ratio, baseline, slower),
        slower=slower,
    )


def _place(best: _Pair, pairs: list[_Pair], decided: list[_Pair]) -> str:
    """Variant and cell of the figure, and the ratios that decide nothing."""
    place = f"{plain(best.ratio.variant)} at {plain(best.cell.cell.key)}"
    if not best.ratio.scatter_known:
        return f"{place}; {SCATTER_UNKNOWN}"
    if _contains_one(best.ratio.speedup):
        return f"{place}; its interval contains 1, so that the direction is not decided"
    undecided = len(pairs) - len(decided)
    if undecided:
        return (
            f"{place}; left out: {undecided} of {counted(len(pairs), 'ratio')}, because the "
            "interval contains 1"
        )
    return place


def _energy_fact(ratio: StudyRatio, baseline: str, slower: bool) -> Fact | None:
    """The energy ratio in the direction of the headline."""
    if ratio.energy_ratio is None or ratio.energy_ratio.low <= 0:
        return None
    title = plain(ratio.energy_title)
    if slower:
        name = f"{title.removesuffix(' ratio')} relative to {baseline}, same cell"
        return name, value(_inverse(ratio.energy_ratio))
    return f"{title}, same cell", value(ratio.energy_ratio)


def _contains_one(estimate: Estimate) -> bool:
    return estimate.low <= 1 <= estimate.high


def _inverse(ratio: Estimate) -> Estimate:
    """Baseline / variant turned into variant / baseline."""
    return Estimate(value=1 / ratio.value, low=1 / ratio.high, high=1 / ratio.low)


# ---------------------------------------------------------------- facts beside the large figure


def _facts(study: Study, claims: str) -> list[Fact]:
    cells = TableCell(_progress(study))
    if not study.complete:
        cells = TableCell(_progress(study), "unfinished", "warn")
    facts = [("cells", cells)]
    if claims:
        facts.append(("published claims", TableCell(claims)))
    if study.idle_power_w is not None:
        facts.append(("idle power, before the first cell", value(study.idle_power_w, "W")))
    unfit = count_runs(study, "does-not-fit")
    if unfit:
        facts.append(("does not fit into memory", TableCell(counted(unfit, "run"), tone="warn")))
    failed = count_runs(study, "check-failed", "failed")
    if failed:
        facts.append(("check failed or failed", TableCell(counted(failed, "run"), tone="bad")))
    return facts


def _progress(study: Study) -> str:
    return f"{len(study.cells)} of {len(study.plan.cells)}"


def _claim_counts(study: Study) -> str:
    """'2 confirmed, 1 not testable here'."""
    outcomes = [test.held for test in study.claims]
    return ", ".join(
        f"{outcomes.count(outcome)} {verdict_words(outcome, replayed=study.replayed)}"
        for outcome in ("confirmed", "not confirmed", "not testable here")
        if outcome in outcomes
    )
