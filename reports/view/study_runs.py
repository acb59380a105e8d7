"""The runs of a study: figures of the workload, every cell with the runs, and the runs without a
measurement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from energybench.model import TIME_X_ASSUMED_POWER, Memory, Study, StudyCell, StudyRun, Verification
from energybench.units import figure, show_value
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.wording import TableCell, Tone, known, or_dash, plain, value

STATES: dict[str, tuple[str, Tone]] = {
    "measured": ("measured", ""),
    "cut": ("cut short by a signal", "warn"),
    "check-failed": ("check failed, no ratio", "bad"),
    "failed": ("failed", "bad"),
    "does-not-fit": ("does not fit", "warn"),
    "absent": ("not available", "muted"),
}


def baseline_name(study: Study) -> str:
    """Name of the first variant: the baseline of the study."""
    if study.plan.cells and study.plan.cells[0].variants:
        return plain(study.plan.cells[0].variants[0].name)
    return "the first variant"


def is_estimated(study: Study) -> bool:
    """Whether the energy of a run is time x an assumed power."""
    return any(run.quality == "estimated" for _, run in _all_runs(study))


def count_runs(study: Study, *states: str) -> int:
    return sum(run.state in states for _, run in _all_runs(study))


def table_title(studies: Sequence[Study], study: Study) -> str:
    """The label of the study, if the document has several studies."""
    return plain(study.label) if len(studies) > 1 else ""


def notes(studies: Sequence[Study], *, with_curves: bool) -> str:
    """Notes in the plans of the studies with, or without, figures of the workload. Notes qualify
    the figures; in a study without figures, the notes stand beside the ratios.
    """
    return "".join(
        f" {plain(note)}"
        for study in studies
        if bool(study.plan.curves) is with_curves
        for note in study.plan.notes
    )


def _all_runs(study: Study) -> Iterator[tuple[StudyCell, StudyRun]]:
    for cell in study.cells:
        for run in cell.runs:
            yield cell, run


# ---------------------------------------------------------------- figures of the workload


def figures(studies: Sequence[Study]) -> Section:
    """Figures that the workload states, with the energy of the runs, for the studies that ask for
    figures.
    """
    tables = tuple(
        _figures_table(table_title(studies, study), study) for study in studies if study.plan.curves
    )
    about = (
        "Figures that the workload states about its last repeat; they are exact for that "
        f"run.{notes(studies, with_curves=True)}"
    )
    return Section("study-figures", "Figures of the workload", about, tables)


def _figures_table(title: str, study: Study) -> Table:
    names = study.plan.curves
    step = plain(study.plan.step_name)
    head = ("cell", "variant", f"energy of a {step}", *(plain(name) for name in names))
    rows = tuple(
        (
            TableCell(plain(cell.cell.key)),
            TableCell(plain(run.variant)),
            value(run.energy_j, "J"),
            *(_figure(run.figures.get(name)) for name in names),
        )
        for cell, run in _all_runs(study)
    )
    return Table(title, head, rows, right=frozenset(head[3:]))


def _figure(number: float | None) -> TableCell:
    return known(None if number is None else figure(number))


# ---------------------------------------------------------------- every run


def every_run(studies: Sequence[Study]) -> Section:
    """A row for every run, with time, energy, memory and the check of the result."""
    tables = tuple(_runs_table(table_title(studies, study), study) for study in studies)
    about = (
        "Every run, per step: gross energy of the parts in the boundary or, for a run without a "
        "power sensor, time x assumed power."
    )
    return Section("study-runs", "Every run", about, tables, detail=True)


def _runs_table(title: str, study: Study) -> Table:
    step = plain(study.plan.step_name)
    head = (
        "cell",
        "variant",
        "state",
        f"time of a {step}",
        f"energy of a {step}",
        "rate",
        "memory at the peak",
        "step memory above what stays allocated",
        "check",
    )
    rows = tuple(_run_row(cell, run) for cell, run in _all_runs(study))
    methods = dict.fromkeys(run.memory.how for _, run in _all_runs(study) if run.memory is not None)
    about = f"Run directories: {plain(study.id)}/runs."
    if methods:
        about = f"Memory: {'; '.join(plain(method) for method in methods)}. {about}"
    return Table(title, head, rows, about)


def _run_row(cell: StudyCell, run: StudyRun) -> tuple[TableCell, ...]:
    words, tone = STATES[run.state]
    return (
        TableCell(plain(cell.cell.key)),
        TableCell(plain(run.variant)),
        TableCell(words, f"({plain(run.why)})" if run.why else "", tone),
        or_dash(run.time_s, "s"),
        _energy(run),
        or_dash(run.flops_per_s, "flop/s"),
        *_memory(run.memory),
        _check(run.verification),
    )


def _energy(run: StudyRun) -> TableCell:
    """The energy of a step, marked if no sensor measured the power."""
    cell = or_dash(run.energy_j, "J")
    if run.quality == "estimated" and run.energy_j is not None:
        return cell._replace(note=f"{cell.note}; {TIME_X_ASSUMED_POWER}", tone="warn")
    return cell


def _memory(memory: Memory | None) -> tuple[TableCell, TableCell]:
    """Memory at the peak, and step memory above the memory that stays allocated."""
    if memory is None:
        return known(None), known(None)
    return or_dash(memory.peak_bytes, "B"), or_dash(memory.extra_bytes, "B")


def _check(checks: Sequence[Verification]) -> TableCell:
    """The failed check or, if no check failed, the check closest to the tolerance."""
    if not checks:
        return known(None)
    worst = max(checks, key=lambda check: (not check.passed, _share_of_tolerance(check)))
    if worst.value is None or abs(worst.value) >= 1e-3:
        error = show_value(worst.value, significant=2)
    else:
        error = f"{worst.value:.1e}"
    words = f"({plain(worst.quantity)}: {error}, tolerance {worst.tolerance:.1e})"
    return TableCell("passed", words, "good") if worst.passed else TableCell("failed", words, "bad")


def _share_of_tolerance(check: Verification) -> float:
    return abs(check.value or 0.0) / check.tolerance if check.tolerance else 0.0


# ---------------------------------------------------------------- runs without a measurement


def not_measured(studies: Sequence[Study]) -> Section:
    """Variants that failed, do not fit into memory, or do not exist on the device."""
    head = ("variant", "cell", "state", "why")
    tables = tuple(
        Table(table_title(studies, study), head, tuple(_not_measured_rows(study)))
        for study in studies
    )
    brief = tuple(
        f"{row[0].text}, {row[1].text}: {row[2].text}: {row[3].text}"
        for table in tables
        for row in table.rows
    )
    about = (
        "Variants that this device does not have, that do not fit into its memory, or that failed. "
        "They are results of the study too, but have no ratio."
    )
    return Section(
        "study-missing", "Not available, does not fit, failed", about, tables, brief=brief
    )


def _not_measured_rows(study: Study) -> Iterator[tuple[TableCell, ...]]:
    for absent in study.plan.absent:
        yield (
            TableCell(plain(absent.variant)),
            TableCell(plain(absent.where) or "everywhere"),
            TableCell("not available", tone="muted"),
            TableCell(plain(absent.reason)),
        )
    for cell, run in _all_runs(study):
        if run.state not in ("measured", "cut"):
            words, tone = STATES[run.state]
            yield (
                TableCell(plain(run.variant)),
                TableCell(plain(cell.cell.key)),
                TableCell(words, tone=tone),
                TableCell(plain(run.why)),
            )
