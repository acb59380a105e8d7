"""The energy of `benchmark.pedantic`. The rounds of the test's own call are measured: the function
is not called more often than the test asks. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from energybench.gating.sensor_errors import rounded
from energybench.pytest_plugin import record as records
from energybench.pytest_plugin import set_up
from energybench.pytest_plugin.gates import CI_RECORD
from energybench.pytest_plugin.measuring import Outcome, concluded, fit, measured
from energybench.pytest_plugin.record import Record
from energybench.pytest_plugin.round_edges import Edges, Step

if TYPE_CHECKING:
    from energybench.api.caller_run import CallerRun
    from energybench.model import Measurement

# If a larger share of the time lies between the rounds of a window, a note names the share.
_OUTSIDE_SHARE = 0.02
# If a larger share lies between the rounds, the energy is refused as an energy of the function. A
# judgement.
_MOST_OUTSIDE_SHARE = 0.1


def measured_rounds(
    fixture: Any,
    edges: Edges,
    run: CallerRun,
    pedantic: Callable[[Step], Any],
    target: Step,
    blank: Record,
    session: str,
) -> tuple[Any, Outcome]:
    """The result of the test's own call of pedantic, and the energy of the rounds.

    edges     edges of the rounds: the timer of the fixture, except if pytest-benchmark is disabled
    pedantic  calls the test's pedantic with a function
    """
    __tracebackhide__ = True
    over = False
    try:
        result = pedantic(edges.around(target) if fixture.disabled else target)
        over = True
    finally:
        if not over:
            run.finish()
    return result, concluded(blank, lambda: _measured(edges, run, blank, session))


def _measured(edges: Edges, run: CallerRun, blank: Record, session: str) -> Outcome:
    failure = edges.failure
    if failure is None and run.refusal is None and edges.miscounted:
        failure = "pedantic: this pytest-benchmark does not read its timer (_timer) before rounds"
    if failure is not None:
        run.finish()
        return Outcome(record=records.of_refusal(blank, failure))
    if edges.left_out is not None:
        run.doubt(
            "rounds-left-out",
            f"{edges.left_out} were measured, spread over all of them",
            "ask for fewer rounds, or for longer ones",
        )
    outcome = measured(run, blank, session)
    if edges.outside > _MOST_OUTSIDE_SHARE:
        why = (
            f"pedantic: {edges.outside:.0%} of the time of its windows lies between the rounds "
            f"(set-up): {set_up.REMEDY}"
        )
        return Outcome(record=records.of_refusal(blank, why))
    if "energy_j" not in outcome.record:
        return outcome
    if outcome.measurement is not None:
        _weigh(outcome.record, outcome.measurement)
    _note(edges, outcome.record)
    if edges.has_set_up:
        share, seconds = edges.set_up
        largest_j = set_up.most_j(outcome.record, seconds, share, edges.largest_w)
        refusal = set_up.allow_for(outcome.record, largest_j)
        if refusal is not None:
            return Outcome(record=records.of_refusal(blank, refusal))
    fit(outcome.record, least=4)  # a failure is confirmed by two halves
    return outcome


def _weigh(record: Record, measurement: Measurement) -> None:
    """Give every round an equal weight. The energy of an iteration is a mean over the windows, and
    the numbers of rounds in the windows may differ by 1.
    """
    windows = [
        (repeat.energy_j, repeat.work.amount)
        for repeat in measurement.repeats
        if repeat.energy_j is not None and repeat.work is not None
    ]
    if len({amount for _, amount in windows}) < 2:
        return
    mean_j = math.fsum(joules / amount for joules, amount in windows) / len(windows)
    whole_j = math.fsum(joules for joules, _ in windows)
    difference_j = whole_j / math.fsum(amount for _, amount in windows) - mean_j
    value, low, high = record["energy_j"]
    _state(record, (value + difference_j, low + difference_j, high + difference_j))


def _state(record: Record, energy_j: tuple[float, float, float]) -> None:
    """State the energy of an iteration in the table and in the record for gates and files. An
    energy cannot be negative.
    """
    value, low, high = (rounded(joules) for joules in energy_j)
    record["energy_j"] = [value, max(0.0, low), high]
    if record.get(CI_RECORD, {}).get("energy_j") is not None:
        record[CI_RECORD]["energy_j"] = [value, max(0.0, low), high]


def _note(edges: Edges, record: Record) -> None:
    """Note the contents of the windows besides the function."""
    record["in_place"] = True
    records.note(record, "pedantic: measured in place")
    if edges.windows == 1:
        records.note(record, "single window: the scatter is not known")
    if edges.left_out is not None:
        records.note(record, f"{edges.left_out} were measured, spread over all of them")
    share, _ = edges.set_up
    outside = edges.outside - share
    if outside > _OUTSIDE_SHARE:
        records.note(record, f"{outside:.0%} of the time lies between the rounds")
        value, low, high = record["energy_j"]
        # at most the share of the energy for the time between the rounds is not of the function
        _state(record, (value, low - outside * value, high))
