"""The watch of devices beside a real sampler."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from energybench.measuring.clock import MonotonicClock
from energybench.measuring.conditions import PERIOD_S, Watch
from energybench.measuring.plan import Plan
from energybench.measuring.readings import Tick
from energybench.measuring.sampler import Opened, Sampler
from energybench.measuring.session import Session
from energybench.model import Channel, Condition
from energybench.plugins import Context
from tests.analysis.truth import channel
from tests.simulators import context

# ---------------------------------------------------------------- the watch alone


class Stepped:
    """A clock that the test moves on."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def now(self) -> float:
        return self.now_s


class ManyProcesses:
    """Neighbours whose look takes a hundredth of a second of CPU time."""

    cpus = 1

    def __init__(self) -> None:
        self.looks = 0

    def look(self) -> None:
        self.looks += 1
        until_s = time.thread_time() + 0.01
        while time.thread_time() < until_s:
            pass


def test_other_jobs_are_looked_for_every_second_beside_many_processes() -> None:
    """A look at all processes that may happen once in many seconds does not hold up the look for
    other jobs, which is short.
    """
    clock, processes, jobs = Stepped(), ManyProcesses(), []
    with Watch((), processes, clock, lambda: jobs.append(clock.now_s)) as watch:  # type: ignore[arg-type]
        for second in range(5):
            clock.now_s = float(second)
            deadline_s = time.monotonic() + 60
            while len(jobs) <= second and time.monotonic() < deadline_s:
                watch.sampled()
                time.sleep(0.001)
        assert jobs == [0.0, 1.0, 2.0, 3.0, 4.0]
        assert processes.looks <= 2


# ---------------------------------------------------------------- the watch beside the sampler


class Fast:
    """A collector with one channel that takes no time."""

    name = "fast"

    def open(self, context: Context) -> list[Channel]:
        return [channel(update_period_s=0.1)]

    def read(self) -> list[int | None]:
        return [1]

    def close(self) -> None:
        pass


class Patient:
    """Answers once so many samples have come since it was asked; samples that wait for it never
    come.
    """

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.ticks: list[Tick] = []
        self.asked: list[tuple[float, float]] = []

    def conditions(self) -> list[Condition]:
        start_s, before = time.monotonic(), len(self.ticks)
        while len(self.ticks) < before + self.samples and time.monotonic() < start_s + 60:
            time.sleep(0.01)
        self.asked.append((start_s, time.monotonic()))
        return [Condition(t_s=start_s, device="patient", temperature_c=40.0)]


class Device:
    """Answers after so long, or fails, and remembers when it was asked and when it answered."""

    def __init__(self, takes_s: float = 0.0, *, fails: bool = False) -> None:
        self.takes_s, self.fails = takes_s, fails
        self.asked: list[tuple[float, float]] = []

    def conditions(self) -> list[Condition]:
        start_s = time.monotonic()
        time.sleep(self.takes_s)
        self.asked.append((start_s, time.monotonic()))
        if self.fails:
            raise OSError("gone")
        return [Condition(t_s=start_s, device=f"slow by {self.takes_s}", temperature_c=40.0)]


def wait(until_s: float, fds: tuple[int, ...] = (), /) -> None:
    time.sleep(max(0.0, until_s - time.monotonic()))


def sampled(
    devices: list[Any], script: Callable[[Sampler, Watch], None], ticks: list[Tick] | None = None
) -> tuple[Watch, list[Tick]]:
    """A sampler and a watch on the real clock, driven by a script."""
    clock, ticks = MonotonicClock(), [] if ticks is None else ticks
    built = Fast()
    with Watch(devices, None, clock) as watch:
        script(
            Sampler(
                [Opened(built, tuple(built.open(context())), 0)],
                clock,
                ticks.append,
                wait,
                watch.sampled,
            ),
            watch,
        )
    return watch, ticks


def never() -> bool:
    return False


def test_a_slow_device_holds_up_no_sample() -> None:
    """While it takes three sampling periods to answer, the samples come as ever; it is asked less
    often then.
    """
    slow, failing = Patient(3), Device(fails=True)

    def script(sampler: Sampler, watch: Watch) -> None:
        sampler.base(lambda: bool(slow.asked), time.monotonic() + 60)
        sampler.base(never, time.monotonic() + 1.5)

    sampled([slow, failing], script, slow.ticks)
    ((first_s, answered_s),) = slow.asked
    assert sum(first_s < tick.due_s < answered_s for tick in slow.ticks) >= 2
    assert answered_s - first_s < 60


def test_about_once_a_second_and_never_in_a_burst() -> None:
    """Asked at the start, and a second later just after a sample; a burst of two seconds is left
    alone.
    """
    device = Device()

    over = []

    def script(sampler: Sampler, watch: Watch) -> None:
        sampler.base(lambda: len(device.asked) >= 3, time.monotonic() + 60)
        sampler.burst(1.5)
        over.append(time.monotonic())
        sampler.base(lambda: len(device.asked) >= 4, time.monotonic() + 60)

    _, ticks = sampled([device], script)
    bursts = [tick.due_s for tick in ticks if tick.burst]
    requested = [start_s for start_s, _ in device.asked]
    assert len([at for at in requested if at < bursts[0]]) == 3
    assert not [at for at in requested if bursts[0] < at < over[0]]
    assert requested[3] > over[0]
    # not sooner than a second after the request before; how late depends on the load
    for before, after in pairwise(requested[:3]):
        assert after - before >= PERIOD_S - 0.01


def test_each_edge_of_a_repeat_is_read() -> None:
    """Once inside a repeat after its opening burst, once after its closing burst, however short it
    is.
    """
    device = Device()
    edges = []

    def script(sampler: Sampler, watch: Watch) -> None:
        for _ in range(2):
            sampler.burst(0.05)
            start_s = time.monotonic()
            watch.opened()
            sampler.burst(0.05)
            asked = len(device.asked)
            sampler.base(more_than(asked), time.monotonic() + 60)
            end_s = time.monotonic()
            sampler.burst(0.05)
            asked, over_s = len(device.asked), time.monotonic()
            watch.closed()
            sampler.base(more_than(asked), time.monotonic() + 60)
            edges.append((start_s, end_s, over_s, time.monotonic()))

    def more_than(count: int) -> Callable[[], bool]:
        return lambda: len(device.asked) > count

    watch, _ = sampled([device], script)
    requested = [condition.t_s for result in watch.taken() for condition in result.conditions]
    for start_s, end_s, over_s, after_s in edges:
        assert sum(start_s < at < end_s for at in requested) >= 1
        assert sum(over_s <= at < after_s for at in requested) >= 1


def test_the_last_edge_is_read_before_the_end() -> None:
    """Stopping right after a repeat waits for its reading."""
    device = Device(0.05)
    watch, _ = sampled([device], lambda sampler, watch: watch.closed())
    assert len(watch.taken()) == 2
    watch.stop()
    assert watch.taken() == []


def test_without_anything_to_watch_there_is_nothing() -> None:
    """A replay has no devices and no neighbours, and no thread."""
    ticks: list[Tick] = []

    def script(sampler: Sampler, watch: Watch) -> None:
        sampler.base(lambda: len(ticks) >= 2, time.monotonic() + 60)

    watch, _ = sampled([], script, ticks)
    assert len(ticks) == 2
    assert watch.taken() == []


class Blocked:
    """A device that does not answer before the test allows it."""

    def __init__(self) -> None:
        self.allowed = threading.Event()
        self.answers = 0

    def conditions(self) -> list[Condition]:
        self.allowed.wait(60)  # a session that waits for this answer fails instead of hanging
        self.answers += 1
        return []


class BlockedSession(Session):
    """A session whose watch asks a device that does not answer."""

    device = Blocked()

    def watch(self, context: Context) -> Watch:
        return Watch([self.device], None, self.clock)


def test_a_short_run_does_not_wait_for_the_watch(tmp_path: Path) -> None:
    """From opening the sensors to the end of one empty repeat, while the watch waits for the first
    answer of a device.
    """
    with BlockedSession(
        Plan(store=tmp_path, label="x", boundary="compute", idle_s=0.0, command=("true",)),
        MonotonicClock(),
        wait,
        lambda: None,
        lambda text, fraction: None,
    ) as session:
        with session.windows.repeat(0) as window:
            window.end(time.monotonic())
        answers_in_repeat = session.device.answers
        session.device.allowed.set()
        session.finish()
    assert answers_in_repeat == 0
    assert session.device.answers >= 1
