"""`run` with several variants or devices: blocks with one run of every variant, in an order drawn
anew for every block.

Drift (temperature, clocks, other load) then affects the variants alike, and the runs are compared
as pairs, block by block (randomised complete blocks: Fisher 1926). Every variant has its own
worker, session and run directory, as if it ran alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from energybench.analysis.comparison.pairs import half_width, wants_more
from energybench.errors import BadInput
from energybench.measuring.bench import Bench
from energybench.measuring.child import Interrupted, WorkFailed
from energybench.measuring.plan import Blocks, Plan, Progress, Request
from energybench.measuring.run_outcome import RunOutcome
from energybench.measuring.signals import Signals
from energybench.measuring.workload import nothing_measured
from energybench.store.layout import new_id
from energybench.units import counted

T = TypeVar("T")

# Longest rest before a run, in settle times. A board that goes on cooling for minutes would never
# let a block end.
_LONGEST_REST = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Together:
    """Variants measured in turns.

    outcomes  in the order of the variants; None: nothing was measured
    failures  a line for every variant without an outcome
    code      exit code: 0, 1 if work or a check failed, 128 + N after signal N
    """

    outcomes: tuple[RunOutcome | None, ...]
    failures: tuple[str, ...]
    code: int


def run_interleaved(
    variants: Sequence[tuple[Plan, Request]], blocks: Blocks, signals: Signals, progress: Progress
) -> Together:
    """Run and measure variants in blocks. The first request states the number of blocks, or the
    rule to stop by.

    Raises BadInput before anything is measured, and WorkFailed if no variant completed a repeat.
    """
    session = new_id(f"seed-{blocks.seed}")
    with ExitStack() as stack:
        turns = Turns([], blocks, signals)
        try:
            for plan, request in variants:
                turns.benches.append(
                    stack.enter_context(
                        Bench(replace(plan, session=session), request, signals, progress)
                    )
                )
            for bench in turns.benches:
                bench.session.idle(turns.interrupted)
            turns.prepare()
        except BadInput:
            turns.discard()
            raise
        try:
            turns.run()
        except Interrupted:
            pass
        return turns.finish()


class Turns:
    """The benches of the variants, in turns.

    benches   in the order of the variants
    alive     benches that can still run
    failures  failures of variants without a result, by place in `benches`
    borne     exceptions that cost only their variant while it is prepared
    """

    def __init__(
        self,
        benches: list[Bench],
        blocks: Blocks,
        signals: Signals,
        borne: tuple[type[WorkFailed | BadInput], ...] = (WorkFailed,),
    ) -> None:
        self.benches, self._blocks, self._signals, self._borne = benches, blocks, signals, borne
        self._random = random.Random(blocks.seed)
        self.alive: list[Bench] = []
        self.failures: dict[int, WorkFailed | BadInput] = {}

    def interrupted(self) -> bool:
        return self._signals.received is not None

    def prepare(self) -> None:
        """Set every bench up, because a wrong setting is to show before any work; then warm up
        bench after bench. Raises BadInput.
        """
        try:
            for bench in self.benches:
                with self._bearing(bench):
                    bench.set_up()
                    self._check_checkpoint(bench)
                    self.alive.append(bench)
            for bench in tuple(self.alive):
                with self._bearing(bench):
                    bench.warm_up()
        except Interrupted:
            return
        message = (
            f"interleaved with {counted(len(self.alive) - 1, 'other variant')}, which stayed in "
            f"memory; the order was drawn with seed {self._blocks.seed}"
        )
        for bench in self.alive if len(self.alive) > 1 else ():
            bench.session.doubt(
                "interleaved",
                message,
                "a run alone, for the energy of this variant rather than for a ratio",
            )

    @contextmanager
    def _bearing(self, bench: Bench) -> Iterator[None]:
        try:
            yield
        except self._borne as error:
            self._lost(bench, error)

    def _check_checkpoint(self, bench: Bench) -> None:
        """Raises BadInput for two variants with the same checkpoint: the variants would overwrite
        each other's work.
        """
        if bench.checkpoint and any(bench.checkpoint == other.checkpoint for other in self.alive):
            remedy = "one for each: --variant checkpoint=a.pt --variant checkpoint=b.pt"
            raise BadInput(
                f"checkpoint {bench.checkpoint}", "two variants go on in the same file", remedy
            )

    def discard(self) -> None:
        """Remove the unfinished files of the benches (a failed bench has none left)."""
        for i, bench in enumerate(self.benches):
            if i not in self.failures:
                bench.session.writer.discard()

    def run(self) -> None:
        """Block after block. Raises Interrupted."""
        block = 0
        while (
            self.alive
            and not self.interrupted()
            and self._go_on(block)
            and not any(bench.ended() for bench in self.alive)
        ):
            for bench in self._random.sample(self.alive, len(self.alive)):
                settle_s = self._blocks.settle_s
                bench.session.rest(
                    settle_s, _LONGEST_REST * settle_s, self.interrupted, bench.session.idle_w
                )
                if self.interrupted():
                    return
                try:
                    bench.repeat(bench.request.repeats, block)
                except (WorkFailed, BadInput) as error:
                    self._lost(bench, error)
            block += 1

    def _lost(self, bench: Bench, error: WorkFailed | BadInput) -> None:
        """Take a failed bench out of the turns. Complete repeats stand, and the remaining benches
        go on.
        """
        bench.stop()
        if bench.complete:
            bench.failed(error)
        else:
            bench.session.writer.discard()
            self.failures[self.benches.index(bench)] = error
        if bench in self.alive:
            self.alive.remove(bench)

    def _go_on(self, done: int) -> bool:
        """Whether a further block is wanted, by the scatter of the pairs' ratios to the first
        variant.
        """
        request = self.benches[0].request
        if request.repeats is not None:
            return done < request.repeats
        if not done:
            return True
        sides = [bench.session.recent.repeats() for bench in self.alive]
        if wants_more(sides, request.target_rel, request.max_repeats):
            return True
        for bench, side in zip(self.alive[1:], sides[1:], strict=True):
            reached = half_width(sides[0], side)
            if reached is not None and reached > request.target_rel:
                message = (
                    f"after {done} blocks the half-width of its ratio to "
                    f"{self.alive[0].session.plan.label} is {reached:.1%}, over "
                    f"{request.target_rel:.1%}"
                )
                bench.session.doubt(
                    "target-missed", message, "--max-repeats higher, or a quieter machine"
                )
        return False

    def ask(self, place: int, question: Callable[[Bench], T]) -> T | None:
        """The answer of a bench; None if the bench has failed, or fails at the question."""
        bench = self.benches[place]
        if bench not in self.alive:
            return None
        try:
            return question(bench)
        except (WorkFailed, BadInput) as error:
            self._lost(bench, error)
            return None

    def results(self) -> list[RunOutcome | None]:
        """End the workers, measure the idle node again, and write every result; None: nothing was
        measured.
        """
        for bench in self.benches:
            bench.stop()
        outcomes: list[RunOutcome | None] = [None] * len(self.benches)
        running = [bench for i, bench in enumerate(self.benches) if i not in self.failures]
        for i, bench in enumerate(running):
            bench.session.idle_after(self.interrupted, rested=i > 0)
        for bench in running:
            if self._signals.received is not None and not bench.cut_short():
                bench.session.writer.discard()
            else:
                outcomes[self.benches.index(bench)] = bench.finish()
        return outcomes

    def finish(self) -> Together:
        """The results. Raises WorkFailed if nothing was measured."""
        outcomes = self.results()
        failures = tuple(
            f"{self.benches[i].session.plan.label}: {error}" for i, error in self.failures.items()
        )
        if not any(outcomes):
            if self._signals.received is not None:
                raise WorkFailed(
                    nothing_measured(
                        self._signals.received.name, [bench.checkpoint for bench in self.benches]
                    )
                )
            raise WorkFailed("; ".join(failures))
        code = (
            1
            if self.failures
            else max((outcome.code for outcome in outcomes if outcome is not None), default=0)
        )
        if self._signals.received is not None:
            code = 128 + self._signals.received
        return Together(outcomes=tuple(outcomes), failures=failures, code=code)
