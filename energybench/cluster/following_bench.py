"""The bench of a node that does not lead: repeats the steps of the first node's bench, measures
this node, and writes this node's part of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from energybench.cluster.meeting import Connection
from energybench.cluster.messages import Message
from energybench.errors import BadInput
from energybench.measuring.bench import Bench
from energybench.measuring.child import Interrupted, Link, WorkFailed
from energybench.measuring.peers import NoPeers
from energybench.measuring.run_outcome import RunOutcome

_ENDED = "the first node has ended the run"


class FirstNode(NoPeers):
    """The process on the first node, as seen by another node. The bench of the other node waits for
    no node: it follows the first node.

    ended  whether the first node has ended the run, or is gone
    """

    def __init__(self, connection: Connection, parts: int, environment: Mapping[str, str]) -> None:
        self._connection, self._parts = connection, parts
        self._environment = dict(environment)
        self._messages: list[Message] = []
        self.ended = False

    @property
    def fds(self) -> tuple[int, ...]:
        return () if self._connection.ended else (self._connection.lines.fd,)

    @property
    def parts(self) -> int:
        return self._parts

    def tell(self, do: str, **content: Any) -> None:
        self._connection.tell(do=do, **content)

    def waiting(self) -> bool:
        """Whether a message waits, or no further message can come."""
        while (message := self._connection.next()) is not None:
            self._messages.append(message)
            self.ended = self.ended or message["do"] == "end"
        self.ended = self.ended or self._connection.ended
        return bool(self._messages) or self.ended

    def next(self) -> Message | None:
        """The next message; None: the run has ended."""
        self.waiting()
        message = self._messages.pop(0) if self._messages else None
        return message if message is not None and message["do"] != "end" else None

    def environment(self) -> Mapping[str, str]:
        return self._environment

    def link(self, start: Callable[[], Link]) -> Link:
        return FollowingLink(start(), self)


class FollowingLink:
    """The worker of a node that does not lead. If the first node ends the run, no answer is
    awaited: the worker may wait for the first node's worker.
    """

    def __init__(self, worker: Link, first: FirstNode) -> None:
        self._worker, self._first = worker, first

    @property
    def pid(self) -> int:
        return self._worker.pid

    def wait(self, seconds: float, fds: tuple[int, ...] = ()) -> None:
        self._worker.wait(seconds, fds)

    def answered(self) -> bool:
        self._first.waiting()
        return self._worker.answered() or self._first.ended

    def send(self, **command: Any) -> None:
        self._worker.send(**command)

    def answer(self, late_s: float = 0.0) -> dict[str, Any]:
        if not self._worker.answered():
            raise WorkFailed(_ENDED)
        return self._worker.answer(late_s)

    def close(self) -> None:
        self._worker.close()


class FollowingBench(Bench):
    """Follows the first node until the first node ends the run.

    first  the process on the first node
    """

    peers: FirstNode

    def follow(self) -> RunOutcome | None:
        """Work and measure as the first node says. Returns this node's part, None if nothing was
        measured. Raises BadInput and StorageFailed if the part cannot be written.
        """
        self.session.idle(lambda: self.interrupted() or self.peers.waiting())
        failed = False
        try:
            while (message := self._next()) is not None:
                self._do(message)
        except (WorkFailed, BadInput) as error:
            failed = True
            if not self.peers.ended:
                self.peers.tell("failed", what=str(error))
                if self.complete and not self.interrupted():
                    self.failed(error)
        except Interrupted:
            received = self.signals.received
            self.peers.tell("failed", what=f"{received.name if received else 'a signal'} came")
        finally:
            self.stop()
        if not failed:
            self.session.idle_after(self.interrupted)
        return self._part()

    def _part(self) -> RunOutcome | None:
        if self.interrupted() and self.cut_short():
            return self.finish()
        if self._worked > 0 or self._keep_cut_off():
            return self.finish()
        self.session.writer.discard()
        return None

    def _next(self) -> Message | None:
        """The next message; None: the run has ended. Raises Interrupted."""
        self.session.sampler.base(lambda: self.peers.waiting() or self.interrupted())
        if self.interrupted():
            raise Interrupted
        return self.peers.next()

    def _do(self, message: Message) -> None:
        do = message["do"]
        if do == "approach":
            self._one_repeat(message["number"], message["of"])
            return
        if do == "setup":
            self.set_up()
        elif do == "rehearse":
            reply = self._ask(do="rehearse", times=message["times"])
            self.session.region("warm-up", reply["start_s"], reply["end_s"])
            self._runs = 1 if self.checkpoint else message["times"]
        elif do == "verify":
            self._check()
        else:
            raise WorkFailed(f"the first node asks for {do}, which this version does not know")
        self.peers.tell("answered")

    def _one_repeat(self, number: int, of: int | None) -> None:
        with self.session.windows.repeat(number, place=number, of=of) as window:
            self.peers.tell("ready")
            self._poll_fast(self.peers.waiting)
            message = self._next()
            if message is None:
                raise WorkFailed(_ENDED)
            link = self._worker.link
            link.send(do="run", times=message["times"])
            window.sample(link.answered)
            reply = link.answer()
            self.peers.tell("answered")
            self._poll_fast(self.peers.waiting)
            verdict = self._next()
            if verdict is None:
                raise WorkFailed(_ENDED)
            if verdict["kept"]:
                window.end(reply["end_s"], reply["start_s"])
        if window.end_s is None:
            self.session.region("warm-up", reply["start_s"], reply["end_s"])
            return
        duration_s = reply["end_s"] - reply["start_s"]
        self._shortest_s = min(self._shortest_s, duration_s)
        self._keep_work(reply, number)
        self.peers.tell("closed", energy_j=self.session.last_energy_j())
