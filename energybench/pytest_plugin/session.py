"""A session of pytest with --benchmark-energy: the machine for every test, the records of all
tests, the table, and the scalars in JSON and JUnit.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from energybench.foreign_text import visible
from energybench.pytest_plugin import record as records
from energybench.pytest_plugin import summary
from energybench.pytest_plugin.attempts import RECORDS, Attempts
from energybench.pytest_plugin.compared_files import compared_files
from energybench.pytest_plugin.gates import Gates
from energybench.pytest_plugin.machine_lock import Machine, Stay
from energybench.pytest_plugin.markers import MarkerFaults, limits_of, read_limits, stamp_fault
from energybench.pytest_plugin.options import Settings, gates, settings
from energybench.pytest_plugin.own_fixture import numbered
from energybench.pytest_plugin.plugin import BENCHMARK, SESSION, SIDE
from energybench.pytest_plugin.record import Record
from energybench.pytest_plugin.run_store import RunStore
from energybench.pytest_plugin.used_fixtures import fixture_made, measures, unused
from energybench.pytest_plugin.windows import empty_loop_s

if TYPE_CHECKING:
    from energybench.gating.verdicts import GateVerdict

_NOTABLE_WAIT_S = 1.0
_NOT_ALONE = "not alone: other tests did not end"
# Environment variable in a test that has its stay on the machine: a session inside, in this process
# or in one of its children, finds it. PYTEST_CURRENT_TEST is gone after the first session inside.
_INSIDE = "ENERGYBENCH_INSIDE_TEST"
_stay = pytest.StashKey[Stay]()


def begin(config: pytest.Config) -> None:
    """Measure the tests of this process, or say why not."""
    session = EnergySession(config, off=_off(config))
    config.pluginmanager.register(session, SESSION)
    if session.off is None and config.pluginmanager.has_plugin("benchmark"):
        from energybench.pytest_plugin import override

        config.pluginmanager.register(override, BENCHMARK)
    if config.getoption("benchmark_energy_side") is not None:
        from energybench.pytest_plugin.side import Side

        config.pluginmanager.register(Side(config, session, measures), SIDE)


def _off(config: pytest.Config) -> str | None:
    """Why nothing is measured; None: tests are measured."""
    if config.getoption("codspeed", False):
        return "--codspeed measures these tests in its own way"
    if config.getoption("benchmark_disable", False) and not config.getoption(
        "benchmark_enable", False
    ):
        return "--benchmark-disable"
    return None


class EnergySession:
    """The plugin of a session.

    id        name of the session
    off       why nothing is measured; None: tests are measured
    attempts  energies and outcomes of the tests
    marker_faults
              markers of tests that cannot be read
    settings  how tests are measured
    store     folder for the directories of the runs
    """

    def __init__(self, config: pytest.Config, off: str | None) -> None:
        self._config, self.off = config, off
        self.settings: Settings = settings(config)
        self._worker = hasattr(config, "workerinput")
        # the same in every worker of xdist, and in no other session
        self.id: str = getattr(config, "workerinput", {}).get("testrunuid") or os.urandom(8).hex()
        self._gates = Gates(
            threshold=config.getoption("benchmark_energy_fail"),
            folder=config.getoption("benchmark_energy_history"),
            fails_on_single=config.getoption("benchmark_energy_fail_on") == "single",
            saves=config.getoption("benchmark_energy_save")
            or config.getoption("benchmark_energy_new_level"),
            new_level=config.getoption("benchmark_energy_new_level"),
            off=config.getoption("benchmark_energy_side") is not None,
            compared=compared_files(config),
        )
        self.attempts = Attempts(getattr(config, "workerinput", {}).get("workerid", ""))
        self.marker_faults = MarkerFaults()
        self._verdicts: list[str] = []
        self._notices: list[str] = []
        self.store = RunStore(self.settings.store if off is None else None)
        if self.store.fault is not None:
            self._notices.append(f"the samples are not kept: {self.store.fault}")
        self._sensors: str | None = None
        self._empty_s: float | None = None
        self._machine = Machine(self.settings.wait_s, self._announce)
        if _INSIDE in os.environ:
            # the outer test has its stay on the machine, for whose end the tests inside cannot wait
            self._machine.trouble = "inside another test: other tests may have run beside it"
        elif off is None:
            self._machine.open()

    # ------------------------------------------------------------ for the fixtures

    def begin_measuring(self, item: pytest.Item) -> None:
        """A fixture that measures is made. A test that did not name the fixture shares the machine
        with other tests until now.
        """
        fixture_made(item)
        if _stay in item.stash:
            item.stash[_stay] = self._machine.alone(item.stash[_stay], item.nodeid)
        self._prepare_safely(item)

    def _prepare_safely(self, item: pytest.Item) -> None:
        """Before a test that measures: start the sampling process, make the folder, load modules
        and read the history. The test may replace the functions for it, count their calls, or count
        the descriptors of the process.
        """
        try:
            self._prepare(item)
        except Exception:  # the energy pass of the test meets the same, and the line says so
            pass

    def _prepare(self, item: pytest.Item) -> None:
        from energybench.pytest_plugin.preparing import connect, sensors_line

        if self._sensors is None:
            self._sensors = sensors_line(self.settings, self.store)
        connect()
        self._gates.read(marked=item.get_closest_marker("energy") is not None)

    @property
    def empty_s(self) -> float:
        """Time of a turn of a loop without a call."""
        if self._empty_s is None:
            self._empty_s = empty_loop_s()
        return self._empty_s

    def would_fail(self, record: Record) -> bool:
        """Whether a gate would fail by this record: the test is then measured once more."""
        return self._gates.would_fail(record)

    def blank(
        self,
        item: pytest.Item,
        label: str = "",
        group: str | None = None,
        group_of_times: str | None = None,
    ) -> Record:
        """A record without a result.

        group           stated in the test, before that of its marker
        group_of_times  in the table of pytest-benchmark, if no other is stated
        """
        limit = limits_of(item)
        name = numbered(records.short(label), self.attempts.labels(item))
        record: Record = {"test": item.nodeid, "label": name}
        groups = (group, limit.group, group_of_times)
        stated = next((one for one in groups if one is not None), None)
        if stated is not None:
            record["group"] = records.short(stated)
        if limit.max_j is not None:
            record["max_j"] = limit.max_j
        if limit.max_regression is not None:
            record["max_regression"] = limit.max_regression
        if limit.fault is not None:
            record["no_gate"] = "its marker cannot be read"
        if self.is_crowded(item):
            record["not_alone"] = _NOT_ALONE
        return record

    def is_crowded(self, item: pytest.Item) -> bool:
        """Whether other tests run beside a test, which gave up waiting for their end."""
        return not self._stay_of(item).entered and self._machine.trouble is None

    def _stay_of(self, item: pytest.Item) -> Stay:
        """The test's time on the machine; of a test in a session inside another test, alone."""
        return item.stash.get(_stay, Stay(waited_s=0.0, entered=True, alone=True))

    def take(self, item: pytest.Item, record: Record) -> None:
        """The record of a use, complete."""
        stay = self._stay_of(item)
        if not stay.alone:
            records.note(record, self._machine.trouble or f"{_NOT_ALONE}; neither judged nor saved")
        elif self._machine.lost:
            records.note(record, "not alone: the test closed the lock that keeps other tests away")
        elif stay.waited_s > _NOTABLE_WAIT_S:
            records.note(record, f"waited {stay.waited_s:.0f} s for the machine")
        self.attempts.take(item, record)

    # ------------------------------------------------------------ hooks around tests

    def pytest_report_header(self) -> str:
        if self.off is not None:
            return f"energybench: energy is off: {self.off}"
        from energybench.pytest_plugin.preparing import sensors_line

        self._sensors = sensors_line(self.settings, self.store)
        return f"energybench: {self._sensors}"

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        if self.off is not None:
            return (yield)
        alone = measures(item)
        with self._machine.stay(alone=alone, name=item.nodeid) as stay:
            if alone:
                self._prepare_safely(item)
            item.stash[_stay] = stay
            outer = os.environ.get(_INSIDE)
            os.environ[_INSIDE] = outer or "1"
            try:
                return (yield)
            finally:
                if outer is None:
                    os.environ.pop(_INSIDE, None)
                self.store.clear()

    # the innermost wrapper: pytest's own wrappers expect at tear-down that theirs were entered
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None]:
        self.attempts.begin(item)
        read_limits(item)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        if call.when != "setup":
            self.attempts.publish(item)
        report = yield
        self.attempts.stamp(item, report)
        stamp_fault(item, report)
        if call.when == "call" and self.off is None:
            taken = self.attempts.taken(item)
            if not taken and report.passed and (why := unused(item)) is not None:
                taken = [records.of_refusal(self.blank(item), why)]
            if taken:
                setattr(report, RECORDS, taken)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not self._worker:
            self.attempts.log(report)
            self.marker_faults.log(report)

    # ------------------------------------------------------------ results of the session

    @pytest.hookimpl(optionalhook=True)
    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        """Scalars beside the statistics of the times, and one record of the session. Called once
        for each file.
        """
        from energybench.gating import benchmark_file

        if self.off is None:
            for test in benchmark_file.complete(output_json, self.attempts.written()):
                notice = (
                    f"{test}: extra_info['{benchmark_file.KEY}'] of the test stands in the JSON as "
                    f"'{benchmark_file.KEEP}'"
                )
                if notice not in self._notices:  # of several files
                    self._notices.append(notice)

    @pytest.hookimpl(optionalhook=True)
    def pytest_benchmark_compare_machine_info(self, compared_benchmark: dict[str, Any]) -> None:
        """The saved sessions that pytest-benchmark compares with."""
        self._gates.take_saved(compared_benchmark)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judge the energies, before the summary is printed and JUnit's file is written."""
        if self._worker:
            return
        faults = self.marker_faults.lines()
        self._notices += faults.values()
        if self.off is not None:
            return
        self.attempts.mark_unpassed()
        verdicts: Sequence[GateVerdict] = ()
        if self._gates.wanted(self.attempts.records):
            verdicts, notices = self._gates.judged(self.attempts.records)
            self._notices += notices
        self._verdicts = [
            ("FAILED " if verdict.fails else "") + visible(verdict.line) for verdict in verdicts
        ]
        failed: set[str] = set()
        for verdict in verdicts:
            if verdict.fails:
                test = self._test_of(verdict)
                summary.fail(session, test, visible(verdict.line))
                failed.add(test)
        if not self._gates.off:  # else `energybench ab` tells, to whom a failure is the test's own
            for test, line in faults.items():
                summary.fail(session, test, line)
        if (failed or faults) and not session.exitstatus:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self._gates.saves and not self._gates.off:
            self._notices.append(self._gates.saved_to(self.attempts.records, failed))

    def _test_of(self, verdict: GateVerdict) -> str:
        of_name = (one for one in self.attempts.records if records.full_name(one) == verdict.name)
        return next((one["test"] for one in of_name), verdict.name.split(" ")[0])

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> Generator[None, None, None]:
        """The table stands even if a gate on times ends the summary with an exception."""
        try:
            return (yield)
        finally:
            self._print(terminalreporter)

    def _print(self, terminalreporter: pytest.TerminalReporter) -> None:
        # without a header, or with a gate that must not look like one that passed
        if self.off is not None and (self._config.get_verbosity() < 0 or gates(self._config)):
            terminalreporter.write_line(self.pytest_report_header())
        title = f"energy per iteration ({self.settings.boundary}, 95 % intervals)"
        summary.write(terminalreporter, title, self.attempts.records, self._verdicts, self._notices)

    @pytest.hookimpl(tryfirst=True)  # a test that closes descriptors ends pytest's own in an error
    def pytest_unconfigure(self) -> None:
        self._machine.close()
        self.store.remove()

    # ------------------------------------------------------------ a visible wait

    def _announce(self, line: str) -> None:
        import sys

        capture = self._config.pluginmanager.get_plugin("capturemanager")
        if capture is None:
            print(line, file=sys.stderr, flush=True)  # noqa: T201
            return
        with capture.global_and_fixture_disabled():
            print(line, file=sys.stderr, flush=True)  # noqa: T201
