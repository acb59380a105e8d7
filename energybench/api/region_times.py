"""Times of the blocks inside a block, on their way to the sampling process.

A program may enter many thousand short blocks in a second. Their times are told in groups, so that
telling them neither holds the program up nor fills the connection, on which the ends of the outer
blocks come as well.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from energybench.api.link import Link

# Blocks inside one outermost block whose times are kept, and their labels: each some seconds of
# analysis for a sensor. Of blocks beyond that only the number is kept.
MOST, MOST_LABELS = 200_000, 1_000
_APART_S = 0.05  # between two groups
# Characters of a group, which must be one packet (`packets.py`): a longer message would wait for
# the other side. Of an entry: its two times and its number, and six characters for each of the
# label at most, or twelve for a character beyond the first 65 536 of Unicode.
_GROUP = 50_000
_ENTRY, _CHARACTER = 80, 12


class RegionTime(NamedTuple):
    """One block inside another.

    repeat  number of the repeat that holds the block
    """

    label: str
    repeat: int
    start_s: float
    end_s: float


class RegionTimes:
    """The times that the sampling process has not been told yet. Safe to use from several threads.

    left_out  number of blocks whose times are not kept
    """

    def __init__(self) -> None:
        self._waiting: deque[RegionTime] = deque()
        self._lock = threading.Lock()
        self._count, self._labels = 0, set[str]()
        self._told_s = 0.0
        self.left_out = 0

    def add(self, region: RegionTime) -> bool:
        """Keep the times of a block that has ended now; whether a group is to be told."""
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
        """Tell the times that wait, as far as the process takes them now."""
        while group := self._group():
            if not link.offer(do="regions", run=run, regions=group):
                with self._lock:
                    self._waiting.extendleft(reversed(group))
                return

    def owe(self, link: Link, run: int) -> None:
        """Before a result: the times that wait have to come."""
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
        """Code, message, remedy and subject of the doubt about the blocks inside the block `label`
        whose times are not kept; None: all are.
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
