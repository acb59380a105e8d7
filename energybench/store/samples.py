"""Samples on disk: an Arrow stream during the run, Parquet afterwards, one row per reading.

A run of a day has ten million rows. The files are read and written in blocks, so that the memory
does not grow with the length of the run. `traces.py` makes traces of the samples.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.measurement.measure import SamplingStats
from energybench.analysis.quantiles import median
from energybench.errors import BadInput
from energybench.model import Channel
from energybench.store.durable import flushed, kind_of

# Rows of a block in memory, and of a row group of Parquet: 29 bytes each.
_BLOCK_ROWS = 131_072
FOREIGN = "energybench did not write it"

Columns = dict[str, npt.NDArray[Any]]


def schema() -> Any:
    """Columns of the samples; a row is a reading."""
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


class Samples:
    """The samples of a file, read in blocks each time."""

    def __init__(self, path: Path, *, parquet: bool) -> None:
        self.path, self._parquet = path, parquet

    def to_batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Record batches in the order of the file. Raises BadInput."""
        import pyarrow as pa

        with open_regular(self.path) as file:
            if self._parquet:
                yield from _parquet_batches(self.path, file, columns)
            else:
                yield from _stream_batches(self.path, file)
        pa.default_memory_pool().release_unused()

    def blocks(self, *names: str) -> Iterator[Columns]:
        """The columns as arrays, some ten thousand rows at a time; of `raw` also `ok`."""
        waiting: list[Any] = []
        rows = 0
        for batch in self.to_batches(names):
            waiting.append(batch)
            rows += batch.num_rows
            if rows >= _BLOCK_ROWS:
                yield _arrays(waiting, names)
                waiting, rows = [], 0
        if rows:
            yield _arrays(waiting, names)


def read_stream(path: Path) -> Samples:
    """The samples of an Arrow stream, up to the last complete batch; a kill cuts off the end.

    Raises BadInput if the file is missing, or not of energybench.
    """
    table = Samples(path, parquet=False)
    for _ in table.to_batches():
        break
    return table


def read_parquet(path: Path) -> tuple[Samples, bytes]:
    """The samples of a finished run, and the header. Raises BadInput."""
    import pyarrow.parquet as pq

    with open_regular(path) as file:
        metadata = _arrow(path, lambda: pq.read_metadata(file))
    header = (metadata.metadata or {}).get(b"energybench")
    if header is None:
        raise BadInput(str(path), "has no energybench header", FOREIGN)
    _check_columns(path, _arrow(path, metadata.schema.to_arrow_schema))
    return Samples(path, parquet=True), header


def row_count(path: Path) -> int:
    """The number of samples of a finished run. Raises BadInput."""
    import pyarrow.parquet as pq

    with open_regular(path) as file:
        return int(_arrow(path, lambda: pq.read_metadata(file)).num_rows)


def open_regular(path: Path) -> IO[bytes]:
    """Open a file of samples. Raises BadInput."""
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except FileNotFoundError:
        raise BadInput(
            str(path), "no such file", "the run's samples are gone; its run.json still stands"
        ) from None
    except OSError as error:
        raise BadInput(str(path), f"cannot be read: {error.strerror}") from None
    mode = os.fstat(file.fileno()).st_mode
    if not stat.S_ISREG(mode):
        file.close()
        raise BadInput(str(path), f"is {kind_of(mode)}, not a file")
    return file


def _arrow(path: Path, read: Any) -> Any:
    """The result of a call of pyarrow. Raises BadInput for any failure: a damaged file makes
    pyarrow raise errors of many kinds.
    """
    try:
        return read()
    except StopIteration:
        raise
    except Exception as error:
        words = str(error).strip().splitlines() or [type(error).__name__]
        raise BadInput(
            str(path), f"cannot be read: {words[0]}", f"it was cut off, or {FOREIGN}"
        ) from None


def _check_columns(path: Path, stated: Any) -> None:
    """Raise BadInput if the columns are not those of energybench."""
    ours = schema()
    have = {field.name: field.type for field in stated}
    if any(have.get(field.name) != field.type for field in ours):
        raise BadInput(str(path), "its columns are not those of energybench", FOREIGN)


def _stream_batches(path: Path, file: IO[bytes]) -> Iterator[Any]:
    import pyarrow as pa

    try:
        reader = pa.ipc.open_stream(file)
        _check_columns(path, reader.schema)
        while True:
            batch = reader.read_next_batch()
            batch.validate(full=True)  # damaged lengths of buffers
            yield batch
    except (StopIteration, pa.ArrowException, OSError):
        return  # the end, or the stream was cut off here; the batches before are complete


def _parquet_batches(path: Path, file: IO[bytes], columns: Sequence[str] | None) -> Iterator[Any]:
    import pyarrow.parquet as pq

    names = list(columns) if columns is not None else schema().names
    content = _arrow(path, lambda: pq.ParquetFile(file, pre_buffer=False))
    batches = content.iter_batches(batch_size=_BLOCK_ROWS, columns=names, use_threads=False)
    while True:
        try:
            batch = _arrow(path, lambda: next(batches))
        except StopIteration:
            return
        # the file holds the columns in its own order
        yield batch.select(names)


def _arrays(batches: Sequence[Any], names: Sequence[str]) -> Columns:
    """Columns of batches as arrays of their own, made from buffers (`to_numpy` would import
    pandas). The library joins the batches: a run writes one a second.
    """
    import pyarrow as pa

    joined = pa.Table.from_batches(batches).select(list(names)).combine_chunks()
    columns: Columns = {}
    for name in names:
        values, ok = _numpy(joined.column(name).chunk(0))
        columns[name] = values.copy()
        if name == "raw":
            columns["ok"] = ok
    return columns


def _numpy(column: Any) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """A column's values, and a mask of the values that are not null."""
    n, start = len(column), column.offset
    valid, data = column.buffers()
    ok = np.ones(n, dtype=np.bool_) if valid is None else _bits(valid, start, n)
    if str(column.type) == "bool":
        return _bits(data, start, n), ok
    return np.frombuffer(data, dtype=column.type.to_pandas_dtype())[start : start + n], ok


def _bits(buffer: Any, start: int, n: int) -> Any:
    return np.unpackbits(np.frombuffer(buffer, dtype=np.uint8), bitorder="little")[
        start : start + n
    ].astype(np.bool_)


# ---------------------------------------------------------------- results


def last_s(table: Samples) -> float | None:
    """Time of the last sample; None if nothing was sampled."""
    return span_s(table)[1]


def span_s(table: Samples) -> tuple[float | None, float | None]:
    """Times of the first and the last sample; None if nothing was sampled."""
    ends = [(float(block["t_s"].min()), float(block["t_s"].max())) for block in table.blocks("t_s")]
    first_s = min((first for first, _ in ends), default=None)
    return first_s, max((last for _, last in ends), default=None)


def write_parquet(path: Path, table: Samples, header: bytes) -> None:
    """The samples of a finished run, with the header (channels, windows) in the file's metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = schema().with_metadata({"energybench": header})
    with (
        flushed(path) as file,
        pq.ParquetWriter(file, columns, compression="zstd") as writer,
    ):
        waiting: list[Any] = []
        rows = 0
        for batch in table.to_batches():
            waiting.append(batch)
            rows += batch.num_rows
            if rows >= _BLOCK_ROWS:
                _write_group(pa, writer, waiting, columns)
                waiting, rows = [], 0
        if rows:
            _write_group(pa, writer, waiting, columns)


def _write_group(pa: Any, writer: Any, batches: list[Any], columns: Any) -> None:
    table = pa.Table.from_batches(batches).replace_schema_metadata(columns.metadata)
    writer.write_table(table, row_group_size=table.num_rows)


# a step so many times the typical one has missed polls in between
_MISSED = 1.8


class _Polls(NamedTuple):
    """Polls of one collector, in the blocks read so far."""

    period_s: list[npt.NDArray[np.float64]]
    late_s: list[npt.NDArray[np.float32]]


def sampling(table: Samples, channels: Sequence[Channel]) -> tuple[SamplingStats, ...]:
    """Measured period, jitter and missed polls of every collector, from polls outside bursts."""
    collectors = dict.fromkeys(channel.collector for channel in channels)
    first = [
        next(i for i, channel in enumerate(channels) if channel.collector == collector)
        for collector in collectors
    ]
    polls = [_Polls([], []) for _ in first]
    missed = [0] * len(first)
    last: list[tuple[float, bool] | None] = [None] * len(first)  # last poll of the block before
    for block in table.blocks("channel", "t_s", "late_s", "burst", "missed"):
        for place, number in enumerate(first):
            rows = np.flatnonzero(block["channel"] == number)
            if not rows.size:
                continue
            t_s, burst = block["t_s"][rows], block["burst"][rows]
            missed[place] += int(block["missed"][rows].sum())
            polls[place].late_s.append(block["late_s"][rows][~burst])
            before = last[place]
            if before is not None:
                t_s, burst = np.append(before[0], t_s), np.append(before[1], burst)
            # steps between two base polls without a burst in between
            polls[place].period_s.append(np.diff(t_s)[~burst[1:] & ~burst[:-1]])
            last[place] = float(t_s[-1]), bool(burst[-1])
    return tuple(
        _stats(collector, polls[place], missed[place]) for place, collector in enumerate(collectors)
    )


def _stats(collector: str, polls: _Polls, missed: int) -> SamplingStats:
    steps = np.concatenate([*polls.period_s, np.empty(0)])
    late_s = np.concatenate([*polls.late_s, np.empty(0, dtype=np.float32)])
    # the mean, for spread polls alternate between short and long steps; not over missed polls
    period = float(steps[steps < _MISSED * median(steps)].mean()) if steps.size else None
    jitter = float(np.std(late_s)) if late_s.size > 1 else None
    return SamplingStats(collector, period, jitter, missed)
