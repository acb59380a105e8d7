"""Results that several threads or tasks ask for, blocks with other sensors one after the other, and
parts of regions.
"""

from __future__ import annotations

import json

import pytest

from tests.api.callers import Node, package_j, true_j


@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_everybody_who_asks_gets_the_result(machine: Node, way: str) -> None:
    """At once: one answer of the sampling process, and nothing is lost."""
    asked = {
        "threads": """
        import threading
        got = []
        threads = [
            threading.Thread(target=lambda: got.append(block.energy_j.value)) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        """,
        "tasks": """
        import asyncio
        async def all_three():
            return await asyncio.gather(block.answer(), block.answer(), block.answer())
        got = [result.measurement.energy_j.value for result in asyncio.run(all_three())]
        """,
    }[way]
    caller = machine.run(
        f"""
        with energybench.measure("one", **OPTIONS) as block:
            spend(0.3)
        {asked}
        with energybench.measure("next", **OPTIONS) as later:
            spend(0.3)
        print(len(got), len(set(got)), later.energy_j is not None)
        """
    )
    assert caller.code == 0, caller.error
    assert caller.out.split() == ["3", "1", "True"]


def test_blocks_with_other_sensors_follow_each_other(machine: Node) -> None:
    """Also while the end of the block before is still sampled; its energy stays right."""
    caller = machine.run(
        """
        for number, only in enumerate([[], ["rapl"], [], ["rapl"]]):
            options = {**OPTIONS, "collectors": only} if only else OPTIONS
            with energybench.measure(f"block {number}", **options):
                spend(0.3)
        """
    )
    assert caller.code == 0, caller.error
    assert len(caller.runs) == 4
    for run in caller.runs:
        assert package_j(run) == pytest.approx(true_j(run), rel=0.05)


def test_parts_are_in_no_mean_of_a_region(machine: Node) -> None:
    """A turn that ends by `break`, and a block inside that is left by an exception."""
    caller = machine.run(
        """
        with energybench.measure("outer", **OPTIONS) as block:
            for turn in energybench.repeats("turns", 5):
                spend(0.3)
                if turn.complete == 2:
                    break
            del turn
            for length in (0.3, 0.1):
                try:
                    with energybench.measure("inner"):
                        spend(length)
                        if length < 0.2:
                            raise ValueError
                except ValueError:
                    pass
        """
    )
    assert caller.code == 0, caller.error
    (run,) = caller.runs
    regions = {region.label: region for region in run.regions}
    assert {label: region.count for label, region in regions.items()} == {"turns": 2, "inner": 1}
    assert {doubt.code for doubt in run.doubts} >= {"region-cut"}


def test_the_first_work_is_no_import_in_the_block(machine: Node) -> None:
    """What `work`, `check` and `so_far` import is loaded before the block begins."""
    caller = machine.run(
        """
        import json, sys
        with energybench.measure("one", **OPTIONS) as block:
            before = set(sys.modules)
            block.work(10, "item", "problem")
            block.check("residual", 1e-9, 1e-6)
            block.so_far()
            loaded = sorted(set(sys.modules) - before)
        print(json.dumps(loaded))
        """
    )
    assert caller.code == 0, caller.error
    assert json.loads(caller.out) == []
