"""Batches in the background: samples from memory or files, turned round the globe and put together
by a thread, ahead of the step that needs the batch.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from energybench_workloads.common import cpus, uniforms
from energybench_workloads.deepcam.cost import Size
from energybench_workloads.deepcam.fields import Sample, make

AHEAD = 3  # batches that wait in the queue
_ORDER = 7  # Philox stream for the order of an epoch; below the streams of samples


class Batch(NamedTuple):
    """field: bfloat16 bits [B, H, W, 16]; label [B, H, W]."""

    field: npt.NDArray[np.uint16]
    label: npt.NDArray[np.uint8]


class Source(Protocol):
    """Samples by number."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> Sample: ...


class Synthetic:
    """The samples first … first + count - 1 of a seed, computed once and kept in memory."""

    def __init__(self, size: Size, seed: int, first: int, count: int, digest: Any = None) -> None:
        self._field = np.empty((count, size.height, size.width, 16), np.uint16)
        self._label = np.empty((count, size.height, size.width), np.uint8)
        for i in range(count):
            self._field[i], self._label[i] = make(size.height, size.width, seed, first + i, digest)

    def __len__(self) -> int:
        return len(self._label)

    def read(self, index: int) -> Sample:
        return Sample(self._field[index], self._label[index])


class Share(NamedTuple):
    """The samples of this process in the common order: of every `batch * parts` samples, the
    `batch` samples of part number `part`.
    """

    seed: int
    batch: int
    parts: int = 1
    part: int = 0


def places(share: Share, count: int, position: int) -> Iterator[tuple[int, float]]:
    """(sample, turn 0…1 round the globe) of the position-th batch.

    An epoch takes every sample once; the order changes from epoch to epoch.
    """
    start = (position * share.parts + share.part) * share.batch
    for slot in range(start, start + share.batch):
        epoch, at = divmod(slot, count)
        order, turns = _epoch(share.seed, epoch, count)
        yield int(order[at]), float(turns[at])


@lru_cache(maxsize=2)
def _epoch(
    seed: int, epoch: int, count: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Order and turns of the samples in one epoch; a batch may lie in two epochs."""
    drawn = uniforms(seed, _ORDER + (epoch + 1 << 41), 2 * count)
    return np.argsort(drawn[:count], kind="stable"), drawn[count:]


def batch(source: Source, share: Share, position: int) -> Batch:
    """A batch of a share. Every sample is turned round the globe by an angle, so that the seam of
    the field lies anywhere: few samples stand for many.
    """
    turned = [(source.read(index), turn) for index, turn in places(share, len(source), position)]
    first = turned[0][0]
    fields = np.empty((len(turned), *first.field.shape), np.uint16)
    labels = np.empty((len(turned), *first.label.shape), np.uint8)
    for i, (sample, turn) in enumerate(turned):
        by = int(turn * first.label.shape[1])
        for image, out in ((sample.field, fields[i]), (sample.label, labels[i])):
            out[:, by:] = image[:, : image.shape[1] - by]
            out[:, :by] = image[:, image.shape[1] - by :]
    return Batch(fields, labels)


Prepared = TypeVar("Prepared")


class Loader(Generic[Prepared]):
    """The batches first, first + 1, … of a share, prepared by `prepare` in a thread.

    waited_s: seconds that `take` has waited; made_s: seconds that making the batches took.
    """

    def __init__(
        self,
        source: Source,
        share: Share,
        first: int,
        count: int,
        prepare: Callable[[Batch], Prepared],
    ) -> None:
        self._source, self._share, self._prepare = source, share, prepare
        self._numbers = range(first, first + count)
        self._queue: queue.Queue[Prepared | Exception] = queue.Queue(AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._make, name="deepcam-loader", daemon=True)
        self.waited_s = self.made_s = 0.0

    def __enter__(self) -> Loader[Prepared]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        while self._thread.is_alive():
            try:
                self._queue.get_nowait()
            except queue.Empty:
                self._thread.join(0.01)

    def take(self) -> Prepared:
        """The next batch. Raises the error of the thread, if there was one."""
        start = time.perf_counter()
        item = self._queue.get()
        self.waited_s += time.perf_counter() - start
        if isinstance(item, Exception):
            raise item
        return item

    def _make(self) -> None:
        # Every CPU for this thread: the thread that started it may be bound to a single core
        os.sched_setaffinity(0, cpus())
        for number in self._numbers:
            start = time.perf_counter()
            item: Prepared | Exception
            try:
                item = self._prepare(batch(self._source, self._share, number))
            except Exception as error:  # `take` raises the error
                item = error
            self.made_s += time.perf_counter() - start
            if self._stopped.is_set():
                return
            self._queue.put(item)
            if self._stopped.is_set() or isinstance(item, Exception):
                return
