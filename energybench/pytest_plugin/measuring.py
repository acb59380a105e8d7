"""A measured use: a run in the sampling process beside pytest, the windows, and the record.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec
import pytest

from energybench.api.caller_run import CallerRun, Options
from energybench.errors import in_one_line
from energybench.gating import benchmark_file
from energybench.gating import records as gate_records
from energybench.gating.joined_windows import fitted
from energybench.pytest_plugin import record as records
from energybench.pytest_plugin.gates import CI_AGAIN, CI_RECORD
from energybench.pytest_plugin.record import Record
from energybench.pytest_plugin.run_store import RunStore
from energybench.pytest_plugin.windows import Failed, Plan, Windows, plan
from energybench.units import show_value

if TYPE_CHECKING:
    from energybench.model import Measurement
    from energybench.pytest_plugin.options import Settings
    from energybench.pytest_plugin.session import EnergySession

# A note names the time of an empty loop above this share of the time of an iteration.
_LOOP_SHARE = 0.02
# A note names calls that take more than this factor of the time of the trials.
_MUCH_SLOWER = 1.5

# Exceptions that end the whole session. Any further exception of the function, also SystemExit and
# the exceptions of pytest.fail and pytest.skip, costs the energy and not the outcome of the test.
_END_OF_SESSION = (KeyboardInterrupt, pytest.exit.Exception, GeneratorExit)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The result of a use of a fixture: an energy, or the reason why no energy was measured.

    record       record as in record.py
    measurement  None: not measured
    """

    record: Record
    measurement: Measurement | None = None


def new_run(label: str, wish: Settings, store: RunStore, idle_s: float = 0.0) -> CallerRun:
    """A run that is not yet open."""
    options = Options(
        store=store.folder,
        boundary=wish.boundary,
        idle_s=idle_s,
        root=wish.root,
        temporary=store.temporary,
    )
    return CallerRun(label, options, counts_repeats=wish.precision_rel is not None)


class EnergyPass:
    """Windows of calls after the test's own calls, under `with`: the block sets `windows`, and
    `outcome` holds the result after it.

    An error in the block costs the energy, and is not an error of the test: the test's own calls
    have succeeded before. An error of energybench is not an error of the test either, because the
    test may have replaced functions of energybench.

    steps    plan to drive
    windows  result of the drive
    """

    def __init__(
        self,
        session: EnergySession,
        item: pytest.Item,
        blank: Record,
        call_s: float,
        wish: Settings | None = None,
        *,
        idle_s: float = 0.0,
        calls: int | None = None,
    ) -> None:
        self._session, self._blank = session, dict(blank)
        wish = wish or session.settings
        self._run = new_run(f"{item.nodeid} {blank['label']}", wish, session.store, idle_s)
        self.steps = self._opened_plan(wish, call_s, calls)
        self.windows: Windows | None = None
        self.outcome = Outcome(record=blank)

    def _opened_plan(self, wish: Settings, call_s: float, calls: int | None) -> Plan:
        self._run.open()
        return (yield from plan(self._run, wish, call_s, calls))

    def __enter__(self) -> EnergyPass:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is not None or self.windows is None:
            self._run.finish()
            if error is None or isinstance(error, _END_OF_SESSION):
                return False
            why = f"the function raised in the energy pass: {in_one_line(error)}"
            if isinstance(error, Failed):
                why = str(error)
            self.outcome = Outcome(record=records.of_refusal(self._blank, why))
            return True
        windows = self.windows
        self.outcome = concluded(self._blank, lambda: self._measured(windows))
        return False

    def _measured(self, windows: Windows) -> Outcome:
        self._run.settle()
        outcome = measured(self._run, self._blank, self._session.id)
        if "energy_j" in outcome.record:
            note_windows(outcome.record, windows, self._session.empty_s)
            fit(outcome.record)
        return outcome


def concluded(blank: Record, conclude: Callable[[], Outcome]) -> Outcome:
    """The outcome after the last window. An error costs only the energy."""
    try:
        return conclude()
    except Exception as error:  # the test may have replaced any function
        return Outcome(record=records.of_refusal(blank, str(Failed(error))))


def measured(run: CallerRun, blank: Record, session: str) -> Outcome:
    """The record of a run after the last window."""
    result = run.result()
    if result.measurement is None:
        return Outcome(record=records.of_refusal(blank, result.doubts[0].message))
    measurement = result.measurement
    record = records.of_measurement(blank, measurement)
    if "energy_j" in record:
        name = f"{blank['test']} {blank['label']}".strip()
        ci_record = gate_records.record(measurement, name, session=session)
        record[CI_RECORD] = msgspec.to_builtins(ci_record)
    return Outcome(record=record, measurement=measurement)


def fit(record: Record, least: int = 2) -> None:
    """Join neighbouring windows in the record for gates, so that the record stays small.

    least  fewest windows to join to
    """
    if CI_RECORD not in record:
        return

    def in_file(some: gate_records.Record) -> tuple[int, int]:
        size = benchmark_file.size(record, msgspec.to_builtins(some))
        return size, benchmark_file.MOST_BYTES

    some = msgspec.convert(record[CI_RECORD], gate_records.Record)
    record[CI_RECORD] = msgspec.to_builtins(fitted(some, in_file, least=least))


def confirm_by(record: Record, again: Record) -> None:
    """Add a second measurement of the same test, which a gate asked for. The table shows the first,
    and the line of the gate the second.
    """
    if CI_RECORD in again:
        record[CI_AGAIN] = again[CI_RECORD]
        value, low, high = (show_value(joules, "J") for joules in again["energy_j"])
        records.note(record, f"measured once more for its gate: {value} [{low}, {high}]")


def note_windows(record: Record, windows: Windows, empty_s: float) -> None:
    """Say what the number and the length of the windows mean for the result."""
    if windows.count == 1:
        records.note(record, "single window: the scatter is not known")
    elif windows.count < windows.wanted:
        records.note(record, f"{windows.count} of {windows.wanted} windows in the time allowed")
    note_slower(record, windows)
    call_s = windows.call_s
    if call_s > 0 and empty_s > _LOOP_SHARE * call_s:
        share = min(empty_s / call_s, 1.0)
        records.note(record, f"too short to tell from its loop: the loop is {share:.0%} of it")


def note_slower(record: Record, windows: Windows) -> None:
    """Say that the calls became slower, and that the last window was cut because of that."""
    if windows.cut is not None:
        records.note(
            record,
            f"the calls became slower: window {windows.cut.window} was cut after "
            f"{windows.cut.calls} of {windows.cut.wanted} calls, and has the energy of these",
        )
    elif windows.before_s is not None and windows.slowest_s > _MUCH_SLOWER * windows.before_s:
        before, slowest = (show_value(s, "s") for s in (windows.before_s, windows.slowest_s))
        records.note(
            record, f"the calls became slower: {slowest} in the slowest window, {before} before"
        )
