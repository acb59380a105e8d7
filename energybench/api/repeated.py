"""`for _ in energybench.repeats("label", 8):` measures every turn of the loop as a repeat."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from typing import Any

from energybench.api import open_blocks
from energybench.api.block_doubts import work_of_a_region
from energybench.api.blocks import STORE, Block
from energybench.api.caller_run import CallerRun, Options
from energybench.api.edges import Sync, wait_for_devices
from energybench.api.innermost import current, enclosing
from energybench.api.stated import bad_input, checked_options, checked_work, share, whole
from energybench.real_clock import monotonic

MOST_REPEATS = 20
_LEAST_FOR_A_TARGET = 8
TARGET_REL = 0.02


class Repeats(Block):
    """The repeats of a loop: one run with the mean energy of a turn and its scatter."""

    def __init__(
        self,
        label: str,
        options: Options,
        sync: Sync | None,
        count: int | None,
        target_rel: float,
        at_most: int,
    ) -> None:
        super().__init__(label, options, sync)
        self._remedy = f"for turn in energybench.repeats({self.label!r})"
        self._count, self._target_rel, self._at_most = count, target_rel, at_most
        self.complete = 0  # number of measured repeats

    def __enter__(self) -> Repeats:
        raise bad_input(self.label, "is a loop", self._remedy)

    async def __aenter__(self) -> Repeats:
        return self.__enter__()

    def __iter__(self) -> Iterator[Repeats]:
        if self._run is not None:
            raise RuntimeError(f"the repeats {self.label!r} were used before: make new ones")
        outer = enclosing()
        if outer is not None:
            self.lie_in(outer)
            return _Regions(self)
        self._run = CallerRun(self.label, self._options, counts_repeats=self._count is None)
        self._run.open()
        weakref.finalize(self, self._run.finish).atexit = False
        return _Turns(self)

    def wants_more(self) -> bool:
        """Whether a further turn is to be measured."""
        if self._count is not None:
            return self.complete < self._count
        if self.complete < min(_LEAST_FOR_A_TARGET, self._at_most):
            return True
        if self.run.refusal is not None:
            return False
        return self.run.wants_more(self._target_rel, self._at_most)

    def begin_turn(self) -> None:
        self.run.approach(self._count)
        failure = wait_for_devices(self._sync)
        self._work, self._end_s = None, None
        self._start_s = monotonic()
        self.run.begun(self._start_s)
        open_blocks.opened(self.run)
        self._doubt_edges(failure)

    def end_turn(self, *, cut: bool = False) -> None:
        assert self._start_s is not None
        failure = None if cut else wait_for_devices(self._sync)
        end_s = self._end_s = monotonic()
        work = None if cut else self._work
        open_blocks.closed(self.run)
        self.run.ended(self._start_s, end_s, cut="loop-left" if cut else None, work=work)
        self._doubt_edges(failure)
        self.complete += not cut

    def end_loop(self) -> None:
        self.run.settle()
        self.run.may_finish()

    @property
    def options(self) -> tuple[Options, Sync | None]:
        return self._options, self._sync

    def takes_edges(self, turn: Block) -> None:
        """The latest turn was a region of the outer block."""
        self._start_s, self._end_s = turn._start_s, turn._end_s

    def work(self, amount: float, unit: str, fingerprint: str = "", **more: Any) -> None:
        """State the solved work of this turn, inside the loop; that of a region is left out, with a
        doubt. Raises BadInput.
        """
        work = checked_work(self.label, amount, unit, fingerprint, more)
        if self._outer is not None:
            work_of_a_region(self.run, self.label)
        elif self.is_open:
            self._work = work
        else:
            raise bad_input(
                self.label,
                "has no open turn: the work belongs to one turn of the loop",
                "state it inside the loop",
            )


class _Turns:
    """One loop over the repeats. Its end by `break` or an exception cuts the open turn."""

    def __init__(self, repeats: Repeats) -> None:
        self._repeats = repeats
        self._turn_open = self._ended = False

    def __iter__(self) -> Iterator[Repeats]:
        return self

    def __next__(self) -> Repeats:
        if self._turn_open:
            self._close()
        if self._ended or not self._repeats.wants_more():
            self._end()
            raise StopIteration
        self._repeats.begin_turn()
        self._turn_open = True
        self._token = current.set(self._repeats)
        return self._repeats

    def _close(self, *, cut: bool = False) -> None:
        self._turn_open = False
        self._repeats.end_turn(cut=cut)
        if current.get() is self._repeats:
            current.set(None)

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._repeats.end_loop()

    def __del__(self) -> None:
        if self._turn_open:
            self._close(cut=True)
            self._end()


class _Regions:
    """The repeats of a loop inside another block: regions of that block."""

    def __init__(self, repeats: Repeats) -> None:
        self._repeats = repeats
        self._turn: Block | None = None

    def __iter__(self) -> Iterator[Repeats]:
        return self

    def __next__(self) -> Repeats:
        self._close()
        count = self._repeats._count or self._repeats._at_most
        if self._repeats.complete >= count:
            raise StopIteration
        self._turn = Block(self._repeats.label, *self._repeats.options)
        self._turn.__enter__()
        return self._repeats

    def _close(self, *, cut: bool = False) -> None:
        if self._turn is not None:
            turn, self._turn = self._turn, None
            turn.__exit__(GeneratorExit if cut else None, None, None)
            self._repeats.complete += not cut
            self._repeats.takes_edges(turn)

    def __del__(self) -> None:
        self._close(cut=True)


def repeats(
    label: str,
    count: int | None = None,
    *,
    target: float = TARGET_REL,
    at_most: int = MOST_REPEATS,
    store: str = STORE,
    boundary: str = "compute",
    idle: float = 0.0,
    collectors: Sequence[str] = (),
    sync: Sync | None = None,
    root: str | None = None,
) -> Repeats:
    """Measure every turn of a `for` loop as a repeat of the same work.

    count    number of repeats; None: at least 8, until `target` or `at_most` is reached
    target   half-width of the scatter's 95 % interval to stop at, relative to the mean
    at_most  number of repeats to stop at in any case

    Other options as for `measure`. A turn that ends by `break` or an exception is left out.
    Raises BadInput.
    """
    return Repeats(
        label,
        checked_options(store, boundary, idle, collectors, root, sync),
        sync,
        None if count is None else whole(label, "count", count),
        share(label, "target", target),
        whole(label, "at_most", at_most),
    )
