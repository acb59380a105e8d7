"""The works of repeats, which a caller may state late and in any order."""

from __future__ import annotations

from collections.abc import Callable

from energybench.model import Work


class StatedWorks:
    """Writes works down in the order of the whole repeats, each as soon as all before it are
    stated.
    """

    def __init__(self, write: Callable[[Work], None]) -> None:
        self._write = write
        self._works: dict[int, Work] = {}
        self._whole: list[int] = []  # numbers of the whole repeats
        self._written = 0

    def whole_repeat(self, repeat: int) -> None:
        """A repeat has ended that is no part."""
        self._whole.append(repeat)

    def state(self, repeat: int, work: Work) -> None:
        """The work of a repeat."""
        self._works[repeat] = work
        while self._written < len(self._whole):
            stated = self._works.get(self._whole[self._written])
            if stated is None:
                return
            self._write(stated)
            self._written += 1
