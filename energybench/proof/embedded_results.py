"""Results of a report that stands alone, computed again from the other results of its document.

A document holds runs without samples. Energies and intervals of a run are taken as stated, and
every result that follows from energies and intervals is computed again.
"""

from __future__ import annotations

from typing import Any

import msgspec

from energybench.errors import BadInput
from energybench.model import Comparison, Grade, Measurement, Projection, Study
from energybench.projecting import scenario_files
from energybench.proof.comparison_fields import contradictions_of
from energybench.proof.comparisons import comparison_again, study_again
from energybench.proof.derived import (
    BEYOND_LINES,
    Sources,
    comparisons_again,
    grade_again,
    missing_for,
    projection_again,
)
from energybench.proof.differences import differences, of_doubts
from energybench.proof.projection_lines import differences_of_lines
from energybench.proof.proof import Missing, Notes
from energybench.proof.runs import shortened
from energybench.store.document_file import Content
from energybench.units import counted


def check_results(place: str, content: Content, notes: Notes, *, by_version: bool) -> None:
    """Check comparisons, studies, projections and grades; differences become findings."""
    runs = {one.id: one for one in content.results if isinstance(one, Measurement)}
    comparisons = [one for one in content.results if isinstance(one, Comparison)]
    sources = Sources(runs, comparisons_again(comparisons, runs), {})
    checks = _Checks(place, sources, notes, by_version)
    for result in content.results:
        if isinstance(result, Comparison):
            checks.comparison(result)
        elif isinstance(result, Projection):
            checks.projection(result)
        elif isinstance(result, Study):
            checks.study(result)
    for grade in content.grades:
        checks.grade(grade)


class _Checks:
    def __init__(self, place: str, sources: Sources, notes: Notes, by_version: bool) -> None:
        self._place, self._sources, self._notes = place, sources, notes
        self._by_version = by_version

    def comparison(self, stated: Comparison) -> None:
        words = f"the comparison of {stated.baseline} and {stated.candidate}"
        runs = self._sources.runs
        if not runs.keys() >= {stated.baseline, stated.candidate}:
            self._lacks("runs", f"{words}: a run of it is not in the document")
            self._differ(contradictions_of(stated), words)
            return
        try:
            again = comparison_again(stated, runs[stated.baseline], runs[stated.candidate])
        except BadInput as why:
            self._differ([f"cannot be made: {why}"], words)
            return
        # a document has no files to which the digests could be compared
        plain = msgspec.structs.replace(stated, digests=None)
        disagreements = [*differences(plain, again), *of_doubts(stated.doubts, again.doubts)]
        self._differ(disagreements, words, "made again from the intervals of its two runs")

    def projection(self, stated: Projection) -> None:
        """Compute the projection from its scenario if energybench ships the scenario and the runs
        are at hand; else compute each line at the values of its inputs.
        """
        words = f"the projection {stated.title!r}"
        if not missing_for(stated, self._sources):
            again = projection_again(stated, self._sources)
            disagreements = [*differences(stated, again), *of_doubts(stated.doubts, again.doubts)]
            # the document does not state how the comparisons were made
            if not disagreements or not stated.comparisons:
                self._differ(
                    disagreements, words, f"made again from the scenario {stated.scenario}"
                )
                return
        disagreements = differences_of_lines(stated)
        self._differ(
            disagreements, words, f"{counted(len(stated.lines), 'line')} at the values of inputs"
        )
        known = stated.scenario in scenario_files.names()
        lacking = "its comparisons" if known else f"its scenario {stated.scenario!r}"
        missing: Missing = "runs" if known else "scenario"
        self._lacks(missing, f"{words}: {BEYOND_LINES}, which need {lacking}")

    def study(self, stated: Study) -> None:
        words = f"the study {stated.id}"
        named = {variant.run for cell in stated.cells for variant in cell.runs if variant.run}
        if missing := sorted(named - self._sources.runs.keys()):
            self._lacks("runs", f"{words}: {counted(len(missing), 'run')} not in the document")
        again = study_again(stated, self._sources.runs)
        disagreements = [*differences(stated, again), *of_doubts(stated.doubts, again.doubts)]
        self._differ(disagreements, words, "its claims, from its cells")

    def grade(self, stated: Grade) -> None:
        words = f"the grade of {stated.measurement}"
        run = self._sources.runs.get(stated.measurement)
        if run is None:
            self._lacks("runs", f"{words}: the run is not in the document")
            return
        disagreements = list(differences(stated, grade_again(stated, run)))
        self._differ(disagreements, words, "made again from its run")

    def _differ(self, disagreements: list[Any], words: str, checked: str = "") -> None:
        for difference in shortened(disagreements):
            finding = f"{words}: {difference}"
            self._notes.differs(self._place, finding, by_version=self._by_version)
        if not disagreements and checked:
            self._checked(f"{words}, {checked}")

    def _checked(self, words: str) -> None:
        self._notes.checked.append(f"{self._place}: {words}")

    def _lacks(self, missing: Missing, words: str) -> None:
        self._notes.lacks(missing, f"{self._place}: {words}")
