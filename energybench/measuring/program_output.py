"""The output of a measured program: handed to the person unchanged, and read by an adapter on
request.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from energybench.adapters.adapter_file import LoadedAdapter
from energybench.adapters.excerpt import Excerpt, FileState, of_file, state
from energybench.adapters.options import behind_program, named_file
from energybench.adapters.outcome import Outcome, outcome
from energybench.adapters.problem import Inputs, of_command
from energybench.adapters.record import Figures
from energybench.errors import in_one_line
from energybench.measuring.output_copy import OutputCopy, copy_of
from energybench.model import DoubtCode, Verification, Work, WorkRecord

_STDIN, _STDOUT, _STDERR = 0, 1, 2


class StatesWork(Protocol):
    """The run that receives the work of a repeat."""

    def check(self, checks: tuple[Verification, ...]) -> None: ...

    def work(self, work: Work, repeat: int) -> None: ...

    def record(self, record: WorkRecord) -> None: ...

    def doubt(self, code: DoubtCode, message: str, remedy: str) -> None: ...


class PlainOutput:
    """The streams of a program whose output only the person reads."""

    def __init__(self, *, stdout_to_stderr: bool) -> None:
        self._own = {_STDOUT: _stderr()} if stdout_to_stderr else {}

    def begin(self) -> Mapping[int, int]:
        """Before a repeat: descriptor of the program → copied descriptor of ours."""
        return self._own

    def started(self) -> None:
        """The program has started."""

    def ended(self, run: StatesWork, repeat: int, *, whole: bool) -> None:
        """The program has ended. `whole`: the repeat was not cut."""

    def close(self) -> None:
        """No further repeat follows."""


class AdaptedOutput(PlainOutput):
    """The streams of a program whose output an adapter reads. No failure in here costs the
    measurement.
    """

    def __init__(
        self, loaded: LoadedAdapter, command: Sequence[str], *, stdout_to_stderr: bool
    ) -> None:
        super().__init__(stdout_to_stderr=stdout_to_stderr)
        self._loaded, self._command = loaded, command
        self._file = _output_file(loaded, command)
        self._copy: OutputCopy | None = None
        self._old_copies: list[OutputCopy] = []
        self._before: FileState | None = None
        self._inputs = Inputs()
        self._figures = Figures(loaded)
        self._failure: str | None = None
        self._stated: set[tuple[DoubtCode, str]] = set()

    def begin(self) -> Mapping[int, int]:
        self._release()
        self._failure = None
        try:
            self._inputs = of_command(self._loaded.adapter, self._command, Path(), _STDIN)
            if self._file is not None:
                self._before = state(self._file)
                return self._own
            stream = _STDERR if self._loaded.adapter.output.stream == "stderr" else _STDOUT
            self._copy = copy_of(self._own.get(stream, stream))
        except Exception as error:
            self._failure = in_one_line(error)
            return self._own
        if self._copy.fd is None:
            return self._own
        return {**self._own, stream: self._copy.fd}

    def started(self) -> None:
        if self._copy is not None:
            self._copy.started()

    def ended(self, run: StatesWork, repeat: int, *, whole: bool) -> None:
        try:
            excerpt = self._excerpt()
            if whole:
                self._state(run, repeat, outcome(self._loaded, excerpt, self._inputs))
        except Exception as error:
            self._failure = in_one_line(error)
        if self._failure is not None:
            name = self._loaded.adapter.name
            message = f"adapter {name}: the output was not read: {self._failure}"
            self._doubt(run, "output-unread", message, "report this with the output")

    def close(self) -> None:
        self._release()

    def _excerpt(self) -> Excerpt:
        if self._file is not None:
            appends = self._loaded.adapter.output.appends
            return of_file(self._file, self._before, appends=appends)
        if self._copy is None:
            return Excerpt(b"", problem="the output was not copied")
        return self._copy.ended()

    def _state(self, run: StatesWork, repeat: int, told: Outcome) -> None:
        if told.work is not None:
            run.work(told.work, repeat)
        run.check(told.checks)
        run.record(self._figures.with_repeat(told))
        for doubt in told.doubts:
            self._doubt(run, doubt.code, doubt.message, doubt.remedy)

    def _doubt(self, run: StatesWork, code: DoubtCode, message: str, remedy: str) -> None:
        """State a doubt once, not in every repeat."""
        if (code, message) not in self._stated:
            self._stated.add((code, message))
            run.doubt(code, message, remedy)

    def _release(self) -> None:
        """Give up the copy of the repeat before, which may not have been started."""
        if self._copy is not None:
            self._copy.started()
            self._old_copies.append(self._copy)
        self._copy = None
        self._old_copies = [copy for copy in self._old_copies if not copy.reaped()]


def _output_file(loaded: LoadedAdapter, command: Sequence[str]) -> Path | None:
    """The program's output file; None: a stream."""
    place = loaded.adapter.output
    words = behind_program(command, loaded.adapter.programs)
    name = named_file(words, place.file_options) or place.file
    return Path(name) if name else None


def _stderr() -> int:
    """File descriptor of the person's stderr."""
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return os.open(os.devnull, os.O_WRONLY)
