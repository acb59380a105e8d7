"""The worker process that holds a workload, the device that the worker sees, and the two pipes to
the worker.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol

from energybench.errors import BadInput, DoesNotFit, NotHere
from energybench.measuring.compile_cache import compile_cache
from energybench.measuring.signals import Signals, wait
from energybench.measuring.spawning import spawn, wait_for
from energybench.units import counted, whole_number

_END_PATIENCE_S = 5.0  # for a worker that is asked to end
_NO_ANSWER_S = 0.05  # longest wait at a time for a worker that has ended

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
            f"CUDA_VISIBLE_DEVICES shows {counted(len(listed), 'device')}",
            "name one of those",
        )
    return "cuda:0", {**order, "CUDA_VISIBLE_DEVICES": listed[number]}


def _cuda_number(device: str) -> int:
    """3 for 'cuda:3', 0 for 'cuda'. Raises BadInput."""
    kind, colon, number = device.partition(":")
    if kind != "cuda" or (colon and whole_number(number) is None):
        raise BadInput(f"--device {device}", "is not a device", "cpu, cuda, cuda:N or node")
    return int(number or 0)


class Link(Protocol):
    """A bench's connection to the process of the workload."""

    @property
    def pid(self) -> int: ...

    def wait(self, seconds: float, fds: tuple[int, ...] = ()) -> None: ...

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
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (commands_read, events_write):
            os.set_inheritable(fd, True)
        self._process = spawn(
            command,
            signals.mask,
            environment={**os.environ, **compile_cache(os.environ), **environment},
            streams={0: null, 1: _stderr(null)},
            # Ctrl-C is not to reach the worker: we end the worker ourselves, and a worker ended by
            # a signal would look like a failure of the work
            process_group=True,
        )
        os.close(null)
        os.close(commands_read)
        os.close(events_write)
        self._commands = os.fdopen(commands_write, "w", encoding="utf-8", buffering=1)
        self._events_fd, self._signals = events_read, signals
        self._buffer = b""
        self._ended = False

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._ended or self._process.done()

    @property
    def interrupted(self) -> bool:
        """Whether a signal has come: no answer is waited for after a signal."""
        return self._signals.received is not None

    def wait(self, seconds: float, fds: tuple[int, ...] = ()) -> None:
        """Wait for some seconds, or until the worker answers, a signal has come, or one of the file
        descriptors can be read.
        """
        if self._ended or self._signals.received is not None:
            # no answer will come
            wait(min(seconds, _NO_ANSWER_S), self._signals, fds)
        else:
            self._read(seconds, (self._signals.fileno(), *fds))
            self._signals.poll()

    def _read(self, seconds: float, fds: tuple[int, ...] = ()) -> None:
        """Read from the worker, waiting for at most some seconds."""
        if self._events_fd in wait_for((self._events_fd, *fds), seconds):
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
            self._signals.poll()  # the signal that ended the worker may have reached us as well
            if self._signals.received is not None:
                raise Interrupted
            code = self._process.reap() or 0
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
            self._process.send_signal(signal.SIGTERM)
        if self._process.reap(_END_PATIENCE_S) is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.reap(_END_PATIENCE_S)  # a worker that hangs in a driver is left alone
        # processes started and not ended by the worker (ranks, compilers): nothing goes on
        # computing after a run
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        os.close(self._events_fd)


def _stderr(null: int) -> int:
    """File descriptor of the person's stderr; `null` if stderr is closed."""
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return null
