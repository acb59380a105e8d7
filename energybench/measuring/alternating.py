"""Two programs in turns: blocks with a process of each program, in an order drawn anew for every
block.

Drift (temperature, clocks, foreign load) then affects both programs alike, the gain of the sensors
cancels, and the runs are compared as pairs, block by block (randomised complete blocks: Fisher
1926). A process is a repeat: the interval contains the scatter between processes (addresses,
caches, hash seeds), which repeats inside a process never show.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from energybench.errors import BadInput
from energybench.measuring.clock import MonotonicClock
from energybench.measuring.descendants import LeftRunning
from energybench.measuring.plan import Plan, Progress
from energybench.measuring.program import CannotStart, Program
from energybench.measuring.program_window import run_in
from energybench.measuring.session import Session
from energybench.measuring.signals import Signals
from energybench.measuring.standard_input import StandardInput
from energybench.model import Measurement, Verification
from energybench.store.layout import new_id

EXIT_STATUS = "exit status"
_PATIENCE_S = 10.0  # between two looks at a program that goes on after a failure of our own
# Longest rest before a process, in settle times.
_LONGEST_REST = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """A program of the two.

    argv       program and arguments
    folder     working directory; None: the caller's directory
    plan       where the run is written
    """

    argv: tuple[str, ...]
    plan: Plan
    folder: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Alternated:
    """Both programs, measured.

    directories, measurements  in the order of the programs; empty: nothing was measured
    code                       first non-zero exit code of a program; 128 + N after signal N
    error                      reason for a missing measurement; None: measured
    """

    directories: tuple[Path, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    code: int = 0
    error: str | None = None


class Alternating:
    """Measures the programs of `turns` in `blocks` blocks.

    announce  called after a rehearsal with the expected time of all blocks, s
    """

    def __init__(
        self,
        turns: Sequence[Turn],
        blocks: int,
        seed: int,
        settle_s: float,
        signals: Signals,
        stdout: int | None,
        progress: Progress,
        announce: Callable[[float], None],
    ) -> None:
        self._turns, self._blocks, self._settle_s = turns, blocks, settle_s
        self._signals, self._stdout = signals, stdout
        self._progress, self._announce = progress, announce
        self._random = random.Random(seed)
        self._clock = MonotonicClock()
        self._stdin = StandardInput()
        self._stdin_ended = ""  # the process in which a pipe on standard input ended
        self._program = self._new_program(turns[0])
        self._left: defaultdict[Session, LeftRunning] = defaultdict(LeftRunning)
        self.code = 0
        self._failure = ""  # the program that failed in the rehearsal, and the manner of its end
        self.complete = 0  # blocks with a complete run of both programs

    def run(self) -> Alternated:
        """Raises BadInput before a program was started."""
        self._stdin.check()
        try:
            return self._measured()
        except CannotStart as error:
            return Alternated(code=error.code, error=str(error))
        finally:
            while not self._program.done():
                self._program.wait(_PATIENCE_S)

    def _measured(self) -> Alternated:
        session_id = new_id("ab")
        with ExitStack() as stack:
            sessions = [
                stack.enter_context(
                    Session(
                        replace(turn.plan, session=session_id),
                        self._clock,
                        self._wait,
                        lambda: self._program.pid,
                        self._progress,
                        counts_repeats=False,
                        given_up=self._signals.ending,
                    )
                )
                for turn in self._turns
            ]
            sides = list(zip(self._turns, sessions, strict=True))
            try:
                self._rehearse(sides)
            except CannotStart:
                for session in sessions:
                    session.writer.discard()
                raise
            if self._failure and not self._interrupted():
                for session in sessions:
                    session.writer.discard()
                return Alternated(code=self.code, error=self._failure)
            for session in sessions:
                session.idle(self._interrupted)
            self._run_blocks(sides)
            if self.complete == 0:
                for session in sessions:
                    session.writer.discard()
                return Alternated(code=self._code(), error="no block was completed")
            for number, session in enumerate(sessions):
                self._left[session].doubt(session)
                session.idle_after(self._interrupted, rested=number > 0)
                self._doubt_signal(session)
                self._doubt_stdin(session)
            finished = [session.finish() for session in sessions]
        directories, measurements = zip(*finished, strict=True)
        return Alternated(directories=directories, measurements=measurements, code=self._code())

    def _rehearse(self, sides: Sequence[tuple[Turn, Session]]) -> None:
        """Run both programs once, unmeasured: caches fill, a failing command shows at once, and the
        time of the blocks is known. Raises CannotStart.
        """
        block_s = 0.0
        for turn, session in sides:
            if self._interrupted():
                return
            self._progress(f"{turn.plan.label}: rehearsal", None)
            program = self._program = self._new_program(turn)
            start_s = time.monotonic()
            self._stdin.begin()
            program.start()
            session.sampler.base(program.done)
            self._note_code(program.reap())
            self._note_stdin(f"the rehearsal of {turn.plan.label}")
            if self.code:
                self._failure = (
                    f"{turn.plan.label} ended with {self.code} in the rehearsal: a command that "
                    "fails is not compared (mend it, or let its exit code be 0: "
                    "sh -c 'COMMAND || true')"
                )
                return
            block_s += time.monotonic() - start_s + self._settle_s + 3 * session.sampler.edge_s
        idle_s = sum(2 * turn.plan.idle_s for turn in self._turns)
        self._announce(self._blocks * block_s + idle_s)

    def _run_blocks(self, sides: Sequence[tuple[Turn, Session]]) -> None:
        for block in range(self._blocks):
            for turn, session in self._random.sample(list(sides), len(sides)):
                most_s = _LONGEST_REST * self._settle_s
                session.rest(self._settle_s, most_s, self._interrupted, session.idle_w)
                if self._interrupted():
                    return
                self._repeat(turn, session, block)
            if self._interrupted():
                return
            self.complete += 1

    def _repeat(self, turn: Turn, session: Session, block: int) -> None:
        """Measure one process. Raises CannotStart."""
        share = block / self._blocks
        self._progress(f"{turn.plan.label}: block {block + 1} of {self._blocks}", share)
        program = self._program = self._new_program(turn)
        with session.windows.repeat(block, block=block, done=self._interrupted) as window:
            if self._interrupted():
                return
            self._stdin.begin()
            exit_code = run_in(window, program, session)
        self._left[session].note(block + 1, program.descendants)
        passed = exit_code == 0
        check = Verification(
            quantity=EXIT_STATUS, value=float(exit_code), tolerance=0.0, passed=passed
        )
        session.writer.verification((check,))
        self._note_code(exit_code)
        self._note_stdin(f"block {block + 1} of {turn.plan.label}")

    def _doubt_signal(self, session: Session) -> None:
        if self._signals.received is not None:
            session.doubt(
                "interrupted",
                f"{self._signals.received.name} came after block {self.complete} of "
                f"{self._blocks}; this result was measured until then",
                "repeat the run",
            )

    def _doubt_stdin(self, session: Session) -> None:
        if self._stdin_ended:
            session.doubt(
                "stdin-once",
                f"standard input was a pipe that ended in {self._stdin_ended}: the processes after "
                "it found it empty",
                "< FILE, which every process reads from its beginning; or < /dev/null if the "
                "programs read no input",
            )

    def _note_stdin(self, process: str) -> None:
        if self._stdin.ended():
            self._stdin_ended = self._stdin_ended or process

    def _note_code(self, code: int) -> None:
        self.code = self.code or code

    def _code(self) -> int:
        if self._signals.received is not None:
            return 128 + self._signals.received
        return self.code

    def _wait(self, until_s: float, fds: tuple[int, ...] = (), /) -> None:
        self._program.wait(until_s - self._clock.now(), fds)

    def _interrupted(self) -> bool:
        return self._signals.received is not None

    def _new_program(self, turn: Turn) -> Program:
        argv: tuple[str, ...] = turn.argv
        if turn.folder is not None:
            # posix_spawn knows no working directory: a shell changes the directory, and becomes the
            # program
            argv = ("/bin/sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", str(turn.folder), *argv)
        streams = {} if self._stdout is None else {1: self._stdout}
        return Program(argv, streams, self._signals)


def split_commands(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The two commands around ':::'. Raises BadInput."""
    if words.count(":::") != 1:
        raise BadInput("ab", "needs two commands with ::: in between", "energybench ab -- A ::: B")
    place = list(words).index(":::")
    first, second = tuple(words[:place]), tuple(words[place + 1 :])
    if not first or not second:
        raise BadInput(
            "ab", "a command before or after ::: is missing", "energybench ab -- A ::: B"
        )
    return first, second
