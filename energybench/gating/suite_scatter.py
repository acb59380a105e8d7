"""The scatter of each test between processes of unchanged code, and the thresholds that the tests
can hold. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from energybench.gating.change import deviation, mean_log
from energybench.gating.side_reports import SideReport
from energybench.gating.verdicts import GateVerdict


class TestScatter(NamedTuple):
    """The scatter of a test.

    rel            standard deviation of the energy between processes, relative; None: fewer than
                   two processes, or no common measured part
    processes      number of processes
    threshold_rel  smallest threshold by which an unchanged test reads "no regression" in 95 of 100
                   comparisons with as many pairs; None: not known
    """

    name: str
    rel: float | None
    processes: int
    threshold_rel: float | None


def of_each(
    verdicts: Sequence[GateVerdict], before: Sequence[SideReport], after: Sequence[SideReport]
) -> list[TestScatter]:
    """The scatter of every test whose two sides, of unchanged code, were compared in pairs."""
    return [
        _of_one(verdict, [*before, *after]) for verdict in verdicts if verdict.evidence == "pairs"
    ]


def _of_one(verdict: GateVerdict, reports: Sequence[SideReport]) -> TestScatter:
    records = [record for report in reports if (record := report.of(verdict.name)) is not None]
    usable = [record for record in records if set(verdict.measured) <= record.windows_j.keys()]
    rel = None
    if len(usable) > 1 and verdict.measured:
        rel = deviation([math.exp(mean_log(record, verdict.measured)) for record in usable])
    threshold_rel = None
    if verdict.upper is not None and verdict.change is not None:
        # The change of an unchanged test scatters around 0 by a standard error u, and the bound
        # lies t·u above the change: t·u + t·u is enough for 95 of 100 comparisons.
        reach = math.log1p(verdict.upper) - math.log1p(verdict.change.value)
        threshold_rel = math.expm1(2 * reach)
    return TestScatter(verdict.name, rel, len(usable), threshold_rel)


def smallest_threshold(tests: Sequence[TestScatter]) -> TestScatter | None:
    """The test with the largest of these thresholds; None: no test has one."""
    known = [test for test in tests if test.threshold_rel is not None]
    return max(known, key=lambda test: test.threshold_rel or 0.0, default=None)
