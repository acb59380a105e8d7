"""The other nodes of a workload, seen from the first node: the benches of the other nodes repeat
the steps of the first node's bench.

    first node                          other nodes
    begin {folder, port}
    setup, rehearse {times}             answered | failed {what}
    approach {number, of}               ready            polls fast
    run {times}                         answered         when the worker has done it
    keep {kept}                         closed {energy_j}    if the repeat counts
    verify                              answered
    end                                 finished {why}   idle power, result of the node
    done {code}

Only the workers know the problem; these messages carry neither data nor results.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from energybench.cluster.meeting import Connection
from energybench.cluster.messages import Message
from energybench.errors import BadInput
from energybench.measuring.child import Interrupted, Link, WorkFailed
from energybench.measuring.spawning import wait_for

# For the reason of a node's failure, after the local worker has lost the node.
_REASON_PATIENCE_S = 2.0
# For idle phases, analysis and storage of the other nodes after the last repeat.
_FINISH_PATIENCE_S = 120.0


class OtherNodes:
    """The benches of the other nodes; implements `Peers`.

    failure  reason why the work cannot go on, with the name of the node; "": the work goes on
    reasons  nodes without a result, with the reason
    """

    def __init__(self, connections: Sequence[Connection], environment: Mapping[str, str]) -> None:
        self._connections, self._environment = list(connections), dict(environment)
        self._expected, self._pending = "", set[int]()
        self._finished: set[int] = set()
        self._energies_j: list[float | None] = []  # of the finished repeats, on the other nodes
        self._told_the_end = False
        self.failure = ""
        self.reasons: dict[str, str] = {}

    # ------------------------------------------------------------ messages

    @property
    def fds(self) -> tuple[int, ...]:
        return tuple(one.lines.fd for one in self._connections if not one.ended)

    @property
    def parts(self) -> int:
        return len(self._connections) + 1

    def tell(self, expected: str, **message: Any) -> None:
        """Send a message to all nodes, and expect an answer of a kind from every node; "": no
        answer.
        """
        for one in self._connections:
            one.tell(**message)
        self._expected = expected
        self._pending = {one.number for one in self._connections} if expected else set()

    def heard(self) -> bool:
        """Whether every node has answered, or a node fails the work."""
        for one in self._connections:
            while (message := one.next()) is not None:
                self._take(one, message)
            if one.ended and one.number not in self._finished:
                self._finished.add(one.number)
                self._fail(one, "its process ended")
        return not self._pending or bool(self.failure)

    def _take(self, one: Connection, message: Message) -> None:
        do = message["do"]
        if do == "failed":
            self._fail(one, str(message.get("what", "")))
        elif do == "finished":
            self._finished.add(one.number)
            if message.get("why"):
                self.reasons.setdefault(one.name, str(message["why"]))
        elif do == "closed":
            self._add(message.get("energy_j"))
        if do == self._expected:
            self._pending.discard(one.number)

    def _fail(self, one: Connection, what: str) -> None:
        self.failure = self.failure or f"node {one.name}: {what}"
        self.reasons.setdefault(one.name, what)

    def _add(self, energy_j: float | None) -> None:
        before = self._energies_j[-1]
        self._energies_j[-1] = (
            before + energy_j if before is not None and energy_j is not None else None
        )

    def listen(self, seconds: float) -> None:
        """Listen to the nodes for some seconds, or until a node fails the work."""
        until_s = time.monotonic() + seconds
        while not self.heard() and (left_s := until_s - time.monotonic()) > 0:
            wait_for(self.fds, left_s)

    # ------------------------------------------------------------ for the bench

    def environment(self) -> Mapping[str, str]:
        return self._environment

    def link(self, start: Callable[[], Link]) -> Link:
        return LeadingLink(start(), self)

    def approach(self, number: int, of: int | None) -> None:
        self.tell("ready", do="approach", number=number, of=of)

    def ready(self) -> bool:
        return self.heard()

    def keep(self, *, kept: bool) -> None:
        if kept:
            self._energies_j.append(0.0)
        self.tell("closed" if kept else "", do="keep", kept=kept)

    def closed(self) -> bool:
        return self.heard()

    def of_all_nodes(self, own_j: Sequence[float]) -> Sequence[float]:
        if len(own_j) != len(self._energies_j):
            return own_j
        return [
            own + others if others is not None else own
            for own, others in zip(own_j, self._energies_j, strict=True)
        ]

    # ------------------------------------------------------------ the end

    def end(self) -> None:
        """Tell the nodes that the run ends. Every node then writes its result."""
        if not self._told_the_end:
            self._told_the_end = True
            self.tell("", do="end")

    def finish(self) -> dict[str, str]:
        """Wait for the results of the nodes. Returns the nodes without a result, with the
        reason.
        """
        self.end()
        self.failure = ""
        self._pending = {one.number for one in self._connections} - self._finished
        until_s = time.monotonic() + _FINISH_PATIENCE_S
        while self._pending and (left_s := until_s - time.monotonic()) > 0 and self.fds:
            self.heard()
            self.failure = ""
            self._pending -= self._finished
            if self._pending:
                wait_for(self.fds, left_s)
        for one in self._connections:
            if one.number in self._pending:
                self.reasons.setdefault(one.name, "its result did not come")
        return self.reasons

    @property
    def have_ended(self) -> bool:
        """Whether every node has written its result, or its process has ended."""
        return len(self._finished) == len(self._connections)

    def done(self, code: int) -> None:
        """Tell the nodes the exit code, and disconnect."""
        self.tell("", do="done", code=code)
        for one in self._connections:
            one.close()


class LeadingLink:
    """The worker of the first node. A command goes to the workers of all nodes, and counts as
    answered after the answers of all workers.
    """

    def __init__(self, worker: Link, others: OtherNodes) -> None:
        self._worker, self._others = worker, others
        self._reply: dict[str, Any] | None = None
        self._error: Exception | None = None

    @property
    def pid(self) -> int:
        return self._worker.pid

    def wait(self, seconds: float, fds: tuple[int, ...] = ()) -> None:
        self._worker.wait(seconds, fds)

    def send(self, **command: Any) -> None:
        self._reply = self._error = None
        self._others.tell("answered", do=command["do"], times=command.get("times"))
        self._worker.send(**command)

    def answered(self) -> bool:
        self._take()
        heard = self._others.heard()
        if self._error is not None or self._others.failure:
            return True
        return heard if self._reply is not None else self._worker.answered()

    def _take(self) -> None:
        if self._reply is not None or self._error is not None or not self._worker.answered():
            return
        try:
            self._reply = self._worker.answer()
        except Interrupted:
            return  # `answer` may wait for the reply
        except (WorkFailed, BadInput) as error:
            self._error = error

    def answer(self, late_s: float = 0.0) -> dict[str, Any]:
        """The reply of this node's worker. Raises as `Child.answer`, and WorkFailed with the reason
        of another node.
        """
        self._take()
        if isinstance(self._error, WorkFailed):
            # a worker that has lost another worker fails too, without knowing the reason
            self._others.listen(_REASON_PATIENCE_S)
        if self._others.failure:
            raise WorkFailed(self._others.failure)
        if self._error is not None:
            raise self._error
        return self._reply if self._reply is not None else self._worker.answer(late_s)

    def close(self) -> None:
        self._others.end()
        self._worker.close()
