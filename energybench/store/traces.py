"""The traces of a run, one at a time in memory.

A run of a day has ten million readings of a dozen channels. The analysis treats the channels in
turn, but the rows of a file stand in the order of time. The rows are therefore sorted by channel
once, into a temporary file without a name; a short run's rows stay in memory.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Any, overload

import numpy as np
import numpy.typing as npt

from energybench.errors import BadInput
from energybench.model import Channel, Trace
from energybench.store.samples import FOREIGN, Samples

# Times of a host's monotonic clock count from its boot: no run lasts 100 years.
_MOST_S = 3.2e9
# Sorted samples up to this size stay in memory: an hour of a dozen channels at 10 Hz.
_MOST_IN_MEMORY = 8_000_000
_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1  # malloc.h of glibc
_LARGE_ARRAY = 1_048_576  # least size of an array with memory of its own, bytes
_COLUMNS: dict[str, type[Any]] = {"t_s": np.float64, "raw": np.int64, "ok": np.bool_}
_ROW = sum(np.dtype(kind).itemsize for kind in _COLUMNS.values())


class StoredTraces(Sequence[Trace]):
    """The traces of a file of samples, in the order of the channels. An access reads a single
    trace.

    The samples are read when the object is made, and the file may be removed afterwards. Raises
    BadInput for times that no clock has.

    most_in_memory  bytes of sorted samples that need no file
    one_by_one      whether the reader keeps nothing of a trace when it goes on to the next trace:
                    freed arrays are then used again, which saves a third of the time
    sizes           number of samples of each channel
    """

    def __init__(
        self,
        table: Samples,
        channels: Sequence[Channel],
        most_in_memory: int = _MOST_IN_MEMORY,
        *,
        one_by_one: bool = False,
    ) -> None:
        self.channels = tuple(channels)
        self.sizes = _sizes(table, len(channels))
        size = _ROW * sum(self.sizes)
        self._file = _working_file(table.path.parent, size, most_in_memory)
        if size > most_in_memory and not one_by_one:
            _return_large_arrays()
        self._starts = np.cumsum([0, *self.sizes]).tolist()
        for number, ascending in enumerate(self._sort(table)):
            if not ascending:
                self._sort_by_time(number)

    def __len__(self) -> int:
        return len(self.channels)

    @overload
    def __getitem__(self, number: int) -> Trace: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Trace]: ...
    def __getitem__(self, number: int | slice) -> Trace | Sequence[Trace]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        number = range(len(self))[number]
        return self.in_order(number, 0, self.sizes[number])

    def __iter__(self) -> Iterator[Trace]:
        return (self[number] for number in range(len(self)))

    def in_order(self, number: int, begin: int, end: int) -> Trace:
        """Samples of a channel between two places, in the order of time."""
        columns = {name: self._read(name, number, begin, end) for name in _COLUMNS}
        return Trace(channel=self.channels[number], **columns)

    def _sort(self, table: Samples) -> list[bool]:
        """Write the samples of successive channels behind one another, column by column. Returns
        whether the times of each channel ascend.
        """
        filled = [0] * len(self)
        latest_s = [-np.inf] * len(self)
        ascending = [True] * len(self)
        for block in table.blocks("channel", "t_s", "raw"):
            if not (np.abs(block["t_s"]) <= _MOST_S).all():  # also False for NaN
                raise BadInput(str(table.path), "holds times that no clock has", FOREIGN)
            # the places of each channel's rows, by a sort that keeps the order within a channel
            order = np.argsort(block["channel"], kind="stable")
            bounds = np.searchsorted(block["channel"], range(len(self) + 1), sorter=order)
            ordered = {name: block[name][order] for name in _COLUMNS}
            for number in range(len(self)):
                first, last = int(bounds[number]), int(bounds[number + 1])
                if first == last:
                    continue
                times = ordered["t_s"][first:last]
                ascending[number] &= bool(
                    times[0] >= latest_s[number] and (np.diff(times) >= 0).all()
                )
                latest_s[number] = float(times[-1])
                for name in _COLUMNS:
                    self._file.seek(self._place(name, number, filled[number]))
                    self._file.write(ordered[name][first:last].data)
                filled[number] += last - first
        return ascending

    def _sort_by_time(self, number: int) -> None:
        """Put the samples of a channel in the order of time: a sensor may state earlier times."""
        trace = self[number]
        order = np.argsort(trace.t_s, kind="stable")
        for name in _COLUMNS:
            self._file.seek(self._place(name, number, 0))
            self._file.write(getattr(trace, name)[order].data)

    def _read(self, name: str, number: int, begin: int, end: int) -> npt.NDArray[Any]:
        values = np.empty(end - begin, dtype=_COLUMNS[name])
        if values.size:
            self._file.seek(self._place(name, number, begin))
            self._file.readinto(values.view(np.uint8).data)  # type: ignore[attr-defined]
        return values

    def _place(self, name: str, number: int, row: int) -> int:
        """Place of a column's value in the file: all times first, then the counts."""
        before = 0
        for column, kind in _COLUMNS.items():
            size = np.dtype(kind).itemsize
            if column == name:
                return int(before + size * (self._starts[number] + row))
            before += size * self._starts[-1]
        raise KeyError(name)


def _sizes(table: Samples, count: int) -> list[int]:
    """Number of samples of each channel."""
    sizes = np.zeros(count, dtype=np.int64)
    for block in table.blocks("channel"):
        number = block["channel"]
        valid = number[(number >= 0) & (number < count)]
        sizes += np.bincount(valid, minlength=count)
    return [int(size) for size in sizes]


def _working_file(beside: Path, size: int, most_in_memory: int) -> IO[bytes]:
    """A file without a name that holds `size` bytes: beside the samples, else in the folder for
    temporary files, and in memory if the file is short or no folder has the space.
    """
    if size > most_in_memory:
        for folder in (str(beside), None):
            try:
                file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - as long as the traces
            except OSError:
                continue
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError:
                file.close()
                continue
            return file
    return BytesIO()


def _return_large_arrays() -> None:
    """Let the C library return each freed array to the system.

    glibc keeps freed arrays of up to 32 MB for later arrays (mallopt(3), M_MMAP_THRESHOLD), which
    fit badly into the space: the process grows by half. A C library without mallopt goes on as is.
    """
    try:
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_ARRAY)
        # setting a threshold stops the other threshold from growing by itself
        library.mallopt(_M_TRIM_THRESHOLD, 8 * _LARGE_ARRAY)
    except (AttributeError, OSError):
        return
