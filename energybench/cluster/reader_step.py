"""The readers on all nodes of a job, as the head node's process sees them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from energybench.cluster.clocks import (
    Offset,
    WallClock,
    from_answer,
    from_wall_clocks,
    later,
    narrower,
    wall_clock,
)
from energybench.cluster.messages import Message, line
from energybench.cluster.step_process import StepProcess
from energybench.errors import BadInput
from energybench.measuring.moments import Moment
from energybench.measuring.sampler import Wait

# Readers start within seconds; a thousand readers, whose Python comes from a shared file system,
# take longer. A node without an answer by then is missing, and the program starts.
OPEN_PATIENCE_S = 60.0
_READY_PATIENCE_S = 5.0  # for the fast polls of all nodes before a repeat
_CLOSE_PATIENCE_S = 10.0  # for the end of a repeat on all nodes
_FINISH_PATIENCE_S = 120.0  # for the nodes' results
_MOST_UNANSWERED = 2
_PINGS, _PING_PATIENCE_S = 3, 2.0


class _Question(NamedTuple):
    """Time at which the nodes were asked for their time, with the head node's wall clock."""

    asked_s: float
    head: WallClock


class ReaderStep:
    """Readers on all nodes of a job.

    nodes    names of the nodes
    opened   nodes whose reader reads
    refused  nodes without a reader, each with the reason
    unwritten   those of them whose storage did not take the result
    bad_inputs  those of them that cannot do what was asked for
    signalled   nodes whose reader got a signal that ends runs (SIGTERM, SIGINT) in this repeat
    have_ended  after `close`: whether Slurm has ended every reader
    """

    def __init__(self, wait: Wait) -> None:
        self._wait = wait
        self.nodes: tuple[str, ...] = ()
        self.opened: set[str] = set()
        self.refused: dict[str, str] = {}
        self.unwritten: set[str] = set()
        self.bad_inputs: dict[str, BadInput] = {}
        self.signalled: set[str] = set()
        self._latest: dict[str, tuple[str, float]] = {}
        self.have_ended = True
        self._steps: list[StepProcess] = []
        self._questions: dict[int, _Question] = {}
        self._offsets: dict[str, tuple[Offset, float]] = {}  # with the time of the comparison
        self._before: dict[str, tuple[Offset, float]] = {}  # the same, before the repeat
        self._halves_s: dict[str, float] = {}
        self._unanswered: dict[str, int] = {}  # questions in a row, by node

    # ------------------------------------------------------------ start and end

    def start(
        self,
        components: Sequence[Sequence[str]],
        plan: Mapping[str, Any],
        here: str,
        *,
        here_alone: bool = False,
    ) -> None:
        """Start the readers, and wait until all readers work or the patience is over. If no step
        answers (no controller, or no overlapping steps on this cluster), start only the reader of
        this node.

        components  names of the nodes of each component of the job; an ordinary job has one
                    component
        here        name of the node of this process, possibly outside the job
        here_alone  whether to try no step, because the names of the other nodes are unknown
        """
        several = len(components) > 1
        self.nodes = tuple(node for nodes in components for node in nodes)
        if here_alone:
            unread = "no reader was started there: the names of the job's nodes are not known"
            self.refused = {node: unread for node in self.nodes if node != here}
            self._start_here(plan, here)
            return
        self._steps = [
            StepProcess(nodes, number if several else None)
            for number, nodes in enumerate(components)
        ]
        self._ask_to_open(plan)
        if self.opened or self.bad_inputs or here not in self.nodes:
            return

        # without any step, read this node alone
        for step in self._steps:
            self.have_ended = step.close(0.0) and self.have_ended
        self.refused.pop(here)
        self._start_here(plan, here)

    def _start_here(self, plan: Mapping[str, Any], here: str) -> None:
        """Start the reader of this node without a step."""
        self._steps = [StepProcess((here,), here=True)]
        self._ask_to_open(plan)

    def _ask_to_open(self, plan: Mapping[str, Any]) -> None:
        self.tell("open", **plan)
        self._gather({"opened", "refused"}, OPEN_PATIENCE_S, self._open)
        for node in self._awaited() - self.opened:
            self.refused[node] = f"its reader did not answer within {OPEN_PATIENCE_S:.0f} s"

    def _open(self, message: Message) -> None:
        node = message["node"]
        if message["do"] == "opened":
            self.opened.add(node)
            return
        self._refuse(message)
        if message.get("bad_input"):
            self.bad_inputs[node] = BadInput(*message["bad_input"])

    def finish(self) -> None:
        """Have every reader write its result, and wait for the results."""
        self.tell("finish")
        self._gather({"finished", "refused"}, _FINISH_PATIENCE_S, self._finished)
        self.close()

    def _finished(self, message: Message) -> None:
        if message["do"] == "refused":
            self._refuse(message)

    def _refuse(self, message: Message) -> None:
        self.refused[message["node"]] = str(message.get("what", "its reader gave no reason"))
        if message.get("storage"):
            self.unwritten.add(message["node"])

    def close(self) -> None:
        """End the steps."""
        steps, self._steps = self._steps, []
        for step in steps:
            self.have_ended = step.close() and self.have_ended

    # ------------------------------------------------------------ windows

    def idle(self, note: str, seconds: float) -> None:
        self.tell("idle", note=note)
        self._gather({"idled"}, seconds + _CLOSE_PATIENCE_S)

    def approach(self, number: int) -> None:
        """Have every node polled fast, just before the program starts."""
        self.compare_clocks()
        self.tell("approach", number=number)
        self._before = dict(self._offsets)
        self.signalled.clear()
        self._latest.clear()
        self._gather({"ready"}, _READY_PATIENCE_S)

    def begun(self) -> None:
        self.tell("begun")

    def cancelled(self) -> None:
        """The program is not started after all."""
        self.tell("cancelled")

    def over(self) -> None:
        """The program has ended: poll fast until the times are stated."""
        self.tell("over")

    def latest_signal(self) -> tuple[str, float] | None:
        """Name and time, on this clock, of the latest signal to a reader in this repeat that may
        have ended the program: a signal to the job reaches the steps of the program and of the
        readers.
        """
        came_s = [
            (came_s - self._offsets[node][0].seconds, name)
            for node, (name, came_s) in self._latest.items()
            if node in self._offsets
        ]
        if not came_s:
            return None
        latest_s, name = max(came_s)
        return name, latest_s

    def ended(
        self,
        start: Moment,
        end: Moment,
        cut: str | None,
        signal: tuple[str | None, float | None] = (None, None),
    ) -> dict[str, float | None]:
        """State start and end, after the clocks were compared again. The energy of the repeat by
        node, J; None: not measured.

        signal  name of the latest signal from outside that may have ended the program, and its
                time after the start, s
        """
        offsets = {
            node: [
                later(*self._before.get(node, after), start.t_s),
                later(*after, end.t_s),
            ]
            for node, after in self._offsets.items()
        }
        self._halves_s.update({node: pair[1].half_s for node, pair in offsets.items()})
        self.tell("ended", start=start, end=end, offsets=offsets, cut=cut, signal=signal)
        energies_j: dict[str, float | None] = {}

        def closed(message: Message) -> None:
            energies_j[message["node"]] = message.get("energy_j")

        self._gather({"closed"}, _CLOSE_PATIENCE_S, closed)
        return energies_j

    # ------------------------------------------------------------ clocks

    @property
    def clock_halves_s(self) -> dict[str, float]:
        """Half-width of each node's clock error at the end of the last repeat."""
        return dict(self._halves_s)

    @property
    def clock_offsets_s(self) -> dict[str, float]:
        """Each node's clock less the head node's clock, as last compared."""
        return {node: offset.seconds for node, (offset, _) in self._offsets.items()}

    def compare_clocks(self) -> None:
        """Ask every node for its time, a few times, and keep the best answer. The answers fill
        `signalled`.
        """
        best: dict[str, Offset] = {}

        def answered(message: Message) -> None:
            now_s = time.monotonic()
            question = self._questions.get(message.get("number", -1))
            if question is None:
                return
            node = message["node"]
            if message["signalled"]:
                self.signalled.add(node)
            if message["latest"] is not None:
                name, came_s = message["latest"]
                self._latest[node] = name, came_s
            offset = narrower(
                best.get(node),
                from_answer(question.asked_s, now_s, message["t_s"]),
                from_wall_clocks(question.head, WallClock(*message["wall"])),
            )
            if offset is not None:
                best[node] = offset

        for _ in range(_PINGS):
            number = len(self._questions)
            self._questions[number] = _Question(time.monotonic(), wall_clock())
            self.tell("ping", number=number)
            self._gather({"pong"}, _PING_PATIENCE_S, answered)
        now_s = time.monotonic()
        self._offsets.update({node: (offset, now_s) for node, offset in best.items()})

    # ------------------------------------------------------------ the connection

    def tell(self, do: str, **content: Any) -> None:
        """Tell all readers."""
        message = line({"do": do, **content})
        for step in self._steps:
            step.tell(message)

    def _awaited(self) -> set[str]:
        """Nodes that may answer."""
        lost = {node for step in self._steps if step.lost for node in step.nodes}
        return set(self.nodes) - set(self.refused) - lost

    def _note_silence(self, silent: set[str], answered: set[str]) -> None:
        """Stop waiting for a node whose reader left two questions in a row unanswered: the reader
        was killed, or its node is gone. Energies and times already written still count.
        """
        for node in answered:
            self._unanswered[node] = 0
        for node in silent:
            self._unanswered[node] = self._unanswered.get(node, 0) + 1
            if self._unanswered[node] >= _MOST_UNANSWERED:
                self.refused[node] = "its reader does not answer any more"

    def _gather(
        self,
        kinds: set[str],
        patience_s: float,
        take: Callable[[Message], None] = lambda message: None,
    ) -> None:
        """Wait until every reading node has answered with an expected kind, or the patience is
        over.
        """
        until_s = time.monotonic() + patience_s
        answered: set[str] = set()
        while True:
            for step in self._steps:
                step.read()
                while (message := step.lines.next()) is not None:
                    if message["do"] in kinds and isinstance(message.get("node"), str):
                        answered.add(message["node"])
                        take(message)
                if step.lost:
                    for node in step.nodes:
                        self.refused.setdefault(node, step.lost)
            silent = self._awaited() - answered
            if not silent or time.monotonic() >= until_s:
                self._note_silence(silent, answered)
                return
            heard = tuple(step.lines.fd for step in self._steps if not step.lost)
            self._wait(until_s, heard)
