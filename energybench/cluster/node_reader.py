"""The reader of a job's node: `energybench node-reader`, started by srun on every node.

The reader opens the node's sensors, samples, and takes the windows stated by the head node's
process. Only the end of the head node's process ends the reader: the reader takes and ignores all
signals that Slurm sends to a step, so that a cancelled job, or a job at its time limit, has a
result for as long as Slurm allows.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from energybench.cluster.clocks import wall_clock
from energybench.cluster.messages import Lines, Message, line
from energybench.errors import BadInput, StorageFailed, in_one_line
from energybench.launch import node_name
from energybench.measuring.clock import MonotonicClock
from energybench.measuring.moments import Moment
from energybench.measuring.plan import Plan
from energybench.measuring.sampler import BASE_PERIOD_S, BURST_PERIOD_S, Sampler
from energybench.measuring.session import Session
from energybench.measuring.signals import Signals
from energybench.measuring.spawning import wait_for
from energybench.measuring.started_collectors import StartedCollectors
from energybench.model import REPEAT
from energybench.plugins import Clock
from energybench.store.job_parts import node_folder

_LONGEST_WAIT_S = 60.0
_SHARE = 0.005  # time between two polls, of the time for which the program has run
# Half-width of the error of a moment that is known only from the arrival of a message.
_UNCOMPARED_S = 0.5


def plan_of(message: Message, environment: Mapping[str, str]) -> Plan:
    """The plan of this node's part. Slurm shows the reader, as the only task of its step on the
    node, all of the job's boards on the node; a rank may see only some boards.
    """
    return Plan(
        store=Path(message["folder"]),
        label=message["label"],
        boundary=message["boundary"],
        idle_s=message["idle_s"],
        command=tuple(message["command"]) if message["command"] is not None else None,
        collectors=tuple(message["collectors"]),
        visible_devices=environment.get("CUDA_VISIBLE_DEVICES"),
        device_order=environment.get("CUDA_DEVICE_ORDER"),
        root=Path(message["root"]),
        repeats=message["repeats"],
        part_of_job=True,
        run_id=node_folder(node_name(environment)),
    )


class NodeReader:
    """Reads this node for the head node's process, message by message.

    Slurm sends the signals of `scancel --signal` to every step of a job, to the readers' too: the
    answers state whether one that ends runs has come since the repeat was announced.
    """

    def __init__(self, signals: Signals, environment: Mapping[str, str]) -> None:
        self._signals, self._environment = signals, environment
        self._clock = MonotonicClock()
        self._node = node_name(environment)
        self._lines = Lines(sys.stdin.fileno())
        self._session: Session | None = None
        self._has_run = False  # whether the program was started

    # ------------------------------------------------------------ messages

    def answer(self, do: str, **content: Any) -> None:
        """Tell the head node's process; without effect if that process is gone."""
        try:
            os.write(sys.stdout.fileno(), line({"do": do, "node": self._node, **content}))
        except OSError:
            return

    def first(self) -> Message | None:
        """The message that opens the run; None: the head node's process is gone."""
        return self._next()

    def _waiting(self) -> bool:
        """Whether a message waits for a later answer."""
        self._take()
        return bool(self._lines)

    def _take(self) -> None:
        """Take the messages that have come, and answer questions about this node's clock."""
        self._lines.read()
        for question in self._lines.taken_out("ping"):
            now_s = self._clock.now()
            signalled = self._signals.ending()
            self.answer(
                "pong",
                number=question["number"],
                t_s=now_s,
                wall=wall_clock(),
                signalled=signalled,
                latest=self._signals.latest(),
            )

    def _wait(self, until_s: float, fds: tuple[int, ...] = (), /) -> None:
        """Wait until a time, a message, or one of the file descriptors."""
        if self._waiting():
            return
        seconds = min(until_s - self._clock.now(), _LONGEST_WAIT_S)
        fds = (*fds, self._lines.fd, self._signals.fileno())
        if self._signals.fileno() in wait_for(fds, seconds):
            self._signals.poll()
            if self._session is not None:
                # of any number: a site or a user may announce the end by SIGUSR1 too
                self._session.writer.flush()
        self._take()

    def _next(self) -> Message | None:
        """The next message; None: the head node's process is gone."""
        while not self._waiting():
            self._wait(math.inf)
        return self._lines.next()

    # ------------------------------------------------------------ the run

    def run(self, plan: Plan, readers: StartedCollectors) -> None:
        """Read until the head node's process has its result, or is gone.

        Raises BadInput and StorageFailed if nothing can be read or written here.
        """
        with Session(
            plan,
            self._clock,
            self._wait,
            lambda: None,
            lambda text, share: None,
            readers=readers,
        ) as session:
            self._session = session
            session.sampler.base(session.has_readings, self._clock.now() + 1.0)
            channels = len(session.sensors.channels)
            self.answer("opened", channels=channels, first_s=self._clock.now())
            session.sampler.base(self._waiting)
            while (message := self._next()) is not None and message["do"] != "finish":
                self._handle(session, message)
                session.sampler.base(self._waiting)
            if message is None and not self._has_run:
                # The head node's process has given up before the program was started, or is gone:
                # nothing was measured, and nothing can be completed later.
                session.discard()
                return
            try:
                directory, _ = session.finish()
            except (BadInput, StorageFailed) as error:
                storage = isinstance(error, StorageFailed)
                self.answer("refused", what=str(error), storage=storage)
                return
            self.answer("finished", directory=directory.name)

    def _handle(self, session: Session, message: Message) -> None:
        tasks: dict[str, Callable[[Session, Message], None]] = {
            "idle": self._idle,
            "approach": self._repeat,
        }
        task = tasks.get(message["do"])
        if task is not None:
            task(session, message)

    def _idle(self, session: Session, message: Message) -> None:
        session.idle(self._waiting, message["note"])
        self.answer("idled")

    def _repeat(self, session: Session, message: Message) -> None:
        """A repeat: fast polls until the head node reports the start of the program, samples until
        the head node reports the end, and fast polls until the head node has stated both times.
        """
        number = message["number"]
        self._signals.forget()
        with session.windows.repeat(number) as window:
            self.answer("ready")
            if self._poll_fast(session, {"begun", "cancelled"}) != "begun":
                return
            self._lines.next()
            self._has_run = True
            begun_s = self._clock.now()
            session.writer.opening(REPEAT, self._clock.now(), number)
            sample_program(session.sampler, self._clock, self._waiting)
            over_s = self._clock.now()
            if self._poll_fast(session, {"ended"}) != "ended":
                # the head node's process is gone: the readings so far are a part of the repeat
                window.end(self._clock.now())
                window.cut = "caller-ended"
                return
            ended = self._lines.next() or {}
            window.seen(*self._moments(ended, begun_s, over_s))
            window.cut = ended["cut"]
            window.signal, window.signal_after_s = ended["signal"]
        session.writer.flush()  # a finished repeat survives the end of this process
        self.answer("closed", number=number, energy_j=session.last_energy_j())

    def _poll_fast(self, session: Session, wanted: set[str]) -> str | None:
        """Poll fast until an expected message is the next; None: no more messages come."""
        while True:
            if self._waiting():
                message = self._lines.peek()
                if message is None or message["do"] in wanted:
                    return message["do"] if message is not None else None
                self._lines.next()
                continue
            session.sampler.burst(session.sampler.edge_s, self._waiting)

    def _moments(self, ended: Message, begun_s: float, over_s: float) -> tuple[Moment, Moment]:
        """Start and end of the program on this node's clock.

        begun_s, over_s  arrival of the head node's messages about start and end of the program:
                         used if the clocks could not be compared
        """
        offsets = ended["offsets"].get(self._node)
        if offsets is None:
            return Moment(begun_s, _UNCOMPARED_S), Moment(over_s, _UNCOMPARED_S)
        (before_s, before_half_s), (after_s, after_half_s) = offsets
        start_s, start_half_s = ended["start"]
        end_s, end_half_s = ended["end"]
        return (
            Moment(start_s + before_s, start_half_s + before_half_s),
            Moment(end_s + after_s, end_half_s + after_half_s),
        )


def sample_program(sampler: Sampler, clock: Clock, done: Callable[[], bool]) -> None:
    """Sample until something is done: at first fast, then ever more slowly, down to the base rate.

    The end of the program lies between the last poll before the end and the poll at which the news
    arrived. A long program may end anywhere between two polls of the base rate without harm; for a
    short program, a tenth of a second is several percent.
    """
    begun_s = clock.now()
    sampler.burst(sampler.edge_s, done)
    while not done():
        elapsed_s = clock.now() - begun_s
        period_s = max(BURST_PERIOD_S, _SHARE * elapsed_s)
        if period_s >= BASE_PERIOD_S:
            sampler.base(done)
            return
        sampler.burst(max(elapsed_s / 4, 10 * period_s), done, period_s)


def serve(signals: Signals, start: Callable[[Plan], StartedCollectors]) -> int:
    """Read this node until the head node's process has its result. The exit code is always 0, so
    that Slurm has no reason to end the job.
    """
    reader = NodeReader(signals, os.environ)
    message = reader.first()
    if message is None:
        return 0
    plan = plan_of(message, os.environ)
    try:
        with start(plan) as readers:
            reader.run(plan, readers)
    except BadInput as error:
        words = (error.where, error.what, error.remedy)
        reader.answer("refused", what=str(error), bad_input=words)
    except StorageFailed as error:
        reader.answer("refused", what=str(error), storage=True)
    except Exception as error:
        reader.answer("refused", what=f"failed itself: {in_one_line(error)}")
    return 0
