"""Whether results may stand in a statement for outsiders: measured here, of completed work, and
with known runs, boundary and sensors. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from energybench.errors import BadInput
from energybench.model import MISCOUNTED, Comparison, Document, Measurement, Projection, Study
from energybench.units import counted

MOST = 6  # comparisons on two pages
WHERE = "the statement"
# Codes of stamps on a figure that is not a measurement of comparable, whole work.
NOT_STATABLE = frozenset({"replayed", "estimated", "partly-estimated", "forced", "part-of-a-job"})
# A year, month or day in the words of a publisher.
_DATE = re.compile(r"\b(?:19|20)\d\d(?:-\d\d(?:-\d\d)?)?\b")
_DRAFT = "--draft marks every page as not for publication"


def check(document: Document, *, draft: bool) -> None:
    """Raise BadInput if the results of the document cannot be stated: one run, or at most MOST
    comparisons within one boundary.

    draft  pass over the reasons of `against_publication`
    """
    comparisons: tuple[Comparison, ...] = document.of(Comparison)
    runs: tuple[Measurement, ...] = document.of(Measurement)
    _check_kinds(document)
    sides = {run for pair in comparisons for run in (pair.baseline, pair.candidate)}
    alone = [run for run in runs if run.id not in sides]
    if comparisons and alone:
        problem = f"has the run {alone[0].label}, which no comparison names"
        raise BadInput(WHERE, problem, "leave it out, or compare it: energybench compare --json")
    if len(alone) > 1:
        problem = f"has {counted(len(alone), 'run')} and no comparison"
        raise BadInput(WHERE, problem, "energybench compare BASELINE CANDIDATE --json > cmp.json")
    if len(comparisons) > MOST:
        raise BadInput(WHERE, f"has {len(comparisons)} comparisons", f"at most {MOST} on two pages")
    boundaries = sorted({pair.boundary for pair in comparisons})
    if len(boundaries) > 1:
        problem = f"mixes the boundaries {' and '.join(boundaries)}"
        raise BadInput(WHERE, problem, "one statement for each boundary")
    for pair in comparisons:
        if pair.energy_ratio is None:
            problem = f"the energy of {' or of '.join(pair.labels)} was not measured"
            raise BadInput(WHERE, problem, "energybench doctor says which sensor is missing")
    for run in runs:
        if run.energy_j is None:
            problem = f"the energy of {run.label} was not measured"
            raise BadInput(WHERE, problem, "energybench doctor says which sensor is missing")
    reason = next(against_publication(document), "")
    if reason and not draft:
        raise BadInput(WHERE, reason, _DRAFT)


def is_measured(run: Measurement) -> bool:
    """Whether a run is a measurement of whole work with passed checks."""
    stamped = any(stamp.code in NOT_STATABLE for stamp in run.stamps)
    return not (stamped or run.failed_checks or run.partial)


def _check_kinds(document: Document) -> None:
    for result in document.results:
        if isinstance(result, Projection | Study):
            problem = f"is of runs and comparisons, not of a {result.kind}"
            raise BadInput(WHERE, problem, "energybench report")
    if not document.results:
        raise BadInput(WHERE, "has no run and no comparison", "name runs, or files of compare")


def against_publication(document: Document) -> Iterator[str]:
    """Reasons against a publication of the results, as clauses."""
    runs: dict[str, Measurement] = {run.id: run for run in document.of(Measurement)}
    named: set[tuple[str, str]] = set()  # (run, stamp) named in the clause of a comparison
    for pair in document.of(Comparison):
        name = " → ".join(pair.labels)
        for stamp in pair.stamps:
            if stamp.code in NOT_STATABLE:
                yield f"{name} is {stamp.words}"
                named |= {(pair.baseline, stamp.code), (pair.candidate, stamp.code)}
        if not pair.counted_once:
            yield f"{name} has no verdict: {MISCOUNTED}"
        for run in (pair.baseline, pair.candidate):
            if run not in runs:
                yield f"the run {run} of {name} is not known: name its folder, or its --store"
    yield from _of_dates(document, runs.values())
    for run_id, measurement in runs.items():
        for stamp in measurement.stamps:
            if stamp.code in NOT_STATABLE and (run_id, stamp.code) not in named:
                yield f"{measurement.label} is {stamp.words}"
        if measurement.failed_checks:
            yield f"{measurement.label} failed the check of {', '.join(measurement.failed_checks)}"
        if measurement.partial:
            yield f"{measurement.label or run_id} is a part of a repeat, not the whole work"


def recorded_days(runs: Iterable[Measurement]) -> list[str]:
    """The days on which the runs began, in order, without repetition; runs without a date are left
    out.
    """
    return sorted({run.host.started_utc[:10] for run in runs if run.host.started_utc})


def _of_dates(document: Document, runs: Iterable[Measurement]) -> Iterator[str]:
    """A date of the test that the recorded dates of the runs contradict."""
    tested = document.publication.tested if document.publication is not None else ""
    stated = _DATE.findall(tested)
    recorded = recorded_days(runs)
    if not stated or not recorded:
        return
    first, last = min(stated), max(stated)
    if recorded[0][: len(first)] < first or recorded[-1][: len(last)] > last:
        days = " to ".join(dict.fromkeys((recorded[0], recorded[-1])))
        yield f"the publication says tested = {tested!r}, and the runs were measured on {days}"
