"""A rank of a job, run by `energybench rank -- PROGRAM`, if no reader step is available.

The ranks of a node elect a reader: the first rank to bind an abstract socket whose name holds job,
restart, step and host. Rank numbers do not decide, because under mpirun several ranks may have the
number 0. Nothing is left behind, because the name disappears with the last process that holds the
socket. The winner hands the socket to a separate reader process; every rank, including the winner,
then has its own connection to the reader:

    rank                      reader
    join {plan}               go              the sensors are polled fast: start
    ended {start, end, code}  heard           a reader that hangs is known by its silence
                              bye {folder}    the last rank of the node waits for the result

Any failure costs the result, never the rank: the rank runs its program, and ends with the program's
code.
"""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from energybench.cluster.messages import Lines, Message, line
from energybench.errors import brief
from energybench.launch import job, local_ranks, node_name
from energybench.launch_name import launch_name
from energybench.measuring import abstract_socket
from energybench.measuring.program import CannotStart, Program
from energybench.measuring.signals import Signals, wait
from energybench.measuring.spawning import spawn
from energybench.model import Job
from energybench.own_step import own_environment
from energybench.store.liveness import boot_id

_GO_PATIENCE_S = 60.0  # for the sensors; the program then starts unmeasured
# For an answer of the reader after the end of the program: no longer than `measure --nodes job`
# waits for silent readers. A reader that has answered may take longer for the node's result.
_HEARD_PATIENCE_S = 20.0
_BYE_PATIENCE_S = 120.0
_CONNECT_PATIENCE_S = 5.0
_LONGEST_WAIT_S = 60.0


def socket_name(environment: Mapping[str, str], own_job: Job | None, launch: str) -> str:
    """Name of the node's reader among all readers of this node: by user, job, launch and host. A
    rank of no launch has a reader of its own.
    """
    key = own_job.name if own_job is not None else f"no job {os.getpid()}"
    node = node_name(environment)
    words = (str(os.getuid()), key, launch, node, boot_id() or "")
    digest = hashlib.blake2b("\0".join(words).encode(), digest_size=12).hexdigest()
    return f"energybench-rank-{digest}"


class Rank:
    """This rank: its program, and its connection to the reader of the node.

    refused   why nothing is measured; "": the reader measures
    go_s      patience with a silent reader before the program
    heard_s   patience with a silent reader after the end of the program
    result_s  patience with a reader that has answered, for the node's result
    """

    def __init__(
        self,
        plan: Mapping[str, Any],
        signals: Signals,
        *,
        go_s: float = _GO_PATIENCE_S,
        heard_s: float = _HEARD_PATIENCE_S,
        result_s: float = _BYE_PATIENCE_S,
    ) -> None:
        self._environment = own_environment()
        self._launch = launch_name(self._environment)
        self._plan, self._signals = plan, signals
        self._go_s, self._heard_s, self._result_s = go_s, heard_s, result_s
        self._connection: socket.socket | None = None
        self._lines: Lines | None = None
        self.refused = ""

    def run(self, argv: Sequence[str]) -> int:
        """Run the program; its exit code."""
        self._join()
        program = Program(argv, {}, self._signals)
        try:
            started = program.start()
        except CannotStart as error:
            self._tell("ended", start=None, end=None, code=error.code)
            print(f"energybench: {brief(str(error), 1200)}", file=sys.stderr)  # noqa: T201
            self._leave()  # Slurm ends a reader that has not yet put its directory in order
            return error.code
        while not program.done():
            program.wait(_LONGEST_WAIT_S)
        ended = program.ended()
        code = program.reap()
        self._tell("ended", start=started, end=ended, code=code)
        self._leave()
        return code

    def _leave(self) -> None:
        """Wait for the reader's last message, and say where the node's part is."""
        bye = self._bye()
        if bye is not None and bye.get("folder"):  # the last rank of the node
            folder = bye["folder"]
            words = f"this node's part is in {folder}; once all ranks have ended: "
            words += f"energybench recover {folder}"
            if bye.get("whole"):
                words = f"the result is in {folder}"
            print(f"energybench: {words}", file=sys.stderr)  # noqa: T201

    def _bye(self) -> Message | None:
        """The reader's last message; None: nothing was measured, and a message is printed."""
        if self._awaited("heard", self._heard_s) is None:
            return None
        return self._awaited("bye", self._result_s)

    def _awaited(self, do: str, patience_s: float) -> Message | None:
        """The reader's answer after the end of the program; None: no answer, with a printed
        message, or nothing was measured.
        """
        if self._lines is None:
            return None
        answer = self._await(do, patience_s)
        if answer is None and self._lines.ended:
            self._refuse("the reader of this node ended before it had written its result")
        elif answer is None:
            self._refuse(
                f"the reader of this node did not answer within {patience_s:g} s after the end of "
                "the program"
            )
        return answer

    def _join(self) -> None:
        try:
            self._connection = self._connected()
        except OSError as error:
            self._refuse(f"the reader of this node cannot be reached: {error.strerror or error}")
            return
        self._lines = Lines(self._connection.fileno())
        here = local_ranks(self._environment)
        number = here.rank if here is not None else None
        self._tell("join", launch=self._launch, rank=number, **self._plan)
        answer = self._await("go", self._go_s)
        if answer is None and self._lines is not None and self._lines.ended:
            self._refuse("the reader of this node ended before the program began")
        elif answer is None:
            self._refuse(f"the reader of this node did not answer within {self._go_s:g} s")

    def _connected(self) -> socket.socket:
        """A connection to the reader, started if necessary. Raises OSError."""
        own_job = job(self._environment)
        name = socket_name(self._environment, own_job, self._launch)
        until_s = time.monotonic() + _CONNECT_PATIENCE_S
        while True:
            connection = abstract_socket.new()
            try:
                connection.connect(abstract_socket.address(name))
                return connection
            except ConnectionRefusedError:
                connection.close()
                self._elect(name)
                if time.monotonic() > until_s:
                    raise
                time.sleep(0.01)  # the winner has bound the name, and does not listen yet

    def _elect(self, name: str) -> None:
        """Start the reader if this rank is the first to take the name."""
        listening = abstract_socket.bound(name)
        if listening is None:
            return  # another rank won
        with listening:
            listening.listen(4096)
            null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            try:
                spawn(
                    [sys.executable, "-m", "energybench", "node-reader", "--ranks"],
                    (),
                    streams={0: listening.fileno(), 1: null},
                    process_group=True,
                )
            finally:
                os.close(null)

    # ------------------------------------------------------------ the connection

    def _tell(self, do: str, **content: Any) -> None:
        if self._connection is None:
            return
        try:
            self._connection.setblocking(True)
            self._connection.settimeout(_CONNECT_PATIENCE_S)
            self._connection.sendall(line({"do": do, **content}))
            self._connection.setblocking(False)
        except OSError:
            self._refuse("the reader of this node has ended")

    def _await(self, do: str, patience_s: float) -> Message | None:
        """The reader's answer; None: no answer, or nothing is measured."""
        until_s = time.monotonic() + patience_s
        while self._lines is not None:
            self._lines.read()
            while (message := self._lines.next()) is not None:
                if message["do"] == "refused":
                    self._refuse(str(message.get("what", "")))
                    return message
                if message["do"] == do:
                    return message
            if self._lines.ended or time.monotonic() >= until_s:
                return None
            wait(until_s - time.monotonic(), self._signals, (self._lines.fd,))
        return None

    def _refuse(self, why: str) -> None:
        """Nothing is measured any more; said once."""
        if not self.refused:
            self.refused = why or "the reader gave no reason"
            print(f"energybench: not measured: {brief(why, 600)}", file=sys.stderr)  # noqa: T201
        if self._connection is not None:
            with suppress(OSError):
                self._connection.close()
        self._connection = self._lines = None


def plan_of_rank(
    store: Path,
    label: str,
    boundary: str,
    collectors: Sequence[str],
    root: Path,
    argv: Sequence[str],
) -> dict[str, Any]:
    """The plan that a rank sends to the reader of its node."""
    return {
        "store": str(store.absolute()),
        "label": label,
        "boundary": boundary,
        "collectors": list(collectors),
        "root": str(root),
        "command": [os.fsdecode(word) for word in argv],
    }
