"""A worker for many cells: the worker imports libraries once and holds the variants of a cell side
by side, in slots.

A worker that dies costs only the variant that was running. The next variant finds a new worker, set
up again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from energybench.errors import BadInput, DoesNotFit
from energybench.measuring.child import Child, Interrupted, WorkFailed
from energybench.measuring.signals import Signals

_WAIT_S = 0.5


class SharedWorker:
    """The worker process, started at the first command and again after a death."""

    def __init__(self, environment: Mapping[str, str], signals: Signals) -> None:
        self._environment, self._signals = environment, signals
        self._child: Child | None = None
        self._kills = 0
        self.generation = 0

    def __enter__(self) -> SharedWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def child(self) -> Child:
        if self._child is not None and self._child.ended:
            self.close()
        if self._child is None:
            self._child = Child(self._environment, self._signals)
            self._kills = oom_kills()
            self.generation += 1
        return self._child

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and wait for the reply, without measuring. Raises as `Child.answer`."""
        child = self.child()
        child.send(**command)
        while not child.answered():
            child.wait(_WAIT_S)
        return self.answer()

    def answer(self, late_s: float = 0.0) -> dict[str, Any]:
        """The reply.

        Raises as `Child.answer`, and DoesNotFit if the worker died while the kernel killed a
        process for want of memory.
        """
        try:
            return (self._child or self.child()).answer(late_s)
        except WorkFailed as error:
            if self._child is not None and self._child.ended and oom_kills() > self._kills:
                raise DoesNotFit(
                    "worker", "was killed for want of memory", "a smaller problem"
                ) from error
            raise

    def close(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


class Slot:
    """A variant's place in the shared worker; answers like a separate worker."""

    def __init__(self, shared: SharedWorker, number: int) -> None:
        self._shared, self._number = shared, number
        self._child = shared.child()
        self._generation = shared.generation
        self._setup: dict[str, Any] | None = None

    @property
    def pid(self) -> int:
        return self._child.pid

    def wait(self, seconds: float, fds: tuple[int, ...] = ()) -> None:
        self._child.wait(seconds, fds)

    def answered(self) -> bool:
        return self._child.answered()

    def send(self, **command: Any) -> None:
        if command["do"] == "setup":
            self._setup = command
        self._child = self._shared.child()
        if self._generation != self._shared.generation:
            self._generation = self._shared.generation
            if self._setup is not None and command["do"] != "setup":
                self._shared.ask(slot=self._number, **self._setup)
        self._child.send(slot=self._number, **command)

    def answer(self, late_s: float = 0.0) -> dict[str, Any]:
        return self._shared.answer(late_s)

    def close(self) -> None:
        """Give the slot's memory back; the worker lives on."""
        if (
            self._generation != self._shared.generation
            or self._child.ended
            or self._child.interrupted
        ):
            return
        try:
            self._shared.ask(do="release", slot=self._number)
        except (WorkFailed, BadInput, Interrupted):
            pass  # after a death or a signal no memory can be given back


def oom_kills() -> int:
    """Processes killed for want of memory since boot (proc_vmstat(5)); 0 if the kernel does not
    count.
    """
    try:
        lines = Path("/proc/vmstat").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
