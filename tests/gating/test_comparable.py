"""Which records are compared, over which parts, and with which reason others are not."""

from __future__ import annotations

import msgspec
import pytest

from energybench.gating.comparable import Common, NotComparable, common
from energybench.gating.compare import compare_pairs, compare_saved
from energybench.gating.records import HostIdentity, Record, record
from energybench.gating.verdicts import limit
from energybench.model import Verification, Work
from tests.gating.samples import MACHINE, measured, sample


def changed(some: Record, **changes: object) -> Record:
    return msgspec.structs.replace(some, **changes)


def refused(baseline: Record, candidate: Record) -> NotComparable:
    both = common(baseline, candidate)
    assert isinstance(both, NotComparable)
    assert "\n" not in both.reason
    return both


def test_one_machine_under_two_names_is_compared() -> None:
    """Containers of one machine have names of their own, and not all identities are readable."""
    first, second = sample(host="4d1f"), sample(host="77aa", ids=MACHINE[1:])
    assert isinstance(common(first, second), Common)
    verdict = compare_saved([first], second, 0.05)
    assert verdict.evidence == "one saved run"


def test_another_machine_of_the_same_name_is_refused() -> None:
    other = sample(ids=("dmi:ffff", "boot:eeee"))
    assert "another machine (node)" in refused(sample(), other).reason


def test_one_machine_after_a_restart_needs_more_than_its_boot() -> None:
    assert "another machine" in refused(sample(ids=("boot:a",)), sample(ids=("boot:b",))).reason
    both = common(sample(ids=("stated:x", "boot:a")), sample(ids=("stated:x", "boot:b")))
    assert isinstance(both, Common)


def test_a_common_board_is_one_machine() -> None:
    """A container of an 8-board node may show one board, and no identity of the node."""
    first = sample(gpu_w=(300.0,), ids=("boot:a",))
    assert isinstance(
        common(first, changed(first, host=HostIdentity(gpus=first.host.gpus))), Common
    )
    other = changed(first, host=HostIdentity(gpus=("ffffff",)))
    assert "another machine" in refused(first, other).reason


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"boundary": "device"}, "other boundaries: compute in the baseline, now device"),
        ({"gpu_models": ("H100",)}, "other accelerators: A100 in the baseline, now H100"),
        ({"gpu_models": ()}, "other accelerators: A100 in the baseline, now none"),
        ({"driver": "560.1"}, "another driver: None in the baseline, now 560.1"),
        ({"parts": {"cpu.package": "measured"}}, "other parts: "),
        ({"sensors": {"cpu.package": {"ffffff": 0.03}}}, "other sensors measured"),
    ],
)
def test_reasons(changes: dict[str, object], words: str) -> None:
    baseline = sample(gpu_w=(300.0,))
    refusal = refused(baseline, changed(baseline, **changes))
    assert words in refusal.reason
    assert not refusal.off
    verdict = compare_saved([baseline], changed(baseline, **changes), 0.05)
    assert (verdict.outcome, verdict.fails) == ("not compared", False)


@pytest.mark.parametrize("quality", ["estimated", None])
@pytest.mark.parametrize("side", [0, 1])
def test_an_estimate_on_either_side_turns_the_gate_off(quality: str | None, side: int) -> None:
    sides = [sample((1.0, 1.01)), sample((2.0, 2.01))]
    sides[side] = changed(sides[side], quality=quality)
    verdict = compare_saved([sides[0]], sides[1], 0.05)
    assert (verdict.outcome, verdict.fails, verdict.change) == ("off", False, None)
    alone = compare_saved([], sides[1], 0.05)
    assert alone.outcome == ("off" if side == 1 else "no baseline")
    pairs = compare_pairs([sides[0]] * 3, [sides[1]] * 3, 0.05)
    assert (pairs.outcome, pairs.fails) == ("off", False)


@pytest.mark.parametrize("side", [0, 1])
def test_a_run_that_was_cut_off_turns_the_gate_off(side: int) -> None:
    """On either side, in the words of its fault; a limit in joules is not judged by it either."""
    sides = [sample(), sample()]
    sides[side] = changed(sides[side], cut=True, energy_j=None, windows_j={}, iterations=())
    verdict = compare_saved([sides[0]], sides[1], 0.05)
    assert (verdict.outcome, "was cut off" in verdict.reason) == ("off", True)
    verdict = limit(sides[side], 1.0)
    assert (verdict.outcome, "was cut off" in verdict.reason) == ("off", True)


def test_modelled_and_missing_parts_are_named_and_left_out() -> None:
    """The memory model of a node without a counter takes no part in the comparison."""
    bare = changed(
        sample(),
        parts={"cpu.package": "measured", "cpu.dram": "modelled", "gpu.board": "missing"},
        windows_j={"cpu.package": (4.0, 4.1, 3.9)},
        iterations=(1.0,) * 3,
    )
    both = common(bare, bare)
    assert both == Common(("cpu.package",), ("cpu.dram (modelled)", "gpu.board (missing)"))
    assert (
        "without cpu.dram (modelled), gpu.board (missing)" in compare_saved([bare], bare, 0.05).line
    )


def test_a_part_that_was_measured_only_once_is_left_out() -> None:
    """A counter of the memory that is no longer readable: the packages are compared."""
    before = sample()
    now = changed(
        before,
        parts={"cpu.package": "measured", "cpu.dram": "modelled"},
        windows_j={"cpu.package": before.windows_j["cpu.package"]},
    )
    both = common(before, now)
    assert both == Common(("cpu.package",), ("cpu.dram (measured in the baseline, now modelled)",))


def test_a_round_too_short_for_the_sensors_turns_the_gate_off() -> None:
    short = changed(sample(), windows_j={"cpu.package": (0.0, 1.0)}, iterations=(1.0, 1.0))
    assert "longer rounds" in refused(sample(), short).reason


def test_a_test_without_a_baseline_is_no_failure() -> None:
    for verdict in (compare_saved([], sample(), 0.05), compare_pairs([], [sample()], 0.05)):
        assert (verdict.outcome, verdict.fails) == ("no baseline", False)
        assert verdict.name == sample().name


def test_one_foreign_process_among_the_pairs_is_not_compared() -> None:
    """A runner that moved to another machine half way says nothing about the code."""
    here, there = sample(), sample(ids=("dmi:ffff",))
    verdict = compare_pairs([here, here, here], [here, there, here], 0.05)
    assert (verdict.outcome, verdict.fails) == ("not compared", False)


def test_energies_of_other_work_are_refused() -> None:
    """The sides state another unit or another problem, or only one side states its work."""
    works = ["", "item 0123456789ab", "item", "solve 0123456789ab", "item ba9876543210"]
    for first in works:
        for second in works:
            both = common(changed(sample(), work=first), changed(sample(), work=second))
            assert isinstance(both, Common) == (first == second)
            assert isinstance(both, Common) or "other work" in both.reason


def test_a_failed_check_is_not_judged() -> None:
    failed = changed(sample(), failed=True)
    assert refused(sample(), failed).off
    assert "this run failed a check" in refused(sample(), failed).reason
    assert "the baseline failed a check" in refused(failed, sample()).reason


def test_the_record_of_a_run_has_its_work_and_its_checks() -> None:
    """The record of a test has no work: the name of the test stands for the work."""
    run = measured()
    work = Work(amount=1.0, unit="item", fingerprint="problem/1", precision="equal-precision")
    check = Verification(quantity="loss", value=2.0, tolerance=1.0, passed=False)
    run = msgspec.structs.replace(run, work=work, verification=(check,))
    of_run, of_test = record(run), record(run, "test_it")
    assert of_run.work.startswith("item ")
    assert "problem" not in of_run.work
    assert of_test.work == ""
    assert of_run.failed
    assert of_test.failed


@pytest.mark.parametrize("energy_j", [(1.0, 2.0, 0.5), (1.0, 1.5, 2.0), (1.0, 0.0, 0.5)])
def test_an_energy_outside_its_interval_is_no_record(energy_j: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="low <= value <= high"):
        changed(sample(), energy_j=energy_j)
