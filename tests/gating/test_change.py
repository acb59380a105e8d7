"""Changes: what cancels, what does not, and how often the verdicts are right."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from energybench.analysis.uncertainty.effects import combine, normal
from energybench.analysis.uncertainty.propagation import propagate
from energybench.gating.change import (
    between_run_rel,
    from_history,
    from_pairs,
    from_saved_run,
)
from energybench.gating.compare import compare_blocks, compare_pairs, compare_saved
from energybench.gating.records import Record
from energybench.model import Measurement
from tests.gating.samples import measured, processes, sample

MEASURED = ("cpu.dram", "cpu.package")


def test_the_gain_of_a_sensor_cancels() -> None:
    """A gain of 3 % shared by both runs: the interval is that of the scatter alone."""
    change = from_pairs(processes(5, 1), processes(5, 2), MEASURED)
    assert change.fixed_u < 1e-6


def test_a_moved_share_leaves_a_part_of_the_gain() -> None:
    """Energy that moves from one sensor to another does not cancel, as `propagate` says by keys."""
    before = sample((1.0, 1.0))
    rows = {"cpu.dram": (2.0, 2.0), "cpu.package": (3.0, 3.0)}
    after = msgspec.structs.replace(before, windows_j=rows)
    change = from_saved_run(before, after, MEASURED, 0.0)
    inputs = {}
    for side, some in (("before", before), ("after", after)):
        for name in MEASURED:
            mean = float(np.mean(some.windows_j[name]))
            inputs[f"{side} {name}"] = combine(mean, [normal("gain", 0.03 * mean, key=name)])
    ratio = propagate(
        lambda x: (
            (x["after cpu.dram"] + x["after cpu.package"])
            / (x["before cpu.dram"] + x["before cpu.package"])
        ),
        inputs,
    )
    assert change.fixed_u > 0.01
    assert 1.96 * change.fixed_u == pytest.approx(ratio.half_width / ratio.value, rel=0.02)
    assert change.rel == pytest.approx(ratio.value - 1, rel=1e-3)


def test_errors_of_one_record_alone_add() -> None:
    one = msgspec.structs.replace(sample(), own_u_rel={"cpu.package": 0.02})
    share = 200 / 220
    change = from_saved_run(one, one, MEASURED, 0.0)
    assert change.fixed_u == pytest.approx(math.sqrt(2) * 0.02 * share, rel=1e-3)


def test_a_drift_of_the_machine_cancels_in_pairs() -> None:
    """6 % over the job, for both sides alike."""
    drift = np.linspace(0.0, 0.06, 5)

    def drifting(records: list[Record]) -> list[Record]:
        return [
            msgspec.structs.replace(
                some,
                windows_j={
                    name: tuple(x * (1 + float(rise)) for x in cells)
                    for name, cells in some.windows_j.items()
                },
            )
            for some, rise in zip(records, drift, strict=True)
        ]

    still = from_pairs(processes(5, 3), processes(5, 4), MEASURED)
    moved = from_pairs(drifting(processes(5, 3)), drifting(processes(5, 4)), MEASURED)
    assert moved.half == pytest.approx(still.half, rel=1e-6)
    assert moved.log == pytest.approx(still.log, abs=1e-9)


def test_the_interval_of_a_history_is_that_of_one_more_session() -> None:
    """s·√(1 + 1/k) with k − 1 degrees of freedom, on the logarithms of the sessions."""
    levels = (1.00, 1.02, 0.98, 1.01, 0.99)
    history = [sample((level,) * 2) for level in levels]
    change = from_history(history, sample((1.1, 1.1)), MEASURED)
    s = float(np.std(np.log(levels), ddof=1))
    assert change.scatter is not None
    assert change.scatter.u == pytest.approx(s * math.sqrt(1.2), rel=1e-3)
    assert change.scatter.dof == 4
    assert change.log == pytest.approx(math.log(1.1) - float(np.mean(np.log(levels))), rel=1e-3)


@pytest.mark.parametrize(
    ("sessions", "evidence", "units"),
    [(1, "one saved run", 5), (4, "one saved run", 5), (5, "history", 5), (8, "history", 8)],
)
def test_five_saved_sessions_are_a_history(sessions: int, evidence: str, units: int) -> None:
    verdict = compare_saved(processes(sessions, 5), sample(), 0.05)
    assert (verdict.evidence, verdict.units) == (evidence, units)


def test_sessions_of_another_machine_are_no_part_of_the_history() -> None:
    """Four sessions here and three elsewhere are one saved run, the newest of here."""
    foreign = [sample(ids=("dmi:ffff",))] * 3
    verdict = compare_saved([*processes(4, 6), *foreign], sample(), 0.05)
    assert verdict.evidence == "one saved run"


def test_a_session_counts_once_and_never_against_itself() -> None:
    """A test that was measured once more, and a session that was saved before it was judged."""
    five = processes(5, 5)
    again = [*five[:4], msgspec.structs.replace(five[4], session=five[3].session)]
    assert compare_saved(again, sample(), 0.05).evidence == "one saved run"
    assert compare_saved(five, sample(), 0.05).evidence == "history"
    assert compare_saved(five, five[4], 0.05).evidence == "one saved run"
    itself = compare_saved(five[:1], five[0], 0.05)
    assert itself.outcome == "no baseline"
    assert "the session of this very run" in itself.line
    assert "this run may become one" in compare_saved([], five[0], 0.05).line


def test_a_candidate_of_fewer_rounds_has_a_wider_interval() -> None:
    """One round where the sessions have eight: the interval still holds the truth in 95 %."""
    within = 0
    for i in range(400):
        history = processes(6, 1000 + i, between=0.005, rounds=8)
        (new,) = processes(1, 9000 + i, between=0.005, rounds=1)
        change = from_history(history, new, MEASURED)
        within += abs(change.log) <= change.half
    assert 364 <= within <= 398


def test_one_saved_run_is_compared_with_the_newest() -> None:
    old, new = sample((2.0, 2.02, 1.98)), sample((1.0, 1.01, 0.99))
    verdict = compare_saved([old, new], sample((1.0, 1.01, 0.99)), 0.05)
    assert verdict.change is not None
    assert abs(verdict.change.value) < 0.01


def test_the_stated_scatter_between_runs_widens_one_saved_run() -> None:
    narrow = from_saved_run(sample(), sample(), MEASURED, 0.0)
    wide = from_saved_run(sample(), sample(), MEASURED, 0.02)
    assert wide.half == pytest.approx(math.hypot(narrow.half, 1.96 * math.sqrt(2) * 0.02), rel=1e-3)


def test_scatter_between_runs_is_measured_with_an_upper_limit() -> None:
    """The limit holds the true 2 % in 19 of 20 A/A runs, and never from two sessions."""
    assert between_run_rel({"t": processes(2, 1)}) is None
    assert between_run_rel({}) is None
    limits = [
        between_run_rel({"t": processes(8, seed, between=0.02, scatter=0.001)})
        for seed in range(200)
    ]
    above = sum(limit is not None and limit > 0.02 for limit in limits)
    assert 180 <= above <= 199  # 190 of 200; a binomial leaves this range once in 2000


def test_changes_are_found_and_unchanged_tests_are_not_failed() -> None:
    """5 pairs of 5 rounds of 3 %, 1 % between processes; benchmarks/gates.py counts more."""
    outcomes = [
        compare_pairs(processes(5, 2 * i), processes(5, 2 * i + 1), 0.05).outcome
        for i in range(200)
    ]
    assert outcomes.count("regressed") == 0
    assert outcomes.count("no regression") >= 180
    risen = [
        compare_pairs(processes(5, 2 * i), processes(5, 2 * i + 1, change=0.1), 0.05).fails
        for i in range(200)
    ]
    assert sum(risen) >= 195


def test_the_interval_holds_the_truth() -> None:
    """95 % of 400 intervals of pairs and of histories, whatever the scatter."""
    within = {"pairs": 0, "history": 0}
    truth = math.log(1.03)
    for i in range(400):
        new = processes(6, 1000 + i, change=0.03, between=0.02)
        old = processes(6, 5000 + i, between=0.02)
        pairs = from_pairs(old, new, MEASURED)
        history = from_history(old, new[0], MEASURED)
        within["pairs"] += abs(pairs.log - truth) <= pairs.half
        within["history"] += abs(history.log - truth) <= history.half
    for count in within.values():
        assert 364 <= count <= 394  # 380; a binomial leaves this range once in 1000


def blocks(
    factors: list[float], numbers: list[int], label: str, session: str | None = "s"
) -> Measurement:
    """A side of an interleaved run: one process a block."""
    whole = measured(factors, iterations=1.0)
    repeats = tuple(
        msgspec.structs.replace(repeat, block=number)
        for repeat, number in zip(whole.repeats, numbers, strict=True)
    )
    return msgspec.structs.replace(whole, id=label, label=label, session=session, repeats=repeats)


def test_interleaved_runs_are_compared_block_by_block() -> None:
    """A drift of 30 % cancels; the block that one side lacks does not count."""
    drift = [1.0, 1.1, 1.2, 1.3]
    a = blocks(drift, [0, 1, 2, 3], "a")
    b = blocks([1.1 * drift[3], 1.102 * drift[1], 1.098 * drift[0]], [3, 1, 0], "b")
    verdict = compare_blocks(a, b, 0.05)
    assert (verdict.evidence, verdict.units, verdict.fails) == ("pairs", 3, True)
    assert verdict.change is not None
    assert verdict.change.value == pytest.approx(0.1, abs=0.002)
    assert verdict.change.half_width < 0.02
    apart = compare_blocks(a, msgspec.structs.replace(b, session="other"), 0.05)
    assert (apart.evidence, apart.fails) == ("one saved run", False)


def test_an_interleaved_run_without_energy_turns_the_gate_off() -> None:
    a = blocks([1.0, 1.1], [0, 1], "a")
    nothing = msgspec.structs.replace(blocks([1.0, 1.1], [0, 1], "b"), energy_j=None, quality=None)
    assert compare_blocks(a, nothing, 0.05).outcome == "off"
