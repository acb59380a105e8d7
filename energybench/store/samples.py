"""Samples on disk: an Arrow stream during the run, Parquet afterwards, one row per reading; and the
traces read back from either file.

A run of a day has ten million rows. The files are read and written in blocks, so that the memory
does not grow with the length of the run, except for the traces themselves.
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
from energybench.errors import BadInput
from energybench.model import Channel, Trace
from energybench.store.durable import flushed, kind_of

# Rows of a block in memory, and of a row group of Parquet: 29 bytes each.
_BLOCK_ROWS = 131_072
_FOREIGN = "energybench did not write it"
# Times of a host's monotonic clock count from its boot: 100 years are more than any run has seen.
_MOST_S = 3.2e9

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
        with open_regular(self.path) as file:
            if self._parquet:
                yield from _parquet_batches(self.path, file, columns)
            else:
                yield from _stream_batches(self.path, file)

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
        raise BadInput(str(path), "has no energybench header", _FOREIGN)
    _check_columns(path, _arrow(path, metadata.schema.to_arrow_schema))
    return Samples(path, parquet=True), header


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
            str(path), f"cannot be read: {words[0]}", f"it was cut off, or {_FOREIGN}"
        ) from None


def _check_columns(path: Path, stated: Any) -> None:
    """Raise BadInput if the columns are not those of energybench."""
    ours = schema()
    have = {field.name: field.type for field in stated}
    if any(have.get(field.name) != field.type for field in ours):
        raise BadInput(str(path), "its columns are not those of energybench", _FOREIGN)


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
    pandas).
    """
    columns: Columns = {}
    for name in names:
        pieces = [_numpy(batch.column(name)) for batch in batches if batch.num_rows]
        columns[name] = np.concatenate([values for values, _ in pieces])
        if name == "raw":
            columns["ok"] = np.concatenate([ok for _, ok in pieces])
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
    ends = [float(block["t_s"].max()) for block in table.blocks("t_s")]
    return max(ends, default=None)


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


class _Growing:
    """Samples of one channel while the file is read. t_s is None as long as the times are those of
    the leader: the channels of one collector are read at the same moments.
    """

    def __init__(self, n: int, leader: _Growing | None) -> None:
        self._n, self._leader, self._filled = n, leader, 0
        self._t_s: npt.NDArray[np.float64] | None = None
        self._raw = np.empty(n, dtype=np.int64)
        self._ok: npt.NDArray[np.bool_] | None = None
        if leader is None or leader._n != n:
            self._leader, self._t_s = None, np.empty(n)

    def add(self, t_s: npt.NDArray[Any], raw: npt.NDArray[Any], ok: npt.NDArray[Any]) -> None:
        begin, end = self._filled, self._filled + t_s.size
        leader = self._leader
        if leader is not None and self._t_s is None:
            shared = leader.times()
            if leader._filled < end or not np.array_equal(shared[begin:end], t_s):
                self._t_s = np.empty(self._n)
                self._t_s[:begin] = shared[:begin]
        if self._t_s is not None:
            self._t_s[begin:end] = t_s
        self._raw[begin:end] = raw
        if self._ok is None and not ok.all():
            self._ok = np.ones(self._n, dtype=np.bool_)
        if self._ok is not None:
            self._ok[begin:end] = ok
        self._filled = end

    def times(self) -> npt.NDArray[np.float64]:
        if self._t_s is not None:
            return self._t_s
        assert self._leader is not None  # one of the two holds the times
        return self._leader.times()

    def trace(self, channel: Channel) -> Trace:
        t_s, raw = self.times(), self._raw
        ok = self._ok if self._ok is not None else np.broadcast_to(np.True_, self._n)
        if t_s.size and (np.diff(t_s) < 0).any():
            order = np.argsort(t_s, kind="stable")
            t_s, raw, ok = t_s[order], raw[order], ok[order]
        return Trace(channel=channel, t_s=t_s, raw=raw, ok=ok)


def traces(table: Samples, channels: Sequence[Channel]) -> tuple[Trace, ...]:
    """One trace per channel, in the order of the channels; empty if nothing was read yet.

    Raises BadInput for times that no clock has.
    """
    sizes = np.zeros(len(channels), dtype=np.int64)
    for block in table.blocks("channel"):
        number = block["channel"]
        valid = number[(number >= 0) & (number < len(channels))]
        sizes += np.bincount(valid, minlength=len(channels))

    growing: list[_Growing] = []
    first: dict[str, int] = {}  # place of the first channel of each collector
    for i, channel in enumerate(channels):
        leader = None if channel.stamped else first.setdefault(channel.collector, i)
        growing.append(
            _Growing(int(sizes[i]), growing[leader] if leader is not None and leader < i else None)
        )

    for block in table.blocks("channel", "t_s", "raw"):
        times = block["t_s"]
        if not (np.abs(times) <= _MOST_S).all():  # also False for NaN
            raise BadInput(str(table.path), "holds times that no clock has", _FOREIGN)
        for i, channel_samples in enumerate(growing):
            rows = np.flatnonzero(block["channel"] == i)
            if rows.size:
                channel_samples.add(times[rows], block["raw"][rows], block["ok"][rows])
    return tuple(grown.trace(channel) for grown, channel in zip(growing, channels, strict=True))


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
    period = float(np.median(steps)) if steps.size else None
    jitter = float(np.std(late_s)) if late_s.size > 1 else None
    return SamplingStats(collector, period, jitter, missed)
