"""Rows of a study: quantities of one step of each variant in each cell, ratios, and claims."""

from __future__ import annotations

from collections.abc import Iterator

from energybench.model import Study, StudyRatio, StudyRun
from energybench_reports.tables.comparisons import ratio_name
from energybench_reports.tables.row import Result, Row, codes, estimate, exact, line, words


def rows(study: Study) -> Iterator[Row]:
    about = Result(
        kind="study",
        result=line(study.id),
        label=line(study.label),
        host=line(study.host.name),
        workload=line(f"{study.workload} {study.plan.name} {study.device}"),
        doubts=codes(study.doubts),
        stamps=codes(study.stamps),
        stamped=words(study.stamps),
        replayed=study.replayed,
    )
    yield estimate(about, "idle_power", study.idle_power_w, "W")
    for cell in study.cells:
        for run in cell.runs:
            yield from _run(about, run, cell.cell.key)
        for ratio in cell.ratios:
            yield from _ratios(about, ratio, cell.cell.key)
    for claim in study.claims:
        yield estimate(
            about,
            "claim_measured",
            claim.measured,
            "",
            of=claim.claim.name,
            variant=claim.cell or "",
            verdict=claim.held,
            source=claim.claim.source,
        )
        yield exact(about, "claim_cells_agree", claim.agree, of=claim.claim.name)
        yield exact(about, "claim_cells_tested", claim.tested, of=claim.claim.name)


def _run(study: Result, run: StudyRun, cell: str) -> Iterator[Row]:
    about = study._replace(quality=run.quality or "")
    at = {"of": cell, "variant": run.variant}
    yield estimate(about, "time", run.time_s, "s", verdict=run.state, **at)
    yield estimate(about, "energy", run.energy_j, "J", **at)
    yield estimate(about, "flop_rate", run.flops_per_s, "flop/s", **at)
    if run.memory is not None:
        yield estimate(about, "memory_peak", run.memory.peak_bytes, "B", **at)
        yield estimate(about, "memory_extra", run.memory.extra_bytes, "B", **at)
    yield exact(about, "repeats", run.repeats, **at)
    for name, figure in run.figures.items():
        yield exact(about, "record_figure", figure, of=f"{cell}: {name}", variant=run.variant)
    for check in run.verification:
        verdict = "pass" if check.passed else "fail"
        of = f"{cell}: {check.quantity}"
        yield exact(about, "check", check.value, of=of, variant=run.variant, verdict=verdict)
        yield exact(about, "check_tolerance", check.tolerance, of=of, variant=run.variant)


def _ratios(about: Result, ratio: StudyRatio, cell: str) -> Iterator[Row]:
    at = {"of": cell, "variant": ratio.variant}
    yield estimate(about, "speedup", ratio.speedup, **at)
    yield estimate(about, ratio_name(ratio.energy_title), ratio.energy_ratio, **at)
    yield estimate(about, "memory_ratio", ratio.memory_ratio, **at)
    yield estimate(about, "extra_memory_ratio", ratio.extra_memory_ratio, **at)
    yield exact(about, "paired_blocks", ratio.paired, **at)
