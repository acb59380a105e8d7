"""A test that may not be called again: a failure of its gate needs both halves of its rounds."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from energybench.gating.history import History
from energybench.gating.records import Session
from energybench.gating.verdicts import GateVerdict
from energybench.pytest_plugin import pedantic
from energybench.pytest_plugin.gates import Gates
from tests.gating.samples import record_of, rounds

RISEN = [1.3, 1.31, 1.29, 1.3, 1.32, 1.28]
ONE_HALF = [2.6, 1.0, 2.61, 0.99, 2.59, 1.01]  # only the even rounds are dear


def shown(windows: list[float], **more: Any) -> dict[str, Any]:
    """The record of the plugin of a test that was measured in place."""
    some = record_of(windows, name="t", session="now", energy_j=more.pop("energy_j", (1.3, 1, 2)))
    return {"test": "t", "label": "", "in_place": True, "ci": msgspec.to_builtins(some), **more}


def judged(folder: Path, record: dict[str, Any]) -> list[GateVerdict]:
    """The verdicts against a history of five sessions at 1 J that scatter by 0.5 %."""
    history = History(folder)
    if history.is_empty:
        for i, level in enumerate(rounds(1.0, 0.005)):
            tests = (record_of(rounds(level, n=6), name="t", session=f"h{i}"),)
            history.add(Session(session=f"h{i}", time_utc=f"2026-11-0{i + 1}T05:00Z", tests=tests))
    gates = Gates(threshold=0.05, folder=str(folder), fails_on_single=False, saves=False)
    return gates.judged([record])[0]


def test_both_halves_confirm_a_regression(tmp_path: Path) -> None:
    (verdict,) = judged(tmp_path, shown(RISEN))
    assert (verdict.outcome, verdict.fails, verdict.confirmed) == ("regressed", True, True)
    assert verdict.line.endswith("; confirmed by both halves of its rounds")


def test_one_half_alone_fails_no_build(tmp_path: Path) -> None:
    """The whole seems to regress; the odd rounds are as the history is."""
    (verdict,) = judged(tmp_path, shown(ONE_HALF))
    if verdict.confirmed_by is not None:
        assert (verdict.fails, verdict.confirmed) == (False, False)
    assert not verdict.fails


def test_few_rounds_warn(tmp_path: Path) -> None:
    """Nothing can confirm three windows; the line says so, and the build passes."""
    (verdict,) = judged(tmp_path, shown(RISEN[:3]))
    assert (verdict.outcome, verdict.fails, verdict.confirmed_by) == ("regressed", False, "nothing")
    assert "a warning: fewer than 4 windows" in verdict.line


@pytest.mark.parametrize(
    ("windows", "fails", "by"),
    [
        (RISEN, True, "halves"),
        ([2.0, 0.6, 2.0, 0.6, 2.0, 0.6], False, "halves"),
        (RISEN[:2], False, "nothing"),
    ],
)
def test_a_limit_needs_both_halves_too(
    tmp_path: Path, windows: list[float], fails: bool, by: str
) -> None:
    """In joules: an energy of 1.3 J [1.25, 1.35] for a limit of 1 J."""
    record = shown(windows, energy_j=(1.3, 1.25, 1.35), max_j=1.0)
    limit = next(one for one in judged(tmp_path, record) if one.threshold is None)
    assert limit.outcome == "over limit"
    assert (limit.fails, limit.confirmed_by) == (fails, by)


def test_a_test_that_passes_is_not_judged_by_halves(tmp_path: Path) -> None:
    (verdict,) = judged(tmp_path, shown(rounds(1.0, 0.005, 6)))
    assert (verdict.outcome, verdict.confirmed_by) == ("no regression", None)


@pytest.mark.parametrize("outside", [0.03, 0.09])
def test_no_bound_of_an_energy_is_negative(outside: float) -> None:
    """712 µJ of a very short round [0, 82 mJ], some of whose time lies between the rounds: neither
    in the table nor in the record for files and gates.
    """
    energy_j = [712e-6, 0.0, 82e-3]
    record = {"energy_j": list(energy_j), "ci": {"energy_j": list(energy_j)}}
    edges = SimpleNamespace(windows=1, left_out=None, set_up=(0.0, 0.0), outside=outside)
    pedantic._note(edges, record)  # type: ignore[arg-type]
    assert record["energy_j"] == energy_j
    assert record["ci"] == {"energy_j": energy_j}
    spread = {"energy_j": [1.0, 0.9, 1.1], "ci": {"energy_j": [1.0, 0.9, 1.1]}}
    pedantic._note(edges, spread)  # type: ignore[arg-type]
    assert (
        spread["energy_j"] == spread["ci"]["energy_j"] == pytest.approx([1.0, 0.9 - outside, 1.1])
    )
