"""Batches in the background: samples in memory (or from files), turned round the globe, put
together by a thread ahead of the step that needs them.
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
from energybench_workloads.deepcam import fields
from energybench_workloads.deepcam.cost import Size
from energybench_workloads.deepcam.fields import Sample

AHEAD = 3  # batches made before they are asked for
_ORDER = 7  # stream of the Philox key that orders an epoch; below every sample's


class Batch(NamedTuple):
    """field: bfloat16 bits [B, H, W, 16]; label [B, H, W]."""

    field: npt.NDArray[np.uint16]
    label: npt.NDArray[np.uint8]


class Source(Protocol):
    """Samples by number."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> Sample: ...


class Synthetic:
    """Samples first … first + count of a seed, made once and held."""

    def __init__(self, size: Size, seed: int, first: int, count: int, digest: Any = None) -> None:
        self._field = np.empty((count, size.height, size.width, 16), np.uint16)
        self._label = np.empty((count, size.height, size.width), np.uint8)
        for i in range(count):
            self._field[i], self._label[i] = fields.make(
                size.height, size.width, seed, first + i, digest
            )

    def __len__(self) -> int:
        return len(self._label)

    def read(self, index: int) -> Sample:
        return Sample(self._field[index], self._label[index])


class Share(NamedTuple):
    """Which samples of the common order are this process's: `batch` of every `batch * parts`, the
    part-th of them.
    """

    seed: int
    batch: int
    parts: int = 1
    part: int = 0


def places(share: Share, count: int, position: int) -> Iterator[tuple[int, float]]:
    """(sample, turn 0…1 round the globe) of the position-th batch.

    Every epoch takes all samples, in an order of its own.
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
    """Order and turns of one pass over all samples; a batch may lie in two."""
    drawn = uniforms(seed, _ORDER + (epoch + 1 << 41), 2 * count)
    return np.argsort(drawn[:count], kind="stable"), drawn[count:]


def batch(source: Source, share: Share, position: int) -> Batch:
    """One batch.

    Going round the globe, a field's seam lies anywhere: few samples stand for many.
    """
    read = [(source.read(index), turn) for index, turn in places(share, len(source), position)]
    first = read[0][0]
    made = Batch(
        np.empty((len(read), *first.field.shape), np.uint16),
        np.empty((len(read), *first.label.shape), np.uint8),
    )
    for i, (sample, turn) in enumerate(read):
        by = int(turn * first.label.shape[1])
        for whole, out in ((sample.field, made.field[i]), (sample.label, made.label[i])):
            out[:, by:] = whole[:, : whole.shape[1] - by]
            out[:, :by] = whole[:, whole.shape[1] - by :]
    return made


Made = TypeVar("Made")


class Loader(Generic[Made]):
    """Batches first, first + 1, … of a share, each as `prepare` makes it, in the thread.
    `waited_s`: what whoever asked has stood waiting for them; `made_s`: what making them took.
    """

    def __init__(
        self, source: Source, share: Share, first: int, count: int, prepare: Callable[[Batch], Made]
    ) -> None:
        self._source, self._share, self._numbers, self._prepare = (
            source,
            share,
            range(first, first + count),
            prepare,
        )
        self._queue: queue.Queue[Made | Exception] = queue.Queue(AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._make, name="deepcam-loader", daemon=True)
        self.waited_s = self.made_s = 0.0

    def __enter__(self) -> Loader[Made]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        while self._thread.is_alive():
            try:
                self._queue.get_nowait()
            except queue.Empty:
                self._thread.join(0.01)

    def take(self) -> Made:
        """The next batch. Raises what reading it raised."""
        start = time.perf_counter()
        got = self._queue.get()
        self.waited_s += time.perf_counter() - start
        if isinstance(got, Exception):
            raise got
        return got

    def _make(self) -> None:
        os.sched_setaffinity(
            0, cpus()
        )  # of this thread: it would else share the one core that its maker is bound to
        for number in self._numbers:
            start = time.perf_counter()
            made: Made | Exception
            try:
                made = self._prepare(batch(self._source, self._share, number))
            except Exception as error:  # whoever takes the batch raises it
                made = error
            self.made_s += time.perf_counter() - start
            if self._stopped.is_set():
                return
            self._queue.put(made)
            if self._stopped.is_set() or isinstance(made, Exception):
                return
