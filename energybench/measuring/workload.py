"""`run`: a workload in a child of its own; idle phase, warm-up, repeats until the scatter is small enough, a check after each."""

from __future__ import annotations

import json
import math
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from energybench.analysis.stats import MIN_REPEATS, relative_half_width
from energybench.errors import BadInput
from energybench.measuring.clock import MonotonicClock
from energybench.measuring.plan import Plan, Progress, Request
from energybench.measuring.session import Session
from energybench.measuring.signals import Signals
from energybench.model import Measurement, Verification, Window, Work, WorkloadRef

WARM_UP_S = 1.0
LONG_RUN_S = 10.0  # a first run longer than this is warm-up enough; a shorter one is followed by a second


class Interrupted(Exception):
    """A signal ended the run before it was done."""


class WorkFailed(Exception):
    """The workload itself failed; one line that says how."""


class Outcome(NamedTuple):
    directory: Path
    measurement: Measurement
    code: int  # 0, 1 where the work or its check failed, 128 + N after signal N


def devices(device: str, environment: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The worker's device and the environment that shows it just that: ('cuda:0', {'CUDA_VISIBLE_DEVICES': …}).

    Raises BadInput for a device that is none.
    """
    order = {"CUDA_DEVICE_ORDER": environment.get("CUDA_DEVICE_ORDER", "PCI_BUS_ID")}
    if device == "cpu":
        return device, {"CUDA_VISIBLE_DEVICES": ""}
    if device == "node":
        return device, order
    kind, _, index = device.partition(":")
    if kind != "cuda" or (index and not index.isdigit()) or (":" in device and not index):
        raise BadInput(f"--device {device}", "is no device", "cpu, cuda, cuda:N or node")
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    listed = [entry.strip() for entry in visible.split(",") if entry.strip()] if visible is not None else None
    chosen = int(index or 0)
    if listed is None:
        return "cuda:0", {**order, "CUDA_VISIBLE_DEVICES": str(chosen)}
    if chosen >= len(listed):
        raise BadInput(f"--device {device}", f"CUDA_VISIBLE_DEVICES shows {len(listed)} device(s)", "name one of those")
    return "cuda:0", {**order, "CUDA_VISIBLE_DEVICES": listed[chosen]}


class Child:
    """The worker process and the two pipes to it."""

    def __init__(self, environment: Mapping[str, str], signals: Signals) -> None:
        commands_read, commands_write = os.pipe()
        events_read, events_write = os.pipe()
        command = [sys.executable, "-m", "energybench.measuring.worker", str(commands_read), str(events_write)]
        with signals.open_for_child():
            self._process = subprocess.Popen(
                command,
                stdout=sys.stderr.fileno(),
                stdin=subprocess.DEVNULL,
                pass_fds=(commands_read, events_write),
                env={**os.environ, **environment},
                process_group=0,  # a Ctrl-C is ours to take: the worker is ended by us, and its end is not the work's failure
            )
        os.close(commands_read)
        os.close(events_write)
        self._commands = os.fdopen(commands_write, "w", encoding="utf-8", buffering=1)
        self._events_fd, self._signals = events_read, signals
        self._held = b""
        self._ended = False
        self._poll = select.poll()
        self._poll.register(events_read, select.POLLIN | select.POLLHUP)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self, seconds: float) -> None:
        """Wait so long, or until the worker says something or a signal has come."""
        self._signals.poll()
        if self._ended or self._signals.received is not None:
            time.sleep(max(0.0, min(seconds, 0.05)))  # nothing more will come: wait for the time alone
        elif self._poll.poll(max(0.0, seconds * 1000)):
            chunk = os.read(self._events_fd, 65536)
            self._ended = not chunk
            self._held += chunk

    def answered(self) -> bool:
        return self._ended or b"\n" in self._held or self._signals.received is not None

    def send(self, **command: Any) -> None:
        try:
            self._commands.write(json.dumps(command) + "\n")
        except BrokenPipeError:
            self._ended = True

    def answer(self) -> dict[str, Any]:
        """The worker's reply. Raises Interrupted, WorkFailed, or BadInput as the worker met it."""
        if b"\n" not in self._held:
            if self._signals.received is not None:
                raise Interrupted
            code = self._process.wait()
            raise WorkFailed(f"the worker ended by signal {-code}" if code < 0 else f"the worker ended with exit code {code}")
        line, _, self._held = self._held.partition(b"\n")
        reply: dict[str, Any] = json.loads(line)
        if "bad" in reply:
            raise BadInput(*reply["bad"])
        if "failed" in reply:
            raise WorkFailed(reply["failed"])
        return reply

    def close(self) -> None:
        """End it: gently by closing its commands, else by a signal."""
        try:
            self._commands.close()
        except BrokenPipeError:
            pass
        if self._signals.received is not None or self._held:
            self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._events_fd)


def run_workload(request: Request, plan: Plan, signals: Signals, progress: Progress) -> Outcome:
    """Run and measure a workload. Raises BadInput; WorkFailed where it failed before the first repeat was complete."""
    device, environment = devices(request.device, os.environ)
    plan = plan._replace(
        visible_devices=environment.get("CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES")),
        device_order=environment.get("CUDA_DEVICE_ORDER"),
    )
    clock = MonotonicClock()
    child: Child | None = None

    def wait(until_s: float) -> None:
        seconds = until_s - clock.now()
        if child is not None:
            child.wait(seconds)
        else:
            signals.poll()
            select.poll().poll(max(0.0, min(seconds, 0.1) * 1000))

    with Session(plan, clock, wait, lambda: child.pid if child else None, progress) as session:
        session.idle(lambda: signals.received is not None)
        child = Child(environment, signals)
        code, complete, opened = 0, 0, None
        try:
            times = _prepare(session, child, request, device)
            while signals.received is None and _go_on(session, request, complete):
                progress(_say(request, complete), complete / (request.repeats or request.max_repeats))
                opened = session.clock.now()
                passed = _repeat(session, child, complete, times)
                opened, complete = None, complete + 1
                code = code if passed else 1
        except (WorkFailed, BadInput) as error:
            if complete == 0:
                session.writer.discard()
                raise
            session.doubt("work-failed", f"repeat {complete + 1} failed: {error}", "mend the workload; the repeats before it stand")
            code = 1
        except Interrupted:
            pass
        finally:
            child.close()
        if signals.received is not None:
            code = 128 + signals.received
            if complete == 0 and not (opened is not None and _cut(session, opened)):
                session.writer.discard()
                raise WorkFailed(f"{signals.received.name} came before the first repeat; nothing was measured")
            session.doubt("interrupted", f"{signals.received.name} came after {complete} complete repeat(s)", "repeat the run")
        directory, measurement = session.finish()
        return Outcome(directory, measurement, code)


def _ask(session: Session, child: Child, **command: Any) -> dict[str, Any]:
    """Send a command and sample at the base rate until it is answered."""
    child.send(**command)
    session.sampler.base(child.answered)
    return child.answer()


def _prepare(session: Session, child: Child, request: Request, device: str) -> int:
    """Set up and warm up; how many runs make one repeat."""
    session.progress(f"{request.workload} {request.size} on {request.device}: set-up", None)
    ready = _ask(session, child, do="setup", workload=request.workload, size=request.size, device=device, settings=dict(request.settings))
    _regions(session, ready, None)
    session.writer.workload(WorkloadRef(name=request.workload, size=request.size, device=request.device, settings=ready["ready"]))
    session.progress(f"{request.workload} {request.size} on {request.device}: warm-up", None)
    spent, shortest, runs = 0.0, math.inf, 0
    while spent < WARM_UP_S or (runs < 2 and spent < LONG_RUN_S):
        ran = _ask(session, child, do="run", times=1)
        session.region("warm-up", ran["start_s"], ran["end_s"])
        seconds = ran["end_s"] - ran["start_s"]
        spent, shortest, runs = spent + seconds, min(shortest, seconds), runs + 1
    return max(1, math.ceil(request.min_window_s / max(shortest, 1e-6)))


def _repeat(session: Session, child: Child, number: int, times: int) -> bool:
    """One repeat with its edges, its work and its check; whether the check passed."""
    session.sampler.burst(session.sampler.edge_s * (1 + (number * 0.618034) % 1 / 2))  # spreads starts over the sensor's phase (SC24)
    session.open_repeat(number)
    child.send(do="run", times=times)
    session.sampler.burst(session.sampler.edge_s, child.answered)
    session.sampler.base(child.answered)
    ran = child.answer()
    session.close_repeat(number, ran["start_s"], ran["end_s"])
    session.writer.work(msgspec.convert(ran["work"], Work))
    _regions(session, ran, number)
    checks = tuple(msgspec.convert(check, Verification) for check in _ask(session, child, do="verify")["checks"])
    session.writer.verification(checks)
    return all(check.passed for check in checks)


def _regions(session: Session, reply: Mapping[str, Any], repeat: int | None) -> None:
    for region in reply["regions"]:
        window = msgspec.convert(region, Window)
        session.region(window.label, window.start_s, window.end_s, repeat)


def _go_on(session: Session, request: Request, complete: int) -> bool:
    """Whether another repeat is wanted: the rule is on the scatter alone, and never stops before 8."""
    if request.repeats is not None:
        return complete < request.repeats
    if complete < MIN_REPEATS:
        return complete < max(request.max_repeats, 1)
    reached = relative_half_width(session.energies())
    if complete >= request.max_repeats:
        if reached is not None and reached > request.target_rel:
            message = f"after {complete} repeats the scatter's half-width is {reached:.1%}, over the {request.target_rel:.1%} asked for"
            session.doubt("target-missed", message, "--max-repeats higher, or a quieter machine")
        return False
    return reached is None or reached > request.target_rel


def _cut(session: Session, opened_s: float) -> bool:
    """Close a repeat that a signal cut short, where it was long enough to mean anything."""
    end = session.clock.now()
    if end - opened_s < 2 * session.sampler.edge_s + 0.1:
        return False
    session.close_repeat(0, opened_s, end)
    return True


def _say(request: Request, complete: int) -> str:
    of = f" of {request.repeats}" if request.repeats else ""
    return f"{request.workload} {request.size} on {request.device}: repeat {complete + 1}{of}"
