"""Verdicts on the tests of two sides, from the reports of their processes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from energybench.gating.pytest_pairs import is_pytest, same_code
from energybench.gating.pytest_verdicts import Rule, confirmed, judged, only_in
from energybench.gating.records import Record
from energybench.gating.side_reports import SCHEMA, SideReport, read, write
from tests.gating.samples import NAME, processes

GATE, NO_GATE = Rule(0.05, True), Rule(0.05, False)


def reports(records: Sequence[Record], name: str = NAME, **more: Any) -> list[SideReport]:
    """One report for each process."""
    return [
        SideReport(schema=SCHEMA, tests=(msgspec.structs.replace(one, name=name),), **more)
        for one in records
    ]


BEFORE, SAME = reports(processes(5, 1)), reports(processes(5, 2))
RISEN = reports(processes(5, 3, change=0.3))


def test_a_rise_fails_only_if_a_gate_is_asked_for() -> None:
    """By the option, or by the marker of the test, whose threshold counts."""
    (verdict,) = judged(BEFORE, RISEN, GATE)
    assert (verdict.outcome, verdict.fails, verdict.evidence) == ("regressed", True, "pairs")
    (verdict,) = judged(BEFORE, RISEN, NO_GATE)
    assert (verdict.outcome, verdict.fails) == ("regressed", False)
    assert "warning" not in verdict.line
    marked = reports(processes(5, 3, change=0.3), max_regression={NAME: 0.1})
    (verdict,) = judged(BEFORE, marked, NO_GATE)
    assert (verdict.threshold, verdict.fails) == (0.1, True)
    lenient = reports(processes(5, 3, change=0.3), max_regression={NAME: 0.6})
    (verdict,) = judged(BEFORE, lenient, GATE)
    assert verdict.outcome == "no regression"


@pytest.mark.parametrize(("again", "fails"), [(RISEN, True), (SAME, False)])
def test_a_failure_is_measured_once_more(again: list[SideReport], fails: bool) -> None:
    """That test alone."""
    asked: list[list[str]] = []

    def measured(names: list[str]) -> tuple[list[SideReport], list[SideReport]]:
        asked.append(names)
        return BEFORE, again

    (verdict,) = confirmed(judged(BEFORE, RISEN, GATE), measured, GATE)
    assert asked == [[NAME]]
    assert (verdict.confirmed, verdict.fails) == (fails, fails)
    assert confirmed(judged(BEFORE, SAME, GATE), measured, GATE) == judged(BEFORE, SAME, GATE)
    assert len(asked) == 1


def test_a_test_of_one_side() -> None:
    """No baseline, with the reason; a test of the baseline alone is named elsewhere."""
    new = reports(processes(5, 2), "new")
    (verdict,) = judged(BEFORE, new, GATE)
    assert (verdict.outcome, verdict.reason) == ("no baseline", "the baseline has no such test")
    assert only_in(BEFORE, new) == [NAME]
    failed = [SideReport(schema=SCHEMA, unmeasured={NAME: "the test failed"})] * 5
    (verdict,) = judged(failed, SAME, GATE)
    assert verdict.reason == "not measured on the baseline's side: the test failed"
    assert only_in(failed, SAME) == []


def test_pairs_in_which_one_side_failed_are_left_out() -> None:
    failed = SideReport(schema=SCHEMA, unmeasured={NAME: "the test failed"})
    (verdict,) = judged([failed, *BEFORE[1:]], SAME, GATE)
    assert verdict.units == 4


def test_a_limit_in_joules_is_judged_in_every_process() -> None:
    """4.4 J are over a limit of 4.0 J in every process."""
    over = reports(processes(3, 2), max_j={NAME: 4.0})
    verdict = judged(BEFORE[:3], over, NO_GATE)[1]
    assert (verdict.outcome, verdict.fails) == ("over limit", True)
    within = [over[0], *reports(processes(2, 2), max_j={NAME: 9.0})]
    assert not judged(BEFORE[:3], within, NO_GATE)[1].fails


def test_a_report_survives_its_file(tmp_path: Path) -> None:
    write(RISEN[0], tmp_path / "a.json")
    assert read(tmp_path / "a.json") == RISEN[0]
    assert read(tmp_path / "b.json") is None


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("/w/p/src/fft.py", "/u/p/src/fft.py", None),
        ("/e/site/fft.py", "/u/p/src/fft.py", None),  # an environment of the baseline's own
        (
            "/u/p/src/fft.py",
            "/u/p/src/fft.py",
            "import fft from /u/p/src/fft.py, not from its worktree",
        ),
        ("/site/fft.py", "/site/fft.py", "import fft from /site/fft.py, not from its worktree"),
        ("/w/p/src/fft.py", "/w/p/src/fft.py", "import fft from /w/p/src/fft.py, of the base"),
        ("/w/p/src/fft.py", "/w/p/fft.py", "import fft from /w/p/fft.py, of the baseline"),
    ],
)
def test_both_sides_run_their_own_code(before: str, after: str, words: str | None) -> None:
    sides = [SideReport(schema=SCHEMA, imported={"fft": file}) for file in (before, after)]
    wrong = same_code(sides[0], sides[1], Path("/u/p"), Path("/w/p"))
    assert (wrong is None) == (words is None)
    assert words is None or words in (wrong or "")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("pytest tests", True),
        ("python -m pytest", True),
        (".venv/bin/py.test", True),
        ("uv run --group dev pytest -q", True),
        ("./bench input", False),
        ("python pytest.ini", False),
    ],
)
def test_a_command_that_runs_pytest(command: str, expected: bool) -> None:
    assert is_pytest(command.split()) is expected
