"""`run`: a workload in a child of its own; idle, warm-up, repeats until the scatter is small
enough, a check after each, idle again.
"""

from __future__ import annotations

import math
import os
import select
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import msgspec

from energybench.analysis.measurement.doubts import beyond
from energybench.analysis.uncertainty.repeats import relative_half_width, wants_more
from energybench.errors import BadInput
from energybench.measuring.child import Child, Interrupted, Link, WorkFailed, devices
from energybench.measuring.clock import MonotonicClock
from energybench.measuring.plan import Plan, Progress, Request
from energybench.measuring.session import Session
from energybench.measuring.signals import Signals
from energybench.measuring.warming import times_for, warm_up
from energybench.model import (
    Measurement,
    Memory,
    Verification,
    Window,
    Work,
    WorkloadRef,
    WorkRecord,
)

__all__ = ["Bench", "Interrupted", "Outcome", "WorkFailed", "devices", "run_workload"]


# a repeat that stands in its checkpoint is checked and stated even after a signal, if it takes no
# longer: batch systems kill after 30 s or more
_SAVED_S = 20.0
# times at most that the first repeat is begun anew: work that is still faster then will not keep to
# any length
_LENGTHENED = 5


class Outcome(NamedTuple):
    directory: Path
    measurement: Measurement
    code: int  # 0, 1 where the work or its check failed, 128 + N after signal N


class Bench:
    """One workload on its bench: a session that measures, a worker that runs, and how far they are."""

    def __init__(
        self,
        plan: Plan,
        request: Request,
        signals: Signals,
        progress: Progress,
        link: Callable[[], Link] | None = None,
    ) -> None:
        self._device, self._environment = devices(request.device, os.environ)
        plan = plan._replace(
            visible_devices=self._environment.get(
                "CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES")
            ),
            device_order=self._environment.get("CUDA_DEVICE_ORDER"),
        )
        self.request, self.signals, self.progress = request, signals, progress
        self.name = f"{request.workload} {request.size} on {request.device}"
        self._stack = ExitStack()
        self._child: Link | None = None
        self._start = link or (
            lambda: Child(self._environment, signals)
        )  # a worker of its own, unless it is given a place in another
        self._times = 1
        self.checkpoint: str | None = (
            None  # the file that the runs go on in: a repeat is then one of them
        )
        self.finished = False  # no next run
        self._shortest_s = math.inf  # of the repeats
        self._opened_s: float | None = None  # when the repeat that is on began,
        self._stopped_s: float | None = None  # and when the worker was ended
        self.complete, self.code = 0, 0
        self._worked = 0  # repeats whose work is known: the last may lack its check
        self.session = Session(
            plan,
            MonotonicClock(),
            self._wait,
            lambda: self._child.pid if self._child else None,
            progress,
        )

    def __enter__(self) -> Bench:
        self._stack.enter_context(self.session)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._stack.close()

    def _wait(self, until_s: float) -> None:
        seconds = until_s - self.session.clock.now()
        if self._child is not None:
            self._child.wait(seconds)
        else:
            self.signals.poll()
            select.poll().poll(max(0.0, min(seconds, 0.1) * 1000))

    def interrupted(self) -> bool:
        return self.signals.received is not None

    def prepare(self) -> None:
        """Set up and warm up. Raises BadInput, WorkFailed, Interrupted."""
        self.set_up()
        self.warm_up()

    def set_up(self) -> None:
        """Start the worker and make its problem. Raises as `prepare`."""
        request, session = self.request, self.session
        self._child = self._start()
        self.progress(f"{self.name}: set-up", None)
        try:
            ready = self._ask(
                do="setup",
                workload=request.workload,
                size=request.size,
                device=self._device,
                settings=dict(request.settings),
            )
        except BadInput as error:
            raise request.as_typed(error) from None
        self.checkpoint = ready["checkpoint"]
        self._regions(ready, None)
        goes_on = (
            {"checkpoint": Path(self.checkpoint).name} if self.checkpoint else {}
        )  # a run that is recovered must know it
        session.writer.workload(
            WorkloadRef(
                name=request.workload,
                size=request.size,
                device=request.device,
                settings={**goes_on, **ready["ready"]},
            )
        )

    def warm_up(self) -> None:
        """Run until the power has settled, and find how many runs a repeat takes.

        Raises as `prepare`.
        """
        self.progress(f"{self.name}: warm-up", None)
        times = warm_up(
            self.session, self.request, lambda times: self._ask(do="rehearse", times=times)
        )
        self._times = 1 if self.checkpoint else times

    def repeat(self, of: int | None, block: int | None = None) -> None:
        """One repeat with its edges, its work and its check.

        `of`: how many there will be, where that is fixed. Raises as `prepare`.
        """
        number, session = self.complete, self.session
        self.progress(
            f"{self.name}: repeat {number + 1}" + (f" of {of}" if of else ""),
            number / (of or self.request.max_repeats),
        )
        ran = self._work(number if block is None else block, of)
        begun_anew = _LENGTHENED if number == 0 and not self.checkpoint else 0
        for _ in range(
            begun_anew
            # later ones keep the first one's amount of work: their scatter is to be that of one
            # quantity
        ):
            if _length_s(ran) >= self.request.min_window_s:
                break
            session.region(
                "warm-up", ran["start_s"], ran["end_s"]
            )  # faster than what was taken for its length: one more part of the warm-up
            self._times = max(
                self._times + 1, times_for(self.request.min_window_s, _length_s(ran) / self._times)
            )
            ran = self._work(number if block is None else block, of)
        session.close_repeat(number, ran["start_s"], ran["end_s"], block)
        self._opened_s = None
        self.finished = ran["finished"]
        self._shortest_s = min(self._shortest_s, _length_s(ran))
        session.writer.work(msgspec.convert(ran["work"], Work))
        self._worked += 1
        self._regions(ran, number)
        reply = self._ask(_SAVED_S if self.checkpoint else 0.0, do="verify")
        checks = tuple(msgspec.convert(check, Verification) for check in reply["checks"])
        session.writer.verification(checks)
        if reply.get("record") is not None:
            session.writer.record(msgspec.convert(reply["record"], WorkRecord))
        self.complete += 1
        self.code = self.code if all(check.passed for check in checks) else 1

    def _work(self, place: int, of: int | None) -> dict[str, Any]:
        """The work of the repeat that comes next, up to its closing edge."""
        session, child = self.session, self._running()
        session.approach(place, of)
        self._opened_s = session.open_repeat(self.complete)
        child.send(do="run", times=self._times)
        session.sampler.burst(session.sampler.edge_s, child.answered)
        session.sampler.base(child.answered)
        return child.answer()

    def ended(self) -> bool:
        """Whether another repeat is not to be had, though it is wanted."""
        if self.finished:
            message = (
                f"its checkpoint holds all that was asked for after {self.complete} repeat(s); "
                "more were wanted, for a narrower interval"
            )
            self.session.doubt("finished", message, "shorter runs, such as fewer steps")
        return self.finished

    def memory(self) -> Memory | None:
        """What memory a step takes, outside every repeat; None where the workload does not count
        it. Raises as `prepare`.
        """
        reply = self._ask(do="memory")
        return msgspec.convert(reply["memory"], Memory) if reply["memory"] is not None else None

    def stop(self) -> None:
        """End the worker."""
        if self._child is not None:
            self._stopped_s = self.session.clock.now()
            self._child.close()
            self._child = None

    def failed(self, error: WorkFailed | BadInput) -> None:
        """Keep the repeats before a failure."""
        self.session.doubt(
            "work-failed",
            f"repeat {self.complete + 1} failed: {error}",
            "mend the workload; the repeats before it stand",
        )
        if self.checkpoint and self._worked > self.complete:
            self.session.doubt(
                "checkpoint-beyond",
                beyond(self.checkpoint),
                f"the same command again: it goes on from {Path(self.checkpoint).name}",
            )
        self.code = 1

    def cut_short(self) -> bool:
        """After a signal: keep what there is.

        A first repeat that it cut is kept where it was long enough to mean anything. False: there
        is nothing.
        """
        if self.signals.received is None or (self._worked == 0 and not self._cut()):
            return False
        name, unchecked = (
            self.signals.received.name,
            ", the last of them not checked" if self._worked > self.complete else "",
        )
        cut = "in the first repeat: this is the energy of a part of it, and of no known work"
        said = f"{name} came " + (
            f"after {self._worked} repeat(s){unchecked}" if self._worked else cut
        )
        if not self.checkpoint:
            self.session.doubt("interrupted", said, "repeat the run")
        else:
            behind = self._opened_s is not None or self._worked > self.complete
            said += f"; {beyond(self.checkpoint)}" * behind
            self.session.doubt(
                "interrupted",
                said,
                f"the same command again: it goes on from {Path(self.checkpoint).name}",
            )
        self.code = 128 + self.signals.received
        return True

    def _cut(self) -> bool:
        end = self._stopped_s or self.session.clock.now()
        if self._opened_s is None or end - self._opened_s < 2 * self.session.sampler.edge_s + 0.1:
            return False
        self.session.close_repeat(0, self._opened_s, end)
        return True

    def finish(self) -> Outcome:
        wanted_s, shortest_s = self.request.min_window_s, self._shortest_s
        if shortest_s < wanted_s:
            of = f"the shortest of {self.complete} repeats" if self.complete > 1 else "the repeat"
            why = (
                "with a checkpoint it is one run"
                if self.checkpoint
                else "the same work does not always take as long"
            )
            remedy = (
                "longer runs, such as more steps"
                if self.checkpoint
                else f"--min-window {_rounded_up(wanted_s**2 / shortest_s):g}, or a quieter machine"
            )
            self.session.doubt(
                "min-window-missed",
                f"{of} lasted {shortest_s:.3g} s, under the {wanted_s:g} s of --min-window: {why}",
                remedy,
            )
        directory, measurement = self.session.finish()
        return Outcome(directory, measurement, self.code)

    def _running(self) -> Link:
        if self._child is None:
            raise WorkFailed("the worker was not started")
        return self._child

    def _ask(self, late_s: float = 0.0, **command: Any) -> dict[str, Any]:
        """Send a command and sample at the base rate until it is answered; after a signal it may
        take so long.
        """
        child = self._running()
        child.send(**command)
        self.session.sampler.base(child.answered)
        return child.answer(late_s)

    def _regions(self, reply: Mapping[str, Any], repeat: int | None) -> None:
        for region in reply["regions"]:
            window = msgspec.convert(region, Window)
            self.session.region(window.label, window.start_s, window.end_s, repeat)


def run_workload(request: Request, plan: Plan, signals: Signals, progress: Progress) -> Outcome:
    """Run and measure a workload.

    Raises BadInput; WorkFailed where it failed before the first repeat was complete.
    """
    with Bench(plan, request, signals, progress) as bench:
        session = bench.session
        session.idle(bench.interrupted)
        try:
            bench.prepare()
            while (
                not bench.interrupted()
                and _go_on(session, request, bench.complete)
                and not bench.ended()
            ):
                bench.repeat(request.repeats)
        except (WorkFailed, BadInput) as error:
            if bench.complete == 0:
                session.writer.discard()
                raise
            bench.failed(error)
        except Interrupted:
            pass
        finally:
            bench.stop()
        session.idle_after(bench.interrupted)
        if signals.received is not None and not bench.cut_short():
            session.writer.discard()
            raise WorkFailed(nothing(signals.received.name, [bench.checkpoint]))
        return bench.finish()


def nothing(signal: str, checkpoints: Sequence[str | None]) -> str:
    """What is said where a signal came before anything was measured.

    A repeat saves before it is recorded: its steps may be in the file all the same.
    """
    saved = [Path(path).name for path in checkpoints if path is not None and Path(path).is_file()]
    may = (
        f"; steps of the repeat that it ended may be in {' and '.join(saved)}, and count in a "
        "training that goes on"
        if saved
        else ""
    )
    return f"{signal} came before the first repeat; nothing was measured{may}"


def _length_s(ran: Mapping[str, Any]) -> float:
    return max(float(ran["end_s"] - ran["start_s"]), 1e-6)


def _rounded_up(seconds: float) -> float:
    """To two significant digits."""
    step = 10.0 ** (math.floor(math.log10(seconds)) - 1)
    return math.ceil(seconds / step) * step


def _go_on(session: Session, request: Request, complete: int) -> bool:
    """Whether another repeat is wanted: the rule is on the scatter alone, which holds what a
    part-time sensor misses too.
    """
    if request.repeats is not None:
        return complete < request.repeats
    energies = session.energies() if complete else []
    if wants_more(energies, request.target_rel, request.max_repeats):
        return True
    reached = relative_half_width(energies)
    if reached is not None and reached > request.target_rel:
        message = (
            f"after {complete} repeats the scatter's half-width is {reached:.1%}, over the "
            f"{request.target_rel:.1%} asked for"
        )
        session.doubt("target-missed", message, "--max-repeats higher, or a quieter machine")
    return False
