"""`with energybench.measure("label"):`."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from energybench.api import open_blocks
from energybench.api.answers import Answers
from energybench.api.block_doubts import (
    blocks_inside_overlap,
    edges_unsynchronised,
    options_of_a_region,
    region_cut,
    region_outlives,
    work_of_a_region,
)
from energybench.api.caller_run import CallerRun, Options
from energybench.api.edges import Sync, wait_for_devices
from energybench.api.event_loop import beside_the_loop
from energybench.api.innermost import current, enclosing
from energybench.api.stated import bad_input, checked, checked_options, checked_work, clean_label
from energybench.real_clock import monotonic

if TYPE_CHECKING:
    from contextvars import Token

    from energybench.api.results import Result

STORE = "results"

_open_children = threading.Lock()


class Block(Answers):
    """A measured block of a program. An outermost block is a run with its own directory; a block
    inside is a region of the run.

    label  name of the block
    """

    _remedy = "enter it by `with`"  # of a block that has not begun

    def __init__(self, label: str, options: Options, sync: Sync | None = None) -> None:
        self.label = clean_label(label)
        self._options, self._sync = options, sync
        self._run: CallerRun | None = None
        self._outer: Block | None = None
        self._token: Token[Block | None] | None = None
        self._start_s: float | None = None
        self._end_s: float | None = None
        self._work: dict[str, Any] | None = None
        self._inside = 0  # open blocks directly inside
        self._outer_start_s: float | None = None  # of the outer block, which may have several turns
        self._refusal: tuple[str, str, str] | None = None  # of a region alone

    # ------------------------------------------------------------ entering and leaving

    def __enter__(self) -> Block:
        if self._prepare():
            assert self._run is not None
            try:
                self._run.approach()
            except BaseException:
                self._abandon()
                raise
        self._begin()
        return self

    async def __aenter__(self) -> Block:
        if self._prepare():
            assert self._run is not None
            try:
                await beside_the_loop(self._run.approach)
            except BaseException:
                self._abandon()
                raise
        self._begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._end(kind):
            assert self._run is not None
            self._run.settle()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._end(kind):
            assert self._run is not None
            await beside_the_loop(self._run.settle)

    def _prepare(self) -> bool:
        """Find the place among the open blocks. Returns whether this block is outermost,
        and waits.
        """
        if self._run is not None:
            raise RuntimeError(f"the block {self.label!r} was used before: make a new one")
        outer = enclosing()
        if outer is not None:
            self.lie_in(outer)
            options_of_a_region(outer.run, self.label, self._options)
            outer.child_begins(self.label)
            return False
        self._run = CallerRun(self.label, self._options)
        self._run.open()
        return True

    def _abandon(self) -> None:
        """The caller was interrupted before the block began."""
        if self._run is not None:
            self._run.finish()

    def _begin(self) -> None:
        self._token = current.set(self)
        assert self._run is not None
        failure = wait_for_devices(self._sync)
        self._start_s = monotonic()
        if self._outer is None:
            self._run.begun(self._start_s)
            open_blocks.opened(self._run)
            weakref.finalize(self, self._run.finish).atexit = False
        self._doubt_edges(failure)

    def _end(self, kind: type[BaseException] | None) -> bool:
        """Whether an idle phase after the block is waited for."""
        if self._run is None or self._start_s is None:
            raise RuntimeError(f"the block {self.label!r} is left and was not entered")
        if self._end_s is not None:
            raise RuntimeError(f"the block {self.label!r} was left before: make a new one")
        failure = wait_for_devices(self._sync)
        end_s = self._end_s = monotonic()
        self._leave_context()
        if self._outer is not None:
            self._outer.child_ended()
            if not self._lies_inside:
                self._refusal = region_outlives(self._run, self.label)
            elif kind is not None:
                region_cut(self._run, self.label)
            else:
                self._run.region(self.label, self._start_s, end_s)
            return False
        open_blocks.closed(self._run)
        self._doubt_edges(failure)
        cut = None if kind is None else "exception"
        self._run.ended(self._start_s, end_s, cut=cut, work=self._work if kind is None else None)
        self._run.may_finish()
        return kind is None and self._options.idle_s > 0

    def _leave_context(self) -> None:
        if self._token is not None and current.get() is self:
            try:
                current.reset(self._token)
            except ValueError:  # left in another task than entered
                current.set(self._outer)

    def _doubt_edges(self, failure: str | None) -> None:
        """Add a doubt if the devices could not be waited for."""
        if failure is not None:
            assert self._run is not None
            edges_unsynchronised(self._run, self.label, failure)

    # ------------------------------------------------------------ blocks inside

    @property
    def is_open(self) -> bool:
        return self._start_s is not None and self._end_s is None

    def lie_in(self, outer: Block) -> None:
        """The block is a region of an open block."""
        self._outer, self._run, self._outer_start_s = outer, outer.run, outer._start_s

    @property
    def run_is_open(self) -> bool:
        """Whether this block and all blocks around it are open, in the same turns as at the
        beginning.
        """
        return self.is_open and self._lies_inside

    @property
    def _lies_inside(self) -> bool:
        """Whether the outer block is open, in the same turn as when this block began."""
        outer = self._outer
        return outer is None or (outer.run_is_open and outer._start_s == self._outer_start_s)

    @property
    def run(self) -> CallerRun:
        """The run of the block."""
        assert self._run is not None
        return self._run

    def child_begins(self, label: str) -> None:
        """A block begins directly inside; a doubt if another inner block is open."""
        with _open_children:
            self._inside += 1
            overlap = self._inside > 1
        if overlap:
            blocks_inside_overlap(self.run, self.label, label)

    def child_ended(self) -> None:
        with _open_children:
            self._inside -= 1

    # ------------------------------------------------------------ statements of the caller

    def work(self, amount: float, unit: str, fingerprint: str = "", **more: Any) -> None:
        """State the solved work of an outermost block; the work of a region is left out, with a
        doubt.

        amount       above 0
        unit         "sample", "token", "solve to residual 1e-10"
        fingerprint  names the problem: two blocks with the same fingerprint did the same work
        more         precision, flops, bytes, arithmetic, as fields of energybench.model.Work

        Raises BadInput if the result was made already, if work was stated before and the block is
        over, or if a value is not possible.
        """
        work = checked_work(self.label, amount, unit, fingerprint, more)
        self._refuse_if_asked("work")
        if self._outer is not None:
            work_of_a_region(self.run, self.label)
            return
        if self._end_s is not None:
            if self._work is not None:
                raise bad_input(self.label, "states work a second time", "state it once, in all")
            self.run.work(0, work)
        self._work = work

    def check(self, quantity: str, value: float, tolerance: float) -> None:
        """State a check of the result: passed if |value| <= tolerance.

        Raises BadInput if the result was made already.
        """
        self._refuse_if_asked("check")
        self.run.check(checked(self.label, quantity, value, tolerance))

    def _refuse_if_asked(self, what: str) -> None:
        if self._run is None:
            raise bad_input(self.label, f"has not begun: no {what} can be stated", "")
        if self._run.asked:
            raise bad_input(
                self.label,
                f"is finished: no {what} can be added to its result",
                f"state the {what} before the result is read and before the next block begins",
            )

    # ------------------------------------------------------------ results

    async def answer(self) -> Result | None:
        """The result, awaited: the event loop goes on meanwhile. Of an open block, the result up to
        now; None: not measured.
        """
        return await beside_the_loop(self.so_far)

    def result(self) -> Result:
        """The result of the block, waited for. In asyncio, all tasks wait: use `answer`."""
        if self._outer is not None:
            return self._region_result()
        if self._run is None or self._start_s is None:
            raise bad_input(self.label, "has not begun: there is no result", self._remedy)
        if self._end_s is None:
            raise bad_input(
                self.label, "has not ended: there is no result yet", "so_far() reads before the end"
            )
        with open_blocks.waiting(self._run):
            return self._run.result()

    def _region_result(self) -> Result:
        from energybench.api.results import Result

        if self._refusal is not None:
            return Result.of(self.label, None, self._refusal)
        outermost = self._outer
        while outermost is not None and outermost._outer is not None:
            outermost = outermost._outer
        assert outermost is not None
        run = outermost.run
        with open_blocks.waiting(run):
            whole = run.so_far(regions=True) if outermost.is_open else run.result()
        return Result.region(self.label, outermost.label, whole, run.refusal)

    def so_far(self) -> Result | None:
        """The result of an open block up to now, without the regions inside; None: not measured."""
        if not self.is_open:
            return self.result()
        with open_blocks.waiting(self.run):
            return self.run.so_far()

    def __repr__(self) -> str:
        if self._end_s is None:
            state = "not begun" if self._start_s is None else "not ended"
            return f"<energybench block {self.label!r}, {state}>"
        return repr(self.result())

    def _repr_html_(self) -> str | None:
        """None before the end: the notebook shows the text of `repr`."""
        return None if self._end_s is None else self.result()._repr_html_()

    def __reduce__(self) -> str | tuple[Any, ...]:
        """A block that has ended is pickled and copied as its result, which has the same numbers:
        the connection to the sampling process belongs to this process.
        """
        if self._end_s is None:
            raise TypeError(f"the block {self.label!r} has not ended: no result can be copied")
        return self.result().__reduce__()


def measure(
    label: str,
    *,
    store: str = STORE,
    boundary: str = "compute",
    idle: float = 0.0,
    collectors: Sequence[str] = (),
    sync: Sync | None = None,
    root: str | None = None,
) -> Block:
    """Measure the energy of this machine during a block, under `with` or `async with`.

    label       name of the run, or of the region inside another block
    store       folder for the directory of the run
    boundary    compute, device, node-dc or node-ac
    idle        length of idle phases before and after the block, s
    collectors  names of the only sensors to read; empty: all that work
    sync        waits for devices of which torch does not know, at both edges
    root        prefix of /sys, /proc and /dev; None: $ENERGYBENCH_ROOT, else /

    What cannot be measured is said by `doubts`, and never by an exception. Raises BadInput for an
    option that is not possible.
    """
    options = checked_options(store, boundary, idle, collectors, root, sync)
    return Block(label, options, sync)
