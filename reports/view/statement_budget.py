"""The largest parts of the uncertainty of a statement's figure, in words."""

from __future__ import annotations

from energybench.analysis.uncertainty.budget import Contribution, budget
from energybench.model import Estimate
from energybench_reports.view import statement_sentence as sentences
from energybench_reports.view.statement_sentence import Stated
from energybench_reports.view.wording import percent, plain

_BUDGET_LINES = 3


def words(stated: Stated) -> str:
    """The lines whose removal would shrink the interval of the figure most."""
    headline = sentences.figure(stated)
    estimates = (
        [headline.estimate]
        if headline is not None
        else [entry.energy_ratio for entry in stated.comparisons if entry.energy_ratio is not None]
    )
    ratio = bool(stated.comparisons)
    for estimate in estimates[:1]:
        lines = budget(estimate, _BUDGET_LINES, ratio=ratio, runs=stated.runs)[:_BUDGET_LINES]
        half = abs(estimate.half_width / estimate.value) if estimate.value else 0.0
        shares = [f"{plain(line.effect)} ({_size(line, estimate)})" for line in lines]
        if shares:
            return f"{'; '.join(shares)}; half-width now {percent(half)}"
    return "the effects of the figure are not known"


def _size(line: Contribution, estimate: Estimate) -> str:
    """How much of the uncertainty a line is."""
    if line.distribution == "bound":
        return "one-sided bound"
    if line.share is not None:
        return f"{percent(line.share)} of the variance"
    if not estimate.value:
        return f"without it ±{line.half_width_without:.3g}"
    return f"without it ±{percent(line.half_width_without / abs(estimate.value))}"
