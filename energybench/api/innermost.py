"""The innermost open block of a thread or task, in which a new block lies."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from energybench.api.blocks import Block

# The innermost open block of this thread or task.
current: ContextVar[Block | None] = ContextVar("energybench_block", default=None)


def enclosing() -> Block | None:
    """The open block in which a new block lies; None: a new block is outermost.

    A block inside another that outlives it holds no new block: their run is over. In a forked child
    the blocks of the parent do not count: their runs belong to the parent.
    """
    outer = current.get()
    if outer is None or not outer.run_is_open or outer.run.elsewhere:
        return None
    return outer
