"""The innermost open block of a thread or task, the parent of a new block."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from energybench.api.blocks import Block

# The innermost open block of this thread or task.
current: ContextVar[Block | None] = ContextVar("energybench_block", default=None)


def enclosing() -> Block | None:
    """The open block around a new block; None: a new block is outermost.

    A block that outlives its outer block holds no new block, because the run is over. In a forked
    child the blocks of the parent do not count: their runs belong to the parent.
    """
    outer = current.get()
    if outer is None or not outer.run_is_open or outer.run.elsewhere:
        return None
    return outer
