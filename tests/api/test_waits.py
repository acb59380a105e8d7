"""Waits of a program for its sampling process: none is long, and none is hidden."""

from __future__ import annotations

from typing import Any

import pytest

import energybench
from energybench.errors import BadInput
from energybench.model import Estimate
from energybench.model.effects import Effect
from tests.api.callers import Node


def test_a_stopped_sampler_is_replaced(machine: Node) -> None:
    """A sampling process that is stopped is waited for once: it is killed, the next block is
    measured by another process, and the stopped block says why it has no result.
    """
    caller = machine.run(
        """
        import signal
        with energybench.measure("stopped", **OPTIONS) as stopped:
            spend(0.2)
            first = sampler()
            os.kill(first, signal.SIGSTOP)
        before = time.monotonic()
        print(stopped.energy_j, [doubt.code for doubt in stopped.doubts])
        waited_s, before = time.monotonic() - before, time.monotonic()
        print(stopped.energy_j, stopped.flat(), time.monotonic() - before < waited_s / 2)
        with energybench.measure("next", **OPTIONS) as later:
            spend(0.2)
        print(later.energy_j is not None, sampler() != first)
        """
    )
    assert caller.code == 0, caller.error
    flat = "{'doubts': 1.0, 'doubt.sampler-gone': 1.0}"
    assert caller.out.splitlines() == ["None ['sampler-gone']", f"None {flat} True", "True True"]
    assert [run.label for run in caller.runs] == ["next"]


@pytest.mark.parametrize("full", [False, True])
def test_a_sampler_stopped_before_a_block(machine: Node, full: bool) -> None:
    """The block is measured by another process, even if the stopped one takes no message."""
    caller = machine.run(
        f"""
        import signal
        with energybench.measure("one", **OPTIONS) as one:
            spend(0.1)
        one.result()
        os.kill(sampler(), signal.SIGSTOP)
        from energybench.api.link import link
        while {full} and link().offer(do="here", filling="x" * 1000):
            pass
        with energybench.measure("two", **OPTIONS) as two:
            spend(0.2)
        print(two.energy_j is not None)
        """
    )
    assert caller.code == 0, caller.error
    assert caller.out.strip() == "True"


def test_a_stopped_sampler_does_not_hold_up_the_end_of_the_program(machine: Node) -> None:
    """The program ends with its own code, and the samples stay for `recover`."""
    caller = machine.run(
        """
        import signal
        with energybench.measure("one", **OPTIONS) as one:
            spend(0.2)
            os.kill(sampler(), signal.SIGSTOP)
        sys.exit(4)
        """
    )
    assert caller.code == 4, caller.error
    assert len(list(machine.store.glob(".partial-*"))) == 1


def test_reading_inside_another_block_is_a_doubt(machine: Node) -> None:
    """Of the block that was open meanwhile, whether in the same code or in another task of the
    event loop. An awaited answer holds up nobody, and neither does a result that is there.
    """
    caller = machine.run(
        """
        import asyncio
        HELD = "read-in-block"

        def codes(block):
            return [doubt.code for doubt in block.doubts].count(HELD)

        def ended(label):
            with energybench.measure(label, **OPTIONS) as block:
                spend(0.1)
            return block

        one = ended("one")
        with energybench.measure("around", **OPTIONS) as around:
            one.energy_j
            one.flat()
        print(codes(around), codes(one))
        with energybench.measure("around again", **OPTIONS) as around:
            one.energy_j
        print(codes(around))

        async def other(begun, done):
            async with energybench.measure("other task", **OPTIONS) as block:
                begun.set()
                await done.wait()
            return block

        async def main(awaited):
            begun, done = asyncio.Event(), asyncio.Event()
            task = asyncio.create_task(other(begun, done))
            await begun.wait()
            async with energybench.measure("mine", **OPTIONS) as mine:
                await asyncio.sleep(0.1)
            if awaited:
                result = await mine.answer()
                assert result.energy_j is not None
            else:
                mine.energy_j
            done.set()
            return codes(await task), codes(mine)

        print(asyncio.run(main(False)), asyncio.run(main(True)))
        """
    )
    assert caller.code == 0, caller.error
    assert caller.out.splitlines() == ["1 0", "0", "(1, 0) (0, 0)"]


def test_numbers_for_loggers_tell_the_doubts(machine: Node) -> None:
    """A part without a sensor is in the interval, and its doubt among the numbers."""
    caller = machine.run(
        """
        with energybench.measure("block", **OPTIONS) as block:
            spend(0.3)
        flat = block.flat()
        codes = [doubt.code for doubt in block.doubts]
        print(flat["doubts"] == len(codes))
        print(all(flat["doubt." + code] == codes.count(code) for code in codes))
        print("part-missing" in codes or "estimated" in codes or codes)
        print(len(str(block.energy_j)) < 40, len(repr(block.energy_j)) < 80)
        """
    )
    assert caller.code == 0, caller.error
    assert caller.out.split()[:2] == ["True", "True"]
    assert caller.out.split()[-2:] == ["True", "True"]


def test_an_estimate_prints_as_a_value_with_its_interval() -> None:
    """Whatever the number of its effects."""
    effects = (Effect(name="gain", kind="gain", u=1.0, distribution="normal"),) * 50
    estimate = Estimate(value=287.123, low=258.3, high=316.0, effects=effects)
    assert str(estimate) == f"{estimate}" == "287.1 [258.3, 316]"
    assert repr([estimate]) == "[<Estimate 287.1 [258.3, 316] of 50 effects>]"


WRONG: list[dict[str, Any]] = [
    {"idle": "a"},
    {"idle": -1},
    {"idle": float("nan")},
    {"idle": None},
    {"idle": True},
    {"boundary": 3},
    {"boundary": ["compute"]},
    {"collectors": "rapl"},
    {"collectors": 3},
    {"collectors": [3]},
    {"sync": 3},
    {"store": None},
    {"store": ""},
    {"root": 5.0},
]
OF_REPEATS: list[dict[str, Any]] = [
    {"count": "a"},
    {"count": 0},
    {"count": 1.5},
    {"count": float("nan")},
    {"count": True},
    {"target": "2%"},
    {"target": float("nan")},
    {"target": 0},
    {"at_most": None},
    {"at_most": -3},
    {"at_most": float("inf")},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_options_that_are_not_possible(wrong: dict[str, Any]) -> None:
    """One line that names the option, wherever it is stated, before anything is measured."""
    (name,) = wrong
    for use in (
        lambda: energybench.measure("label", **wrong),
        lambda: energybench.repeats("label", 3, **wrong),
        lambda: energybench.measured(**wrong)(lambda: None),
    ):
        with pytest.raises(BadInput) as caught:
            use()
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", OF_REPEATS, ids=str)
def test_numbers_of_repeats_that_are_not_possible(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(BadInput, match=f"{name}="):
        energybench.repeats("label", **wrong)


def test_statements_that_are_not_possible() -> None:
    """Work and checks of a block, and a decorated name in place of a function."""
    block = energybench.measure("label")
    for amount in ("a", None, -1, 0, float("nan"), True):
        with pytest.raises(BadInput, match="the work"):
            block.work(amount, "sample")  # type: ignore[arg-type]
    for amount in (1e308, 1e-308):  # no energy per unit of it is a number
        with pytest.raises(BadInput, match=r"amount is .*, not between 1e-50 and 1e50"):
            block.work(amount, "sample")
    with pytest.raises(BadInput, match=r"flops is .*, not between 1e-50 and 1e50"):
        block.work(1, "sample", flops=1e308)
    with pytest.raises(BadInput, match="is not a function"):
        energybench.measured("label")  # type: ignore[call-overload]


def test_checks_that_are_not_possible(machine: Node) -> None:
    """A value that is not finite fails; a value that is not a number at all is one line."""
    caller = machine.run(
        """
        from energybench.errors import BadInput
        with energybench.measure("block", **OPTIONS) as block:
            spend(0.1)
            for value, tolerance in (("a", 1), (None, 1), (1, "a"), (1, -1), (1, float("nan"))):
                try:
                    block.check("loss", value, tolerance)
                except BadInput as error:
                    print(error)
            block.check("loss", float("nan"), 1.0)
        print([check.passed for check in block.measurement.verification])
        """
    )
    assert caller.code == 0, caller.error
    assert len(caller.out.splitlines()) == 6
    assert caller.out.splitlines()[-1] == "[False]"
