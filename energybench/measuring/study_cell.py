"""A cell of a study: the variants measured in turns, in slots of a shared worker."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

import msgspec

from energybench.analysis.comparison.study_cells import ratios_of, run_of
from energybench.errors import BadInput, DoesNotFit, NotHere
from energybench.measuring.bench import Bench
from energybench.measuring.child import Interrupted, WorkFailed
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
    StudyCell,
    StudyPlan,
    StudyRun,
)
from energybench.store import digests
from energybench.store.layout import new_id

_LEAST_BLOCKS = 2  # of every variant, for keeping a cell after a signal


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredCell:
    """A measured cell.

    cell    the variants' results and ratios
    host    machine with boards, as described by the runs; None: no variant was measured
    doubts  of the runs
    """

    cell: StudyCell
    host: Host | None
    doubts: tuple[Doubt, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CellBench:
    """Measures cell after cell.

    offer          the study's plan
    device         cpu, cuda, cuda:N or node
    max_warm_up_s  latest end of a warm-up run, s after the start of the warm-up
    plan           where the runs are written and which sensors measure them
    blocks         how the variants take turns
    worker         process of the variants
    received signals
    progress       reports how far the study is
    """

    offer: StudyPlan
    device: str
    max_warm_up_s: float
    plan: Plan
    blocks: Blocks
    worker: SharedWorker
    signals: Signals
    progress: Progress

    def measure(self, cell: Cell) -> MeasuredCell | None:
        """Measure a cell; None if a signal came before every variant had two blocks."""
        with ExitStack() as stack:
            turns = self._benches(cell, stack)
            memories: dict[int, Memory | None] = {}
            try:
                turns.prepare()
                memories = {i: turns.ask(i, Bench.memory) for i in range(len(turns.benches))}
                turns.run()
            except Interrupted:
                pass
            blocks = min((bench.complete for bench in turns.alive), default=0)
            if self.signals.received is not None and blocks < _LEAST_BLOCKS:
                turns.discard()
                return None
            return _result(cell, turns, memories)

    def _benches(self, cell: Cell, stack: ExitStack) -> Turns:
        """A bench for every variant, in a common interleaved session."""
        session = new_id(f"seed-{self.blocks.seed}")
        # failures that cost only the variant
        borne = (WorkFailed, DoesNotFit, NotHere, BadInput)
        turns = Turns([], self.blocks, self.signals, borne)
        for slot, variant in enumerate(cell.variants):
            request = Request(
                workload=cell.workload,
                size=cell.size,
                device=self.device,
                settings=variant.settings,
                repeats=self.offer.repeats,
                min_window_s=self.offer.min_window_s,
                max_warm_up_s=self.max_warm_up_s,
            )
            plan = replace(
                self.plan, label=f"{cell.key} {variant.name}", idle_s=0.0, session=session
            )
            bench = Bench(plan, request, self.signals, self.progress, self._slot(slot))
            turns.benches.append(stack.enter_context(bench))
        return turns

    def _slot(self, number: int) -> Callable[[], Slot]:
        return lambda: Slot(self.worker, number)


def _result(cell: Cell, turns: Turns, memories: dict[int, Memory | None]) -> MeasuredCell:
    """The results of the variants, and the ratios between the variants."""
    measurements: dict[str, Measurement] = {}
    runs = []
    outcomes = turns.results()
    for i, variant in enumerate(cell.variants):
        outcome = outcomes[i]
        if outcome is None:
            runs.append(_without(variant.name, turns.failures[i]))
            continue
        measurements[variant.name] = outcome.measurement
        result = run_of(cell, variant.name, outcome.measurement, memories.get(i))
        runs.append(msgspec.structs.replace(result, digests=digests.of_run(outcome.directory)))
    return MeasuredCell(
        cell=StudyCell(cell=cell, runs=tuple(runs), ratios=ratios_of(runs, measurements)),
        host=next((measurement.host for measurement in measurements.values()), None),
        doubts=tuple(
            doubt for measurement in measurements.values() for doubt in measurement.doubts
        ),
    )


def _without(variant: str, error: WorkFailed | BadInput) -> StudyRun:
    """A variant without a measurement, and the reason."""
    state: State = "failed"
    if isinstance(error, DoesNotFit):
        state = "does-not-fit"
    elif isinstance(error, NotHere):
        state = "absent"
    return StudyRun(variant=variant, state=state, why=str(error))
