"""Blocks that have ended: copied, pickled and shown; and options of blocks inside others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.callers import Node, node


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Node]:
    with node(tmp_path) as live:
        yield live


def test_a_finished_block_is_copied_as_its_result(machine: Node) -> None:
    """Of a block, of a region and of repeats: by pickle, by copy, and back from a pool of
    processes. An open block is refused in one line.
    """
    caller = machine.run(
        """
        import copy, multiprocessing, pickle

        def work(label):
            with energybench.measure(label, **OPTIONS) as block:
                spend(0.1)
            return block

        def same(block, other):
            assert other.flat() == block.flat()
            assert repr(other) == repr(block)
            assert other.measurement == block.measurement
            assert [doubt.code for doubt in other.doubts] == [d.code for d in block.doubts]

        if __name__ == "__main__":
            with energybench.measure("outer", **OPTIONS) as outer:
                with energybench.measure("inner") as inner:
                    spend(0.1)
                for take in (pickle.dumps, copy.copy, copy.deepcopy):
                    try:
                        take(outer)
                    except TypeError as error:
                        print(error)
            for turn in energybench.repeats("turns", 2, **OPTIONS):
                spend(0.1)
            for block in (outer, inner, turn):
                same(block, pickle.loads(pickle.dumps(block)))
                same(block, copy.copy(block))
                same(block, copy.deepcopy(block))
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                (of_child,) = pool.map(work, ["child"])
            assert of_child.label == of_child.measurement.label == "child"
        """
    )
    assert (caller.code, caller.error) == (0, "")
    refusal = "the block 'outer' has not ended: no result can be copied"
    assert caller.out.splitlines() == [refusal] * 3


def test_a_block_without_a_result_yet_has_no_table(machine: Node) -> None:
    """A notebook then shows its text, and no error."""
    caller = machine.run(
        """
        block = energybench.measure("block", **OPTIONS)
        assert block._repr_html_() is None
        with block:
            assert block._repr_html_() is None
        assert block._repr_html_().startswith("<table>")
        """
    )
    assert (caller.code, caller.error) == (0, "")


def test_options_of_a_block_inside_are_left_out_with_a_doubt(machine: Node) -> None:
    """Options that differ, each named once; equal options and options that are not stated are no
    doubt.
    """
    caller = machine.run(
        """
        with energybench.measure("alike", **OPTIONS):
            with energybench.measure("inner", **OPTIONS):
                spend(0.05)
            with energybench.measure("inner"):
                spend(0.05)
        with energybench.measure("unlike", **OPTIONS):
            for _ in range(2):
                with energybench.measure("device", boundary="device", idle=3):
                    spend(0.05)
            for turn in energybench.repeats("turns", 2, collectors=["nvml"], store="other"):
                spend(0.05)
        """
    )
    assert (caller.code, caller.error) == (0, "")
    runs = {run.label: run for run in caller.runs}
    doubts = {
        label: [doubt for doubt in run.doubts if doubt.code == "region-options"]
        for label, run in runs.items()
    }
    assert doubts["alike"] == []
    device, turns = doubts["unlike"]
    assert (device.subject, turns.subject) == ("device", "turns")
    assert "boundary='device', idle=3.0 of the block inside" in device.message
    assert "store='other', collectors=('nvml',) of the block inside" in turns.message
    assert not (machine.store.parent / "other").exists()


@pytest.mark.parametrize(
    "use",
    [
        "with repeats: pass",
        "repeats.energy_j",
        "asyncio.run(entered())",
    ],
)
def test_repeats_that_are_no_loop_are_one_line(machine: Node, use: str) -> None:
    caller = machine.run(
        f"""
        import asyncio

        repeats = energybench.repeats("turns", 2, **OPTIONS)

        async def entered():
            async with repeats:
                pass

        try:
            {use}
        except Exception as error:
            print(type(error).__name__, error)
        for turn in repeats:
            spend(0.05)
        assert len(turn.measurement.repeats) == 2
        """
    )
    assert (caller.code, caller.error) == (0, "")
    assert caller.out.startswith("BadInput block 'turns': ")
    assert "for turn in energybench.repeats('turns')" in caller.out
