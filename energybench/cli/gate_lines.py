"""Lines about gates that several commands print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from energybench.gating.between_runs import BetweenRuns
    from energybench.gating.suite_scatter import TestScatter
    from energybench.gating.verdicts import GateVerdict


def lines(verdicts: Sequence[GateVerdict], gone: int) -> list[str]:
    """Every test, those that fail last, then the numbers of each outcome."""
    ordered = sorted(verdicts, key=lambda verdict: (verdict.fails, verdict.outcome == "regressed"))
    counts = Counter(verdict.outcome for verdict in verdicts)
    numbers = [f"{count} {outcome}" for outcome, count in counts.most_common()]
    numbers += [f"{gone} only in the baseline"] if gone else []
    tests = "1 test" if len(verdicts) == 1 else f"{len(verdicts)} tests"
    return [*(verdict.line for verdict in ordered), f"{tests}: {', '.join(numbers)}"]


def kept_scatter(measured: BetweenRuns | None) -> str:
    """Keep the scatter between runs of unchanged code: what came of it, in one line."""
    from energybench.errors import StorageFailed
    from energybench.gating.between_runs import LEAST_PROCESSES, keep
    from energybench.units import counted

    if measured is None:
        return (
            "the scatter between runs is not kept: it needs the measured energies of at least "
            f"{LEAST_PROCESSES} processes"
        )
    figure = (
        f"{100 * measured.scatter_rel:.2g} % (upper 95 % limit, "
        f"{counted(measured.processes, 'process', 'processes')})"
    )
    try:
        path = keep(measured)
    except StorageFailed as error:
        return f"the scatter between runs is {figure}, and is not kept: {error}"
    return f"the scatter between runs is {figure}: kept for gates on one saved run in {path}"


def scatter_of_tests(tests: Sequence[TestScatter], pairs: int) -> list[str]:
    """The scatter of each test of a suite that was compared with itself, and the smallest threshold
    that the suite can hold.
    """
    from energybench.gating.suite_scatter import smallest_threshold
    from energybench.units import counted

    text = []
    for test in tests:
        if test.rel is None:
            continue
        holds = "a threshold that is not known"
        if test.threshold_rel is not None:
            holds = f"a threshold of {_percent(test.threshold_rel)}"
        processes = counted(test.processes, "process", "processes")
        text.append(f"{test.name}: {_percent(test.rel)} between {processes}; it can hold {holds}")
    largest = smallest_threshold(tests)
    if largest is not None and largest.threshold_rel is not None:
        text.append(
            f"smallest threshold that the suite can hold with {counted(pairs, 'pair')}: "
            f"{_percent(largest.threshold_rel)} ({largest.name}); unchanged tests then read "
            "no regression in 95 of 100 comparisons"
        )
    return text


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def duration(seconds: float) -> str:
    """A length of time, as a person plans with it."""
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes >= 2 else f"{seconds:.0f} s"
