"""Writing a run: the header at once, windows and samples during the run; the finished directory is
renamed into place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import msgspec

from energybench.analysis.energy.boundary import Ranges
from energybench.analysis.measurement.measure import Record, measure
from energybench.errors import BadInput, StorageFailed
from energybench.foreign_text import unicode_text
from energybench.model import (
    Condition,
    Doubt,
    Measurement,
    OtherLoad,
    Pause,
    Trace,
    Verification,
    Window,
    Work,
    WorkloadRef,
    WorkRecord,
)
from energybench.plugins import Reading
from energybench.registry import secret_settings
from energybench.store import sampled_lines, samples
from energybench.store.careful_file import CarefulFile
from energybench.store.durable import flush_to_disk, replace_file
from energybench.store.layout import (
    HEADER,
    PARQUET,
    PARTIAL,
    RUN,
    SAMPLES,
    WINDOWS,
    another_id,
    recover_command,
)
from energybench.store.liveness import Lock, boot_id, process_started
from energybench.store.run import Header, Opening, RecordLine, encode, pretty, read_lines, record
from energybench.store.sample_log import FLUSH_S, SampleLog
from energybench.store.sampled_lines import SampledLines
from energybench.store.secrets import without_secret_settings, without_secrets
from energybench.store.traces import StoredTraces


class RunWriter:
    """A run directory during the run.

    A context manager: leaving the context closes the files, finished or not.
    """

    def __init__(self, store: Path, header: Header, flush_s: float = FLUSH_S) -> None:
        """flush_s: longest time for which samples wait in memory, s."""
        self._header, self._store, self._flush_s = _stored(header), store, flush_s
        self.directory = store / (PARTIAL + header.id)
        self._lock: Lock | None = None
        self._folder = -1  # descriptor of the directory, which may be renamed during the run
        self._windows: CarefulFile | None = None
        self._samples: SampleLog | None = None

    def __enter__(self) -> RunWriter:
        try:
            self._make_directory()
            self._folder = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
            self._write_header()
            self._windows = CarefulFile(self.directory / WINDOWS)
            self._samples = SampleLog(self.directory / SAMPLES, self._flush_s)
        except OSError as error:
            with suppress(OSError):
                self.discard()
            self.__exit__(None, None, None)
            why = str(error.strerror or error)
            raise StorageFailed(
                f"the store {self._store} cannot be written: {why} (name a folder that can)", why
            ) from None
        return self

    def _make_directory(self) -> None:
        """Make the run's directory. If the id is taken, its random part is drawn again."""
        while True:
            try:
                self.directory.mkdir(parents=True)
            except FileExistsError:
                if not self.directory.is_dir():
                    raise
            else:
                if not (self._store / self._header.id).exists():
                    return
                self.directory.rmdir()
            other = another_id(self._header.id)
            if other is None:
                raise BadInput(str(self.directory), "exists already", "move it away")
            self._header = msgspec.structs.replace(self._header, id=other)
            self.directory = self._store / (PARTIAL + other)

    def _write_header(self) -> None:
        """Write the header and hold a lock on the file until the run is finished."""
        descriptor = os.open(self.directory / HEADER, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        self._lock = Lock(descriptor)
        text = pretty(self._header).encode()
        while text:
            text = text[os.write(descriptor, text) :]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._close_files()
        finally:
            if self._lock is not None:
                self._lock.close()
            if self._folder >= 0:
                os.close(self._folder)
            self._lock, self._folder = None, -1

    def _close_files(self) -> None:
        samples_file, windows = self._samples, self._windows
        self._samples = self._windows = None
        try:
            if samples_file is not None:
                samples_file.close()
        finally:
            if windows is not None:
                windows.close()

    def _log(self) -> SampleLog:
        if self._samples is None:
            raise RuntimeError("the run is not open")
        return self._samples

    def _line(self, line: RecordLine, *, waits: bool = False) -> None:
        """waits: whether the line may wait for a late next batch of samples."""
        if self._windows is None:
            raise RuntimeError("the run is not open")
        now = not waits or self._flush_s <= FLUSH_S
        self._windows.append(encode(line) + b"\n", now=now)

    @property
    def lost_rows(self) -> int:
        """Rows of samples given up because the storage did not take the rows."""
        return self._log().lost

    def poll(self, readings: Sequence[Reading], late_s: float, burst: bool, missed: int) -> None:
        self._log().append(readings, late_s, burst, missed)

    def caught_up(self) -> None:
        """No poll waits: write the samples, unless the earliest has just come."""
        self._log().caught_up()

    def opening(self, label: str, start_s: float, repeat: int | None = None) -> None:
        self._line(RecordLine(opening=Opening(label=label, start_s=start_s, repeat=repeat)))

    def window(self, window: Window) -> None:
        self._line(RecordLine(window=window))

    def work(self, work: Work, repeat: int | None = None) -> None:
        """The work of a repeat; None: of the next whole repeat without a stated work."""
        self._line(RecordLine(work=work, repeat=repeat))

    def verification(self, checks: tuple[Verification, ...]) -> None:
        self._line(RecordLine(verification=checks))

    def workload(self, workload: WorkloadRef) -> None:
        self._line(RecordLine(workload=_stored_workload(workload)))

    def doubt(self, doubt: Doubt) -> None:
        self._line(RecordLine(doubt=doubt))

    def conditions(self, conditions: tuple[Condition, ...]) -> None:
        self._line(RecordLine(conditions=conditions), waits=True)

    def others(self, others: tuple[OtherLoad, ...]) -> None:
        self._line(RecordLine(others=others), waits=True)

    def pause(self, pause: Pause) -> None:
        self._line(RecordLine(pause=pause))

    def record(self, record: WorkRecord) -> None:
        self._line(RecordLine(record=record))

    def flush(self) -> None:
        """Hand all buffered data to the operating system."""
        if self._windows is not None:
            self._windows.flush()
        self._log().flush()

    def so_far(self, ranges: Ranges) -> Measurement:
        """The result of the files so far, up to the last sample.

        Raises ValueError without a repeat, and OSError.
        """
        table = samples.read_stream(self.directory / SAMPLES)
        sampled = sampled_lines.of_run(self.directory, self._header, table)
        record_so_far, traces = gather(self._header, sampled.lines, table, sampled.last_s)
        return measure(record_so_far, traces, ranges)

    def discard(self) -> None:
        """Remove the directory of a run without measurements."""
        directory = self._directory_now()
        self._close_files()
        if directory is not None:
            for name in (HEADER, WINDOWS, SAMPLES):
                (directory / name).unlink(missing_ok=True)
            directory.rmdir()
        self.__exit__(None, None, None)

    def finish(self, ranges: Ranges, *, lossy: bool = False) -> tuple[Path, Measurement]:
        """Analyse, write run.json and samples.parquet, rename into place.

        lossy  whether readings were given up before reaching this writer: a repeat without the
               samples of its end is then a part

        Raises ValueError if no repeat was completed, and StorageFailed.
        """
        directory = self._directory_now()
        if directory is None:
            raise StorageFailed(f"{self.directory} was removed during the run: nothing is left")
        self.directory = directory
        with storage_failure(directory):
            self.flush()
            lossy = lossy or self.lost_rows > 0
            self._close_files()
        sampled = None
        if lossy:
            table = samples.read_stream(directory / SAMPLES)
            # windows still open here were given up, and do not count
            sampled = sampled_lines.of_run(directory, self._header, table)._replace(last_s=None)
        done = complete(directory, self._header, ranges, sampled=sampled)
        self.__exit__(None, None, None)
        return done

    def _directory_now(self) -> Path | None:
        """The run's directory, which may have been renamed; None if the directory was removed."""
        if self._folder < 0 or os.fstat(self._folder).st_nlink == 0:
            return None
        try:
            if self.directory.is_dir() and os.path.samestat(
                os.stat(self.directory), os.fstat(self._folder)
            ):
                return self.directory
            return Path(os.readlink(f"/proc/self/fd/{self._folder}"))
        except OSError:
            return None


def _stored(header: Header) -> Header:
    """The header for the file: written by this process, as text in UTF-8, and without secrets."""
    return msgspec.structs.replace(
        header,
        label=unicode_text(header.label),
        workload=_stored_workload(header.workload) if header.workload is not None else None,
        command=without_secrets([unicode_text(word) for word in header.command])
        if header.command is not None
        else None,
        pid=os.getpid(),
        pid_started=process_started(os.getpid()),
        boot_id=boot_id(),
    )


def _stored_workload(workload: WorkloadRef) -> WorkloadRef:
    """The workload without the values of secret settings."""
    settings = without_secret_settings(workload.settings, secret_settings(workload.name))
    return msgspec.structs.replace(workload, settings=settings)


@contextmanager
def storage_failure(directory: Path) -> Iterator[None]:
    """Turn a failed write into StorageFailed, with the file and the way to complete the file."""
    try:
        yield
    except OSError as error:
        path = error.filename if isinstance(error.filename, str) else str(directory)
        raise StorageFailed(
            f"{path}: cannot be written: {error.strerror or error}; the files so far stay (with "
            f"space again: {recover_command(directory)})",
            str(error.strerror or error),
        ) from None


def gather(
    header: Header,
    lines: tuple[RecordLine, ...],
    table: samples.Samples,
    last_s: float | None = None,
) -> tuple[Record, Sequence[Trace]]:
    """Record and traces from the files of a run directory."""
    return record(header, lines, samples.sampling(table, header.channels), last_s), StoredTraces(
        table, header.channels
    )


def complete(
    directory: Path,
    header: Header,
    ranges: Ranges,
    extra: tuple[Doubt, ...] = (),
    sampled: SampledLines | None = None,
) -> tuple[Path, Measurement]:
    """Turn a partial directory into a finished run.

    sampled  of a run with missing samples; None: the lines on disk are complete

    The files written during the run stay until the result is complete and on the disk. Raises
    ValueError if no repeat was completed, and StorageFailed.
    """
    table = samples.read_stream(directory / SAMPLES)
    lines = sampled.lines if sampled is not None else read_lines(directory)
    last_s = sampled.last_s if sampled is not None else None
    finished, traces = gather(header, lines, table, last_s)
    measurement = measure(finished._replace(doubts=finished.doubts + extra), traces, ranges)
    del traces
    final = directory.with_name(header.id)
    blob = b"\n".join([encode(header), *map(encode, _kept_lines(finished, lines, extra))])
    with storage_failure(directory):
        samples.write_parquet(directory / PARQUET, table, blob)
        replace_file(directory / RUN, pretty(measurement).encode())
        if final.exists():
            raise BadInput(
                str(final), "exists already", f"move it away; the new run stays in {directory}"
            )
        os.rename(directory, final)
        flush_to_disk(final.parent)
        for name in (HEADER, WINDOWS, SAMPLES):
            (final / name).unlink(missing_ok=True)
    return final, measurement


def _kept_lines(
    finished: Record, lines: Sequence[RecordLine], extra: Sequence[Doubt]
) -> Iterator[RecordLine]:
    """The lines that stay beside the samples, so that the run can be analysed again: windows,
    pauses and doubts. Works, checks and the workload's record stand in run.json.
    """
    yield from (RecordLine(window=window) for window in finished.windows)
    yield from (RecordLine(pause=pause) for pause in finished.pauses)
    yield from (RecordLine(doubt=line.doubt) for line in lines if line.doubt is not None)
    yield from (RecordLine(doubt=doubt) for doubt in extra)
