"""Blocks of a Python program: right energy, regions, and what callers state."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.callers import Node, package_j, true_j


def test_a_block_is_a_run_with_regions_and_the_true_energy(machine: Node) -> None:
    """A block has the energy of its time; blocks inside are regions; the result is the run on the
    disk.
    """
    caller = machine.run(
        """
        with energybench.measure("outer", **OPTIONS) as block:
            with energybench.measure("first"):
                spend(0.4)
            with energybench.measure("second") as inner:
                spend(0.3)
            block.work(40, "sample", "problem/1")
        block.check("residual", 1e-9, 1e-6)
        print(block.energy_j.value)
        print(inner.energy_j is not None)
        print(block.result().directory)
        """
    )
    assert caller.code == 0, caller.error
    energy, region_fits, directory = caller.out.split()
    (run,) = caller.runs
    assert run.id == Path(directory).name
    assert package_j(run) == pytest.approx(true_j(run), rel=0.02)
    assert run.energy_j is not None
    assert float(energy) == run.energy_j.value
    assert region_fits == "True"
    assert {region.label for region in run.regions} == {"first", "second"}
    assert run.work is not None
    assert (run.work.amount, run.work.unit, run.work.fingerprint) == (40, "sample", "problem/1")
    assert [check.passed for check in run.verification] == [True]
    assert not run.partial


def test_work_of_a_region_is_left_out_with_a_doubt(machine: Node) -> None:
    """Of a block and of a loop inside another block; a check belongs to the whole run from the
    first turn on, and the work of a loop to its turns only.
    """
    caller = machine.run(
        """
        with energybench.measure("outer", **OPTIONS) as outer:
            for turn in energybench.repeats("turns", 2):
                spend(0.1)
                turn.work(2, "token")
                turn.check("loss", 0.5, 1)
            with energybench.measure("inner") as inner:
                inner.work(3, "token")
                spend(0.1)
        inner.work(3, "token")
        for loop in energybench.repeats("loop", 1, **OPTIONS):
            spend(0.1)
        try:
            loop.work(2, "token")
        except Exception as error:
            print(error)
        """
    )
    assert caller.code == 0, caller.error
    assert "has no open turn" in caller.out
    outer, _ = caller.runs
    assert outer.work is None
    assert [check.quantity for check in outer.verification] == ["loss"]
    left_out = [doubt.subject for doubt in outer.doubts if doubt.code == "region-work"]
    assert sorted(left_out) == ["inner", "turns"]


def test_coroutines_and_decorators(machine: Node) -> None:
    """`async with` and `@measured` measure coroutines, and the event loop goes on meanwhile."""
    caller = machine.run(
        """
        import asyncio

        @energybench.measured(**OPTIONS)
        async def work():
            await asyncio.sleep(0.3)
            return 7

        @energybench.measured(label="plain", **OPTIONS)
        def plain(x, *, y):
            spend(0.3)
            return x + y

        beats = 0
        async def heart():
            global beats
            while True:
                beats += 1
                await asyncio.sleep(0.005)

        async def main():
            beating = asyncio.create_task(heart())
            async with energybench.measure("async block", **OPTIONS):
                await asyncio.sleep(0.2)
            before = beats
            assert await work() == 7
            beating.cancel()
            print(before > 5)

        asyncio.run(main())
        assert plain(1, y=2) == 3
        print(plain.__name__, plain.last.energy_j is not None)
        """
    )
    assert caller.code == 0, caller.error
    assert caller.out.split("\n")[:2] == ["True", "plain True"]
    assert sorted(run.label for run in caller.runs) == ["async block", "plain", "work"]
    for run in caller.runs:
        assert package_j(run) == pytest.approx(true_j(run), rel=0.03)


def test_blocks_of_threads_that_overlap_carry_a_doubt(machine: Node) -> None:
    """A machine's joules are not divided: both results hold them, and both say so."""
    caller = machine.run(
        """
        import threading

        inside = threading.Barrier(2)

        def work(label):
            with energybench.measure(label, **OPTIONS):
                inside.wait()
                spend(0.3)
                inside.wait()

        threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        with energybench.measure("alone", **OPTIONS):
            spend(0.2)
        """
    )
    assert caller.code == 0, caller.error
    codes = {run.label: {doubt.code for doubt in run.doubts} for run in caller.runs}
    assert "blocks-overlap" in codes["one"] & codes["two"]
    assert "blocks-overlap" not in codes["alone"]


def test_tasks_inside_a_block_that_overlap_carry_a_doubt(machine: Node) -> None:
    """Regions of two tasks in the same time are doubted."""
    caller = machine.run(
        """
        import asyncio

        async def part(label):
            async with energybench.measure(label):
                await asyncio.sleep(0.3)

        async def main():
            async with energybench.measure("both", **OPTIONS):
                await asyncio.gather(part("left"), part("right"))

        asyncio.run(main())
        """
    )
    assert caller.code == 0, caller.error
    (run,) = caller.runs
    assert "blocks-overlap" in {doubt.code for doubt in run.doubts}
    assert {region.label for region in run.regions} == {"left", "right"}


def test_an_exception_leaves_a_part(machine: Node) -> None:
    """The exception is the program's own, and the block is not compared as whole work."""
    caller = machine.run(
        """
        try:
            with energybench.measure("fails", **OPTIONS) as block:
                spend(0.3)
                raise KeyError("own")
        except KeyError as error:
            print(error, block.measurement.partial)
        """
    )
    assert caller.out.split() == ["'own'", "True"], caller.error
    (run,) = caller.runs
    assert run.partial
    assert "an exception left its block" in " ".join(doubt.message for doubt in run.doubts)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("block.work(0, 'sample')", "the work's amount"),
        ("block.work(float('nan'), 'sample')", "the work's amount"),
        ("block.energy_j; block.check('x', 1, 2)", "is finished: no check can be added"),
        ("block.energy_j; block.work(1, 'x')", "is finished: no work can be added"),
        ("block.work(1, 'x'); block.work(2, 'x')", "states work a second time"),
        ("block.__enter__()", "was used before"),
        ("energybench.measure('x', boundary='rack')", "boundary='rack' is unknown"),
        ("energybench.measure('x', idle=-1)", "idle=-1 is not a length of time"),
        ("block.__exit__(None, None, None)", "was left before"),
        ("energybench.measure('x').__exit__(None, None, None)", "was not entered"),
        ("energybench.measure('x').energy_j", "has not begun"),
        ("energybench.measure('x').so_far()", "has not begun"),
        ("b = energybench.measure('x', **OPTIONS); b.__enter__(); b.energy_j", "has not ended"),
        ("energybench.repeats('x', 0)", "count=0 is not a number of repeats"),
        ("energybench.repeats('x', target=2)", "target=2 is not a share"),
    ],
)
def test_wrong_use_is_one_clear_line(machine: Node, line: str, words: str) -> None:
    """Misuse of the interface is an exception with the place and the remedy."""
    caller = machine.run(
        f"""
        with energybench.measure("block\\nwith lines", **OPTIONS) as block:
            spend(0.05)
        try:
            {line}
        except Exception as error:
            print(error)
        """
    )
    assert caller.code == 0, caller.error
    assert words in caller.out
    assert len(caller.out.strip().split("\n")) == 1


def test_numbers_of_libraries_in_a_check(machine: Node) -> None:
    """Numbers of numpy, and whole numbers above every float, are values of a check and cost the
    block nothing.
    """
    caller = machine.run(
        """
        import numpy
        with energybench.measure("checked", **OPTIONS) as block:
            spend(0.05)
            block.work(numpy.int64(3), "sample")
            block.check("loss", numpy.float64(1), numpy.float32(2))
            block.check("huge", 10**400, 2)
        """
    )
    assert caller.code == 0, caller.error
    (run,) = caller.runs
    assert [check.passed for check in run.verification] == [True, False]
    assert run.work is not None
    assert run.work.amount == 3


def test_a_block_that_is_left_twice_counts_once(machine: Node) -> None:
    """The second exit is an error, and the block stays as the first exit left it."""
    caller = machine.run(
        """
        block = energybench.measure("twice", **OPTIONS)
        block.__enter__()
        spend(0.1)
        block.__exit__(None, None, None)
        try:
            block.__exit__(None, None, None)
        except RuntimeError as error:
            print(error)
        print(len(block.measurement.repeats))
        """
    )
    assert caller.out.split("\n")[:2] == ["the block 'twice' was left before: make a new one", "1"]


def test_the_root_comes_from_the_environment(machine: Node) -> None:
    """$ENERGYBENCH_ROOT counts if no root is stated, and a stated root counts before it."""
    caller = machine.run(
        """
        del OPTIONS["root"]
        for root in ({}, {"root": "/no/such/folder"}):
            with energybench.measure("block", **OPTIONS, **root) as block:
                spend(0.1)
            print(block.energy_j is not None, [doubt.message for doubt in block.doubts][:1])
        """,
        ENERGYBENCH_ROOT=str(machine.root),
    )
    assert caller.code == 0, caller.error
    first, second = caller.out.strip().split("\n")
    assert first.startswith("True")
    assert second == "False ['the root /no/such/folder is not a folder']"


def test_tables_of_a_store(machine: Node) -> None:
    """`load` gives runs, energies with intervals, repeats, and on demand samples."""
    caller = machine.run(
        """
        for _ in energybench.repeats("a", 2, **OPTIONS):
            spend(0.2)
        with energybench.measure("b", **OPTIONS):
            spend(0.2)
        """
    )
    assert caller.code == 0, caller.error
    import energybench

    frames = energybench.load(str(machine.store))
    assert list(frames.runs.label) == ["a", "b"]
    package = frames.energies[frames.energies.component == "cpu.package"]
    assert list(package.label) == ["a", "b"]
    assert (package.low_j <= package.energy_j).all()
    assert (package.energy_j <= package.high_j).all()
    assert len(frames.repeats) == 3
    samples = frames.samples(frames.runs.id[0])
    assert set(samples.component) == {"cpu.package"}
    repeats = caller.runs[0].repeats
    assert samples.t_s.min() <= repeats[0].start_s
    assert samples.t_s.max() >= repeats[-1].end_s
    assert samples.raw.is_monotonic_increasing
    assert samples.raw.iloc[-1] > samples.raw.iloc[0]


def test_importing_energybench_imports_nothing_else() -> None:
    """Every program that imports a part of energybench pays for the package alone."""
    code = "import sys; a = set(sys.modules); import energybench; print(set(sys.modules) - a)"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert out.strip() == "{'energybench'}"


def test_measure_imports_no_library() -> None:
    """The first use of `measure` imports neither numpy nor msgspec nor asyncio nor torch."""
    code = "import sys, energybench; energybench.measure; print(*sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert not {"numpy", "msgspec", "pandas", "asyncio", "torch", "subprocess"} & set(out.split())
