"""Studies in words: how far it came, each cell with its ratios, what does not fit or is not here,
published claims beside what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence

from energybench.model import Estimate, Memory, Study, StudyCell, StudyRatio, StudyRun, Tested
from energybench.units import show, show_value
from energybench_reports.view.layout import Answer, Section, Table
from energybench_reports.view.wording import Cell, Tone, counted, plain, value

_ASSUMED = "time x assumed power"
_HELD: dict[str, Tone] = {"confirmed": "good", "not confirmed": "bad", "not testable here": "muted"}
_STATES: dict[str, tuple[str, Tone]] = {
    "measured": ("measured", ""),
    "cut": ("cut short by a signal", "warn"),
    "check-failed": ("check failed: in no ratio", "bad"),
    "failed": ("failed", "bad"),
    "does-not-fit": ("does not fit", "warn"),
    "absent": ("not here", "muted"),
}
_NONE = Cell("–", tone="muted")


def answer(study: Study) -> Answer:
    """The range of speedups, and how far the study came."""
    best = [(ratio, cell) for cell in study.cells for ratio in cell.ratios]
    sure = [pair for pair in best if not pair[0].speedup.low <= 1 <= pair[0].speedup.high]
    slower = bool(sure) and all(
        ratio.speedup.low > 0 and ratio.speedup.high < 1 for ratio, _ in sure
    )
    top = max(
        sure or best, key=lambda pair: pair[0].speedup.low, default=None
    )  # by what is sure: a wide interval's middle says nothing
    first = _first(study)
    held = [tested.held for tested in study.claims]
    said = [
        f"{held.count(word)} {word}"
        for word in ("confirmed", "not confirmed", "not testable here")
        if word in held
    ]
    facts = [
        (
            "cells",
            Cell(
                f"{len(study.cells)} of {len(study.plan.cells)}",
                "" if study.complete else "unfinished",
                "" if study.complete else "warn",
            ),
        )
    ]
    if said:
        facts.append(("published claims", Cell(", ".join(said))))
    if study.idle_power_w is not None:
        facts.append(("idle power, before the first cell", value(study.idle_power_w, "W")))
    unfit = _counted(study, "does-not-fit")
    if unfit:
        facts.append(("does not fit", Cell(counted(unfit, "run"), tone="warn")))
    bad = _counted(study, "check-failed") + _counted(study, "failed")
    if bad:
        facts.append(("check failed or failed", Cell(counted(bad, "run"), tone="bad")))
    shown = None if top is None else _inverse(top[0].speedup) if slower else top[0].speedup
    name = f"least time over {first}'s" if slower else f"largest speedup over {first}"
    where = (
        f"{plain(top[0].variant)} at {plain(top[1].cell.key)}"
        if top is not None
        else "nothing was compared"
    )
    if top is not None and top[0].speedup.low <= 1 <= top[0].speedup.high:
        where += "; its interval holds 1, so that nothing is decided"
    elif len(sure) < len(best):
        where += (
            f"; of {counted(len(best), 'ratio')} {len(best) - len(sure)} have an interval that "
            "holds 1, and are not in it"
        )
    if top is not None and top[0].energy_ratio is not None and top[0].energy_ratio.low > 0:
        title = plain(top[0].energy_title)
        energy = (
            (f"{title.removesuffix(' ratio')} over {first}'s there", _inverse(top[0].energy_ratio))
            if slower
            else (f"{title} there", top[0].energy_ratio)
        )
        facts.append((energy[0], value(energy[1])))
    ratios = f"{show(shown)} ({where})" if shown is not None else "not measured"
    return Answer(
        kind="study",
        title=plain(study.label),
        figure_name=name,
        figure=value(shown) if shown is not None else None,
        sentence=f"{plain(study.plan.about)} {'Least' if slower else 'Largest'}: {where}.",
        verdict="energies estimated" if _estimated(study) else "",
        verdict_words="Times and memory were measured; energies are time x assumed power, and give no energy "
        "verdict."
        if _estimated(study)
        else "",
        tone="warn" if _estimated(study) else "",
        assumed=False,
        facts=tuple(facts),
        line=f"{plain(study.label)}: {facts[0][1].text} cells, {name} {ratios}"
        + (f"; claims: {', '.join(said)}" if said else ""),
    )


def _inverse(ratio: Estimate) -> Estimate:
    """How many times as long, of how many times as fast."""
    return Estimate(value=1 / ratio.value, low=1 / ratio.high, high=1 / ratio.low)


def _first(study: Study) -> str:
    return (
        plain(study.plan.cells[0].variants[0].name)
        if study.plan.cells and study.plan.cells[0].variants
        else "the first variant"
    )


def _counted(study: Study, state: str) -> int:
    return sum(run.state == state for cell in study.cells for run in cell.runs)


def _estimated(study: Study) -> bool:
    return any(run.quality == "estimated" for cell in study.cells for run in cell.runs)


def sections(studies: Sequence[Study]) -> tuple[Section, ...]:
    """Claims first: what was asked. Then the ratios with their maps, every run, what is missing."""
    return (
        (_claims(studies), _ratios(studies), _figures(studies), _runs(studies), _missing(studies))
        if studies
        else ()
    )


def _notes(studies: Sequence[Study], curves: bool) -> str:
    """What the plans have to say: beside the workload's own figures where a study has them, which
    it qualifies, else beside the ratios.
    """
    return "".join(
        f" {plain(note)}"
        for study in studies
        if bool(study.plan.curves) is curves
        for note in study.plan.notes
    )


def _titled(studies: Sequence[Study], study: Study) -> str:
    return plain(study.label) if len(studies) > 1 else ""


# ---------------------------------------------------------------- claims


def _claims(studies: Sequence[Study]) -> Section:
    head = ("claim", "outcome", "measured", "decided by", "why", "published in")
    about = (
        "Published figures beside what was measured here. An interval agrees where it lies within "
        "the claimed range, or meets it and is narrower than ±10 %; "
        "the cell shown is the one that decides."
    )
    tables = tuple(
        Table(_titled(studies, study), head, tuple(_claim(tested) for tested in study.claims))
        for study in studies
        if study.claims
    )
    brief = [
        f"{plain(t.claim.name)}: {t.held}"
        + (f", {show(t.measured, _unit(t))}" if t.measured else "")
        + f" ({plain(t.why)})"
        for s in studies
        for t in s.claims
    ]
    return Section("study-claims", "Published claims", about, tables, brief=tuple(brief))


def _claim(tested: Tested) -> tuple[Cell, ...]:
    claim = tested.claim
    note = plain(claim.says) + (f"; {plain(claim.note)}" if claim.note else "")
    return (
        Cell(plain(claim.name), f"({note})"),
        Cell(tested.held, tone=_HELD[tested.held]),
        value(tested.measured, _unit(tested)) if tested.measured is not None else _NONE,
        Cell(plain(tested.cell)) if tested.cell else _NONE,
        Cell(plain(tested.why)),
        Cell(plain(claim.source), tone="muted"),
    )


def _unit(tested: Tested) -> str:
    return "s" if any(expected.quantity == "time_s" for expected in tested.claim.expects) else ""


# ---------------------------------------------------------------- ratios and runs


def _ratios(studies: Sequence[Study]) -> Section:
    tables = []
    brief = []
    for study in studies:
        first = _first(study)
        name = _ASSUMED if _estimated(study) else "energy ratio"
        head = ("cell", "variant", "speedup", name, "memory ratio", "of a step's own", "pairs")
        rows = tuple(_ratio(cell, ratio) for cell in study.cells for ratio in cell.ratios)
        about = (
            f"{first} / variant: above 1 is in the variant's favour. Memory: at the peak, and of "
            "what a step takes beside what is held."
        )
        tables.append(
            Table(_titled(studies, study), head, rows, about, right=frozenset(("pairs",)))
        )
        brief += [
            f"{plain(cell.cell.key)}: {said}"
            for cell in study.cells
            if (said := _said(first, cell) or _alone(cell))
        ]
    about = (
        "Each cell's variants took turns in blocks of random order and are compared as pairs. "
        "Variants that failed their check are in no ratio."
    )
    about += _notes(studies, curves=False)
    return Section(
        "study-ratios", "Speedup, energy and memory", about, tuple(tables), brief=tuple(brief)
    )


def _ratio(cell: StudyCell, ratio: StudyRatio) -> tuple[Cell, ...]:
    return (
        Cell(plain(cell.cell.key)),
        Cell(plain(ratio.variant)),
        value(ratio.speedup),
        value(ratio.energy_ratio)
        if ratio.energy_ratio is not None
        else Cell("not given", tone="muted"),
        _known(ratio.memory_ratio),
        _known(ratio.extra_memory_ratio),
        Cell(str(ratio.paired)) if ratio.paired else _NONE,
    )


def _said(first: str, cell: StudyCell) -> str:
    """'plain / book-keeping: speedup 0.9 [0.8, 1.0], energy ratio …, memory …'."""
    found = []
    for ratio in cell.ratios:
        memory = f", memory {show(ratio.memory_ratio)}" if ratio.memory_ratio is not None else ""
        energy = (
            f", {plain(ratio.energy_title)} {show(ratio.energy_ratio)}"
            if ratio.energy_ratio is not None
            else ""
        )
        found.append(
            f"{first} / {plain(ratio.variant)}: speedup {show(ratio.speedup)}{energy}{memory}"
        )
    return "; ".join(found)


def _alone(cell: StudyCell) -> str:
    """Of a cell whose first variant was not measured: what the others took."""
    first = cell.runs[0]
    measured = [run for run in cell.runs[1:] if run.state == "measured" and run.time_s is not None]
    said = [
        f"{plain(run.variant)} {show(run.time_s, 's')}"
        + (f", {show(run.memory.peak_bytes, 'B')} at the peak" if run.memory is not None else "")
        for run in measured
    ]
    return (
        f"{plain(first.variant)} {_STATES[first.state][0]}; {', '.join(said)}"
        if said and first.state != "measured"
        else ""
    )


def _figures(studies: Sequence[Study]) -> Section:
    """What the workload said of its own runs, where a study asks for it, with the energy that it
    took.
    """
    tables = []
    for study in (study for study in studies if study.plan.curves):
        names = study.plan.curves
        head = (
            "cell",
            "variant",
            f"energy of a {plain(study.plan.step_name)}",
            *(plain(name) for name in names),
        )
        rows = tuple(
            (
                Cell(plain(cell.cell.key)),
                Cell(plain(run.variant)),
                value(run.energy_j, "J"),
                *(_figure(run.figures.get(name)) for name in names),
            )
            for cell in study.cells
            for run in cell.runs
        )
        tables.append(Table(_titled(studies, study), head, rows, right=frozenset(head[3:])))
    about = (
        "Figures that the workload states of its own last repeat; they are exact for that "
        f"run.{_notes(studies, curves=True)}"
    )
    return Section("study-figures", "What came of it", about, tuple(tables))


def _figure(number: float | None) -> Cell:
    return _NONE if number is None else Cell(f"{number:.6g}")


def _known(estimate: Estimate | None, unit: str = "") -> Cell:
    return value(estimate, unit) if estimate is not None else _NONE


def _runs(studies: Sequence[Study]) -> Section:
    tables = []
    for study in studies:
        step = plain(study.plan.step_name)
        head = (
            "cell",
            "variant",
            "state",
            f"time of a {step}",
            f"energy of a {step}",
            "rate",
            "memory at the peak",
            "of a step's own",
            "check",
        )
        rows = tuple(_run(cell, run) for cell in study.cells for run in cell.runs)
        ways = list(
            dict.fromkeys(
                run.memory.how
                for cell in study.cells
                for run in cell.runs
                if run.memory is not None
            )
        )
        about = (
            f"Memory: {'; '.join(plain(way) for way in ways)}. " if ways else ""
        ) + f"Run directories: {plain(study.id)}/runs."
        tables.append(Table(_titled(studies, study), head, rows, about))
    about = (
        "Every run, per step. Gross energy within the boundary; where no sensor stands behind it, "
        "time x assumed power."
    )
    return Section("study-runs", "Every cell", about, tuple(tables), detail=True)


def _run(cell: StudyCell, run: StudyRun) -> tuple[Cell, ...]:
    words, tone = _STATES[run.state]
    energy = value(run.energy_j, "J") if run.energy_j is not None else _NONE
    if run.quality == "estimated" and run.energy_j is not None:
        energy = energy._replace(note=f"{energy.note}; {_ASSUMED}", tone="warn")
    return (
        Cell(plain(cell.cell.key)),
        Cell(plain(run.variant)),
        Cell(words, f"({plain(run.why)})" if run.why else "", tone),
        _known(run.time_s, "s"),
        energy,
        _known(run.flops_per_s, "flop/s"),
        _bytes(run.memory, peak=True),
        _bytes(run.memory, peak=False),
        _check(run),
    )


def _bytes(memory: Memory | None, *, peak: bool) -> Cell:
    return _known(
        None if memory is None else memory.peak_bytes if peak else memory.extra_bytes, "B"
    )


def _check(run: StudyRun) -> Cell:
    """The check that came closest to its tolerance, or that failed."""
    if not run.verification:
        return _NONE
    worst = max(
        run.verification,
        key=lambda check: (
            not check.passed,
            abs(check.value or 0.0) / check.tolerance if check.tolerance else 0.0,
        ),
    )
    found = (
        show_value(worst.value, significant=2)
        if worst.value is None or abs(worst.value) >= 1e-3
        else f"{worst.value:.1e}"
    )
    words = f"{plain(worst.quantity)}: {found}, tolerance {worst.tolerance:.1e}"
    return Cell(
        "passed" if worst.passed else "failed", f"({words})", "good" if worst.passed else "bad"
    )


# ---------------------------------------------------------------- what is not there


def _missing(studies: Sequence[Study]) -> Section:
    head = ("what", "where", "state", "why")
    tables = []
    for study in studies:
        rows = [
            (
                Cell(plain(a.variant)),
                Cell(plain(a.where) or "everywhere"),
                Cell("not here", tone="muted"),
                Cell(plain(a.reason)),
            )
            for a in study.plan.absent
        ]
        for cell in study.cells:
            for run in cell.runs:
                if run.state not in ("measured", "cut"):
                    words, tone = _STATES[run.state]
                    rows.append(
                        (
                            Cell(plain(run.variant)),
                            Cell(plain(cell.cell.key)),
                            Cell(words, tone=tone),
                            Cell(plain(run.why)),
                        )
                    )
        tables.append(Table(_titled(studies, study), head, tuple(rows)))
    brief = [
        f"{row[0].text}, {row[1].text}: {row[2].text}: {row[3].text}"
        for table in tables
        for row in table.rows
    ]
    about = (
        "Variants that this device does not have, what its memory cannot hold, and what failed: "
        "results too, in no ratio."
    )
    return Section(
        "study-missing", "Not here, does not fit, failed", about, tuple(tables), brief=tuple(brief)
    )
