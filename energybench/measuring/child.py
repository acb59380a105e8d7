"""The worker process that holds a workload, the device it is shown, and the two pipes to it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol

from energybench.errors import BadInput, DoesNotFit, NotHere
from energybench.measuring.signals import Signals

_KINDS: dict[str, type[BadInput]] = {kind.__name__: kind for kind in (DoesNotFit, NotHere)}


class Interrupted(Exception):
    """A signal ended the run before it was done."""


class WorkFailed(Exception):
    """The workload itself failed; one line that says how."""


def devices(device: str, environment: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The worker's device and the environment that shows it just that: ('cuda:0',
    {'CUDA_VISIBLE_DEVICES': …}).

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
    listed = (
        [entry.strip() for entry in visible.split(",") if entry.strip()]
        if visible is not None
        else None
    )
    chosen = int(index or 0)
    if listed is None:
        return "cuda:0", {**order, "CUDA_VISIBLE_DEVICES": str(chosen)}
    if chosen >= len(listed):
        raise BadInput(
            f"--device {device}",
            f"CUDA_VISIBLE_DEVICES shows {len(listed)} device(s)",
            "name one of those",
        )
    return "cuda:0", {**order, "CUDA_VISIBLE_DEVICES": listed[chosen]}


class Link(Protocol):
    """How a bench speaks with whatever runs its workload."""

    @property
    def pid(self) -> int: ...

    def wait(self, seconds: float) -> None: ...

    def answered(self) -> bool: ...

    def send(self, **command: Any) -> None: ...

    def answer(self, late_s: float = 0.0) -> dict[str, Any]: ...

    def close(self) -> None: ...


class Child:
    """The worker process and the two pipes to it."""

    def __init__(self, environment: Mapping[str, str], signals: Signals) -> None:
        commands_read, commands_write = os.pipe()
        events_read, events_write = os.pipe()
        command = [
            sys.executable,
            "-m",
            "energybench.measuring.worker",
            str(commands_read),
            str(events_write),
        ]
        with signals.open_for_child():
            self._process = subprocess.Popen(
                command,
                stdout=sys.stderr.fileno(),
                stdin=subprocess.DEVNULL,
                pass_fds=(commands_read, events_write),
                env={**os.environ, **environment},
                # a Ctrl-C is ours to take: the worker is ended by us, and its end is not the work's
                # failure
                process_group=0,
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

    @property
    def ended(self) -> bool:
        return self._ended or self._process.poll() is not None

    @property
    def interrupted(self) -> bool:
        """Whether a signal has come: what is answered after it is not waited for."""
        return self._signals.received is not None

    def wait(self, seconds: float) -> None:
        """Wait so long, or until the worker says something or a signal has come."""
        self._signals.poll()
        if self._ended or self._signals.received is not None:
            time.sleep(
                max(0.0, min(seconds, 0.05))
            )  # nothing more will come: wait for the time alone
        else:
            self._read(seconds)

    def _read(self, seconds: float) -> None:
        """What the worker says within so long."""
        if self._poll.poll(max(0.0, seconds * 1000)):
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

    def answer(self, late_s: float = 0.0) -> dict[str, Any]:
        """The worker's reply.

        Raises Interrupted, WorkFailed, or BadInput as the worker met it. `late_s`: how long it is
        waited for after a signal.
        """
        until = time.monotonic() + late_s
        while (
            b"\n" not in self._held and not self._ended and (left := until - time.monotonic()) > 0
        ):
            self._read(left)
        if b"\n" not in self._held:
            if self._signals.received is not None:
                raise Interrupted
            code = self._process.wait()
            raise WorkFailed(
                f"the worker ended by signal {-code}"
                if code < 0
                else f"the worker ended with exit code {code}"
            )
        line, _, self._held = self._held.partition(b"\n")
        reply: dict[str, Any] = json.loads(line)
        if "bad" in reply:
            raise _KINDS.get(reply.get("kind", ""), BadInput)(*reply["bad"])
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
        with contextlib.suppress(ProcessLookupError):
            os.killpg(
                self._process.pid,
                signal.SIGKILL,
                # what it had begun (ranks, compilers) and did not end: nothing goes on computing
                # after a run
            )
        os.close(self._events_fd)
