"""The reader of a node whose ranks were started with `energybench rank`: see `rank_run`.

The window lasts from the start of the node's first rank to the end of its last rank. The last rank
waits for the reader to end: Slurm ends all processes that a step leaves behind.
"""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from energybench.cluster.messages import Lines, Message, line
from energybench.cluster.node_reader import sample_program
from energybench.cluster.rank_nodes import (
    Launches,
    launches_of,
    names_of_nodes,
    of_unread_ranks,
    peer,
)
from energybench.errors import BadInput, StorageFailed, in_one_line
from energybench.launch import job, node_name
from energybench.measuring.clock import MonotonicClock
from energybench.measuring.host import describe
from energybench.measuring.moments import Moment
from energybench.measuring.plan import Plan
from energybench.measuring.program import ended_by_signal
from energybench.measuring.session import Session
from energybench.measuring.signals import Signals
from energybench.measuring.spawning import wait_for
from energybench.measuring.started_collectors import StartedCollectors
from energybench.model import Doubt, Job, Verification
from energybench.own_step import own_environment
from energybench.store.job_parts import node_folder
from energybench.store.layout import PARTIAL
from energybench.store.rank_job import ensure_rank_job, rank_job_folder
from energybench.store.unstarted import forget_unstarted, leave_unstarted

_LONGEST_WAIT_S = 60.0
_FIRST_PATIENCE_S = 30.0  # for the first rank, which started this process
# Time after the last end for further ranks, if the launcher does not tell their number.
_MORE_RANKS_S = 2.0
_LABEL_REMEDY = "energybench rank --label NAME for each further run in the same step"


class _NoneStarted(Exception):
    """No program of this node's ranks could be started."""


class _Connection:
    """A rank.

    pid         process number of the rank; 0: in another PID namespace
    number      of the rank among the ranks of the node; None: the launcher does not tell it
    start, end  of the rank's program; None: not yet, or unknown
    over        whether the rank's program has ended, or the rank is gone
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self.pid = peer(connected)
        self.lines = Lines(connected.fileno())
        self.start: Moment | None = None
        self.end: Moment | None = None
        self.code: int | None = None
        self.number: int | None = None
        self.joined = self.over = False

    def tell(self, do: str, **content: Any) -> None:
        try:
            self._socket.send(line({"do": do, **content}))
        except OSError:
            return


class RankReader:
    """Reads this node from the start of its first rank to the end of its last rank."""

    def __init__(self, signals: Signals, environment: Mapping[str, str]) -> None:
        self._signals, self._environment = signals, environment
        self._clock = MonotonicClock()
        self._listening = socket.socket(fileno=os.dup(0))
        self._listening.setblocking(False)
        self._ranks: list[_Connection] = []
        self._job = job(environment)
        self._plan: Message | None = None
        self._going = self._closed = False
        self._last_end_s = math.inf
        self._folder = ""
        self._launches: Launches | None = None
        # without a launcher a rank is alone; None: the launcher does not say
        self._expected = self._job.ranks_here if self._job is not None else 1

    # ------------------------------------------------------------ ranks

    def first_plan(self) -> Message | None:
        """The plan of the first rank; None: no rank came."""
        until_s = self._clock.now() + _FIRST_PATIENCE_S
        while self._plan is None and self._clock.now() < until_s:
            self._wait(until_s)
        return self._plan

    def _take(self) -> None:
        """Take new ranks and messages of ranks."""
        while True:
            try:
                connected, _ = self._listening.accept()
            except OSError:
                break
            self._ranks.append(_Connection(connected))
        for rank in tuple(self._ranks):
            rank.lines.read()
            while (message := rank.lines.next()) is not None:
                self._hear(rank, message)
            if rank.lines.ended and not rank.over and rank in self._ranks:
                self._over(rank)

    def _hear(self, rank: _Connection, message: Message) -> None:
        if message["do"] == "join":
            rank.number = message["rank"]
            if self._is_of_second_run(rank):
                self._refuse_second_run(rank)
                return
            rank.joined = True
            self._plan = self._plan or message
            if self._going:
                rank.tell("go")
        elif message["do"] == "ended":
            if message["start"] is not None:
                rank.start, rank.end = Moment(*message["start"]), Moment(*message["end"])
            rank.code = message["code"]
            rank.tell("heard")
            self._over(rank)

    def _is_of_second_run(self, joining: _Connection) -> bool:
        """Whether a rank that joins now belongs to a later run: the rank of its number has ended a
        program here, maybe before a slower rank has begun its first; or every rank of the node has
        joined, and a rank has ended and may have begun its next program; or the window has been
        closed.
        """
        over = [rank for rank in self._ranks if rank.joined and rank.over]
        if joining.number is not None and any(rank.number == joining.number for rank in over):
            return True
        expected = self._expected or 0
        joined = sum(rank.joined for rank in self._ranks)
        return self._closed or (0 < expected <= joined and bool(over))

    def _refuse_second_run(self, rank: _Connection) -> None:
        """Let the rank run its program unmeasured, outside of this run."""
        label = self._plan["label"] if self._plan is not None else ""
        what = "was measured already in this job step"
        rank.tell("refused", what=str(BadInput(f"label {label}", what, _LABEL_REMEDY)))
        self._ranks.remove(rank)

    def _over(self, rank: _Connection) -> None:
        rank.over = True
        self._last_end_s = self._clock.now()
        if not self._may_be_last():
            rank.tell("bye")

    def _may_be_last(self) -> bool:
        """Whether every rank so far is over. The last rank then has to wait for the result, because
        Slurm ends this process with the last rank. A launcher may announce more ranks.
        """
        return all(rank.over for rank in self._ranks) and not self._to_come()

    def _to_come(self) -> int:
        """Ranks on this node that have not joined, if the launcher says how many there are."""
        return max((self._expected or 0) - sum(rank.joined for rank in self._ranks), 0)

    def _all_over(self) -> bool:
        """Whether no rank runs and no further rank is awaited."""
        if not self._ranks or not all(rank.over for rank in self._ranks):
            return False
        if self._expected is not None and not self._to_come():
            return True
        return self._clock.now() - self._last_end_s >= _MORE_RANKS_S

    def _done(self) -> bool:
        self._take()
        if self._launches is not None:
            self._launches.look(self._clock.now(), [rank.pid for rank in self._ranks])
        return self._all_over()

    def _wait(self, until_s: float, fds: tuple[int, ...] = (), /) -> None:
        if self._ranks and all(rank.over for rank in self._ranks):
            until_s = min(until_s, self._last_end_s + _MORE_RANKS_S)
        heard = [rank.lines.fd for rank in self._ranks if not rank.lines.ended]
        awaited = (*fds, self._listening.fileno(), self._signals.fileno(), *heard)
        seconds = min(until_s - self._clock.now(), _LONGEST_WAIT_S)
        if self._signals.fileno() in wait_for(awaited, seconds):
            self._signals.poll()
        self._take()

    # ------------------------------------------------------------ the run

    def run(self, plan: Plan, readers: StartedCollectors) -> None:
        """Measure the ranks. Raises BadInput and StorageFailed if nothing can be read or written
        here.
        """
        program = plan.command[0] if plan.command else ""
        self._launches = launches_of(self._environment, self._job, program)
        with Session(
            plan,
            self._clock,
            self._wait,
            lambda: None,
            lambda text, share: None,
            readers=readers,
        ) as session:
            session.sampler.base(session.has_readings, self._clock.now() + 1.0)
            try:
                self._measure(session)
            except _NoneStarted:
                session.discard()
                if plan.part_of_job and plan.run_id is not None:
                    leave_unstarted(plan.store, plan.run_id, sum(r.joined for r in self._ranks))
                return
            session.check((self._check(),))
            directory, _ = session.finish()
            self._folder = str(plan.store if plan.part_of_job else directory)

    def _measure(self, session: Session) -> None:
        """The window of the ranks. Raises _NoneStarted, and BadInput if no rank told its start."""
        with session.windows.repeat(0) as window:
            self._going = True
            for rank in self._ranks:
                if rank.joined:
                    rank.tell("go")
            sample_program(session.sampler, self._clock, self._done)
            self._closed = True
            if all(rank.code is not None and rank.start is None for rank in self._ranks):
                raise _NoneStarted
            for doubt in self._doubts():
                session.writer.doubt(doubt)
            spans = [(rank.start, rank.end) for rank in self._ranks if rank.start and rank.end]
            if not spans:
                raise BadInput("", "no rank told the start of its program")
            window.seen(min(start for start, _ in spans), max(end for _, end in spans))
            if any(rank.code is None for rank in self._ranks):
                window.cut = "no-end"
            elif any(ended_by_signal(rank.code or 0) for rank in self._ranks):
                window.cut = "program-killed"

    def _doubts(self) -> list[Doubt]:
        """Doubts about the work that nobody reads: on other nodes, or in other ranks."""
        doubts = self._launches.doubts() if self._launches is not None else []
        unread = of_unread_ranks(self._job, self._to_come()) if self._job is not None else []
        return [*doubts, *unread]

    def _check(self) -> Verification:
        """The exit status: the first exit status of a rank that is not zero."""
        code = next((rank.code for rank in self._ranks if rank.code), 0)
        return Verification(
            quantity="exit status", value=float(code), tolerance=0.0, passed=code == 0
        )

    def end(self, why: str = "") -> None:
        """Let the waiting ranks go on."""
        until_s = time.monotonic() + 1.0
        while why and time.monotonic() < until_s and not self._ranks:
            self._take()
        # a rank that comes now starts a reader of its own
        self._listening.shutdown(socket.SHUT_RD)
        self._take()
        for rank in tuple(self._ranks):
            if why:
                rank.tell("refused", what=why)
            elif rank.joined:
                rank.tell("bye", folder=self._folder, whole=self._job is None)
            else:
                self._refuse_second_run(rank)


def plan_of(message: Message, own_job: Job | None, environment: Mapping[str, str]) -> Plan:
    """The plan of this node's part, or of the whole result of a rank that no launcher started."""
    store = Path(message["store"])
    if own_job is not None:
        store = rank_job_folder(store, message["label"], own_job, message["launch"])
    return Plan(
        store=store,
        label=message["label"],
        boundary=message["boundary"],
        idle_s=0.0,
        command=tuple(message["command"]),
        collectors=tuple(message["collectors"]),
        visible_devices=None,  # of the node: a rank may see only some of the node's boards
        root=Path(message["root"]),
        repeats=1,
        part_of_job=own_job is not None,
        run_id=node_folder(node_name(environment)) if own_job is not None else None,
    )


def _refuse_second_launch(plan: Plan) -> None:
    """Raise BadInput if the directory already holds the result of this launch, or of its part on
    this node: the batch script or a task starts `energybench rank` several times.
    """
    finished = plan.store.with_name(plan.store.name.removeprefix(PARTIAL))
    part = plan.run_id or ""
    for path in (finished, plan.store / part, plan.store / (PARTIAL + part)):
        if path.exists():
            raise BadInput(
                str(path),
                "exists: this label was measured already in this job step",
                _LABEL_REMEDY,
            )


def _begin_part(plan: Plan, own_job: Job, environment: Mapping[str, str]) -> None:
    """Raises BadInput if this launch was measured already, and StorageFailed."""
    _refuse_second_launch(plan)
    if plan.run_id is not None:
        forget_unstarted(plan.store, plan.run_id)
    ensure_rank_job(
        plan.store,
        label=plan.label,
        command=plan.command or (),
        boundary=plan.boundary,
        own_job=own_job,
        nodes=names_of_nodes(environment, own_job),
        host=describe(MonotonicClock(), plan.root),
    )


def serve_ranks(signals: Signals, start: Callable[[Plan], StartedCollectors]) -> int:
    """Read this node for its ranks."""
    environment = own_environment()
    reader = RankReader(signals, environment)
    message = reader.first_plan()
    if message is None:
        return 0
    try:
        own_job = job(environment)
        plan = plan_of(message, own_job, environment)
        if own_job is not None:
            _begin_part(plan, own_job, environment)
        with start(plan) as readers:
            reader.run(plan, readers)
        reader.end()
    except (BadInput, StorageFailed) as error:
        reader.end(str(error))
    except Exception as error:
        reader.end(f"failed itself: {in_one_line(error)}")
    return 0
