"""Times of the blocks inside a block, on their way to the sampling process.

A program may enter many thousand short blocks in a second. Their times are sent in groups, so that
sending neither holds the program up nor fills the connection, which also carries the ends of the
outer blocks.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from energybench.api.link import Link

# Most blocks inside an outermost block with kept times, and most labels: each limit costs some
# seconds of analysis for a sensor. Further blocks are only counted.
MOST, MOST_LABELS = 200_000, 1_000
_APART_S = 0.05  # between two groups
# Characters of a group, which must fit into a packet (`packets.py`): a longer message would wait
# for the other side. An entry has two times and a number, and at most six characters for each of
# the label, or twelve for a character beyond the first 65 536 of Unicode.
_GROUP = 50_000
_ENTRY, _CHARACTER = 80, 12


class RegionTime(NamedTuple):
    """A block inside another block.

    repeat  number of the repeat that holds the block
    """

    label: str
    repeat: int
    start_s: float
    end_s: float


class RegionTimes:
    """The times still to be sent to the sampling process. Safe to use from several threads.

    left_out  number of blocks without kept times
    """

    def __init__(self) -> None:
        self._waiting: deque[RegionTime] = deque()
        self._lock = threading.Lock()
        self._count, self._labels = 0, set[str]()
        self._told_s = 0.0
        self.left_out = 0

    def add(self, region: RegionTime) -> bool:
        """Keep the times of a block that has ended now. Returns whether a group is due."""
        with self._lock:
            labels = self._labels
            if self._count >= MOST or (region.label not in labels and len(labels) >= MOST_LABELS):
                self.left_out += 1
                return False
            self._count += 1
            labels.add(region.label)
            self._waiting.append(region)
            due = region.end_s - self._told_s >= _APART_S
            if due:
                self._told_s = region.end_s
            return due

    def tell(self, link: Link, run: int) -> None:
        """Send the waiting times, as far as the process takes them now."""
        while group := self._group():
            if not link.offer(do="regions", run=run, regions=group):
                with self._lock:
                    self._waiting.extendleft(reversed(group))
                return

    def owe(self, link: Link, run: int) -> None:
        """Before a result: the waiting times have to arrive."""
        while group := self._group():
            link.owe(do="regions", run=run, regions=group)

    def _group(self) -> list[RegionTime]:
        group: list[RegionTime] = []
        characters = 0
        with self._lock:
            while self._waiting and characters < _GROUP:
                group.append(self._waiting.popleft())
                characters += _ENTRY + _CHARACTER * len(group[-1].label)
        return group

    def doubt(self, label: str) -> tuple[str, str, str, str] | None:
        """Code, message, remedy and subject of the doubt about blocks inside the block `label`
        without kept times; None: no such blocks.
        """
        if not self.left_out:
            return None
        return (
            "regions-left-out",
            f"{self.left_out} blocks inside {label!r}, beyond the first {MOST} or the first "
            f"{MOST_LABELS} labels, are in no result of their region",
            "one label for blocks of the same work; one block around a loop of short ones",
            label,
        )
