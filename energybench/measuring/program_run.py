"""The measuring side of a program's repeats: this node's session, or the readers of a job's
nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from energybench.measuring.moments import Moment
from energybench.measuring.sampler import Wait
from energybench.model import CutBy, DoubtCode, Measurement, Pause, Verification, Work, WorkRecord
from energybench.plugins import Clock


class ProgramWindow(Protocol):
    """The open window of a run of the program; `OpenWindow` implements this protocol."""

    cut: CutBy | None
    goes_on: Callable[[], bool] | None
    signal: str | None
    signal_after_s: float | None

    @property
    def start_s(self) -> float: ...

    def sample(self, done: Callable[[], bool]) -> None: ...

    def seen(self, start: Moment, end: Moment) -> None: ...


class ProgramRun(Protocol):
    """The measuring side of a program's repeats: a session on this node, or the readers of a job's
    nodes. The methods are `Session`'s.
    """

    def repeat(
        self, number: int, done: Callable[[], bool]
    ) -> AbstractContextManager[ProgramWindow]: ...

    def repeats_j(self) -> Sequence[float]:
        """Energies of the finished repeats, J, or their durations, s, if no sensor measures."""

    def idle(self, done: Callable[[], bool], /) -> None: ...

    def idle_after(self, done: Callable[[], bool], /) -> None: ...

    def check(self, checks: tuple[Verification, ...]) -> None: ...

    def work(self, work: Work, repeat: int) -> None: ...

    def record(self, record: WorkRecord) -> None: ...

    def pause(self, pause: Pause) -> None: ...

    def doubt(self, code: DoubtCode, message: str, remedy: str) -> None: ...

    def discard(self) -> None: ...

    def finish(self) -> tuple[Path, Measurement]: ...


class OpensRun(Protocol):
    """Opens the measuring side of a program's repeats.

    clock  of all times
    wait   waits until a time, or until something happens to the program
    pid    process number of the program; None: not running
    """

    def __call__(
        self, clock: Clock, wait: Wait, pid: Callable[[], int | None], /
    ) -> AbstractContextManager[ProgramRun]: ...
