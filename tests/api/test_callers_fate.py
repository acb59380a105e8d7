"""Whatever happens to the sampling process, the store or the caller: the caller's work and exit
code are its own, and what was measured is kept.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from energybench.store.layout import runs
from tests.api.callers import Node, kill, wait_until


@pytest.mark.parametrize("end", ["os._exit(9)", "os.kill(os.getpid(), 9)", "os.abort()"])
def test_a_caller_that_ends_inside_its_block(machine: Node, end: str) -> None:
    """The sampling process sees the end and saves the block as a part."""
    caller = machine.run(
        f"""
        with energybench.measure("killed", **OPTIONS):
            spend(0.4)
            {end}
        """
    )
    assert caller.code in (9, -signal.SIGKILL, -signal.SIGABRT)
    wait_until(lambda: len(runs(machine.store)) == 1)
    (run,) = caller.runs
    assert run.partial
    assert run.time_s is not None
    assert run.time_s.high >= 0.4
    assert "the program ended in its block" in " ".join(doubt.message for doubt in run.doubts)


def test_a_sampler_that_is_killed_costs_its_blocks_only(machine: Node) -> None:
    """The program goes on, the result says why it is missing, and the next block is measured."""
    caller = machine.run(
        """
        import signal
        with energybench.measure("lost", **OPTIONS) as lost:
            spend(0.3)
            os.kill(sampler(), signal.SIGKILL)
            spend(0.2)
        print(lost.energy_j, [doubt.code for doubt in lost.doubts])
        with energybench.measure("later", **OPTIONS) as later:
            spend(0.2)
        print(later.energy_j is not None)
        sys.exit(5)
        """
    )
    assert caller.code == 5, caller.error
    assert caller.out.split("\n")[:2] == ["None ['sampler-gone']", "True"]
    assert [run.label for run in caller.runs] == ["later"]


def test_a_stopped_sampler_holds_up_nothing_but_who_asks(machine: Node) -> None:
    """A sampling process that does not run does not hold up the end of a block."""
    caller = machine.run(
        """
        import signal
        with energybench.measure("stopped", **OPTIONS) as block:
            spend(0.2)
            pid = sampler()
            os.kill(pid, signal.SIGSTOP)
            for _ in range(5000):
                with energybench.measure("inner"):
                    pass
            before = time.monotonic()
        print(time.monotonic() - before < 5)
        os.kill(pid, signal.SIGKILL)
        """
    )
    assert caller.code == 0, caller.error
    assert caller.out.strip() == "True"


def test_a_fork_inside_a_block(machine: Node) -> None:
    """The child leaves the block without touching the parent's run."""
    caller = machine.run(
        """
        with energybench.measure("forked", **OPTIONS) as block:
            child = os.fork()
            spend(0.2)
            if child:
                os.waitpid(child, 0)
        if child == 0:
            print("child", block.energy_j, [doubt.code for doubt in block.doubts], flush=True)
            os._exit(0)
        print("parent", block.energy_j is not None)
        """
    )
    assert caller.code == 0, caller.error
    assert "child None ['block-not-measured']" in caller.out
    assert "parent True" in caller.out
    (run,) = caller.runs
    assert not run.partial


def test_a_child_forked_inside_a_block_measures_its_own_blocks(machine: Node) -> None:
    """A worker that was forked inside a block has results for its own blocks and repeats."""
    caller = machine.run(
        """
        with energybench.measure("parent", **OPTIONS) as block:
            child = os.fork()
            if child == 0:
                with energybench.measure("child", **OPTIONS) as own:
                    spend(0.2)
                for own_turns in energybench.repeats("turns", 2, **OPTIONS):
                    spend(0.1)
                measured = own.energy_j is not None and own_turns.energy_j is not None
                print("child", measured, flush=True)
                os._exit(0)
            os.waitpid(child, 0)
        print("parent", block.energy_j is not None)
        """
    )
    assert caller.code == 0, caller.error
    assert "child True" in caller.out
    assert "parent True" in caller.out
    assert {run.label for run in caller.runs} == {"parent", "child", "turns"}


def test_a_store_that_cannot_be_written(machine: Node) -> None:
    """The block has no result and says why; the program's code is its own."""
    machine.store.write_text("a file, not a folder")
    caller = machine.run(
        """
        with energybench.measure("block", **OPTIONS) as block:
            spend(0.1)
            with energybench.measure("inner") as inner:
                pass
            assert inner.doubts[0].message.startswith("the store "), inner.doubts
        print(block.energy_j, block.doubts[0].code, block.doubts[0].message)
        sys.exit(3)
        """
    )
    assert caller.code == 3, caller.error
    assert caller.out.startswith("None block-not-measured the store ")
    assert len(caller.out.strip().split("\n")) == 1


@pytest.mark.parametrize("measured", [True, False])
def test_a_generator_that_is_closed_by_the_end_of_the_program(
    machine: Node, measured: bool
) -> None:
    """Its open block is outermost for blocks of the program, as their reason says, and the end of
    the interpreter, which closes it, prints nothing.
    """
    if not measured:
        machine.store.write_text("a file, not a folder")
    caller = machine.run(
        """
        def items():
            with energybench.measure("generator", **OPTIONS):
                yield 1
        kept = items()
        next(kept)
        with energybench.measure("block", **OPTIONS) as block:
            pass
        for doubt in block.doubts:
            print(doubt.code, doubt.message)
        """
    )
    assert (caller.code, caller.error) == (0, "")
    # on a busy machine the sensors may have told enough, or have other reasons
    refused = [line for line in caller.out.splitlines() if line.startswith("block-not-measured")]
    outer = "outermost block 'generator' is open" if measured else "the store "
    assert all(outer in line for line in refused), caller.out
    assert measured or refused


def test_a_caller_that_waits_for_its_children(machine: Node) -> None:
    """The sampling process is no child: `os.wait` does not wait for it."""
    caller = machine.run(
        """
        with energybench.measure("block", **OPTIONS):
            spend(0.1)
            try:
                os.wait()
            except ChildProcessError:
                print("no child")
        """
    )
    assert caller.code == 0, caller.error
    assert caller.out.strip() == "no child"


def test_a_caller_with_the_default_sigpipe(machine: Node) -> None:
    """A sampling process that is gone does not kill a caller that lets SIGPIPE kill it."""
    caller = machine.run(
        """
        import signal
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        with energybench.measure("block", **OPTIONS):
            os.kill(sampler(), signal.SIGKILL)
            spend(0.2)
            with energybench.measure("inner"):
                pass
        print("alive")
        """
    )
    assert caller.code == 0, caller.error
    assert caller.out.strip() == "alive"


def test_signals_reach_the_caller_alone(machine: Node) -> None:
    """Ctrl-C and SIGTERM are the caller's; the sampling process saves the block."""
    process = machine.start(
        """
        try:
            with energybench.measure("block", **OPTIONS):
                print("begun", flush=True)
                spend(600)
        except KeyboardInterrupt:
            sys.exit(42)
        """
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    caller = machine.finished(process)
    assert caller.code == 42, caller.error
    (run,) = caller.runs
    assert run.partial


def test_the_result_is_there_when_the_program_has_ended(machine: Node) -> None:
    """A program that asks for nothing leaves finished runs, under `-W error` too."""
    caller = machine.run(
        """
        with energybench.measure("one", **OPTIONS):
            spend(0.1)
        with energybench.measure("two", **OPTIONS) as two:
            spend(0.1)
        """,
        options=("-W", "error"),
    )
    assert (caller.code, caller.error) == (0, "")
    assert [run.label for run in caller.runs] == ["one", "two"]


def test_of_several_ranks_one_measures(machine: Node, tmp_path: Path) -> None:
    """The others have no result, and say which rank has."""
    source = """
        rank = os.environ["LOCAL_RANK"]
        with energybench.measure("rank " + rank, **OPTIONS) as block:
            open(STORE + ".begun" + rank, "w").close()
            while not all(os.path.exists(STORE + f".begun{other}") for other in "01"):
                time.sleep(0.02)
            spend(0.2)
        print(rank, block.energy_j is not None, *[doubt.message for doubt in block.doubts])
        sys.exit(int(rank))
        """
    launch = {"LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": str(tmp_path)}
    ranks = [machine.start(source, LOCAL_RANK=rank, **launch) for rank in "01"]
    ended = [machine.finished(process) for process in ranks]
    assert [caller.code for caller in ended] == [0, 1], ended
    measured = [caller.out.split()[1] == "True" for caller in ended]
    assert sorted(measured) == [False, True]
    loser = ended[measured.index(False)]
    winner = measured.index(True)
    assert f"rank {winner} of the 2 on this node" in loser.out
    assert len(loser.runs) == 1


def test_devices_of_torch_are_waited_for(machine: Node) -> None:
    """If the program has loaded torch and uses CUDA, both edges wait for the devices in use."""
    caller = machine.run(
        """
        import types
        waits = []
        cuda = types.SimpleNamespace(
            is_available=lambda: True,
            is_initialized=lambda: True,
            current_device=lambda: 1,
            device_count=lambda: 3,
            memory_reserved=lambda device: 5 if device == 2 else 0,
            synchronize=waits.append,
        )
        sys.modules["torch"] = types.SimpleNamespace(cuda=cuda)
        with energybench.measure("block", sync=lambda: waits.append("own"), **OPTIONS):
            spend(0.1)
        print(*waits)
        """
    )
    assert caller.code == 0, caller.error
    assert caller.out.split() == ["1", "2", "own", "1", "2", "own"]


def test_a_failing_wait_for_a_device_is_a_doubt(machine: Node) -> None:
    """The program's exit code stays its own."""
    caller = machine.run(
        """
        def sync():
            raise OSError("device lost")
        with energybench.measure("block", sync=sync, **OPTIONS) as block:
            spend(0.1)
        print([doubt.message for doubt in block.doubts if doubt.code == "edges-unsynchronised"])
        """
    )
    assert caller.code == 0, caller.error
    assert "device lost" in caller.out


def test_a_sampler_killed_between_two_blocks(machine: Node) -> None:
    """A sampling process killed between two blocks: the second block starts another one."""
    process = machine.start(
        """
        with energybench.measure("one", **OPTIONS):
            spend(0.1)
        print(sampler(), flush=True)
        sys.stdin.readline()
        with energybench.measure("two", **OPTIONS) as two:
            spend(0.1)
        print(two.energy_j is not None)
        """
    )
    assert process.stdout is not None
    kill(int(process.stdout.readline()))
    assert process.stdin is not None
    process.stdin.write("killed\n")
    caller = machine.finished(process)
    assert caller.code == 0, caller.error
    assert caller.out.strip() == "True"


def test_a_failing_wait_in_a_loop_is_one_doubt(machine: Node) -> None:
    """Repeats say once that the devices could not be waited for."""
    caller = machine.run(
        """
        def sync():
            raise OSError("device lost")
        loop = energybench.repeats("loop", 3, sync=sync, **OPTIONS)
        for _ in loop:
            spend(0.1)
        print([doubt.code for doubt in loop.doubts].count("edges-unsynchronised"))
        """
    )
    assert caller.code == 0, caller.error
    assert caller.out.strip() == "1"
