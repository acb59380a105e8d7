"""The polls of a collector's process: their schedule, and their way through the pipe."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from energybench.measuring.clock import VirtualClock
from energybench.measuring.polling import Answer, Order, Polling
from energybench.measuring.readings import Tick
from energybench.measuring.tick_pipe import Schedule, TickReceiver, TickSender
from energybench.model import Channel, Pause
from energybench.plugins import Context, Reading
from tests.analysis.truth import channel


class Slow:
    """A collector whose reads take some time of the clock."""

    name = "slow"

    def __init__(self, clock: VirtualClock, takes_s: float) -> None:
        self._clock, self._takes_s = clock, takes_s

    def open(self, context: Context) -> list[Channel]:
        return [channel()]

    def read(self) -> list[int | Reading | None]:
        self._clock.advance(self._clock.now() + self._takes_s)
        return [7]

    def close(self) -> None:
        pass


class Orders:
    """Gives orders at their times on a virtual clock, then closes the connection."""

    def __init__(self, clock: VirtualClock, orders: list[tuple[float, Order]], wakes_late_s: float):
        self._clock, self._orders, self._late_s = clock, orders, wakes_late_s
        self.answers: list[Answer] = []

    def ready(self, seconds: float) -> bool:
        due_s = self._orders[0][0] if self._orders else self._clock.now()
        if due_s <= self._clock.now() + max(seconds, 0.0):
            self._clock.advance(max(due_s, self._clock.now()))
            return True
        self._clock.advance(self._clock.now() + max(seconds, 0.0) + self._late_s)
        return False

    def receive(self, seconds: float) -> Order:
        if not self._orders:
            raise EOFError
        return self._orders.pop(0)[1]

    def send(self, message: object) -> None:
        assert isinstance(message, Answer)
        self.answers.append(message)


class Kept:
    """Keeps the polls instead of sending them."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []
        self.send = self.ticks.append

    def flush(self) -> None:
        pass


def polled(
    takes_s: float,
    period_s: float = 0.1,
    wakes_late_s: float = 0.0,
    burst: bool = False,
    waits_for_a_core: bool = True,
) -> tuple[list[Tick], Answer]:
    """The polls of 10 s, and the answer to the order to rest. A late wake-up is a wait for a core,
    or a stop of the process.
    """
    clock, kept = VirtualClock(100.0), Kept()
    schedule = Schedule(100.0, period_s, 1000.0, burst)
    orders = Orders(clock, [(100.0, Order(1, 5, schedule)), (110.0, Order(2, 5))], wakes_late_s)
    told: list[int | None] = []
    core_wait_s = clock.now if waits_for_a_core else lambda: 0.0
    polling = Polling(Slow(clock, takes_s), 1, clock.now, kept, told.append, core_wait_s)
    with pytest.raises(EOFError):
        polling.serve(orders)
    assert told == [5, 5]
    (answer,) = orders.answers
    return kept.ticks, answer


@pytest.mark.parametrize("period_s", [0.1, 0.083])
def test_lateness_does_not_add_up(period_s: float) -> None:
    """Every poll is due on the grid, although every wake-up is 3 ms late."""
    ticks, _ = polled(0.002, period_s, wakes_late_s=0.003)
    dues = [100 + period_s * (k + 1) for k in range(len(ticks))]
    assert [tick.due_s for tick in ticks] == pytest.approx(dues)
    assert len(ticks) == pytest.approx(10 / period_s, abs=1)
    assert all(tick.missed == tick.slow == 0 for tick in ticks)


@pytest.mark.parametrize("period_s", [0.1, 0.083])
def test_spread_polls_keep_their_places_and_no_step(period_s: float) -> None:
    """Each poll lies within half of the spread around its place on the grid; of a sensor with the
    same period, few polls in a row fall onto one side of an update, at any phase of the sensor.
    """
    clock, kept = VirtualClock(100.0), Kept()
    schedule = Schedule(100.0, period_s, 1000.0, False, 0.04)
    orders = Orders(clock, [(100.0, Order(1, 5, schedule)), (110.0, Order(2, 5))], 0.003)
    polling = Polling(Slow(clock, 0.002), 1, clock.now, kept, lambda pid: None, clock.now)
    with pytest.raises(EOFError):
        polling.serve(orders)
    dues = np.array([tick.due_s for tick in kept.ticks])
    places = 100 + period_s * np.round((dues - 100) / period_s)
    assert np.diff(places) == pytest.approx(np.full(dues.size - 1, period_s))
    assert np.abs(dues - places).max() <= 0.02
    assert dues.size == pytest.approx(10 / period_s, abs=2)
    assert all(tick.missed == tick.slow == 0 and tick.late_s <= 0.0031 for tick in kept.ticks)
    moved_s = dues - places
    for phase_s in np.arange(-0.02, 0.02, 0.001).tolist():
        near = np.flatnonzero(np.abs(moved_s - phase_s) < 0.0015)
        assert near.size <= 0.12 * dues.size
        assert near.size < 2 or np.diff(near).min() > 1


@pytest.mark.parametrize("spread_s", [0.0, 0.04])
def test_the_poll_after_a_time_is_the_next_one(spread_s: float) -> None:
    schedule = Schedule(5.0, 0.1, 1000.0, False, spread_s)
    for now_s in np.arange(5.0, 9.0, 0.0037).tolist():
        number = schedule.after(now_s)
        assert schedule.at_s(number - 1) <= now_s < schedule.at_s(number)


@pytest.mark.parametrize(("takes_s", "skipped"), [(0.35, 3), (0.183, 1), (2.55, 25)])
def test_a_slow_read_skips_polls_and_counts_them(takes_s: float, skipped: int) -> None:
    """Polls that are due during a read are slow, not missed; none is made up for."""
    ticks, answer = polled(takes_s)
    assert {tick.slow for tick in ticks[1:]} <= {skipped}
    assert not any(tick.missed for tick in ticks)
    slow = sum(tick.slow for tick in ticks) + answer.slow
    assert len(ticks) + slow == pytest.approx(100, abs=skipped + 1)


def test_a_process_that_wakes_too_late_misses_polls() -> None:
    """Wake-ups 250 ms late miss two polls each."""
    ticks, _ = polled(0.001, wakes_late_s=0.25)
    assert {tick.missed for tick in ticks} == {2}
    assert {tick.pause for tick in ticks} == {None}
    assert max(tick.late_s for tick in ticks) < 0.1


@pytest.mark.parametrize("burst", [False, True])
def test_a_process_that_was_stopped_states_its_pauses(burst: bool) -> None:
    """Wake-ups 3 s late although a core was free: no poll counts as missed."""
    ticks, _ = polled(0.001, wakes_late_s=3.0, burst=burst, waits_for_a_core=False)
    assert {tick.missed for tick in ticks} == {0}
    for tick in ticks:
        assert tick.pause is not None
        assert 3.0 <= tick.pause.end_s - tick.pause.start_s <= 3.2
        assert tick.pause.end_s <= tick.readings[0].t_s


def test_fast_polls_follow_each_other() -> None:
    """Fast polls of a collector that is slower than the schedule follow without a pause."""
    ticks, _ = polled(0.02, 0.005, burst=True)
    assert len(ticks) == pytest.approx(500, abs=2)
    assert all(tick.burst for tick in ticks)


def test_polls_outlive_a_full_pipe_and_the_end_of_the_process() -> None:
    """Polls beyond the size of the pipe wait in memory; none is lost, changed or out of order; a
    failed read stays a failed read, and the end of the process shows after its last poll.
    """
    theirs, ours = os.pipe()
    receiver, sender = TickReceiver(theirs), TickSender(ours, 2)
    ticks = [
        Tick(
            i * 0.1,
            1e-3,
            i % 7 == 0,
            i % 3,
            i % 2,
            [Reading(-(2**63) + i, i * 0.1, 4), Reading(None if i % 5 else 2**63 - 1, 2.0, 5)],
            None if i % 11 else Pause(start_s=i * 0.1 - 3, end_s=i * 0.1),
        )
        for i in range(30_000)
    ]
    for tick in ticks:
        sender.send(tick)
    came = receiver.take(2, 4)
    assert 0 < len(came) < len(ticks)
    while len(came) < len(ticks):
        sender.flush()
        came += receiver.take(2, 4)
    assert came == ticks
    os.close(ours)
    assert receiver.take(2, 4) == []
    assert receiver.ended
    receiver.close()


class Stopped(Slow):
    """A collector in whose tenth read the process is stopped for 2 s, or the driver takes 2 s."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock, 0.001)
        self._clock, self._reads = clock, 0
        self.continued_s = -math.inf

    def read(self) -> list[int | Reading | None]:
        self._reads += 1
        if self._reads == 10:
            self._clock.advance(self._clock.now() + 2.0)
            self.continued_s = self._clock.now()
        return super().read()


@pytest.mark.parametrize("burst", [True, False])
@pytest.mark.parametrize("by_signal", [True, False])
def test_a_stop_in_the_middle_of_a_read_is_a_pause(burst: bool, by_signal: bool) -> None:
    """And no reading is kept whose time is not known; without a SIGCONT the driver was slow."""
    clock, kept = VirtualClock(100.0), Kept()
    collector = Stopped(clock)
    schedule = Schedule(100.0, 0.083, 1000.0, burst)
    orders = Orders(clock, [(100.0, Order(1, 5, schedule)), (105.0, Order(2, 5))], 0.0)
    continued_s = (lambda: collector.continued_s) if by_signal else (lambda: -math.inf)
    polling = Polling(
        collector, 1, clock.now, kept, lambda pid: None, lambda: 0.0, continued_s=continued_s
    )
    with pytest.raises(EOFError):
        polling.serve(orders)
    pauses = [tick for tick in kept.ticks if tick.pause is not None]
    slow = sum(tick.slow for tick in kept.ticks)
    if not by_signal:
        assert not pauses
        assert burst or slow >= 20
        return
    (tick,) = pauses
    assert tick.pause is not None
    assert 2.0 <= tick.pause.end_s - tick.pause.start_s <= 2.1
    assert tick.readings[0].t_s >= tick.pause.end_s - 0.01
    assert slow == 0


class StoppedAt:
    """A clock at whose look of one number, counted from 1, the process is stopped for 2 s."""

    def __init__(self, number: int) -> None:
        self.clock = VirtualClock(100.0)
        self._left = number
        self.stop_s = self.continued_s = -math.inf

    def now(self) -> float:
        self._left -= 1
        if self._left == 0:
            self.stop_s = self.clock.now()
            self.clock.advance(self.stop_s + 2.0)
            self.continued_s = self.clock.now()
        return self.clock.now()

    def core_wait_s(self) -> float:
        self.now()
        return 0.0


def stopped_at(number: int, orders: list[tuple[float, Order]]) -> tuple[StoppedAt, list[Tick], int]:
    """The clock, the polls, and the slow polls of the answers."""
    clock, kept = StoppedAt(number), Kept()
    line = Orders(clock.clock, orders, 0.0)
    polling = Polling(
        Slow(clock.clock, 0.001),
        1,
        clock.now,
        kept,
        lambda pid: None,
        clock.core_wait_s,
        lambda: clock.continued_s,
    )
    with pytest.raises(EOFError):
        polling.serve(line)
    return clock, kept.ticks, sum(answer.slow for answer in line.answers)


def assert_one_pause(clock: StoppedAt, ticks: list[Tick], slow: int) -> None:
    (tick,) = [tick for tick in ticks if tick.pause is not None]
    assert tick.pause is not None
    assert tick.pause.start_s <= clock.stop_s
    assert clock.continued_s <= tick.pause.end_s <= tick.readings[0].t_s
    assert sum(tick.missed + tick.slow for tick in ticks) == slow == 0


@pytest.mark.parametrize("burst", [True, False])
@pytest.mark.parametrize("number", range(3, 60))
def test_a_stop_at_any_moment_is_a_pause(burst: bool, number: int) -> None:
    """Between any two steps of the process: neither missed nor slow polls, and one pause."""
    schedule = Schedule(100.0, 0.083, 1000.0, burst)
    clock, ticks, slow = stopped_at(number, [(100.0, Order(1, 5, schedule)), (105.0, Order(2, 5))])
    assert 100.0 <= clock.stop_s < clock.continued_s < 105.0
    assert_one_pause(clock, ticks, slow)
    assert max(tick.pause.end_s - tick.pause.start_s for tick in ticks if tick.pause) <= 2.1


@pytest.mark.parametrize("rests", [True, False])
@pytest.mark.parametrize("number", range(3, 60))
def test_a_stop_between_two_schedules_is_a_pause(rests: bool, number: int) -> None:
    """The fast polls at the start of a window are over, and the next order has not come yet, or
    the process rests: no poll is due that could be late.
    """
    fast, usual = Schedule(100.0, 0.05, 100.3, True), Schedule(100.0, 0.1, 1000.0, False)
    rest = [(100.4, Order(2, 5))] if rests else []
    orders = [(100.0, Order(1, 5, fast)), *rest, (100.5, Order(3, 5, usual)), (105.0, Order(4, 5))]
    assert_one_pause(*stopped_at(number, orders))
