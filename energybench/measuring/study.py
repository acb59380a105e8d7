"""`study`: cell after cell; in a cell the variants take turns as in `run --variant`, in a shared
worker. An index is written after every cell.

The idle node is measured once. A cell too large for the memory and a variant with a failed check
are results. Only a signal ends a study, and the study can then be resumed.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec

from energybench import data
from energybench.analysis.comparison.study_claims import against_claims
from energybench.errors import BadInput
from energybench.measuring import host as provenance
from energybench.measuring.bench import Bench
from energybench.measuring.child import Interrupted, WorkFailed, devices
from energybench.measuring.clock import MonotonicClock
from energybench.measuring.copies import refuse_copies
from energybench.measuring.plan import Blocks, Plan, Progress, Request
from energybench.measuring.sensors import open_all
from energybench.measuring.shared_worker import SharedWorker
from energybench.measuring.signals import Signals
from energybench.measuring.study_cell import CellBench, MeasuredCell
from energybench.model import Doubt, Gpu, Host, Study, StudyCell, StudyPlan
from energybench.plugins import Context
from energybench.store.liveness import JobState, unknown_state
from energybench.store.study import StudyStore, directory_for, read_study

_IDLE_RUN = "idle"


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyRequest:
    """A study to measure.

    workload       name of the workload that offers the study
    study          name of the study; None: the study in `resume`
    device         cpu, cuda, cuda:N or node
    settings       settings to narrow or widen the grid, by key
    repeats        repeats of a variant in a cell; None: as many as the study's plan states
    min_window_s   shortest repeat, s; None: as the study's plan states
    max_warm_up_s  latest end of a warm-up run, s after the start of the warm-up
    resume         directory of an interrupted study, whose plan stands; None: a new study
    job_state      asks the scheduler whether the job of an interrupted study has ended
    """

    workload: str
    study: str | None
    device: str
    settings: dict[str, str]
    repeats: int | None = None
    min_window_s: float | None = None
    max_warm_up_s: float = 2.0
    resume: Path | None = None
    job_state: JobState = unknown_state


class Listener(Protocol):
    """Hears how far the study is."""

    def planned(self, plan: StudyPlan, kept: int, directory: Path) -> None: ...

    def cell(self, number: int, of: int, done: StudyCell) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A study at the end, complete or cut off.

    directory  directory of the study
    study      index as saved last
    kept       number of cells measured by an earlier start
    code       exit code: 0, 1 if a check or a cell failed, 128 + N after signal N
    """

    directory: Path
    study: Study
    kept: int
    code: int


def run_study(
    request: StudyRequest,
    plan: Plan,
    blocks: Blocks,
    signals: Signals,
    progress: Progress,
    listener: Listener,
) -> Ended:
    """Measure a study, or the rest of an interrupted study.

    Raises BadInput, and WorkFailed if the worker cannot plan the study.
    """
    refuse_copies(f"study {request.workload}")
    with ExitStack() as stack:
        device, environment = devices(request.device, os.environ)
        worker = stack.enter_context(SharedWorker(environment, signals))
        if request.resume is not None:
            offer, store = _resumed(request, request.resume)
        else:
            progress(f"{request.workload} {request.study}: planning", None)
            offer = _offered(request, device, worker)
            of = (request.workload, request.device, plan.boundary, offer)
            store = StudyStore(directory_for(plan.store, *of), request.job_state)
        running = _Running(request, offer, store, plan.root)
        cells = CellBench(
            offer=offer,
            device=request.device,
            max_warm_up_s=request.max_warm_up_s,
            plan=replace(plan, store=store.runs),
            blocks=blocks,
            worker=worker,
            signals=signals,
            progress=progress,
        )
        try:
            return running.run(cells, listener)
        finally:
            store.discard_if_empty()


def _resumed(request: StudyRequest, directory: Path) -> tuple[StudyPlan, StudyStore]:
    """Plan and directory of an interrupted study. Raises BadInput if the request names a different
    study.
    """
    offer = read_study(directory).plan
    store = StudyStore(directory, request.job_state)
    if request.study not in (None, offer.name):
        raise BadInput(
            f"study {request.workload} {request.study}",
            f"{directory} is the study {offer.name}",
            "leave the study's name out",
        )
    return offer, store


def _offered(request: StudyRequest, device: str, worker: SharedWorker) -> StudyPlan:
    """The workload's plan, with the requested repeats and windows."""
    try:
        reply = worker.ask(
            do="plan",
            workload=request.workload,
            study=request.study,
            device=device,
            settings=request.settings,
        )
    except Interrupted:
        raise WorkFailed("a signal came before the first cell; nothing was measured") from None
    offer = msgspec.convert(reply["plan"], StudyPlan)
    repeats = offer.repeats if request.repeats is None else request.repeats
    window_s = offer.min_window_s if request.min_window_s is None else request.min_window_s
    return msgspec.structs.replace(offer, repeats=repeats, min_window_s=window_s)


class _Running:
    """The index of a running study."""

    def __init__(
        self, request: StudyRequest, offer: StudyPlan, store: StudyStore, root: Path
    ) -> None:
        self._request, self._offer, self._store, self._root = request, offer, store, root
        self._study = Study(
            id=store.directory.name,
            workload=request.workload,
            device=request.device,
            plan=offer,
            cells=(),
            claims=(),
            idle_power_w=None,
            host=provenance.describe(MonotonicClock(), root),
            doubts=(),
            created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def run(self, cells: CellBench, listener: Listener) -> Ended:
        """Measure the cells without a result."""
        # finished cells of an earlier start, and the idle power
        earlier = self._take_over_earlier()
        measured_before = len(self._study.cells)
        listener.planned(self._offer, measured_before, self._store.directory)
        if not self._study.complete and self._study.idle_power_w is None:
            self._measure_idle(cells)

        # the remaining cells
        of = len(self._offer.cells)
        measured = {done.cell.key for done in self._study.cells}
        for number, cell in enumerate(self._offer.cells):
            if cells.signals.received is not None:
                break
            if cell.key not in measured:
                cells.progress(f"{cell.key} ({number + 1} of {of})", number / of)
                done = cells.measure(cell)
                if done is not None:
                    self._add(done)
                    listener.cell(len(self._study.cells), of, done.cell)

        # the end, perhaps by a signal
        signal = cells.signals.received
        if signal is not None and not self._study.cells:
            self._raise_nothing_measured(signal.name, earlier)
        self._save()
        code = int(_any_bad(self._study)) if signal is None else 128 + signal
        return Ended(
            directory=self._store.directory, study=self._study, kept=measured_before, code=code
        )

    def _take_over_earlier(self) -> Study | None:
        """Take over the finished cells of an earlier start.

        Raises BadInput if the earlier start was on a different machine.
        """
        earlier = self._store.earlier()
        if earlier is None:
            self._store.tidy(set())
            return None
        host = self._study.host
        if earlier.host.gpus and not earlier.host.same_machine(host):
            host = msgspec.structs.replace(host, gpus=_boards(self._root))
        _check_same(earlier, self._request, host, self._store.directory)
        complete = tuple(
            cell for cell in earlier.cells if all(run.state != "cut" for run in cell.runs)
        )
        self._study = msgspec.structs.replace(earlier, cells=complete)
        runs = {run.run for cell in complete for run in cell.runs if run.run is not None}
        self._store.tidy(runs | {_name(self._store, _IDLE_RUN)})
        return earlier

    def _measure_idle(self, cells: CellBench) -> None:
        """Measure the node at rest, as a separate run: once, before the first cell."""
        seconds = cells.plan.idle_s
        if seconds <= 0:
            return
        cells.worker.close()  # a worker's context on a device draws power
        request = Request(
            workload=self._request.workload, size="idle", device=self._request.device, settings={}
        )
        plan = replace(cells.plan, label=_IDLE_RUN, idle_s=0.0, command=("idle",))
        with Bench(plan, request, cells.signals, cells.progress) as bench:
            session = bench.session
            cells.progress(f"idle power, {seconds:g} s", None)
            with session.windows.repeat(0, place=0, of=1) as window:
                session.sampler.base(bench.interrupted, window.start_s + seconds)
                end_s = session.clock.now()
                if bench.interrupted() or end_s - window.start_s < seconds / 2:
                    session.writer.discard()
                    return
                window.end(end_s)
            _, measurement = session.finish()
        self._study = msgspec.structs.replace(
            self._study, idle_power_w=measurement.power_w, host=measurement.host
        )
        if self._study.idle_power_w is not None:
            self._save()

    def _raise_nothing_measured(self, signal: str, earlier: Study | None) -> None:
        """Raise WorkFailed for a signal before the first cell. An earlier index stays."""
        if earlier is not None:
            self._store.save(earlier)
        result = "nothing was measured"
        if self._study.idle_power_w is not None:
            result = f"the idle power was measured (--resume {self._store.directory} goes on)"
        raise WorkFailed(f"{signal} came before the first cell; {result}")

    # ------------------------------------------------------------ the index

    def _add(self, done: MeasuredCell) -> None:
        """Add a cell. A doubt of many cells is listed once."""
        listed = {doubt.code for doubt in self._study.doubts}
        new = {doubt.code: doubt for doubt in reversed(done.doubts) if doubt.code not in listed}
        host = self._study.host
        if done.host is not None and not host.gpus:
            host = done.host
        doubts: tuple[Doubt, ...] = (*self._study.doubts, *new.values())
        self._study = msgspec.structs.replace(
            self._study, host=host, doubts=doubts, cells=(*self._study.cells, done.cell)
        )
        self._save()

    def _save(self) -> None:
        order = {cell.key: i for i, cell in enumerate(self._offer.cells)}
        cells = tuple(sorted(self._study.cells, key=lambda done: order[done.cell.key]))
        claims = against_claims(self._offer.claims, cells, self._study.host, self._request.device)
        self._study = msgspec.structs.replace(self._study, cells=cells, claims=claims)
        self._store.save(self._study)


def _any_bad(study: Study) -> bool:
    """Whether a run or a check failed."""
    return any(run.state in ("check-failed", "failed") for cell in study.cells for run in cell.runs)


def _name(store: StudyStore, label: str) -> str:
    """Directory name of the finished run with a label; empty: no run."""
    return next(
        (
            path.name
            for path in store.runs.iterdir()
            if f"_{label}_" in path.name and not path.name.startswith(".")
        ),
        "",
    )


def _boards(root: Path) -> tuple[Gpu, ...]:
    """The boards of this machine, which identify it if nothing else does."""
    context = Context(
        clock=MonotonicClock(),
        root=root,
        visible_devices=os.environ.get("CUDA_VISIBLE_DEVICES"),
        device_order=os.environ.get("CUDA_DEVICE_ORDER"),
        priors=data.priors(),
    )
    sensors = open_all(context)
    sensors.close()
    return sensors.gpus


def _check_same(earlier: Study, request: StudyRequest, host: Host, directory: Path) -> None:
    """Raises BadInput if the earlier start was a different study, or on a different machine."""
    if (earlier.workload, earlier.device) != (request.workload, request.device):
        raise BadInput(
            f"--resume {directory}",
            f"is a study of {earlier.workload} on {earlier.device}",
            "name that workload and device",
        )
    if not earlier.host.same_machine(host):
        raise BadInput(
            str(directory),
            f"was begun on another machine, {earlier.host.name}, and this is {host.name}",
            "another --out begins it again; ENERGYBENCH_HOST_ID names a machine that restarts, or "
            "whose identity is hidden",
        )
    for quantity, there, here in (
        ("CPU", earlier.host.cpu, host.cpu),
        ("torch", earlier.host.libraries.get("torch"), host.libraries.get("torch")),
    ):
        if there != here:
            raise BadInput(
                str(directory),
                f"was begun with {quantity} {there}, and this is {here}",
                "another --out begins it again",
            )
