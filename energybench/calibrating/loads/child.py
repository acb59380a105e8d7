"""The measuring side of a load: starts a child process, sends the on-phases, receives the phases as
taken.

The child prints one JSON line when ready ({"ready": words} or {"unavailable": [reason, remedy]}),
reads one line [[on_s, off_s], …], and prints {"taken": [[[on_s, off_s], …], …], "busy": share,
"edge_u_s": s} at the end: one list of phases for each core, or for the board.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from types import TracebackType
from typing import IO, Any, NamedTuple

from energybench.calibrating.loads.wave import Phase
from energybench.plugins import Unavailable

# starting a CUDA context on a node with many boards takes seconds, without persistence mode over
# ten
_READY_S = 60.0
_LATE_S = 15.0  # a load without an answer so long after its last phase hangs


class Taken(NamedTuple):
    """The load as it took place.

    phases: of every core, or of the board; more than were asked for if the load was interrupted.
    busy: share of the asked time in which the load had its device. edge_u_s: standard uncertainty
    of an edge.
    """

    phases: tuple[tuple[Phase, ...], ...]
    busy: float
    edge_u_s: float


class LoadChild:
    """A context manager. Entering raises Unavailable if the device cannot be driven."""

    def __init__(self, module: str, argument: str) -> None:
        self._argv = [sys.executable, "-m", f"energybench.calibrating.loads.{module}", argument]
        self._child: subprocess.Popen[bytes]
        self._errors: IO[bytes]
        self.words = ""

    def __enter__(self) -> LoadChild:
        self._errors = tempfile.TemporaryFile()
        self._child = subprocess.Popen(
            self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
        )
        try:
            answer = self._line(_READY_S)
            if "unavailable" in answer:
                raise Unavailable(*answer["unavailable"])
            self.words = answer["ready"]
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def drive(self, phases: Sequence[Phase]) -> None:
        """Send the on-phases to the child."""
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps(phases).encode() + b"\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            raise self._gone() from None

    def taken(self) -> Taken:
        """Wait for the load to end: the phases as taken. Raises Unavailable if the load failed."""
        answer = self._line(_LATE_S)
        if "unavailable" in answer:
            raise Unavailable(*answer["unavailable"])
        return Taken(
            tuple(
                tuple((float(on), float(off)) for on, off in phases) for phases in answer["taken"]
            ),
            float(answer["busy"]),
            float(answer["edge_u_s"]),
        )

    def _line(self, seconds: float) -> dict[str, Any]:
        assert self._child.stdout is not None
        if not select.select([self._child.stdout], [], [], seconds)[0]:
            raise Unavailable(
                f"the load gave no answer for {seconds:g} s",
                "check with dmesg and nvidia-smi whether the device hangs",
            )
        line = self._child.stdout.readline()
        if not line:
            raise self._gone()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _gone(self) -> Unavailable:
        self._errors.seek(0, os.SEEK_SET)
        last = (
            self._errors.read().decode("utf-8", "replace").strip().splitlines() or ["no word why"]
        )[-1]
        return Unavailable(
            f"the load ended early: {last}",
            "look at dmesg; a memory or process limit may have ended it",
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._child.kill()  # its own children die with it
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass
        self._child.wait()
        self._errors.close()
