"""The process of an isolated collector: loads the plugin, opens the sensors, and answers reads and
looks until the measuring side closes the connection.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any, NamedTuple

from energybench.errors import BadInput
from energybench.measuring.clock import MonotonicClock
from energybench.measuring.moments import CoreWait
from energybench.measuring.plugin_doubts import catalogued
from energybench.measuring.polling import Line, Polling
from energybench.measuring.tick_pipe import TickSender
from energybench.plugins import (
    Collector,
    Context,
    DescribesHost,
    ListsProcesses,
    Reading,
    Unavailable,
    Watches,
)
from energybench.registry import load

_FOREVER_S = 1e6
# Reads before the run, for the duration of a read; one is enough for a slow sensor.
_TRIALS, _SLOW_S = 3, 0.02


# The message to a collector of last resort that no other sensor covers the CPU.
OPEN = "open"


class Task(NamedTuple):
    """What the process is to do.

    name               of the collector
    points             the entry points of all collectors
    context            in which the sensors are opened
    opens_last_resort  False: a collector of last resort waits for the message OPEN
    """

    name: str
    points: Mapping[str, EntryPoint]
    context: Context
    opens_last_resort: bool


def serve(task: Task, reads: Line, looks: Line, ticks_fd: int) -> None:
    """Answer and poll until the connection is closed."""
    name = task.name
    try:
        collector: Collector = load("collectors", name, task.points)
    except BadInput as error:
        reads.send({"broken": str(error)})
        return
    last_resort = bool(getattr(collector, "last_resort", False))
    reads.send(
        {
            "last_resort": last_resort,
            "components": tuple(getattr(collector, "components", ())),
            "watches": isinstance(collector, Watches),
            "lists": isinstance(collector, ListsProcesses),
        }
    )
    if last_resort and not task.opens_last_resort:
        message = reads.receive(_FOREVER_S)
        assert message == OPEN
    work = _Work()
    context = task.context._replace(work_pid=work, clock=MonotonicClock())
    answer = _open(name, collector, context)
    reads.send(answer)
    if "channels" not in answer:
        return
    threading.Thread(target=_answer_looks, args=(collector, looks), daemon=True).start()
    count = len(answer["channels"])
    ticks = TickSender(ticks_fd, count)
    core, stops = CoreWait(), _Stops()
    told = work.become
    Polling(
        collector, count, context.clock.now, ticks, told, core.total_s, stops.continued_s
    ).serve(reads)


class _Stops:
    """When this process went on after a stop (SIGSTOP, Ctrl-Z)."""

    def __init__(self) -> None:
        self._continued_s = -math.inf
        signal.signal(signal.SIGCONT, self._continue)
        signal.siginterrupt(signal.SIGCONT, False)  # a driver's call goes on
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCONT})

    def _continue(self, *_: object) -> None:
        self._continued_s = time.monotonic()

    def continued_s(self) -> float:
        return self._continued_s


class _Work:
    """Process number of the measured work, as the measuring side last stated it."""

    pid: int | None = None

    def __call__(self) -> int | None:
        return self.pid

    def become(self, pid: int | None) -> None:
        self.pid = pid


def _open(name: str, collector: Collector, context: Context) -> dict[str, Any]:
    """The channels; or the reason why the collector does not work here; or a line about the
    failure. What the collector knows about the host is told in any case.
    """
    try:
        channels = tuple(collector.open(context))
        answer: dict[str, Any] = {"channels": channels, "read_s": _read_s(collector, context)}
    except Unavailable as why:
        answer = {"absent": (why.reason, why.remedy)}
    except Exception as error:
        return {
            "broken": f"collector {name!r}: open failed: {type(error).__name__}: "
            f"{' '.join(str(error).split())}"
        }
    if isinstance(collector, DescribesHost):
        try:
            answer["gpus"] = tuple(collector.gpus())
            answer["doubts"] = tuple(catalogued(collector.doubts(), "sensor-note"))
        except Exception as error:
            return {"broken": f"collector {name!r}: {type(error).__name__}: {error}"}
    return answer


def _read_s(collector: Collector, context: Context) -> float:
    """Shortest duration of a read, s, over the number of times that the collector states for its
    values: the time to which a value is known.
    """
    durations_s: list[float] = []
    while len(durations_s) < _TRIALS and (not durations_s or min(durations_s) < _SLOW_S):
        before_s = context.clock.now()
        try:
            values = collector.read()
        except Exception:
            return 0.0  # counted as failed reads during the run
        times_s = {value.t_s for value in values if isinstance(value, Reading)}
        durations_s.append((context.clock.now() - before_s) / max(len(times_s), 1))
    return min(durations_s)


def _answer_looks(collector: Any, looks: Line) -> None:
    """Answer questions about the state of the devices, beside the reads."""
    answers: dict[str, Callable[[], Sequence[Any]]] = {
        "conditions": lambda: collector.conditions(),
        "processes": lambda: collector.processes(),
    }
    while True:
        question = str(looks.receive(_FOREVER_S))
        try:
            looks.send(tuple(answers[question]()))
        except Exception:  # a faulty plugin costs an answer, not the run
            looks.send(())
