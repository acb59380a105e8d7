"""Comparisons, studies and results of a document against the runs that were analysed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from energybench.analysis.comparison.compare import compare
from energybench.analysis.comparison.study_cells import ratios_of, run_of
from energybench.analysis.comparison.study_claims import against_claims
from energybench.errors import BadInput
from energybench.model import Comparison, FileDigest, Measurement, Study, StudyCell
from energybench.proof.comparison_fields import contradictions_of
from energybench.proof.differences import differences, of_doubts
from energybench.proof.proof import Notes
from energybench.proof.runs import CheckedRun, shortened
from energybench.proof.study_doubts import doubts_again
from energybench.store import digests
from energybench.store.document_file import Result
from energybench.units import counted

Runs = Mapping[str, CheckedRun]
_NAMED_FILES = ", whose files it names by their SHA-256"


def check_result(place: str, result: Result, runs: Runs, notes: Notes, *, by_version: bool) -> None:
    """Check a run, comparison or study that a file states; differences become findings."""
    if isinstance(result, Measurement):
        _check_measurement(place, result, runs, notes)
    elif isinstance(result, Comparison):
        _check_comparison(place, result, runs, notes, by_version=by_version)
    elif isinstance(result, Study):
        _check_study(place, result, runs, notes, by_version=by_version)


def _check_measurement(place: str, stated: Measurement, runs: Runs, notes: Notes) -> None:
    """A measurement in a document is the one in run.json, whatever the version."""
    run = runs.get(stated.id)
    if run is None:
        notes.lacks("runs", f"{place}: the run {stated.id}, which is not in the bundle")
        return
    disagreements = [
        f"run {stated.id}: {difference}" for difference in differences(stated, run.stated, rel=0)
    ]
    if not disagreements and stated.doubts != run.stated.doubts:
        disagreements = [f"run {stated.id}: its doubts are not those of the run"]
    for words in shortened(list(disagreements)):
        notes.differs(place, words)
    if not disagreements:
        notes.checked.append(f"{place}: the run {stated.id} is the one of the bundle")


def comparison_again(
    stated: Comparison, baseline: Measurement, candidate: Measurement
) -> Comparison:
    """The comparison of two runs with the margin of the stated one, and forced if that was forced.

    Raises BadInput.
    """
    forced = any(doubt.code.startswith("forced-") for doubt in stated.doubts)
    return compare(baseline, candidate, stated.margin, force=forced)


def _check_comparison(
    place: str, stated: Comparison, runs: Runs, notes: Notes, *, by_version: bool
) -> None:
    first, second = runs.get(stated.baseline), runs.get(stated.candidate)
    words = f"comparison of {stated.baseline} and {stated.candidate}"
    if first is None or second is None:
        notes.lacks("runs", f"{place}: {words}, of which a run is not in the bundle")
        for contradiction in contradictions_of(stated):
            notes.differs(place, f"{words}: {contradiction}", by_version=by_version)
        return
    try:
        again = comparison_again(stated, first.again, second.again)
    except BadInput as why:
        notes.differs(place, f"{words}: cannot be made: {why}", by_version=by_version)
        return
    # the digests are those of files, which no analysis changes
    disagreements = [
        *differences(msgspec.structs.replace(stated, digests=None), again),
        *of_doubts(stated.doubts, again.doubts),
    ]
    for difference in shortened(list(disagreements)):
        notes.differs(place, f"{words}: {difference}", by_version=by_version)
    named = _check_digests(place, stated, first, second, notes)
    if not disagreements:
        notes.checked.append(f"{place}: {words}, made again from both runs{named}")


def _check_digests(
    place: str, stated: Comparison, first: CheckedRun, second: CheckedRun, notes: Notes
) -> str:
    """Check the digests of the files of both runs; words on them."""
    if stated.digests is None:
        return ""
    for digest, run in zip(stated.digests, (first, second), strict=True):
        _check_files(place, digest, run, notes)
    return _NAMED_FILES


def _check_files(place: str, stated: Sequence[FileDigest], run: CheckedRun, notes: Notes) -> None:
    """Check the digests that a result states of the files of a run."""
    present = {one.path: one.sha256 for one in digests.of_run(run.directory)}
    for one in stated:
        if present.get(one.path) != one.sha256:
            notes.differs(place, f"{one.path} of {run.stated.id} is not the file compared")


def study_again(stated: Study, runs: Mapping[str, Measurement]) -> Study:
    """The study with the variants, ratios, claims and doubts that its runs give. Variants without a
    run stay as stated, and the ratios of their cells.
    """
    cells: list[StudyCell] = []
    for cell in stated.cells:
        measured = {
            variant.variant: runs[variant.run]
            for variant in cell.runs
            if variant.run is not None and variant.run in runs
        }
        variants = tuple(
            msgspec.structs.replace(
                run_of(cell.cell, variant.variant, measured[variant.variant], variant.memory),
                digests=variant.digests,  # of files, which no analysis changes
            )
            if variant.variant in measured
            else variant
            for variant in cell.runs
        )
        complete = all(one.variant in measured for one in variants if one.run is not None)
        ratios = ratios_of(variants, measured) if complete else cell.ratios
        cells.append(msgspec.structs.replace(cell, runs=variants, ratios=ratios))
    claims = against_claims(stated.plan.claims, cells, stated.host, stated.device)
    doubts = doubts_again(stated, runs)
    return msgspec.structs.replace(stated, cells=tuple(cells), claims=claims, doubts=doubts)


def _check_study(place: str, stated: Study, runs: Runs, notes: Notes, *, by_version: bool) -> None:
    named = {variant.run for cell in stated.cells for variant in cell.runs if variant.run}
    if missing := sorted(named - runs.keys()):
        words = f"{place}: {counted(len(missing), 'run')} of the study not in the bundle"
        notes.lacks("runs", words)
    again = study_again(stated, {name: runs[name].again for name in runs})
    disagreements = [*differences(stated, again), *of_doubts(stated.doubts, again.doubts)]
    for difference in shortened(list(disagreements)):
        notes.differs(place, difference, by_version=by_version)
    variants = [variant for cell in stated.cells for variant in cell.runs if variant.run in runs]
    for variant in variants:
        _check_files(place, variant.digests or (), runs[variant.run or ""], notes)
    if not disagreements:
        complete = variants and all(variant.digests for variant in variants)
        notes.checked.append(
            f"{place}: {counted(len(stated.cells), 'cell')} of the study, their ratios and "
            "claims, from "
            f"{counted(len(variants), 'run')}{_NAMED_FILES if complete else ''}"
        )
    notes.not_checked.append(f"{place}: the memory of a step, which is not among the samples")
