"""The samples of a run while it goes on: an Arrow stream that is complete up to the last second."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from energybench.plugins import Reading
from energybench.store.careful_file import CarefulFile
from energybench.store.samples import schema

FLUSH_S = 1.0
_MOST_ROWS_A_S = 2000  # of a batch, for each second that a batch may last
_CAUGHT_UP_S = 0.2  # span of the rows from which no further rows are awaited
# memory for batches during a refusal of the storage: half an hour of a node at 10 Hz
_MOST_WAITING_BYTES = 16 * 2**20
# end of an Arrow stream (Arrow columnar format, "IPC Streaming Format")
_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"


class SampleLog:
    """Collects rows and writes a batch every second, or less often: a kill costs at most the rows
    since the last batch.

    lost  number of rows given up during a long refusal of the storage
    """

    def __init__(self, path: Path, flush_s: float = FLUSH_S) -> None:
        """flush_s: time between two batches. Raises OSError if the file cannot be made."""
        import pyarrow as pa

        self._pa, self._schema = pa, schema()
        self._file = CarefulFile(path)
        self._flush_s = flush_s
        self._rows: list[tuple[float, int, int | None, float, bool, int]] = []
        self.lost = 0
        self._file.append(self._schema.serialize().to_pybytes())
        self._file.flush()

    def append(
        self,
        readings: Sequence[Reading],
        late_s: float,
        burst: bool,
        missed: int,
    ) -> None:
        """The readings of a poll."""
        self._rows += [
            (reading.t_s, reading.channel, reading.raw, late_s, burst, missed)
            for reading in readings
        ]
        if len(self._rows) >= _MOST_ROWS_A_S * self._flush_s or (
            self._rows and self._rows[-1][0] - self._rows[0][0] >= self._flush_s
        ):
            self._write_batch()

    def caught_up(self) -> None:
        """Write a batch, unless the rows span a short time: more come soon."""
        least_s = max(_CAUGHT_UP_S, self._flush_s - FLUSH_S)
        if self._rows and self._rows[-1][0] - self._rows[0][0] >= least_s:
            self._write_batch()

    def _write_batch(self) -> None:
        """Hand the collected rows to the file as a batch, or give the rows up if too many bytes
        wait already.
        """
        if not self._rows:
            return
        if self._file.waiting > _MOST_WAITING_BYTES:
            self.lost += len(self._rows)
        else:
            self._file.append(self._batch())
        self._rows = []

    def _batch(self) -> bytes:
        t_s, channel, raw, late_s, burst, missed = zip(*self._rows, strict=True)
        good = np.array([value is not None for value in raw])
        arrays = [
            self._column("t_s", np.array(t_s, dtype=np.float64)),
            self._column("channel", np.array(channel, dtype=np.int16)),
            self._column("raw", np.array([value or 0 for value in raw], dtype=np.int64), good),
            self._column("late_s", np.array(late_s, dtype=np.float32)),
            self._column("burst", np.packbits(np.array(burst), bitorder="little")),
            self._column("missed", np.array(missed, dtype=np.int32)),
        ]
        batch: bytes = self._pa.record_batch(arrays, schema=self._schema).serialize().to_pybytes()
        return batch

    def flush(self) -> None:
        """Write all rows. Raises OSError."""
        self._write_batch()
        self._file.flush()

    def _column(self, name: str, data: Any, good: Any = None) -> Any:
        """An array from buffers: `pyarrow.array` would import pandas, which costs more than
        measuring a short program.
        """
        valid = (
            None
            if good is None or good.all()
            else self._pa.py_buffer(np.packbits(good, bitorder="little"))
        )
        return self._pa.Array.from_buffers(
            self._schema.field(name).type, len(self._rows), [valid, self._pa.py_buffer(data)]
        )

    def close(self) -> None:
        """Close the file; rows refused by the storage are lost."""
        self._write_batch()
        self._file.append(_END_OF_STREAM)
        self._file.close()
