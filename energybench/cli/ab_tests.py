"""`energybench ab --baseline REF -- pytest …` and `energybench ab --same -- pytest …`"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from energybench.cli import common, gate_lines
from energybench.cli.ab_sides import two_sides
from energybench.cli.ab_wish import Wish
from energybench.errors import BadInput, brief
from energybench.gating import pytest_verdicts, suite_scatter
from energybench.gating.pytest_pairs import (
    NO_TESTS,
    USAGE_ERROR,
    Ended,
    Measured,
    PytestPairs,
    expected_s,
    same_code,
)
from energybench.gating.pytest_verdicts import Rule
from energybench.gating.side import Side, here
from energybench.gating.side_reports import SCHEMA, SideReport
from energybench.measuring.signals import Signals

_THRESHOLD = 0.05  # of the verdicts if no gate is asked for
_MOST = 1500  # characters of a line with the end of an output
_MOST_NAMES = 10
_NOTHING = SideReport(schema=SCHEMA)


def compare_tests(wish: Wish, words: Sequence[str]) -> int:
    """Compare the energy tests of the two sides: the exit code."""
    with Signals(pass_on=True) as signals, _sides(wish, words, signals) as sides:
        if signals.received is None:
            code = _Comparison(wish, sides, signals).run()
        if signals.received is not None:
            common.say(f"energybench: {signals.received.name} ended the comparison")
            return 128 + signals.received
        return code


@contextmanager
def _sides(wish: Wish, words: Sequence[str], signals: Signals) -> Iterator[tuple[Side, Side]]:
    if wish.baseline is not None:
        with two_sides(wish, words, signals) as sides:
            yield sides
    else:
        yield here(words, Path.cwd(), "A"), here(words, Path.cwd(), "B")


class _Comparison:
    """One comparison, from the rehearsal to the exit code."""

    def __init__(self, wish: Wish, sides: tuple[Side, Side], signals: Signals) -> None:
        self._wish, self._sides, self._signals = wish, sides, signals
        options = [f"--benchmark-energy-boundary={wish.boundary}"]
        options += [f"--benchmark-energy-root={wish.root}"] if str(wish.root) != "/" else []
        self._pairs = PytestPairs(sides, options, wish.seed, signals, common.steps)
        self._code = 0  # of pytest in the pairs that measure once more
        self._rule = Rule(wish.threshold or _THRESHOLD, wish.threshold is not None)

    def run(self) -> int:
        """The exit code; after a signal it does not count."""
        after, before = self._pairs.rehearse()
        if self._signals.received is not None:
            return 0
        if not after.ran_tests or after.report is None:
            common.say(f"energybench: {self._sides[1].name}: {brief(after.line, _MOST)}")
            return after.code or 2
        if not after.report.names:
            reason = after.report.off or "no test uses benchmark or energy_benchmark"
            raise BadInput("pytest", f"measured no energy: {reason}")
        assert before is not None
        if not before.ran_tests and before.code in (USAGE_ERROR, NO_TESTS):
            common.say(f"energybench: {self._sides[0].name}: {brief(before.line, _MOST)}")
            return self._conclude([_NOTHING], [after.report], after.code)
        if not before.ran_tests or before.report is None:
            common.say(
                f"energybench: {self._sides[0].name}: {brief(before.line, _MOST)} "
                "(--setup CMD makes what the baseline needs)"
            )
            return before.code or 2
        self._check_imports(before.report, after.report)
        first = pytest_verdicts.judged([before.report], [after.report], self._rule)
        if all(verdict.outcome in ("off", "not compared", "no baseline") for verdict in first):
            return self._conclude([before.report], [after.report], after.code)
        return self._measure(before, after)

    def _check_imports(self, before: SideReport, after: SideReport) -> None:
        """Raise BadInput if both sides would run the same code."""
        if self._wish.baseline is None:
            return
        tree, worktree = (self._top(side) for side in reversed(self._sides))
        wrong = same_code(before, after, tree, worktree)
        if wrong is not None:
            raise BadInput(
                f"--baseline {self._wish.baseline}",
                wrong,
                "give the baseline an environment of its own, with energybench in it: "
                "--setup 'python -m venv .venv && .venv/bin/pip install -e . energybench[pytest]'",
            )

    def _top(self, side: Side) -> Path:
        """The top folder of the working tree that a side runs in."""
        return next(p for p in (side.folder, *side.folder.parents) if (p / ".git").exists())

    def _measure(self, before: Ended, after: Ended) -> int:
        pairs = self._wish.pairs_of_tests
        seconds = gate_lines.duration(expected_s((before, after), pairs))
        line = f"energybench: the {pairs} pairs of pytest will take about {seconds}"
        if self._rule.fails:
            twice = gate_lines.duration(2 * expected_s((before, after), pairs))
            line += f", and up to {twice} if tests have to be measured once more"
        common.say(line)
        measured = self._pairs.measure(pairs)
        if measured.broken is not None:
            common.say(f"energybench: {brief(measured.broken, _MOST)}")
        if not measured.before:
            return measured.code
        return self._conclude(measured.before, measured.after, measured.code, measured)

    def _conclude(
        self,
        before: list[SideReport],
        after: list[SideReport],
        code: int,
        measured: Measured | None = None,
    ) -> int:
        """Judge, show, and keep what `--same` told: the exit code."""
        verdicts = pytest_verdicts.judged(before, after, self._rule)
        scatter = suite_scatter.of_each(verdicts, before, after) if self._wish.same else []
        complete = measured is not None and measured.broken is None
        complete = complete and self._signals.received is None
        if complete:
            verdicts = pytest_verdicts.confirmed(verdicts, self._again, self._rule)
        gone = pytest_verdicts.only_in(before, after)
        for line in dict.fromkeys(line for report in after for line in report.marker_faults):
            common.say(f"energybench: {line}")
        self._name("failed at", pytest_verdicts.failed(before), 0)
        self._name("failed at", pytest_verdicts.failed(after), 1)
        self._name("only at", gone, 0)
        if self._wish.json:
            common.print_json(verdicts)
        else:
            lines = gate_lines.lines(verdicts, len(gone))
            common.show([*lines, *gate_lines.scatter_of_tests(scatter, len(before))])
        if self._wish.same and complete and code == 0:
            self._keep_scatter(before, after)
        return code or self._code or int(any(verdict.fails for verdict in verdicts))

    def _again(self, names: list[str]) -> tuple[list[SideReport], list[SideReport]]:
        """Tests that would fail, measured once more."""
        tests = "1 test" if len(names) == 1 else f"{len(names)} tests"
        common.say(f"energybench: {tests} would fail ({_some(names)}); measuring once more")
        measured = self._pairs.measure(self._wish.pairs_of_tests, only=names)
        if measured.broken is not None:
            common.say(f"energybench: {brief(measured.broken, _MOST)}")
        self._code = measured.code
        return measured.before, measured.after

    def _name(self, words: str, names: Sequence[str], side: int) -> None:
        if names:
            common.say(f"energybench: {words} {self._sides[side].name}: {_some(names)}")

    def _keep_scatter(self, before: list[SideReport], after: list[SideReport]) -> None:
        from energybench.gating.between_runs import from_same

        reports = [*before, *after]
        names = dict.fromkeys(name for report in reports for name in report.names)
        records = [
            [record for report in reports if (record := report.of(name)) is not None]
            for name in names
        ]
        common.say(f"energybench: {gate_lines.kept_scatter(from_same(records))}")


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
