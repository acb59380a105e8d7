"""The worker process that holds a workload, the device that the worker sees, and the two pipes to
the worker.
"""

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
from energybench.measuring.compile_cache import compile_cache
from energybench.measuring.signals import Signals

_KINDS: dict[str, type[BadInput]] = {kind.__name__: kind for kind in (DoesNotFit, NotHere)}


class Interrupted(Exception):
    """A signal ended the run early."""


class WorkFailed(Exception):
    """The workload failed; the message is a single line."""


def devices(device: str, environment: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The worker's device, and the environment in which the worker sees only this device:
    ('cuda:0', {'CUDA_VISIBLE_DEVICES': …}).

    Raises BadInput for an unknown device.
    """
    if device == "cpu":
        return device, {"CUDA_VISIBLE_DEVICES": ""}
    order = {"CUDA_DEVICE_ORDER": environment.get("CUDA_DEVICE_ORDER", "PCI_BUS_ID")}
    if device == "node":
        return device, order
    number = _cuda_number(device)
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return "cuda:0", {**order, "CUDA_VISIBLE_DEVICES": str(number)}
    listed = [entry.strip() for entry in visible.split(",") if entry.strip()]
    if number >= len(listed):
        raise BadInput(
            f"--device {device}",
            f"CUDA_VISIBLE_DEVICES shows {len(listed)} device(s)",
            "name one of those",
        )
    return "cuda:0", {**order, "CUDA_VISIBLE_DEVICES": listed[number]}


def _cuda_number(device: str) -> int:
    """3 for 'cuda:3', 0 for 'cuda'. Raises BadInput."""
    kind, colon, number = device.partition(":")
    if kind != "cuda" or (colon and not number.isdecimal()):
        raise BadInput(f"--device {device}", "is not a device", "cpu, cuda, cuda:N or node")
    return int(number or 0)


class Link(Protocol):
    """A bench's connection to the process of the workload."""

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
                env={**os.environ, **compile_cache(os.environ), **environment},
                # Ctrl-C is not to reach the worker: we end the worker ourselves, and a worker ended
                # by a signal would look like a failure of the work
                process_group=0,
            )
        os.close(commands_read)
        os.close(events_write)
        self._commands = os.fdopen(commands_write, "w", encoding="utf-8", buffering=1)
        self._events_fd, self._signals = events_read, signals
        self._buffer = b""
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
        """Whether a signal has come: no answer is waited for after a signal."""
        return self._signals.received is not None

    def wait(self, seconds: float) -> None:
        """Wait for some seconds, or until the worker answers or a signal has come."""
        self._signals.poll()
        if self._ended or self._signals.received is not None:
            # no answer will come: only the time is waited for
            time.sleep(max(0.0, min(seconds, 0.05)))
        else:
            self._read(seconds)

    def _read(self, seconds: float) -> None:
        """Read from the worker, waiting for at most some seconds."""
        if self._poll.poll(max(0.0, seconds * 1000)):
            chunk = os.read(self._events_fd, 65536)
            self._ended = not chunk
            self._buffer += chunk

    def answered(self) -> bool:
        return self._ended or b"\n" in self._buffer or self._signals.received is not None

    def send(self, **command: Any) -> None:
        try:
            self._commands.write(json.dumps(command) + "\n")
        except BrokenPipeError:
            self._ended = True

    def answer(self, late_s: float = 0.0) -> dict[str, Any]:
        """The worker's reply.

        Raises Interrupted, WorkFailed, or the worker's BadInput. `late_s`: how long
        to wait for the reply after a signal.
        """
        until = time.monotonic() + late_s
        while (
            b"\n" not in self._buffer and not self._ended and (left := until - time.monotonic()) > 0
        ):
            self._read(left)
        if b"\n" not in self._buffer:
            if self._signals.received is not None:
                raise Interrupted
            code = self._process.wait()
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            raise WorkFailed(f"the worker ended {how}")
        line, _, self._buffer = self._buffer.partition(b"\n")
        reply: dict[str, Any] = json.loads(line)
        if "bad" in reply:
            raise _KINDS.get(reply.get("kind", ""), BadInput)(*reply["bad"])
        if "failed" in reply:
            raise WorkFailed(reply["failed"])
        return reply

    def close(self) -> None:
        """End the worker by closing the command pipe; if the process does not end, by a signal."""
        try:
            self._commands.close()
        except BrokenPipeError:
            pass
        if self._signals.received is not None or self._buffer:
            self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        # processes started and not ended by the worker (ranks, compilers): nothing goes on
        # computing after a run
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        os.close(self._events_fd)
