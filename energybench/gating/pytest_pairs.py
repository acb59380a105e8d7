"""Tests of two sides in turns: pairs of pytest processes. The order is drawn for every pair.

A process measures energy tests with the plugin. A test in a process is a repeat of the side. Drift
and the sensors' gain affect both processes of a pair alike and cancel.
"""

from __future__ import annotations

import os
import random
import shlex
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from energybench.gating import side_reports
from energybench.gating.side import Side, end_of, run_captured
from energybench.gating.side_reports import SideReport
from energybench.measuring.plan import Progress
from energybench.measuring.signals import Signals

# Exit codes of pytest: https://docs.pytest.org/en/stable/reference/exit-codes.html
PASSED, TESTS_FAILED, USAGE_ERROR, NO_TESTS = 0, 1, 4, 5
_NAMES = ("pytest", "py.test")


def is_pytest(argv: Sequence[str]) -> bool:
    """Whether a command runs pytest: a word of the command is a name of pytest, as in
    `python -m pytest`.
    """
    return any(Path(word).name in _NAMES for word in argv)


class Ended(NamedTuple):
    """A pytest process that ended.

    code    exit code
    report  report of the plugin; None: the plugin wrote no report
    output  end of the printed output
    time_s  duration of the process
    """

    code: int
    report: SideReport | None
    output: bytes
    time_s: float

    @property
    def ran_tests(self) -> bool:
        """Whether tests ran and were reported, failed or not. The exit code alone does not tell,
        because a gate on times may change the exit code.
        """
        if self.report is None:
            return False
        return self.code in (PASSED, TESTS_FAILED) or bool(self.report.names)

    @property
    def line(self) -> str:
        """The exit code and the end of the output, in a line."""
        return f"pytest ended with {self.code}: {end_of(self.output)}"


@dataclass(kw_only=True, slots=True)
class Measured:
    """Both sides, pair by pair.

    before, after  reports of the complete pairs
    code           the first exit code of pytest on the candidate's side that is not 0
    broken         description of a process that ended without a report of tests; None: every
                   process wrote a report
    """

    before: list[SideReport] = field(default_factory=list)
    after: list[SideReport] = field(default_factory=list)
    code: int = 0
    broken: str | None = None


class PytestPairs:
    """Runs pytest on both sides.

    sides    baseline and candidate
    options  options of pytest, for both sides
    """

    def __init__(
        self,
        sides: tuple[Side, Side],
        options: Sequence[str],
        seed: int,
        signals: Signals,
        progress: Progress,
    ) -> None:
        self._sides, self._options = sides, tuple(options)
        self._random = random.Random(seed)
        self._signals, self._progress = signals, progress

    def rehearse(self) -> tuple[Ended, Ended | None]:
        """Run both sides once, with one window per test, the candidate first: wrong options,
        missing tests and wrong imports show at once, and caches fill. The baseline does not run if
        the candidate ran no test, or after a signal.
        """
        baseline, candidate = self._sides
        self._progress(f"{candidate.name}: rehearsal", None)
        after = self._run(candidate, ("--benchmark-energy-rehearsal",))
        if not after.ran_tests or self._signals.received is not None:
            return after, None
        self._progress(f"{baseline.name}: rehearsal", None)
        return after, self._run(baseline, ("--benchmark-energy-rehearsal",))

    def measure(self, pairs: int, only: Sequence[str] = ()) -> Measured:
        """Pairs of processes, until a signal comes.

        only  the tests to measure; empty: every test
        """
        measured = Measured()
        with tempfile.TemporaryDirectory(prefix="energybench-ab-") as folder:
            options: tuple[str, ...] = ()
            if only:
                names = Path(folder) / "only.json"
                names.write_bytes(msgspec.json.encode(list(only)))
                options = (f"--benchmark-energy-only={names}",)
            for pair in range(pairs):
                reports: dict[int, SideReport] = {}
                for number in self._random.sample((0, 1), 2):
                    side = self._sides[number]
                    self._progress(f"{side.name}: pair {pair + 1} of {pairs}", pair / pairs)
                    ended = self._run(side, options)
                    if self._signals.received is not None:
                        return measured
                    if number == 1:
                        measured.code = measured.code or ended.code
                    if not ended.ran_tests or ended.report is None:
                        measured.broken = f"{side.name}, pair {pair + 1}: {ended.line}"
                        measured.code = measured.code or ended.code or 1
                        return measured
                    reports[number] = ended.report
                measured.before.append(reports[0])
                measured.after.append(reports[1])
        return measured

    def _run(self, side: Side, options: Sequence[str]) -> Ended:
        with tempfile.TemporaryDirectory(prefix="energybench-side-") as folder:
            file = Path(folder) / "report.json"
            words = (
                "--benchmark-energy",
                f"--benchmark-energy-side={file}",
                *self._options,
                *options,
            )
            stated = side.environment.get("PYTEST_ADDOPTS", os.environ.get("PYTEST_ADDOPTS"))
            added = " ".join(part for part in (stated, shlex.join(words)) if part)
            environment = {**side.environment, "PYTEST_ADDOPTS": added}
            start_s = time.monotonic()
            whole = Side(
                name=side.name, folder=side.folder, argv=side.argv, environment=environment
            )
            code, output = run_captured(whole, self._signals)
            return Ended(code, side_reports.read(file), output, time.monotonic() - start_s)


def expected_s(rehearsed: Sequence[Ended], pairs: int) -> float:
    """Time that the pairs will take, s."""
    times_s = [
        ended.time_s + (ended.report.more_s if ended.report is not None else 0.0)
        for ended in rehearsed
    ]
    return pairs * sum(times_s)


def same_code(before: SideReport, after: SideReport, tree: Path, worktree: Path) -> str | None:
    """The reason if a side does not run its own code; None: no sign of code of the opposite side.

    Both sides import an editable package from the user's working tree, and a normally installed
    package from a common folder of packages.
    """
    # the reasons have no apostrophes: an error line shortens long texts between two apostrophes
    for name, file in sorted(after.imported.items()):
        if _is_in(worktree, file):
            return f"the tests of the working tree import {name} from {file}, of the baseline"
    for name, file in sorted(before.imported.items()):
        if file == after.imported.get(name) or _is_in(tree, file):
            return f"the tests of the baseline import {name} from {file}, not from its worktree"
    return None


def _is_in(folder: Path, file: str) -> bool:
    return Path(file).is_relative_to(folder) or Path(file).is_relative_to(folder.resolve())
