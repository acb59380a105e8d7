"""One measured use: a run in the sampling process beside pytest, its windows, and the record.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec
import pytest

from energybench.api.caller_run import CallerRun, Options
from energybench.gating.records import record as gate_record
from energybench.pytest_plugin import record as records
from energybench.pytest_plugin.gates import CI_AGAIN, CI_RECORD
from energybench.pytest_plugin.record import Record
from energybench.pytest_plugin.windows import Windows, plan

if TYPE_CHECKING:
    from energybench.model import Measurement
    from energybench.pytest_plugin.options import Settings
    from energybench.pytest_plugin.session import EnergySession

# A loop without a call that takes this share of the time of an iteration is mentioned.
_LOOP_SHARE = 0.02


# These end the whole session. All else of the function, SystemExit and the outcomes that
# pytest.fail and pytest.skip raise among it, costs the energy and not the outcome of the test.
_END_OF_SESSION = (KeyboardInterrupt, pytest.exit.Exception, GeneratorExit)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """A use of a fixture that was measured, or why not.

    record       as in record.py
    measurement  None: not measured
    """

    record: Record
    measurement: Measurement | None = None


def open_run(label: str, wish: Settings, store: str, idle_s: float = 0.0) -> CallerRun:
    """A run that is begun in the sampling process."""
    options = Options(store=store, boundary=wish.boundary, idle_s=idle_s, root=wish.root)
    run = CallerRun(label, options, counts_repeats=wish.precision_rel is not None)
    run.open()
    return run


class EnergyPass:
    """Windows of calls after the test's own calls, under `with`: the block sets `windows`, and
    `outcome` holds the result after it.

    An error of the function in the block costs the energy, and is no error of the test: the test's
    own calls have succeeded before.

    steps    plan to drive
    windows  what the drive returned
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
        self._run = open_run(f"{item.nodeid} {blank['label']}", wish, session.store, idle_s)
        self.steps = plan(self._run, wish, call_s, calls)
        self.windows: Windows | None = None
        self.outcome = Outcome(record=blank)

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
            why = f"the function raised in the energy pass: {type(error).__name__}: {error}"
            self.outcome = Outcome(record=records.of_refusal(self._blank, why))
            return True
        self._run.settle()
        self.outcome = concluded(
            self._run, self._blank, self._session.id, keep=self._session.keeps_runs
        )
        if "energy_j" in self.outcome.record:
            note_windows(self.outcome.record, self.windows, self._session.empty_s)
        return False


def concluded(run: CallerRun, blank: Record, session: str, *, keep: bool) -> Outcome:
    """The record of a run whose windows are over."""
    result = run.result()
    if result.directory is not None and not keep:
        shutil.rmtree(result.directory, ignore_errors=True)
    if result.measurement is None:
        return Outcome(record=records.of_refusal(blank, result.doubts[0].message))
    measurement = result.measurement
    record = records.of_measurement(blank, measurement)
    if "energy_j" in record:
        name = f"{blank['test']} {blank['label']}".strip()
        ci_record = gate_record(measurement, name, session=session)
        record[CI_RECORD] = msgspec.to_builtins(ci_record)
    return Outcome(record=record, measurement=measurement)


def confirm_by(record: Record, again: Record) -> None:
    """Add a second measurement of the same test, which a gate asked for."""
    if CI_RECORD in again:
        record[CI_AGAIN] = again[CI_RECORD]


def note_windows(record: Record, windows: Windows, empty_s: float) -> None:
    """Say what the number and the length of the windows mean for the result."""
    if windows.count == 1:
        records.note(record, "single window: the scatter is not known")
    elif windows.count < windows.wanted:
        records.note(record, f"{windows.count} of {windows.wanted} windows in the time allowed")
    call_s = windows.window_s / windows.calls
    if windows.count and empty_s > _LOOP_SHARE * call_s:
        share = min(empty_s / call_s, 1.0)
        records.note(record, f"too short to tell from its loop: the loop is {share:.0%} of it")
