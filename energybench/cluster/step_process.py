"""A process of srun that runs a reader on each of some nodes: messages to the readers, and the
readers' answers.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Sequence

from energybench.cluster.messages import Lines
from energybench.cluster.slurm_environment import of_own_step
from energybench.cluster.slurm_programs import path_of
from energybench.measuring.spawning import Process, spawn, wait_to_write

_WRITE_PATIENCE_S = 5.0
_END_PATIENCE_S = 10.0  # for srun, after each of three attempts to end srun
_REAP_PATIENCE_S = 2.0  # for the end of a process that has closed its pipes
_MOST_REMARK = 2000  # number of inspected characters at the end of stderr
# Lines of srun about a step that goes on: src/srun and src/api/step_launch.c of Slurm. These lines
# never contain the reason why a step ended.
_INFORMS = re.compile(
    r"srun: (cluster configuration lacks support for cpu binding"
    r"|job \S+ (queued and waiting for resources|has been allocated resources)"
    r"|(Job|Step) \S+ step creation (temporarily disabled|still disabled), retrying"
    r"|Job step creation (temporarily disabled|still disabled), retrying"
    r"|Step created for "
    r"|Warning: can't run )",
    re.IGNORECASE,
)
# A task on each node, beside the program's own steps, with all boards of the job, and without
# limits of its own: srun(1).
_OPTIONS = (
    "--overlap",
    "--ntasks-per-node=1",
    "--cpu-bind=none",
    "--mem=0",
    "--mpi=none",
    "--input=all",
    "--export=ALL",
    "--kill-on-bad-exit=0",
    "--no-kill",
    "--wait=0",
    "--quiet",
    "--job-name=energybench",
)


_READER = (sys.executable, "-m", "energybench", "node-reader")


def step_words(count: int, het_group: int | None) -> tuple[str, ...]:
    """The command line of a step with a reader on each of the nodes. Raises BadInput."""
    group = () if het_group is None else (f"--het-group={het_group}",)
    numbers = (f"--nodes={count}", f"--ntasks={count}")
    return (path_of("srun"), *_OPTIONS, *group, *numbers, *_READER)


class StepProcess:
    """A process of srun that runs a reader on each of its nodes; or, without a step, the reader of
    this node alone.

    nodes  names of the nodes
    lost   reason why the step is unreachable; "": reachable
    lines  messages of the readers
    """

    def __init__(
        self, nodes: Sequence[str], het_group: int | None = None, *, here: bool = False
    ) -> None:
        self.nodes, self.lost = tuple(nodes), ""
        self._name = "its reader" if here else "srun"
        self._remarks_fd = os.memfd_create("remarks of srun")
        to_readers, self._tell_fd = os.pipe2(os.O_CLOEXEC)
        from_readers, answers = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._tell_fd, False)
        self.lines = Lines(from_readers)
        self._process: Process | None = None
        try:
            self._process = spawn(
                _READER if here else step_words(len(self.nodes), het_group),
                (),
                environment=None if here else of_own_step(os.environ),
                streams={0: to_readers, 1: answers, 2: self._remarks_fd},
                process_group=True,  # a signal of the terminal is for the program alone
            )
        except OSError as error:
            self._lose(f"{self._name} cannot be run: {error.strerror}")
        finally:
            os.close(to_readers)
            os.close(answers)

    def tell(self, message: bytes) -> None:
        """Tell the readers. A step that is gone, or does not read, costs only the result."""
        data = memoryview(message)
        while data and not self.lost:
            try:
                data = data[os.write(self._tell_fd, data) :]
            except BlockingIOError:
                if not wait_to_write(self._tell_fd, _WRITE_PATIENCE_S):
                    self._lose("its step does not read its messages")
            except OSError:
                self._lose(self._why_ended())

    def read(self) -> None:
        """Take the messages of the readers."""
        self.lines.read()
        if self.lines.ended and not self.lost:
            self._lose(self._why_ended())

    def close(self, patience_s: float = _END_PATIENCE_S) -> bool:
        """End the step: the readers see the end of their input. Returns whether srun, and with it
        every reader, ended by itself.

        patience_s  time for srun to end by itself, before srun is told to end
        """
        self._lose("its step has ended")
        process, self._process = self._process, None
        if process is None:
            return True
        # a stopped srun (SIGSTOP) then hands on its waiting messages, and the readers finish
        process.send_signal(signal.SIGCONT)
        by_itself = process.reap(patience_s) is not None
        for number in () if by_itself else (signal.SIGTERM, signal.SIGKILL):
            process.send_signal(number)
            if process.reap(_END_PATIENCE_S) is not None:
                break
        for fd in (self.lines.fd, self._remarks_fd):
            os.close(fd)
        return by_itself

    def _lose(self, why: str) -> None:
        self.lost = self.lost or why
        if self._tell_fd >= 0:
            os.close(self._tell_fd)
        self._tell_fd = -1

    def _why_ended(self) -> str:
        """In words, how the process ended: its signal or exit code, and its own last words."""
        code = self._process.reap(_REAP_PATIENCE_S) if self._process is not None else None
        ending = "" if not code else f"{self._name} {_ending(code)}"
        return ": ".join(filter(None, (ending, self._last_remark()))) or "its step has ended"

    def _last_remark(self) -> str:
        """The last line of srun or a reader on stderr, without srun's lines about ordinary steps;
        "" without such a line.
        """
        size = os.lseek(self._remarks_fd, 0, os.SEEK_END)
        text = os.pread(self._remarks_fd, _MOST_REMARK, max(size - _MOST_REMARK, 0))
        lines = [line.strip() for line in text.decode("utf-8", "replace").splitlines()]
        return next((line for line in reversed(lines) if line and not _INFORMS.match(line)), "")


def _ending(code: int) -> str:
    """'was ended by SIGKILL', 'ended with exit code 1'."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
