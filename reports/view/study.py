"""The sections of a study: published claims beside the measurements, the ratios of every cell, and
every run.
"""

from __future__ import annotations

from collections.abc import Sequence

from energybench.model import (
    SCATTER_UNKNOWN,
    TIME_X_ASSUMED_POWER,
    Study,
    StudyCell,
    StudyRatio,
    StudyRun,
    Tested,
    verdict_words,
)
from energybench.units import show
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.study_runs import (
    STATES,
    baseline_name,
    every_run,
    figures,
    is_estimated,
    not_measured,
    notes,
    table_title,
)
from energybench_reports.view.wording import TableCell, Tone, known, or_dash, plain, value

_OUTCOMES: dict[str, Tone] = {
    "confirmed": "good",
    "not confirmed": "bad",
    "not testable here": "muted",
}


def sections(studies: Sequence[Study]) -> tuple[Section, ...]:
    """Claims first, because claims are the question; then ratios, every run, and missing runs."""
    if not studies:
        return ()
    return (
        _claims(studies),
        _ratios(studies),
        figures(studies),
        every_run(studies),
        not_measured(studies),
    )


# ---------------------------------------------------------------- claims


def _claims(studies: Sequence[Study]) -> Section:
    head = ("claim", "outcome", "measured", "decided by", "why", "published in")
    about = (
        "Published figures beside the measurements of this study. A measured interval agrees with "
        "a claim if the interval lies within the claimed range, or if the interval overlaps the "
        "range and is narrower than ±10 %. The row shows the cell that decides."
    )
    tables = tuple(
        Table(
            table_title(studies, study),
            head,
            tuple(_claim_row(test, study) for test in study.claims),
        )
        for study in studies
        if study.claims
    )
    brief = tuple(_claim_line(test, study) for study in studies for test in study.claims)
    return Section("study-claims", "Published claims", about, tables, brief=brief)


def _claim_row(test: Tested, study: Study) -> tuple[TableCell, ...]:
    claim = test.claim
    note = plain(claim.says) + (f"; {plain(claim.note)}" if claim.note else "")
    return (
        TableCell(plain(claim.name), f"({note})"),
        TableCell(_outcome(test, study), tone=_OUTCOMES[test.held]),
        or_dash(test.measured, _unit(test)),
        known(test.cell),
        TableCell(plain(test.why)),
        TableCell(plain(claim.source), tone="muted"),
    )


def _outcome(test: Tested, study: Study) -> str:
    """'confirmed'; of a replayed study 'confirmed, of a recording'."""
    return verdict_words(test.held, replayed=study.replayed)


def _claim_line(test: Tested, study: Study) -> str:
    measured = f", {show(test.measured, _unit(test))}" if test.measured else ""
    return f"{plain(test.claim.name)}: {_outcome(test, study)}{measured} ({plain(test.why)})"


def _unit(test: Tested) -> str:
    return "s" if any(expected.quantity == "time_s" for expected in test.claim.expects) else ""


# ---------------------------------------------------------------- ratios


def _ratios(studies: Sequence[Study]) -> Section:
    tables = tuple(_ratio_table(table_title(studies, study), study) for study in studies)
    lines = [
        (plain(cell.cell.key), _ratio_words(baseline_name(study), cell) or _unpaired_words(cell))
        for study in studies
        for cell in study.cells
    ]
    about = (
        "The variants of a cell ran in turn, in blocks of random order, and are compared pair by "
        "pair. A variant that failed its check has no ratio."
    )
    about += notes(studies, with_curves=False)
    brief = tuple(f"{key}: {words}" for key, words in lines if words)
    return Section("study-ratios", "Speedup, energy and memory", about, tables, brief=brief)


def _ratio_table(title: str, study: Study) -> Table:
    energy = TIME_X_ASSUMED_POWER if is_estimated(study) else "energy ratio"
    head = ("cell", "variant", "speedup", energy, "memory ratio", "ratio of step memory", "pairs")
    rows = tuple(_ratio_row(cell, ratio) for cell in study.cells for ratio in cell.ratios)
    about = (
        f"{baseline_name(study)} / variant: above 1 is in the variant's favour. Memory ratio: of "
        "the memory at the peak. Step memory: the memory of a step above what stays allocated."
    )
    return Table(title, head, rows, about, right=frozenset(("pairs",)))


def _ratio_row(cell: StudyCell, ratio: StudyRatio) -> tuple[TableCell, ...]:
    energy = TableCell("not given", tone="muted")
    if ratio.energy_ratio is not None:
        energy = value(ratio.energy_ratio)
    return (
        TableCell(plain(cell.cell.key)),
        TableCell(plain(ratio.variant)),
        value(ratio.speedup),
        energy,
        or_dash(ratio.memory_ratio),
        or_dash(ratio.extra_memory_ratio),
        known(ratio.paired or None)
        if ratio.scatter_known
        else TableCell("one repeat", "scatter not known", "warn"),
    )


def _ratio_words(baseline: str, cell: StudyCell) -> str:
    """'plain / book-keeping: speedup 0.9 [0.8, 1.0], energy ratio …, memory …'."""
    phrases = []
    for ratio in cell.ratios:
        phrase = f"{baseline} / {plain(ratio.variant)}: speedup {show(ratio.speedup)}"
        if not ratio.scatter_known:
            phrase += f" ({SCATTER_UNKNOWN})"
        if ratio.energy_ratio is not None:
            phrase += f", {plain(ratio.energy_title)} {show(ratio.energy_ratio)}"
        if ratio.memory_ratio is not None:
            phrase += f", memory {show(ratio.memory_ratio)}"
        phrases.append(phrase)
    return "; ".join(phrases)


def _unpaired_words(cell: StudyCell) -> str:
    """Time and memory of the measured variants in a cell without a measured first variant."""
    baseline = cell.runs[0]
    runs = [run for run in cell.runs[1:] if run.state == "measured" and run.time_s is not None]
    if baseline.state == "measured" or not runs:
        return ""
    costs = ", ".join(_cost_words(run) for run in runs)
    return f"{plain(baseline.variant)} {STATES[baseline.state][0]}; {costs}"


def _cost_words(run: StudyRun) -> str:
    words = f"{plain(run.variant)} {show(run.time_s, 's')}"
    if run.memory is not None:
        words += f", {show(run.memory.peak_bytes, 'B')} at the peak"
    return words
