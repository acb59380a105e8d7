"""`study`: cell after cell, in each the variants in turns as `run --variant` does it, in one
worker; an index is written after each cell.

The idle node is measured once. A cell that does not fit, or a variant that fails its check, is a
result; only a signal ends the study, and what it has then can be gone on with.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec

from energybench.analysis.comparison.study_cells import ratios_of, run_of
from energybench.analysis.comparison.study_claims import against_claims
from energybench.errors import BadInput, DoesNotFit, NotHere
from energybench.measuring import host as provenance
from energybench.measuring.bench import Bench
from energybench.measuring.child import Interrupted, WorkFailed, devices
from energybench.measuring.clock import MonotonicClock
from energybench.measuring.interleaved import Turns
from energybench.measuring.plan import Blocks, Plan, Progress, Request
from energybench.measuring.shared_worker import SharedWorker, Slot
from energybench.measuring.signals import Signals
from energybench.model import (
    Cell,
    Doubt,
    Host,
    Measurement,
    Memory,
    State,
    Study,
    StudyCell,
    StudyPlan,
    StudyRun,
)
from energybench.store.layout import new_id
from energybench.store.study import StudyStore, directory_for, read_study

_IDLE_RUN = "idle"


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyRequest:
    """A study to measure.

    workload       name of the workload that offers the study
    study          name of the study; None: the study in `resume`
    device         cpu, cuda, cuda:N or node
    settings       settings that narrow or widen the grid, by key
    repeats        repeats of each variant in each cell; None: as many as the study's plan states
    min_window_s   shortest repeat, s; None: as the study's plan states
    max_warm_up_s  no warm-up run is begun that would end later than this, s
    resume         directory of a study that was cut off, whose plan stands; None: a new study
    """

    workload: str
    study: str | None
    device: str
    settings: dict[str, str]
    repeats: int | None = None
    min_window_s: float | None = None
    max_warm_up_s: float = 2.0
    resume: Path | None = None


class Told(Protocol):
    """Who is told how far the study is."""

    def planned(self, plan: StudyPlan, kept: int, directory: Path) -> None: ...

    def cell(self, number: int, of: int, done: StudyCell) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A study that has ended, complete or cut off.

    directory  directory of the study
    study      index as it was saved last
    kept       number of cells that an earlier start had measured
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
    told: Told,
) -> Ended:
    """Run a study, or go on with it.

    Raises BadInput; WorkFailed where its worker cannot plan it.
    """
    with ExitStack() as stack:
        device, environment = devices(request.device, os.environ)
        worker = stack.enter_context(SharedWorker(environment, signals))
        if request.resume is not None:
            offer = read_study(request.resume).plan
            store = StudyStore(request.resume)
            if request.study not in (None, offer.name):
                raise BadInput(
                    f"study {request.workload} {request.study}",
                    f"{request.resume} is the study {offer.name}",
                    "leave the study's name out",
                )
        else:
            progress(f"{request.workload} {request.study}: planning", None)
            try:
                made = worker.ask(
                    do="plan",
                    workload=request.workload,
                    study=request.study,
                    device=device,
                    settings=request.settings,
                )["plan"]
            except Interrupted:
                raise WorkFailed(
                    "a signal came before the first cell; nothing was measured"
                ) from None
            offer = _wished(msgspec.convert(made, StudyPlan), request)
            store = StudyStore(
                directory_for(plan.store, request.workload, request.device, plan.boundary, offer)
            )
        running = _Running(
            request,
            offer,
            replace(plan, store=store.runs),
            blocks,
            store,
            worker,
            signals,
            progress,
            told,
        )
        try:
            return running.run()
        finally:
            store.discard_if_empty()


def _wished(offer: StudyPlan, request: StudyRequest) -> StudyPlan:
    repeats = offer.repeats if request.repeats is None else request.repeats
    window_s = offer.min_window_s if request.min_window_s is None else request.min_window_s
    return msgspec.structs.replace(offer, repeats=repeats, min_window_s=window_s)


class _Running:
    """A study on its way."""

    def __init__(
        self,
        request: StudyRequest,
        offer: StudyPlan,
        plan: Plan,
        blocks: Blocks,
        store: StudyStore,
        worker: SharedWorker,
        signals: Signals,
        progress: Progress,
        told: Told,
    ) -> None:
        self._request, self._offer, self._plan, self._blocks = request, offer, plan, blocks
        self._store, self._worker, self._signals, self._progress, self._told = (
            store,
            worker,
            signals,
            progress,
            told,
        )
        host = provenance.describe(MonotonicClock(), plan.root)
        self._study = Study(
            id=store.directory.name,
            workload=request.workload,
            device=request.device,
            plan=offer,
            cells=(),
            claims=(),
            idle_power_w=None,
            host=host,
            doubts=(),
            created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def run(self) -> Ended:
        earlier = self._earlier()
        kept = len(self._study.cells)
        self._told.planned(self._offer, kept, self._store.directory)
        if not self._study.complete and self._study.idle_power_w is None:
            self._idle()
            if self._study.idle_power_w is not None:
                self._save()
        for number, cell in enumerate(self._offer.cells):
            if self._signals.received is not None:
                break
            if all(done.cell.key != cell.key for done in self._study.cells):
                self._progress(
                    f"{cell.key} ({number + 1} of {len(self._offer.cells)})",
                    number / len(self._offer.cells),
                )
                self._add(self._cell(cell))
        if not self._study.cells and self._signals.received is not None:
            if earlier is not None:
                self._store.save(earlier)
            idle = f"the idle power was measured (--resume {self._store.directory} goes on)"
            kept_too = "nothing was measured" if self._study.idle_power_w is None else idle
            raise WorkFailed(
                f"{self._signals.received.name} came before the first cell; {kept_too}"
            )
        self._save()
        bad = any(
            run.state in ("check-failed", "failed")
            for cell in self._study.cells
            for run in cell.runs
        )
        code = int(bad)
        if self._signals.received is not None:
            code = 128 + self._signals.received
        return Ended(directory=self._store.directory, study=self._study, kept=kept, code=code)

    def _earlier(self) -> Study | None:
        """Take over the finished cells of an earlier start.

        Raises BadInput where that was on another machine.
        """
        earlier = self._store.earlier()
        if earlier is None:
            self._store.tidy(set())
            return None
        _check_same(earlier, self._request, self._study.host, self._store.directory)
        whole = tuple(
            cell for cell in earlier.cells if all(run.state != "cut" for run in cell.runs)
        )
        self._study = msgspec.structs.replace(earlier, cells=whole)
        self._store.tidy(
            {run.run for cell in whole for run in cell.runs if run.run is not None}
            | {_name(self._store, _IDLE_RUN)}
        )
        return earlier

    # ------------------------------------------------------------ one cell

    def _idle(self) -> None:
        """The node at rest, as a run of its own: once, before the first cell."""
        seconds = self._plan.idle_s
        if seconds <= 0:
            return
        self._worker.close()  # it holds a context on the device, and idle is without
        request = Request(
            workload=self._request.workload, size="idle", device=self._request.device, settings={}
        )
        plan = replace(self._plan, label=_IDLE_RUN, idle_s=0.0, command=("idle",))
        with Bench(plan, request, self._signals, self._progress) as bench:
            session = bench.session
            self._progress(f"idle power, {seconds:g} s", None)
            with session.windows.repeat(0, place=0, of=1) as window:
                session.sampler.base(bench.interrupted, window.start_s + seconds)
                end_s = session.clock.now()
                if bench.interrupted() or end_s - window.start_s < seconds / 2:
                    session.writer.discard()
                    return
                window.end(end_s)
            _, measured = session.finish()
        self._study = msgspec.structs.replace(
            self._study, idle_power_w=measured.power_w, host=measured.host
        )

    def _cell(self, cell: Cell) -> StudyCell | None:
        """Measure one cell; None where a signal came before it had two blocks of each variant."""
        name = new_id(f"seed-{self._blocks.seed}")
        with ExitStack() as stack:
            turns = Turns(
                [], self._blocks, self._signals, (WorkFailed, DoesNotFit, NotHere, BadInput)
            )
            for slot, variant in enumerate(cell.variants):
                request = Request(
                    workload=cell.workload,
                    size=cell.size,
                    device=self._request.device,
                    settings=variant.settings,
                    repeats=self._offer.repeats,
                    min_window_s=self._offer.min_window_s,
                    max_warm_up_s=self._request.max_warm_up_s,
                )
                plan = replace(
                    self._plan, label=f"{cell.key} {variant.name}", idle_s=0.0, session=name
                )
                turns.benches.append(
                    stack.enter_context(
                        Bench(plan, request, self._signals, self._progress, self._slot(slot))
                    )
                )
            memories: dict[int, Memory | None] = {}
            try:
                turns.prepare()
                memories = {i: turns.ask(i, Bench.memory) for i in range(len(turns.benches))}
                turns.run()
            except Interrupted:
                pass
            if (
                self._signals.received is not None
                and min((bench.complete for bench in turns.alive), default=0) < 2
            ):
                turns.discard()
                return None
            return self._result(cell, turns, memories)

    def _slot(self, number: int) -> Callable[[], Slot]:
        return lambda: Slot(self._worker, number)

    def _result(self, cell: Cell, turns: Turns, memories: dict[int, Memory | None]) -> StudyCell:
        """What became of each variant."""
        measured: dict[str, Measurement] = {}
        runs = []
        outcomes = turns.results()
        for i, variant in enumerate(cell.variants):
            outcome = outcomes[i]
            if outcome is None:
                runs.append(_without(variant.name, turns.failures[i]))
                continue
            measured[variant.name] = outcome.measurement
            runs.append(run_of(cell, variant.name, outcome.measurement, memories.get(i)))
        if measured:
            self._known(
                next(iter(measured.values())).host,
                [doubt for one in measured.values() for doubt in one.doubts],
            )
        return StudyCell(cell=cell, runs=tuple(runs), ratios=ratios_of(runs, measured))

    # ------------------------------------------------------------ the index

    def _known(self, host: Host, doubts: list[Doubt]) -> None:
        """Host and doubts of the runs; a doubt that many cells have is said once."""
        held = {doubt.code for doubt in self._study.doubts}
        new = {doubt.code: doubt for doubt in reversed(doubts) if doubt.code not in held}
        host = host if not self._study.host.gpus else self._study.host
        self._study = msgspec.structs.replace(
            self._study, host=host, doubts=(*self._study.doubts, *new.values())
        )

    def _add(self, done: StudyCell | None) -> None:
        if done is not None:
            self._study = msgspec.structs.replace(self._study, cells=(*self._study.cells, done))
            self._told.cell(len(self._study.cells), len(self._offer.cells), done)
            self._save()

    def _save(self) -> None:
        order = {cell.key: i for i, cell in enumerate(self._offer.cells)}
        cells = tuple(sorted(self._study.cells, key=lambda done: order[done.cell.key]))
        claims = against_claims(self._offer.claims, cells, self._study.host, self._request.device)
        self._study = msgspec.structs.replace(self._study, cells=cells, claims=claims)
        self._store.save(self._study)


def _without(variant: str, error: WorkFailed | BadInput) -> StudyRun:
    """A variant of which there is no measurement, and why."""
    states: tuple[tuple[type[Exception], State], ...] = (
        (DoesNotFit, "does-not-fit"),
        (NotHere, "absent"),
    )
    state: State = next((state for kind, state in states if isinstance(error, kind)), "failed")
    return StudyRun(variant=variant, state=state, why=str(error))


def _name(store: StudyStore, label: str) -> str:
    """The finished run of that label, if there is one."""
    return next(
        (
            path.name
            for path in store.runs.iterdir()
            if f"_{label}_" in path.name and not path.name.startswith(".")
        ),
        "",
    )


def _check_same(earlier: Study, request: StudyRequest, host: Host, directory: Path) -> None:
    if (earlier.workload, earlier.device) != (request.workload, request.device):
        raise BadInput(
            f"--resume {directory}",
            f"is a study of {earlier.workload} on {earlier.device}",
            "name that workload and device",
        )
    for what, there, here in (
        ("host", earlier.host.name, host.name),
        ("CPU", earlier.host.cpu, host.cpu),
        ("torch", earlier.host.libraries.get("torch"), host.libraries.get("torch")),
    ):
        if there != here:
            raise BadInput(
                str(directory),
                f"was begun with {what} {there}, and this is {here}",
                "another --out begins it anew",
            )
