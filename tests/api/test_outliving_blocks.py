"""Blocks that do not end inside the block in which they began say so, and cost nothing else."""

from __future__ import annotations

import pytest

from tests.api.callers import Node

OUTLIVING = {
    "left in the wrong order": """
        outer = energybench.measure("outer", **OPTIONS)
        inner = energybench.measure("inner")
        outer.__enter__()
        inner.__enter__()
        spend(0.2)
        outer.__exit__(None, None, None)
        inner.__exit__(None, None, None)
        with energybench.measure("after", **OPTIONS) as after:
            spend(0.2)
        """,
    "two levels inside": """
        outer = energybench.measure("outer", **OPTIONS)
        middle, inner = energybench.measure("middle"), energybench.measure("inner")
        outer.__enter__()
        middle.__enter__()
        inner.__enter__()
        spend(0.2)
        outer.__exit__(None, None, None)
        with energybench.measure("after", **OPTIONS) as after:
            spend(0.2)
        inner.__exit__(None, None, None)
        middle.__exit__(None, None, None)
        """,
    "a task": """
        import asyncio

        async def task():
            with energybench.measure("inner") as inner:
                await asyncio.sleep(0.3)
            with energybench.measure("after", **OPTIONS) as after:
                await asyncio.sleep(0.2)
            return inner, after

        async def main():
            async with energybench.measure("outer", **OPTIONS) as outer:
                running = asyncio.create_task(task())
                await asyncio.sleep(0.1)
            return outer, *await running

        outer, inner, after = asyncio.run(main())
        """,
    "a generator's block ended": """
        def turns():
            with energybench.measure("outer", **OPTIONS) as outer:
                yield outer

        turn = turns()
        outer = next(turn)
        with energybench.measure("inner") as inner:
            spend(0.2)
            list(turn)
        with energybench.measure("after", **OPTIONS) as after:
            spend(0.2)
        """,
    "the next turn": """
        outer = energybench.repeats("outer", 2, **OPTIONS)
        inner = energybench.measure("inner")
        for turn in outer:
            if turn.complete == 0:
                inner.__enter__()
            spend(0.2)
            if turn.complete == 1:
                inner.__exit__(None, None, None)
        with energybench.measure("after", **OPTIONS) as after:
            spend(0.2)
        """,
}


@pytest.mark.parametrize("program", OUTLIVING.values(), ids=OUTLIVING)
def test_a_block_that_outlives_its_outer_block_says_so(machine: Node, program: str) -> None:
    """In its result, in the log and, while that can be, in the outer result; both other blocks are
    measured, and the block after them is a run of its own.
    """
    caller = machine.run(
        program
        + """
        print(inner.energy_j, *((doubt.code, doubt.message) for doubt in inner.doubts))
        print("inner" in repr(inner) and "ended outside" in repr(inner))
        print([doubt.subject for doubt in outer.doubts if doubt.code == "region-cut"])
        print(outer.energy_j is not None, after.energy_j is not None)
        """
    )
    assert caller.code == 0, caller.error
    result, says_why, in_outer, measured = caller.out.splitlines()
    assert result.startswith("None ('region-cut',")
    assert says_why == "True"
    assert "inner is not measured" in caller.error
    # the result of the outer block was made once the block after it began
    assert "'inner'" in in_outer or program == OUTLIVING["two levels inside"]
    assert measured == "True True"
    assert {run.label for run in caller.runs} == {"outer", "after"}
