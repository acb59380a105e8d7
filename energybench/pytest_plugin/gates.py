"""Gates: limits of energy and regressions, judged when the session ends.

A gate never fails a build by an estimate, by a test without a baseline, or, unless asked, by the
comparison with one saved run. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energybench.errors import BadInput, StorageFailed, UnknownFields
from energybench.pytest_plugin.record import Record, full_name

if TYPE_CHECKING:
    from energybench.gating import records as gating
    from energybench.gating.between_runs import KeptScatter
    from energybench.gating.history import History
    from energybench.gating.verdicts import GateVerdict
    from energybench.pytest_plugin.compared_files import ComparedFiles

CI_RECORD = "ci"  # key of the gate's own record inside a record of the plugin
CI_AGAIN = "ci_again"  # the same of a second measurement, to confirm a failure


@dataclass(kw_only=True, slots=True)
class Gates:
    """Gates of a session.

    threshold         of every test, 0.05 for 5 %; None: none but those of markers
    folder            history of saved sessions
    fails_on_single   whether a regression against one saved run fails the build
    saves             whether the session joins the history
    new_level         whether the energies of this session are accepted: their history begins anew
    off               True: no gate is applied, whatever the options and the markers say
    compared          files that pytest-benchmark compares with; None: no file
    saved             records of these files, the oldest first

    The folder is that of the working directory in which the object is made: a test may change it.
    """

    threshold: float | None
    folder: str
    fails_on_single: bool
    saves: bool
    new_level: bool = False
    off: bool = False
    compared: ComparedFiles | None = None
    saved: list[gating.Record] = field(default_factory=list)
    _place: Path = field(init=False)
    _read: tuple[History, KeptScatter] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._place = Path(self.folder).absolute()

    def read(self, *, marked: bool) -> None:
        """Read the history before a test that may be judged, whose files the test may hide.

        marked  whether the test states limits
        """
        if not self.off and (marked or self.threshold is not None):
            self._history_and_scatter()

    def _history_and_scatter(self) -> tuple[History, KeptScatter]:
        """The saved sessions, and the scatter between runs, as they were when first asked for."""
        from energybench.gating.between_runs import KeptScatter
        from energybench.gating.history import History

        if self._read is None:
            history, kept = History(self._place), KeptScatter(self._place)
            history.read()
            kept.read()
            self._read = history, kept
        return self._read

    def take_saved(self, compared: dict[str, Any]) -> None:
        """A saved JSON of pytest-benchmark. Tests that were saved without energy have no record."""
        assert self.compared is not None
        self.saved += self.compared.take(compared)

    def wanted(self, records: Iterable[Record]) -> bool:
        """Whether a gate or the history is asked for."""
        return not self.off and (
            self.threshold is not None
            or self.saves
            or any("max_j" in record or "max_regression" in record for record in records)
        )

    def judged(self, records: Sequence[Record]) -> tuple[list[GateVerdict], list[str]]:
        """The verdicts, and lines about baselines: those that are not used, and fields of a later
        version. A test that would fail, and was measured once more, fails only if both verdicts
        agree; a test that may not be called again, only if both halves of its windows agree.
        """
        from energybench.gating.verdicts import confirm

        history, kept = self._history_and_scatter()
        verdicts: list[GateVerdict] = []
        for record in records:
            first = self._of_one(record, CI_RECORD, history, kept)
            again = self._of_one(record, CI_AGAIN, history, kept)
            if again:
                first = [confirm(*both) for both in zip(first, again, strict=True)]
            elif "in_place" in record and any(verdict.fails for verdict in first):
                first = self._by_halves(first, record, history, kept)
            verdicts += first
        faults = [f"{fault.where}: {fault.what}" for fault in history.faults]
        compares = any(verdict.outcome == "no baseline" for verdict in verdicts)
        if compares and self.compared is None and history.is_empty:
            state = "is not there"
            if self._place.exists():
                state = "holds no saved session" if self._place.is_dir() else "is not a folder"
            faults.append(
                f"the history {Path(self.folder)} {state}: save sessions of the main branch with "
                "--benchmark-energy-save, or name another folder with --benchmark-energy-history"
            )
        later_fields = [*history.later_fields, *kept.later_fields]
        if self.compared is not None:
            faults = [*self.compared.lines(), *faults]
            later_fields = [*self.compared.later_fields, *later_fields]
        later = UnknownFields.of_all(later_fields)
        if later is not None:
            faults.append(str(later))
        return verdicts, [*faults, *kept.refusals]

    def _of_one(
        self, record: Record, key: str, history: History, kept: KeptScatter
    ) -> list[GateVerdict]:
        """The verdicts on one measurement of a test."""
        from energybench.gating.verdicts import GateVerdict

        threshold = record.get("max_regression", self.threshold)
        candidate = None if "no_gate" in record else self._candidate(record, key)
        if candidate is None:
            if key == CI_AGAIN or ("max_j" not in record and threshold is None):
                return []
            reasons = (record.get(key) for key in ("unpassed", "not_alone", "no_gate", "why"))
            why = next((reason for reason in reasons if reason is not None), "no energy")
            return [GateVerdict(name=full_name(record), outcome="off", reason=why)]
        return self._of_candidate(record, candidate, history, kept)

    def _by_halves(
        self, first: Sequence[GateVerdict], record: Record, history: History, kept: KeptScatter
    ) -> list[GateVerdict]:
        """The verdicts on a test that may not be called more often than it asks."""
        from energybench.gating.joined_windows import halves
        from energybench.gating.verdicts import confirm_by_halves

        parts = halves(self._candidate(record))
        if parts is None:
            return [confirm_by_halves(verdict, None) for verdict in first]
        sides = [self._of_candidate(record, part, history, kept) for part in parts]
        return [
            confirm_by_halves(whole, (one, other))
            for whole, one, other in zip(first, *sides, strict=True)
        ]

    def _of_candidate(
        self, record: Record, candidate: gating.Record, history: History, kept: KeptScatter
    ) -> list[GateVerdict]:
        """The verdicts on a record by the limits of its test."""
        from energybench.gating.compare import compare_saved
        from energybench.gating.verdicts import limit

        threshold = record.get("max_regression", self.threshold)
        verdicts = [limit(candidate, record["max_j"])] if "max_j" in record else []
        if threshold is not None:
            baselines = [some for some in self.saved if some.name == candidate.name]
            verdicts.append(
                compare_saved(
                    baselines or history.of(candidate.name),
                    candidate,
                    threshold,
                    between_runs=kept.of,
                    fail_on_saved_run=self.fails_on_single,
                )
            )
        return verdicts

    def would_fail(self, record: Record) -> bool:
        """Whether a test is to be measured once more."""
        gated = self.threshold is not None or "max_j" in record or "max_regression" in record
        if self.off or not gated or CI_RECORD not in record:
            return False
        return any(verdict.fails for verdict in self.judged([record])[0])

    def saved_to(self, records: Sequence[Record], failed: Collection[str] = ()) -> str:
        """Add the session to the history; what came of it, in one line.

        failed  tests whose gates failed. They are marked as no baseline: the regression would hide
                itself.

        Of a test that was measured once more the second measurement is saved: the first was chosen
        for being high.
        """
        import msgspec

        from energybench.gating.history import History
        from energybench.gating.records import Session
        from energybench.units import counted

        candidates = [
            (record["test"], self._candidate(record, CI_AGAIN) or self._candidate(record))
            for record in records
        ]
        tests = [
            msgspec.structs.replace(candidate, gate_failed=test in failed)
            for test, candidate in candidates
            if candidate is not None
        ]
        without = (
            f"; no baseline: {counted(len(failed), 'test')} whose gate failed" if failed else ""
        )
        if not tests:
            return "no energy of any test: the history stays as it was"
        session = Session(session=tests[0].session, time_utc=tests[0].time_utc, tests=tuple(tests))
        try:
            level = " as a new level" if self.new_level else ""
            return f"saved{level} as {History(self._place).add(session)}{without}"
        except StorageFailed as error:
            return f"the history is not written: {error}"
        except BadInput as error:
            return f"the history is not written: {error.where}: {error.what}"

    def _candidate(self, record: Record, key: str = CI_RECORD) -> Any:
        """The gate's record of a test; None: there is none, or the energy is not to be judged."""
        import msgspec

        usable = key in record and "unpassed" not in record and "not_alone" not in record
        readable = decoded([record[key]]) if usable else []
        if not readable:
            return None
        return msgspec.structs.replace(readable[0], new_level=self.new_level)


def decoded(values: Iterable[dict[str, Any]]) -> list[Any]:
    """Records of this session, but for those that a worker of another version made."""
    import msgspec

    from energybench.gating import records

    readable = []
    for value in values:
        known = {key: value[key] for key in value if key in records.Record.__struct_fields__}
        try:
            readable.append(msgspec.convert(known, records.Record))
        except (msgspec.ValidationError, ValueError):
            continue
    return readable
