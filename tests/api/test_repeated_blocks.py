"""`energybench.repeats`: scatter from run to run, the end at a target, and the energy so far."""

from __future__ import annotations

import json

import pytest

from tests.api.callers import Node, package_j, true_j


def test_repeats_have_a_scatter(machine: Node) -> None:
    """Every turn of the loop is a repeat; a turn left by `break` is left out."""
    caller = machine.run(
        """
        loop = energybench.repeats("loop", 4, **OPTIONS)
        for turn in loop:
            spend(0.25)
            turn.work(10, "sample", "p")
        print(len(loop.measurement.repeats), loop.energy_j is not None)
        for turn in energybench.repeats("broken", 5, **OPTIONS):
            spend(0.25)
            if turn.complete == 2:
                break
        """
    )
    assert caller.code == 0, caller.error
    assert caller.out.split() == ["4", "True"]
    loop, broken = caller.runs
    assert package_j(loop) == pytest.approx(true_j(loop), rel=0.03)
    assert loop.work is not None
    assert loop.work.amount == 10
    assert "single-repeat" not in {doubt.code for doubt in loop.doubts}
    assert len(broken.repeats) == 2
    assert "cut-off" in {doubt.code for doubt in broken.doubts}


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("for turn in LOOP: spend(0.2); break", "its loop was left by `break` or an exception"),
        ("for turn in LOOP: spend(0.2); 1 / 0", "its loop was left by `break` or an exception"),
        ("with BLOCK: spend(0.2); 1 / 0", "an exception left its block"),
        ("BLOCK.__enter__(); spend(0.2)", "the program ended in its block"),
    ],
)
def test_a_part_says_how_it_was_left(machine: Node, program: str, words: str) -> None:
    """`break` is not called an exception."""
    caller = machine.run(
        f"""
        LOOP = energybench.repeats("part", 3, **OPTIONS)
        BLOCK = energybench.measure("part", **OPTIONS)
        {program}
        """
    )
    assert caller.code == int("1 / 0" in program), caller.error
    (run,) = caller.runs
    (message,) = [doubt.message for doubt in run.doubts if doubt.code == "cut-off"]
    assert words in message


def test_repeats_to_a_target_stop_early(machine: Node) -> None:
    """A steady loop stops at the least number of repeats."""
    caller = machine.run(
        """
        for _ in energybench.repeats("loop", target=0.5, at_most=12, **OPTIONS):
            spend(0.1)
        """
    )
    assert caller.code == 0, caller.error
    (run,) = caller.runs
    assert len(run.repeats) == 8


def test_so_far_reads_while_the_block_runs(machine: Node) -> None:
    """`so_far` gives a part of the block, and `flat` plain numbers for loggers."""
    caller = machine.run(
        """
        import json
        with energybench.measure("long", **OPTIONS) as block:
            spend(0.8)
            early = block.so_far()
            spend(0.4)
        flat = block.flat()
        print(json.dumps([early.energy_j.value, early.measurement.partial, flat]))
        """
    )
    assert caller.code == 0, caller.error
    early_j, partial, flat = json.loads(caller.out)
    assert partial
    assert 0 < early_j < flat["energy_j"]
    assert flat["energy_j_low"] <= flat["energy_j"] <= flat["energy_j_high"]
    assert all(isinstance(number, float) for number in flat.values())


def test_so_far_reads_no_byte_of_the_samples(machine: Node) -> None:
    """It comes from readings in memory: the file of samples, which grows with the block, may be
    away. The result of a block inside, which needs all samples, is then missing.
    """
    caller = machine.run(
        """
        from pathlib import Path
        with energybench.measure("long", idle=0.3, **OPTIONS) as block:
            with energybench.measure("inside") as inner:
                spend(0.3)
            block.so_far()
            (samples,) = Path(STORE).glob(".partial-*/samples.arrows")
            samples.rename(STORE + "-away")
            spend(0.5)
            early = block.so_far()
            print(early.energy_j.value, early.time_s.value, early.measurement.idle_power_w.value)
            print(inner.energy_j)
            Path(STORE + "-away").rename(samples)
        print(inner.energy_j is not None)
        """
    )
    assert caller.code == 0, caller.error
    numbers, away, after = caller.out.splitlines()
    energy_j, time_s, idle_w = map(float, numbers.split())
    (run,) = caller.runs
    assert 0.7 < time_s < run.repeats[0].time_s
    package_w = package_j(run) / run.repeats[0].time_s
    assert run.energy_j is not None
    assert energy_j / time_s == pytest.approx(run.energy_j.value / run.repeats[0].time_s, rel=0.05)
    assert idle_w == pytest.approx(energy_j / time_s, rel=0.1)
    assert package_w == pytest.approx(80.0, rel=0.05)
    assert (away, after) == ("None", "True")
