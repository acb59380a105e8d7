"""Loops of calls with nothing between two calls of a chunk.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from energybench.real_clock import monotonic

# Calls in a chunk at most. A look at the clock takes less than 1 µs, which is 1 ns of each call.
_MOST_CALLS = 1000
# Lengths of a chunk, s, that is followed by a shorter one and by a longer one.
_LONG_S, _SHORT_S = 0.05, 0.002
_GROWTH = 10  # between two chunks


class Span(NamedTuple):
    """Start and end of a loop, CLOCK_MONOTONIC, s.

    calls        number of calls, fewer than asked for if the loop was cut
    last_call_s  time of a call in the last chunk, s
    """

    start_s: float
    end_s: float
    calls: int
    last_call_s: float

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


class Chunks:
    """A loop of calls in chunks, with a look at the clock between two chunks. No chunk is long by
    its number of calls, because a function may become dearer from one call to the next.
    """

    def __init__(self, calls: int, most_s: float, clock: Callable[[], float] = monotonic) -> None:
        """
        calls   number of calls asked for
        most_s  time after which no further chunk begins, s
        """
        self._left, self._clock = calls, clock
        self._calls, self._size, self._count = 0, 1, 0
        self._last_call_s = 0.0
        self._start_s = self._now_s = clock()
        self._until_s = self._start_s + most_s

    def next(self) -> int:
        """End the last chunk; the number of calls in the next one, 0: the loop is over."""
        now_s = self._clock()
        if self._count:
            self._ended(now_s - self._now_s)
        self._now_s = now_s
        self._count = min(self._size, self._left) if now_s < self._until_s else 0
        return self._count

    def _ended(self, length_s: float) -> None:
        self._calls += self._count
        self._left -= self._count
        self._last_call_s = length_s / self._count
        if length_s < _SHORT_S:
            self._size = min(_GROWTH * self._size, _MOST_CALLS)
        elif length_s > _LONG_S:
            self._size = max(1, int(self._size * _LONG_S / 2 / length_s))

    @property
    def span(self) -> Span:
        """The loop, after its last chunk."""
        return Span(self._start_s, self._now_s, self._calls, self._last_call_s)


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
