"""Projections and grades, made again from the scenarios, comparisons and runs of a bundle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from energybench.analysis.comparison.compare import compare
from energybench.errors import BadInput
from energybench.grading.rule_books import grade
from energybench.model import Comparison, Grade, Measurement, Projection
from energybench.projecting import scenario_files
from energybench.projecting.project import project
from energybench.proof.comparisons import comparison_again
from energybench.proof.differences import differences, of_doubts
from energybench.proof.projection_lines import differences_of_lines
from energybench.proof.proof import Missing, Notes
from energybench.proof.runs import shortened
from energybench.proof.scenarios import StatedScenario
from energybench.units import counted

Pair = tuple[str, str]

# What of a projection cannot be made again without its scenario or its comparisons.
BEYOND_LINES = (
    "title, sources and evidence of inputs, intervals, claims, sensitivity, doubts and stamps"
)


class Sources(NamedTuple):
    """Results that were made again, from which others follow.

    runs         by their ids
    comparisons  by the ids of baseline and candidate
    scenarios    of the bundle, by their names
    """

    runs: Mapping[str, Measurement]
    comparisons: Mapping[Pair, Comparison]
    scenarios: Mapping[str, StatedScenario]


def comparisons_again(
    stated: Iterable[Comparison], runs: Mapping[str, Measurement]
) -> dict[Pair, Comparison]:
    """The comparisons of runs that are at hand; of several of one pair, the first. A comparison
    that cannot be made is left out.
    """
    comparisons: dict[Pair, Comparison] = {}
    for one in stated:
        pair = one.baseline, one.candidate
        if pair in comparisons or not runs.keys() >= {*pair}:
            continue
        try:
            comparisons[pair] = comparison_again(one, runs[one.baseline], runs[one.candidate])
        except BadInput:
            continue
    return comparisons


# ---------------------------------------------------------------- projections


def missing_for(stated: Projection, sources: Sources) -> tuple[Missing, str] | None:
    """A thing that a projection needs and that is not at hand, and words for it; None if nothing is
    missing.
    """
    if stated.scenario not in sources.scenarios and stated.scenario not in scenario_files.names():
        return "scenario", f"its scenario {stated.scenario!r}"
    runs = {run for pair in stated.comparisons for run in pair}
    return None if sources.runs.keys() >= runs else ("runs", "a run of its comparisons")


def projection_again(stated: Projection, sources: Sources) -> Projection:
    """The projection of a scenario with comparisons; nothing may be missing. Raises BadInput."""
    comparisons = []
    for baseline, candidate in stated.comparisons:
        comparison = sources.comparisons.get((baseline, candidate))
        comparisons.append(comparison or compare(sources.runs[baseline], sources.runs[candidate]))
    return project(
        _scenario(stated, sources).scenario,
        comparisons,
        stated.scenario,
        with_sensitivity=stated.sensitivity is not None,
    )


def _scenario(stated: Projection, sources: Sources) -> StatedScenario:
    """The scenario of the bundle; without one, the scenario of this name that ships with
    energybench.
    """
    of_bundle = sources.scenarios.get(stated.scenario)
    return of_bundle or StatedScenario(scenario_files.read(stated.scenario))


def check_projection(
    place: str, stated: Projection, sources: Sources, notes: Notes, *, by_version: bool
) -> None:
    """Check a projection; differences become findings."""
    words = f"the projection {stated.title!r}"
    if missing := missing_for(stated, sources):
        _check_lines(place, stated, notes, by_version=by_version)
        kind, thing = missing
        notes.lacks(kind, f"{place}: {words}: {BEYOND_LINES}: {thing} is not in the bundle")
        return
    try:
        again = projection_again(stated, sources)
    except BadInput as why:
        notes.differs(place, f"{words}: cannot be made: {why}", by_version=by_version)
        return
    disagreements = [*differences(stated, again), *of_doubts(stated.doubts, again.doubts)]
    for difference in shortened(list(disagreements)):
        notes.differs(place, f"{words}: {difference}", by_version=by_version)
    if not disagreements:
        file = _scenario(stated, sources).place
        source = file or f"the scenario {stated.scenario} of energybench"
        if stated.comparisons:
            source += f" and {counted(len(stated.comparisons), 'comparison')}"
        notes.checked.append(f"{place}: {words}, made again from {source}")


def _check_lines(place: str, stated: Projection, notes: Notes, *, by_version: bool) -> None:
    """Check each line of a projection at the values of its inputs."""
    words = f"the projection {stated.title!r}"
    disagreements = differences_of_lines(stated)
    for difference in shortened(list(disagreements)):
        notes.differs(place, f"{words}: {difference}", by_version=by_version)
    if not disagreements:
        lines = counted(len(stated.lines), "line")
        notes.checked.append(f"{place}: {words}, {lines} at the values of inputs")


# ---------------------------------------------------------------- grades


def grade_again(stated: Grade, run: Measurement) -> Grade:
    """The grade of a run, with the stated number of nodes of the machine."""
    return grade(run, stated.machine_nodes)


def check_grade(
    place: str, stated: Grade, sources: Sources, notes: Notes, *, by_version: bool
) -> None:
    """Check a grade; differences become findings."""
    words = f"the grade of {stated.measurement}"
    run = sources.runs.get(stated.measurement)
    if run is None:
        notes.lacks("runs", f"{place}: {words}, a run which is not in the bundle")
        return
    disagreements = list(differences(stated, grade_again(stated, run)))
    for difference in shortened(list(disagreements)):
        notes.differs(place, f"{words}: {difference}", by_version=by_version)
    if not disagreements:
        notes.checked.append(f"{place}: {words}, made again from the run")
