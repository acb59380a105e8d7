"""One workload on its bench: the session that measures, the worker that runs, and the repeats so
far.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from energybench.analysis.measurement.workload_nodes import multiplied
from energybench.errors import BadInput
from energybench.measuring import bench_doubts
from energybench.measuring.bench_worker import BenchWorker
from energybench.measuring.child import Child, Link, WorkFailed, devices
from energybench.measuring.clock import MonotonicClock
from energybench.measuring.copies import refuse_copies
from energybench.measuring.peers import NoPeers, Peers
from energybench.measuring.plan import Plan, Progress, Request
from energybench.measuring.run_outcome import RunOutcome
from energybench.measuring.session import Session
from energybench.measuring.signals import Signals
from energybench.measuring.warming import times_for, warm_up
from energybench.measuring.windows import OpenWindow
from energybench.model import (
    DoubtCode,
    Memory,
    Verification,
    Window,
    Work,
    WorkloadRef,
    WorkRecord,
)
from energybench.registry import spans_nodes

# Longest wait after a signal, s, for the check of a repeat whose steps are saved in a checkpoint.
# Batch systems kill 30 s or more after the signal.
_CHECK_AFTER_SIGNAL_S = 20.0
# How often a first repeat that was too short is started again at most. Work that gets faster at
# every restart does not keep to any length.
_RESTARTS = 5
_SHORTEST_CUT_S = 0.1  # of an interrupted first repeat, beside the edges, to be worth keeping


class Bench:
    """A session and a worker that measure one workload.

    checkpoint  file in which the runs continue (a repeat is then a single run); None: no checkpoint
    finished    whether the checkpoint holds the complete work, and no further run is possible
    complete    number of repeats with a check
    code        present exit code: 0, 1 or 128 + N
    """

    def __init__(
        self,
        plan: Plan,
        request: Request,
        signals: Signals,
        progress: Progress,
        link: Callable[[], Link] | None = None,
        peers: Peers | None = None,
    ) -> None:
        """`link` starts the worker, or takes a slot in a shared worker; None: a worker for this
        bench alone. `peers`: the other nodes of the work; None: it runs on this node alone.

        Raises BadInput for one of several tasks of a launch, unless the request asks for copies.
        """
        if peers is None and not request.copies:
            refuse_copies(f"run {request.workload}", spans_nodes=spans_nodes(request.workload))
        self.peers = peers or NoPeers()
        self._device, environment = devices(request.device, os.environ)
        plan = replace(
            plan,
            visible_devices=environment.get(
                "CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES")
            ),
            device_order=environment.get("CUDA_DEVICE_ORDER"),
        )
        self.request, self.signals, self.progress = request, signals, progress
        self.name = f"{request.workload} {request.size} on {request.device}"
        self.checkpoint: str | None = None
        self.finished = False
        self.complete, self.code = 0, 0
        self._worked = 0  # repeats with known work; the last repeat may lack a check
        self._runs = 1  # of the workload in a repeat
        self._shortest_s = math.inf  # of the repeats
        self._stack = ExitStack()
        # a copy is not to look for the other tasks of the launch
        alone = {"RANK": "0", "WORLD_SIZE": "1"} if request.copies else {}
        environment = {**environment, **alone, **self.peers.environment()}
        clock = MonotonicClock()
        start = link or (lambda: self.peers.link(lambda: Child(environment, signals)))
        self._worker = BenchWorker(start, clock, signals)
        self.session = Session(
            plan,
            clock,
            self._wait,
            lambda: self._worker.pid,
            progress,
            counts_repeats=request.repeats is None,
            given_up=self.signals.ending,
        )

    def __enter__(self) -> Self:
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

    def _wait(self, until_s: float, fds: tuple[int, ...] = (), /) -> None:
        seconds = until_s - self.session.clock.now()
        self._worker.wait(seconds, (*fds, *self.peers.fds))

    def interrupted(self) -> bool:
        return self.signals.received is not None

    # ------------------------------------------------------------ before the repeats

    def prepare(self) -> None:
        """Set up and warm up. Raises BadInput, WorkFailed, Interrupted."""
        self.set_up()
        self.warm_up()

    def set_up(self) -> None:
        """Start the worker and set the workload up. Raises as `prepare`."""
        request = self.request
        self._worker.start()
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
        # a run recovered after a kill must know the checkpoint
        checkpoint = {"checkpoint": Path(self.checkpoint).name} if self.checkpoint else {}
        self.session.writer.workload(
            WorkloadRef(
                name=request.workload,
                size=request.size,
                device=request.device,
                settings={**checkpoint, **ready["ready"]},
            )
        )

    def warm_up(self) -> None:
        """Run until the power has settled, and find how many runs a repeat takes.

        Raises as `prepare`.
        """
        self.progress(f"{self.name}: warm-up", None)
        runs = warm_up(
            self.session, self.request, lambda runs: self._ask(do="rehearse", times=runs)
        )
        self._runs = 1 if self.checkpoint else runs

    def memory(self) -> Memory | None:
        """Memory of a step, counted outside the repeats; None: the workload does not count
        memory. Raises as `prepare`.
        """
        reply = self._ask(do="memory")
        return msgspec.convert(reply["memory"], Memory) if reply["memory"] is not None else None

    # ------------------------------------------------------------ a repeat

    def repeat(self, of: int | None, block: int | None = None) -> None:
        """Measure a repeat and check the result.

        `of`: number of repeats; None: not fixed. Raises as `prepare`.
        """
        number = self.complete
        suffix = f" of {of}" if of else ""
        share = number / (of or self.request.max_repeats)
        self.progress(f"{self.name}: repeat {number + 1}{suffix}", share)
        reply = self._measured(number, of, block)
        self._keep_work(reply, number)
        self._check()

    def _measured(self, number: int, of: int | None, block: int | None) -> dict[str, Any]:
        """Do the work in a new window; the worker's reply.

        A first repeat that ends too soon counts as warm-up and is replaced by a longer repeat.
        Later repeats keep the first repeat's amount of work, because the scatter is to be the
        scatter of a single quantity.
        """
        link = self._worker.link
        restarts = _RESTARTS if number == 0 and not self.checkpoint else 0
        while True:
            place = number if block is None else block
            self.peers.approach(number, of)
            with self.session.windows.repeat(number, place=place, of=of, block=block) as window:
                self._poll_fast(self.peers.ready)
                link.send(do="run", times=self._runs)
                window.sample(link.answered)
                reply = link.answer()
                duration_s = max(float(reply["end_s"] - reply["start_s"]), 1e-6)
                kept = restarts == 0 or duration_s >= self.request.min_window_s
                self.peers.keep(kept=kept)
                if kept:
                    window.end(reply["end_s"], reply["start_s"])
            if window.end_s is not None:
                self.session.sampler.base(lambda: self.peers.closed() or self.interrupted())
                self._shortest_s = min(self._shortest_s, duration_s)
                return reply
            restarts -= 1
            self.session.region("warm-up", reply["start_s"], reply["end_s"])
            runs = times_for(self.request.min_window_s, duration_s / self._runs)
            self._runs = max(self._runs + 1, runs)

    def _poll_fast(self, done: Callable[[], bool]) -> None:
        """Poll fast until something has come, or a signal."""
        sampler = self.session.sampler
        while not (done() or self.interrupted()):
            sampler.burst(sampler.edge_s, lambda: done() or self.interrupted())

    def _keep_work(self, reply: Mapping[str, Any], number: int) -> None:
        """Write down the work and the regions of a repeat."""
        self.finished = reply["finished"]
        work = multiplied(msgspec.convert(reply["work"], Work), 1 / self.peers.parts)
        self.session.writer.work(work)
        self._worked += 1
        self._regions(reply, number)

    def _check(self) -> None:
        """Have the worker check the repeat's result, and write the checks down."""
        reply = self._ask(_CHECK_AFTER_SIGNAL_S if self.checkpoint else 0.0, do="verify")
        checks = tuple(msgspec.convert(check, Verification) for check in reply["checks"])
        self.session.writer.verification(checks)
        if reply.get("record") is not None:
            self.session.writer.record(msgspec.convert(reply["record"], WorkRecord))
        self.complete += 1
        if not all(check.passed for check in checks):
            self.code = 1

    def repeats_j(self) -> Sequence[float]:
        """Energies of the finished repeats, J, or their durations, s, if no sensor measures."""
        return self.peers.of_all_nodes(self.session.repeats_j())

    def doubt(self, code: DoubtCode, message: str, remedy: str) -> None:
        self.session.doubt(code, message, remedy)

    def ended(self) -> bool:
        """Whether the workload has no work left for a further repeat."""
        if self.finished:
            bench_doubts.finished(self.session, self.complete)
        return self.finished

    # ------------------------------------------------------------ the end

    def stop(self) -> None:
        """End the worker."""
        self._worker.stop()

    def failed(self, error: WorkFailed | BadInput) -> None:
        """Keep the repeats before a failure."""
        bench_doubts.work_failed(self.session, error, self.complete)
        if self.checkpoint and self._worked > self.complete:
            bench_doubts.in_checkpoint(self.session, self.checkpoint)
        self.code = 1

    def cut_short(self) -> bool:
        """Keep the repeats before a signal, or the measured part of a first repeat if the part is
        long enough to mean anything. False: nothing can be kept.
        """
        if self.signals.received is None:
            return False
        # steps of a repeat still open may be in the checkpoint
        begun = self.session.windows.cut_off is not None
        if self._worked == 0 and not self._keep_cut_off():
            return False
        bench_doubts.interrupted(
            self.session,
            self.signals.received.name,
            worked=self._worked,
            complete=self.complete,
            checkpoint=self.checkpoint,
            begun=begun,
        )
        self.code = 128 + self.signals.received
        return True

    def _keep_cut_off(self) -> bool:
        """Close the interrupted repeat; False if the repeat is too short to keep."""
        end_s = self._worker.stopped_s or self.session.clock.now()
        window: OpenWindow | None = self.session.windows.cut_off
        shortest_s = 2 * self.session.sampler.edge_s + _SHORTEST_CUT_S
        if window is None or end_s - window.start_s < shortest_s:
            return False
        self.session.windows.close_cut_off(end_s)
        return True

    def finish(self) -> RunOutcome:
        """Analyse and write the run. Repeats that were too short are a doubt."""
        if self._shortest_s < self.request.min_window_s:
            bench_doubts.min_window_missed(
                self.session,
                self._shortest_s,
                self.request.min_window_s,
                complete=self.complete,
                checkpoint=self.checkpoint,
            )
        directory, measurement = self.session.finish()
        return RunOutcome(directory=directory, measurement=measurement, code=self.code)

    # ------------------------------------------------------------ the worker

    def _ask(self, late_s: float = 0.0, **command: Any) -> dict[str, Any]:
        """The worker's reply, see `BenchWorker.ask`."""
        return self._worker.ask(self.session.sampler, late_s, **command)

    def _regions(self, reply: Mapping[str, Any], repeat: int | None) -> None:
        for region in reply["regions"]:
            window = msgspec.convert(region, Window)
            self.session.region(window.label, window.start_s, window.end_s, repeat)
