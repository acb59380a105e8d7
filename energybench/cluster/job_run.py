"""A program measured on all nodes of its job, for `measure --nodes job`: the head node's process
runs the program and states its times, and a reader on every node measures.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from energybench.analysis.energy.idle_power import AFTER, BEFORE
from energybench.cluster.job_nodes import JobNodes, read_nodes, with_nodes
from energybench.cluster.reader_step import ReaderStep
from energybench.cluster.slurm_programs import path_of
from energybench.errors import BadInput, StorageFailed
from energybench.launch import campaign_case, job
from energybench.measuring.host import describe
from energybench.measuring.moments import Moment
from energybench.measuring.plan import Plan, Progress
from energybench.measuring.sampler import Wait
from energybench.measuring.session import ranges
from energybench.model import (
    REPEAT,
    CutBy,
    Doubt,
    DoubtCode,
    Job,
    Measurement,
    Pause,
    Verification,
    Window,
    Work,
    WorkRecord,
)
from energybench.own_step import own_environment
from energybench.plugins import Clock
from energybench.store.job_files import JobWriter
from energybench.store.job_header import JobHeader, new_job_id, of_earlier_starts
from energybench.store.layout import recover_command
from energybench.store.remains import remains_of
from energybench.units import counted

_LONGEST_WAIT_S = 60.0
_MOST_NAMES = 8  # of nodes in a message


class NodesWindow:
    """The open window of a run of the program on all nodes.

    cut      reason why the repeat is not known to be whole; None: the repeat is whole
    goes_on  whether a part of the program goes on after its end
    signal, signal_after_s
             latest signal from outside that may have ended the program, and its time after the
             start
    """

    def __init__(self, step: ReaderStep, clock: Clock, wait: Wait) -> None:
        self._step, self._clock, self._wait = step, clock, wait
        self.cut: CutBy | None = None
        self.goes_on: Callable[[], bool] | None = None
        self.signal: str | None = None
        self.signal_after_s: float | None = None
        self.start: Moment | None = None
        self.end: Moment | None = None

    @property
    def start_s(self) -> float:
        return self.start.t_s if self.start is not None else math.nan

    def sample(self, done: Callable[[], bool]) -> None:
        """Wait until the program has ended. The readers sample meanwhile."""
        self._step.begun()
        while not done():
            self._wait(self._clock.now() + _LONGEST_WAIT_S)
        self._step.over()

    def seen(self, start: Moment, end: Moment) -> None:
        """State start and end of the program."""
        self.start = start
        self.end = Moment(max(end.t_s, start.t_s), end.half_s)


class JobRun:
    """The readers of a job's nodes and the job's directory. A context manager.

    Any failure after the directory is made costs the result, never the program.
    """

    def __init__(
        self,
        plan: Plan,
        own_job: Job,
        nodes: JobNodes,
        clock: Clock,
        wait: Wait,
        progress: Progress,
    ) -> None:
        self._plan, self._clock, self._wait = plan, clock, wait
        self._nodes, self._job = nodes, with_nodes(own_job, nodes)
        self._progress = progress
        self._writer: JobWriter
        self._step: ReaderStep
        self._energies_j: list[float | None] = []
        self._durations_s: list[float] = []

    def __enter__(self) -> JobRun:
        plan = self._plan
        header = JobHeader(
            id=new_job_id(plan.label, self._job),
            label=plan.label,
            command=plan.command,
            boundary=plan.boundary,
            repeats=plan.repeats,
            job=self._job,
            nodes=self._nodes.names,
            groups=self._nodes.groups,
            host=describe(self._clock, plan.root),
            pid=os.getpid(),
            pid_started=None,
            boot_id=None,
            doubts=(*self._nodes.doubts, *of_earlier_starts(self._job)),
            case=campaign_case(os.environ),
        )
        self._writer = JobWriter(plan.store.absolute(), header)
        self._writer.__enter__()
        self._progress(f"starting a reader on {counted(len(header.nodes), 'node')}", None)
        self._step = ReaderStep(self._wait)
        self._step.start(
            self._nodes.components,
            {
                "folder": str(self._writer.directory),
                "label": plan.label,
                "boundary": plan.boundary,
                "idle_s": plan.idle_s,
                "command": plan.command,
                "collectors": plan.collectors,
                "root": str(plan.root),
                "repeats": plan.repeats,
            },
            self._nodes.here,
            here_alone=self._nodes.here_alone,
        )
        if len(self._step.bad_inputs) == (1 if self._nodes.here_alone else len(header.nodes)):
            # no node can do the requested measurement: like on a single node, the program is not
            # started
            node, why = next(iter(self._step.bad_inputs.items()))
            self.discard()
            raise BadInput(why.where, f"{why.what} (node {node})", why.remedy)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._step.close()
        self._writer.close()

    # ------------------------------------------------------------ windows

    @contextmanager
    def repeat(self, number: int, done: Callable[[], bool]) -> Iterator[NodesWindow]:
        """A run of the program; `done`: whether a signal has come."""
        self._step.approach(number)
        self._writer.opening(self._clock.now(), number)
        window = NodesWindow(self._step, self._clock, self._wait)
        try:
            yield window
        finally:
            if window.end is None:
                self._step.cancelled()
        if window.start is None or window.end is None:
            return
        if done() and window.cut != "signal-handled":
            window.cut = "signal"
        if window.cut is None and window.goes_on is not None and window.goes_on():
            window.cut = "descendants"
        self._step.compare_clocks()
        if window.cut is None and self._step.signalled:
            # Slurm sent the signal to the steps of the job, those of the program among them. A
            # program in front of its step (a script) may go on, and end with 0.
            window.cut = "signal-handled"
        if window.signal is None and (latest := self._step.latest_signal()) is not None:
            name, came_s = latest
            window.signal, window.signal_after_s = name, max(came_s - window.start.t_s, 0.0)
        energies_j = self._step.ended(
            window.start, window.end, window.cut, (window.signal, window.signal_after_s)
        )
        known = [energy_j for energy_j in energies_j.values() if energy_j is not None]
        self._energies_j.append(math.fsum(known) if known else None)
        self._durations_s.append(window.end.t_s - window.start.t_s)
        self._writer.window(
            Window(
                label=REPEAT,
                start_s=window.start.t_s,
                end_s=window.end.t_s,
                repeat=number,
                start_half_s=window.start.half_s,
                end_half_s=window.end.half_s,
                cut=window.cut,
                signal=window.signal,
                signal_after_s=window.signal_after_s,
            )
        )
        self._state_clocks()

    def _state_clocks(self) -> None:
        self._writer.clocks(self._step.clock_halves_s, self._step.clock_offsets_s)

    def repeats_j(self) -> Sequence[float]:
        """Energies of the finished repeats on all nodes, J, or their durations, s."""
        known = [energy_j for energy_j in self._energies_j if energy_j]
        return known if len(known) == len(self._durations_s) else self._durations_s

    def idle(self, done: Callable[[], bool] = lambda: False) -> None:
        """Measure the idle power of every node before the program."""
        self._idle(BEFORE, done)

    def idle_after(self, done: Callable[[], bool] = lambda: False) -> None:
        """Measure the idle power of every node again after the program."""
        self._idle(AFTER, done)

    def _idle(self, note: str, done: Callable[[], bool]) -> None:
        if self._plan.idle_s > 0 and not done():
            self._progress(f"idle power, {self._plan.idle_s:g} s", None)
            self._step.idle(note, self._plan.idle_s)

    # ------------------------------------------------------------ words and the end

    def check(self, checks: tuple[Verification, ...]) -> None:
        self._writer.verification(checks)

    def work(self, work: Work, repeat: int) -> None:
        self._writer.work(work, repeat)

    def record(self, record: WorkRecord) -> None:
        self._writer.record(record)

    def doubt(self, code: DoubtCode, message: str, remedy: str) -> None:
        self._writer.doubt(Doubt(code=code, message=message, remedy=remedy))

    def pause(self, pause: Pause) -> None:
        """The head node's process did not run; the readers did."""
        self._writer.pause(pause)

    def discard(self) -> None:
        """Remove the directory of a job without measurements. Every reader removes its own part at
        the end of its step.
        """
        self._step.close()
        self._writer.discard()

    def finish(self) -> tuple[Path, Measurement]:
        """Have the nodes write their results, and merge the results.

        Raises BadInput if no node gave a result, or no repeat was completed, and StorageFailed.
        """
        self._progress("writing the result", None)
        self._step.finish()
        self._state_clocks()
        try:
            return self._writer.finish(
                self._step.refused, ranges(), have_ended=self._step.have_ended
            )
        except ValueError as error:
            directory, unwritten = self._writer.directory, sorted(self._step.unwritten)
            if unwritten:
                names = ", ".join(unwritten[:_MOST_NAMES])
                raise StorageFailed(
                    f"{directory}: the storage did not take the results of {len(unwritten)} of "
                    f"{counted(len(self._step.nodes), 'node')} ({names}); "
                    f"{_what_stays(directory, unwritten)}"
                ) from None
            reasons = "; ".join(
                f"{node}: {why}" for node, why in list(self._step.refused.items())[:3]
            )
            raise BadInput(str(directory), f"{error}{f' ({reasons})' if reasons else ''}") from None


def _what_stays(directory: Path, nodes: Sequence[str]) -> str:
    """In words, the samples of these nodes on disk; the results of the nodes could not be
    written.
    """
    remains, command = remains_of(directory, nodes), recover_command(directory)
    kept = len(remains.nodes)
    if kept == 0 and remains.times:
        return (
            "no samples reached it either, so that the energy of this job is lost (with space "
            f"again, for its times alone: {command})"
        )
    if kept == 0:
        return "no samples and no times reached it either: nothing of this job was saved"
    whose = "" if kept == len(nodes) else f" of {counted(kept, 'node')}"
    return f"the samples so far{whose} stay (with space again: {command})"


def job_here(store: Path) -> tuple[Job, JobNodes]:
    """The job of this process with its nodes, for `--nodes job`.

    Raises BadInput outside of a Slurm job's batch script, or if no node of the job is known.
    """
    own = job(own_environment())
    if own is None or own.launcher != "slurm":
        raise BadInput(
            "--nodes job",
            "this is not a Slurm job",
            "sbatch a script with this line in it; on one node leave --nodes out",
        )
    if own.step is not None and (own.ranks or 1) > 1:
        raise BadInput(
            "--nodes job",
            f"this is one of {own.ranks} tasks of a job step, and each would start readers",
            f"energybench measure --nodes job --out {store} -- srun PROGRAM, in the batch script",
        )
    path_of("srun")
    path_of("scontrol")
    return own, read_nodes(os.environ)
