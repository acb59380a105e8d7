"""Loops of calls with nothing between two calls.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple


class Span(NamedTuple):
    """Start and end of a loop, CLOCK_MONOTONIC, s."""

    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


Loop = Callable[[int], None]


def loop_of(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Loop:
    """A loop of calls. A call with unpacked arguments takes longer than one with plain arguments,
    by 20 to 40 ns: calls with up to two arguments have a loop of their own.
    """
    if kwargs:

        def loop(count: int) -> None:
            for _ in repeat(None, count):
                function(*args, **kwargs)

    elif not args:

        def loop(count: int) -> None:
            for _ in repeat(None, count):
                function()

    elif len(args) == 1:
        (first,) = args

        def loop(count: int) -> None:
            for _ in repeat(None, count):
                function(first)

    elif len(args) == 2:
        first, second = args

        def loop(count: int) -> None:
            for _ in repeat(None, count):
                function(first, second)

    else:

        def loop(count: int) -> None:
            for _ in repeat(None, count):
                function(*args)

    return loop


def awaited_loop_of(
    function: Callable[..., Awaitable[Any]], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Callable[[int], Awaitable[None]]:
    """A loop of awaited calls."""

    async def loop(count: int) -> None:
        for _ in repeat(None, count):
            await function(*args, **kwargs)

    return loop
