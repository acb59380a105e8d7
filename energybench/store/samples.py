"""Samples on disk: an Arrow stream during the run, Parquet afterwards, one row per reading; and the
traces read back from either file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from energybench.analysis.measurement.measure import SamplingStats
from energybench.errors import BadInput
from energybench.model import Channel, Trace
from energybench.plugins import Reading
from energybench.store.careful_file import CarefulFile

_FLUSH_ROWS = 2000
# memory for batches while the storage takes none: half an hour of a node at 10 Hz
_MOST_WAITING_BYTES = 16 * 2**20
# end of an Arrow stream (Arrow columnar format, "IPC Streaming Format")
_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_FLUSH_S = 1.0


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            # time of the read, or the time stamp of the sensor where readings carry one
            pa.field("t_s", pa.float64(), nullable=False),
            pa.field("channel", pa.int16(), nullable=False),
            pa.field("raw", pa.int64()),  # counts; null: the read failed
            # lateness of the poll against the schedule
            pa.field("late_s", pa.float32(), nullable=False),
            pa.field("burst", pa.bool_(), nullable=False),
            # scheduled polls that were skipped just before the poll
            pa.field("missed", pa.int32(), nullable=False),
        ]
    )


class SampleLog:
    """Collects rows and writes a batch every second: a kill costs at most the last second.

    lost  number of rows given up because the storage took none for a long time
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError if the file cannot be made."""
        import pyarrow as pa

        self._pa, self._schema = pa, _schema()
        self._file = CarefulFile(path)
        self._path = path
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
        """The readings of one poll."""
        self._rows += [
            (reading.t_s, reading.channel, reading.raw, late_s, burst, missed)
            for reading in readings
        ]
        if len(self._rows) >= _FLUSH_ROWS or (
            self._rows and self._rows[-1][0] - self._rows[0][0] >= _FLUSH_S
        ):
            self._write_batch()

    def _write_batch(self) -> None:
        """Hand the collected rows to the file as one batch, or give them up if the file has not
        taken much more than that already.
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

    def table(self) -> Any:
        """All samples so far, read back from the file: a run of days is not kept in memory."""
        self.flush()
        return read_stream(self._path)

    def close(self) -> None:
        """Close the file; rows that the storage does not take are lost."""
        self._write_batch()
        self._file.append(_END_OF_STREAM)
        self._file.close()


def last_s(table: Any) -> float | None:
    """Time of the last sample; None if nothing was sampled."""
    return float(_numpy(table, "t_s")[0].max()) if table.num_rows else None


def read_stream(path: Path) -> Any:
    """The table of an Arrow stream, up to the last complete batch; a kill cuts off the end."""
    import pyarrow as pa

    batches: list[Any] = []
    try:
        reader = pa.ipc.open_stream(pa.memory_map(str(path)))
        while True:
            batches.append(reader.read_next_batch())
    except StopIteration:
        pass
    except FileNotFoundError:
        raise BadInput(str(path), "no such file", "nothing was sampled in this run") from None
    except (pa.ArrowInvalid, OSError):
        pass  # the stream was cut off here; the batches before are complete
    if batches and batches[0].schema != _schema():
        raise BadInput(
            str(path), "its columns are not those of energybench", "energybench did not write it"
        )
    return pa.Table.from_batches(batches, schema=_schema())


def write_parquet(path: Path, table: Any, header: bytes) -> None:
    """The samples of a finished run, with the header (channels, windows) in the file's metadata."""
    import pyarrow.parquet as pq

    pq.write_table(table.replace_schema_metadata({"energybench": header}), path, compression="zstd")


def read_parquet(path: Path) -> tuple[Any, bytes]:
    """Table and header. Raises BadInput if energybench did not write the file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise BadInput(
            str(path), "no such file", "the run's samples are gone; its run.json still stands"
        ) from None
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(
            str(path), f"cannot be read: {error}", "it was cut off, or energybench did not write it"
        ) from None
    header = (table.schema.metadata or {}).get(b"energybench")
    if header is None or not set(_schema().names) <= set(table.column_names):
        raise BadInput(str(path), "has no energybench header", "energybench did not write it")
    return table, header


def _numpy(table: Any, name: str) -> tuple[Any, Any]:
    """A column's values and a mask of the values that are not null, from the column's buffers
    (`to_numpy` would import pandas).
    """
    column = table[name].combine_chunks()
    n, start = len(column), column.offset
    if n == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.bool_)
    valid, data = column.buffers()
    ok = np.ones(n, dtype=np.bool_) if valid is None else _bits(valid, start, n)
    if str(column.type) == "bool":
        return _bits(data, start, n), ok
    return np.frombuffer(data, dtype=column.type.to_pandas_dtype())[start : start + n], ok


def _bits(buffer: Any, start: int, n: int) -> Any:
    return np.unpackbits(np.frombuffer(buffer, dtype=np.uint8), bitorder="little")[
        start : start + n
    ].astype(np.bool_)


def traces(table: Any, channels: Sequence[Channel]) -> tuple[Trace, ...]:
    """One trace per channel, in the order of the channels; empty if nothing was read yet."""
    (number, _), (t_s, _), (raw, ok) = (_numpy(table, name) for name in ("channel", "t_s", "raw"))
    traces = []
    for i, channel in enumerate(channels):
        rows = np.flatnonzero(number == i)
        rows = rows[np.argsort(t_s[rows], kind="stable")]
        traces.append(Trace(channel=channel, t_s=t_s[rows], raw=raw[rows], ok=ok[rows]))
    return tuple(traces)


def sampling(table: Any, channels: Sequence[Channel]) -> tuple[SamplingStats, ...]:
    """Measured period, jitter and missed polls of every collector, from polls outside bursts."""
    number, t_s, late_s, burst, missed = (
        _numpy(table, name)[0] for name in ("channel", "t_s", "late_s", "burst", "missed")
    )
    stats = []
    for collector in dict.fromkeys(channel.collector for channel in channels):
        first = next(i for i, channel in enumerate(channels) if channel.collector == collector)
        rows = np.flatnonzero(number == first)
        base = rows[~burst[rows].astype(np.bool_)]
        steps = np.diff(t_s[base])
        steps = steps[~_crosses(base, rows)] if steps.size else steps
        period = float(np.median(steps)) if steps.size else None
        jitter = float(np.std(late_s[base])) if base.size > 1 else None
        stats.append(SamplingStats(collector, period, jitter, int(missed[rows].sum())))
    return tuple(stats)


def _crosses(base: Any, rows: Any) -> Any:
    """Mask of the steps between two base polls that have a burst in between."""
    place = np.searchsorted(rows, base)
    return np.diff(place) > 1
