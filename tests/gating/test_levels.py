"""New levels of a test's energy: accepted ones, and steps that nobody has accepted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from energybench.gating.compare import compare_saved
from energybench.gating.history import History
from energybench.gating.levels import step
from energybench.gating.records import Record, Session
from energybench.gating.verdicts import GateVerdict
from tests.cli.process import in_process
from tests.gating.samples import processes

OPTION = "--benchmark-energy-new-level"


def sessions(levels: Sequence[float], seed: int = 1, accepted: int | None = None) -> list[Record]:
    """One record a session, each at its level.

    accepted  number of the session that starts a new level
    """
    return [
        msgspec.structs.replace(
            some,
            windows_j={
                name: tuple(level * joules for joules in cells)
                for name, cells in some.windows_j.items()
            },
            time_utc=f"2026-{1 + i // 28:02d}-{1 + i % 28:02d}T10:00:00Z",
            new_level=i == accepted,
        )
        for i, (some, level) in enumerate(
            zip(processes(len(levels), seed, scatter=0.01), levels, strict=True)
        )
    ]


def verdict(saved: Sequence[Record], level: float, **changes: bool) -> GateVerdict:
    (candidate,) = sessions([level], seed=99)
    return compare_saved(saved, msgspec.structs.replace(candidate, **changes), 0.05)


@pytest.mark.parametrize("before", [5, 8, 20, 40])
@pytest.mark.parametrize("since", [1, 4, 5, 16])
@pytest.mark.parametrize("level", [1.5, 0.7])
def test_unchanged_code_at_an_accepted_level_does_not_fail(
    before: int, since: int, level: float
) -> None:
    saved = sessions([1.0] * before + [level] * since, accepted=before)
    same = verdict(saved, level)
    assert not same.fails
    assert same.outcome in ("no regression", "inconclusive")
    assert same.evidence == ("history" if since >= 5 else "one saved run")
    assert same.level_utc == saved[before].time_utc
    assert f"since the level accepted on {saved[before].time_utc[:10]}" in same.line
    assert same.step_rel is None
    # the gate is not blind
    risen = verdict(saved, 1.3 * level)
    assert risen.outcome == "regressed"
    assert risen.fails == (since >= 5)


def test_the_last_accepted_level_counts() -> None:
    saved = sessions([1.0] * 6 + [2.0] * 6 + [3.0] * 6, accepted=12)
    saved[6] = msgspec.structs.replace(saved[6], new_level=True)
    assert verdict(saved, 3.0).outcome == "no regression"
    assert verdict(saved, 3.0).units == 6


def test_energy_that_is_accepted_is_not_judged() -> None:
    accepted = verdict(sessions([1.0] * 20), 2.0, new_level=True)
    assert (accepted.outcome, accepted.fails) == ("no baseline", False)
    assert "accepted as a new level" in accepted.line


@pytest.mark.parametrize("since", [1, 3, 5, 8, 16])
@pytest.mark.parametrize("level", [1.5, 0.6])
def test_step_that_nobody_has_accepted_is_named(since: int, level: float) -> None:
    """Whether the gate fails because of it, or has become blind."""
    saved = sessions([1.0] * (20 - since) + [level] * since)
    regressed = verdict(saved, 1.5 * max(level, 1.0))
    assert regressed.outcome in ("regressed", "inconclusive")
    assert regressed.step_rel == pytest.approx(level - 1, abs=0.05)
    assert regressed.step_utc == saved[20 - since].time_utc
    assert regressed.units_to_tell is None
    assert OPTION in regressed.line
    assert "would tell" not in regressed.line


def test_verdict_that_needs_no_remedy_names_no_step() -> None:
    saved = sessions([1.0] * 10 + [1.5] * 10)
    improved = verdict(saved, 0.3)
    assert (improved.outcome, improved.step_rel) == ("improved", None)


@pytest.mark.parametrize("between", [0.01, 0.02])
def test_few_histories_without_a_step_seem_to_have_one(between: float) -> None:
    names = tuple(processes(1, 0)[0].windows_j)
    for number in (6, 12, 20):
        seeming = sum(
            step(processes(number, seed, between=between), names, 0.05) is not None
            for seed in range(200)
        )
        assert seeming <= 12, number


def test_one_outlier_within_the_history_is_no_step() -> None:
    names = tuple(processes(1, 0)[0].windows_j)
    saved = sessions([1.0] * 8 + [1.5] + [1.0] * 8)
    assert step(saved, names, 0.05) is None


def test_records_whose_gate_failed_are_no_baseline_in_any_command(tmp_path: Path) -> None:
    """`ci compare` reads all records of a history."""
    history = History(tmp_path / "history")
    saved = sessions([1.0] * 6 + [2.0] * 3)
    saved[6:] = [msgspec.structs.replace(some, gate_failed=True) for some in saved[6:]]
    for some in saved:
        history.add(Session(session=some.session, time_utc=some.time_utc, tests=(some,)))
    (now,) = sessions([2.0], seed=98)
    now_file = tmp_path / "now.json"
    now_file.write_bytes(msgspec.json.encode(Session(session="now", tests=(now,))))
    ran = in_process("ci", "compare", "history", "now.json", cwd=tmp_path)
    assert ran.code == 1
    assert "6 saved sessions" in ran.out
