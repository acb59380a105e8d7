"""Many short blocks inside a block: none is lost, none is waited for, and the block is measured."""

from __future__ import annotations

import contextlib
import json
from typing import Any, cast

import pytest

from energybench.api.link import Link
from energybench.api.region_times import MOST, MOST_LABELS, RegionTime, RegionTimes
from energybench.measuring.beside.packets import pair
from tests.api.callers import WATTS, Node


class Listener:
    """The connection to a process that takes some messages."""

    def __init__(self, takes: int) -> None:
        self.takes, self.messages = takes, list[dict[str, Any]]()

    def offer(self, **message: Any) -> bool:
        if len(self.messages) < self.takes:
            self.messages.append(message)
            return True
        return False

    def owe(self, **message: Any) -> None:
        self.messages.append(message)

    @property
    def starts_s(self) -> list[float]:
        return [start_s for message in self.messages for _, _, start_s, _ in message["regions"]]


def test_tens_of_thousands_of_regions_are_all_counted(machine: Node) -> None:
    """Calls of a decorated function and blocks with a label each, and the next block has no doubt
    about the one before.
    """
    caller = machine.run(
        """
        @energybench.measured(**OPTIONS)
        def token(x):
            return x

        with energybench.measure("prepare", **OPTIONS) as prepare:
            for i in range(30_000):
                token(i)
            for i in range(300):
                with energybench.measure(f"step {i}"):
                    pass
        assert prepare.energy_j is not None, prepare
        counts = {region.label: region.count for region in prepare.measurement.regions}
        print(counts.pop("token"), len(counts), set(counts.values()))
        with energybench.measure("next", **OPTIONS) as following:
            spend(0.3)
        print(*(doubt.code for doubt in following.doubts))
        """
    )
    assert caller.code == 0, caller.error
    counted, doubts = caller.out.splitlines()
    assert counted == "30000 300 {1}"
    assert "blocks-overlap" not in doubts


def test_a_process_that_does_not_read_for_a_while_loses_nothing(machine: Node) -> None:
    """Regions, checks and the end of the block come once the process goes on, and nothing waits for
    it before.
    """
    caller = machine.run(
        """
        import signal
        pid = sampler()
        with energybench.measure("block", **OPTIONS) as block:
            spend(0.2)
            os.kill(pid, signal.SIGSTOP)
            for i in range(2_000):
                with energybench.measure("inside"):
                    pass
                block.check(f"loss {i}", 0.5, 1.0)
            spend(0.1)
        block.work(7, "sample")
        state = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]
        os.kill(pid, signal.SIGCONT)
        measured = block.measurement
        (inside,) = measured.regions
        print(state, inside.count, len(measured.verification), measured.work.amount)
        """
    )
    assert caller.code == 0, caller.error
    assert caller.out.split() == ["T", "2000", "2000", "7.0"]


def test_a_run_that_its_caller_gave_up_is_open_no_more(machine: Node) -> None:
    """The next block has no doubt about it, and what was measured is kept as a part."""
    caller = machine.run(
        """
        import signal
        pid = sampler()
        busy = energybench.measure("busy", **OPTIONS)
        busy.__enter__()
        spend(0.2)
        os.kill(pid, signal.SIGSTOP)
        while busy.run.refusal is None:
            busy.check("loss", 0.5, 1.0)
        os.kill(pid, signal.SIGCONT)
        busy.__exit__(None, None, None)
        print(*(doubt.code for doubt in busy.doubts))
        with energybench.measure("next", **OPTIONS) as following:
            spend(0.2)
        print(*(doubt.code for doubt in following.doubts))
        print(sampler() == pid)
        """
    )
    assert caller.code == 0, caller.error
    given_up, following, same = caller.out.splitlines()
    assert given_up == "sampler-gone"
    assert "blocks-overlap" not in following
    assert same == "True"
    busy = next(run for run in caller.runs if run.label == "busy")
    (cut,) = [doubt for doubt in busy.doubts if doubt.code == "cut-off"]
    assert "the end of its block is not known" in cut.message


def test_times_that_are_not_taken_are_told_later_in_order() -> None:
    """Each once, whether the process takes none, some or all of them."""
    times = RegionTimes()
    for i in range(3_000):
        times.add(RegionTime("x", 0, float(i), i + 0.5))
    some, rest = Listener(takes=2), Listener(takes=0)
    times.tell(cast(Link, some), 0)
    assert 0 < len(some.starts_s) < 3_000
    times.tell(cast(Link, rest), 0)
    assert not rest.messages
    times.owe(cast(Link, rest), 0)
    assert some.starts_s + rest.starts_s == [float(i) for i in range(3_000)]


@pytest.mark.parametrize(
    "label", ["x", "\N{SNOWMAN}" * 200, "\N{GRINNING FACE}" * 200], ids=["x", "snowmen", "faces"]
)
def test_a_group_is_one_packet(label: str) -> None:
    """A message of several packets would wait for a process that does not read."""
    times = RegionTimes()
    for _ in range(3_000):
        times.add(RegionTime(label, 10**9, 1e9 / 3, 1e9 / 7))
    listener = Listener(takes=10**9)
    times.tell(cast(Link, listener), 10**9)
    ours, theirs = pair(3)
    with contextlib.closing(ours), contextlib.closing(theirs):
        for message in listener.messages:
            ours.send(json.dumps(message).encode())
            assert json.loads(theirs.recv(60_000))["regions"][0][0] == label


def test_regions_beyond_the_most_are_counted_in_a_doubt() -> None:
    """Their times are not kept, and the doubt says how many."""
    times = RegionTimes()
    for _ in range(MOST):
        times.add(RegionTime("x", 0, 0.0, 0.0))
    assert times.doubt("block") is None
    for _ in range(3):
        assert not times.add(RegionTime("x", 0, 0.0, 9.0))
    code, message, _, subject = times.doubt("block") or ("", "", "", "")
    assert (code, subject, message.split()[0]) == ("regions-left-out", "block", "3")


def test_labels_beyond_the_most_are_counted_too() -> None:
    """Blocks of a label that is kept are kept on."""
    times = RegionTimes()
    for i in range(MOST_LABELS + 5):
        times.add(RegionTime(f"step {i}", 0, 0.0, 0.0))
        times.add(RegionTime("step 0", 0, 0.0, 0.0))
    assert times.left_out == 5


def test_a_region_has_a_mean_power_with_its_interval(machine: Node) -> None:
    """The energy over the time, in `power_w`, in `flat()` and in the text of a region."""
    caller = machine.run(
        """
        with energybench.measure("whole", **OPTIONS):
            with energybench.measure("inside") as inside:
                spend(1.0)
        flat = inside.flat()
        power = inside.power_w
        print(power.value, flat["power_w"], flat["energy_j"] / flat["time_s"])
        print(flat["power_w_low"] <= power.value <= flat["power_w_high"], " at " in repr(inside))
        """
    )
    first, second = caller.out.splitlines()
    values = [float(word) for word in first.split()]
    assert values == pytest.approx([values[0]] * 3)
    assert values[0] == pytest.approx(WATTS, rel=0.3)
    assert second == "True True"
