"""Writing a run: the header at once, windows and samples during the run; the finished directory is
renamed into place.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from energybench.analysis.energy.boundary import Ranges
from energybench.analysis.measurement.measure import Record, measure
from energybench.errors import BadInput
from energybench.model import (
    Condition,
    Doubt,
    Measurement,
    OtherLoad,
    Trace,
    Verification,
    Window,
    Work,
    WorkloadRef,
    WorkRecord,
)
from energybench.plugins import Reading
from energybench.store import samples
from energybench.store.careful_file import CarefulFile
from energybench.store.layout import HEADER, PARQUET, PARTIAL, RUN, SAMPLES, WINDOWS
from energybench.store.run import Header, Opening, RecordLine, encode, pretty, read_lines, record


class RunWriter:
    """A run directory during the run.

    A context manager: leaving the context closes the files, finished or not.
    """

    def __init__(self, store: Path, header: Header) -> None:
        self._header, self._store = header, store
        self.directory = store / (PARTIAL + header.id)
        self._windows: CarefulFile | None = None
        self._samples: samples.SampleLog | None = None

    def __enter__(self) -> RunWriter:
        try:
            self.directory.mkdir(parents=True)
        except OSError as error:
            raise BadInput(
                f"--out {self._store}",
                f"cannot be written: {error.strerror}",
                "name a folder that can",
            ) from None
        (self.directory / HEADER).write_text(pretty(self._header), "utf-8")
        self._windows = CarefulFile(self.directory / WINDOWS)
        self._samples = samples.SampleLog(self.directory / SAMPLES)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._samples is not None:
            self._samples.close()
        if self._windows is not None:
            self._windows.close()
        self._samples = self._windows = None

    def _log(self) -> samples.SampleLog:
        if self._samples is None:
            raise RuntimeError("the run is not open")
        return self._samples

    def _line(self, line: RecordLine) -> None:
        if self._windows is None:
            raise RuntimeError("the run is not open")
        self._windows.append(encode(line) + b"\n")

    @property
    def lost_rows(self) -> int:
        """Rows of samples that were given up because the storage did not take them."""
        return self._log().lost

    def poll(self, readings: Sequence[Reading], late_s: float, burst: bool, missed: int) -> None:
        self._log().append(readings, late_s, burst, missed)

    def opening(self, label: str, start_s: float, repeat: int | None = None) -> None:
        self._line(RecordLine(opening=Opening(label=label, start_s=start_s, repeat=repeat)))

    def window(self, window: Window) -> None:
        self._line(RecordLine(window=window))

    def work(self, work: Work) -> None:
        self._line(RecordLine(work=work))

    def verification(self, checks: tuple[Verification, ...]) -> None:
        self._line(RecordLine(verification=checks))

    def workload(self, workload: WorkloadRef) -> None:
        self._line(RecordLine(workload=workload))

    def doubt(self, doubt: Doubt) -> None:
        self._line(RecordLine(doubt=doubt))

    def conditions(self, conditions: tuple[Condition, ...]) -> None:
        self._line(RecordLine(conditions=conditions))

    def others(self, others: tuple[OtherLoad, ...]) -> None:
        self._line(RecordLine(others=others))

    def record(self, record: WorkRecord) -> None:
        self._line(RecordLine(record=record))

    def discard(self) -> None:
        """Remove the directory of a run in which nothing was measured."""
        self.__exit__(None, None, None)
        for name in (HEADER, WINDOWS, SAMPLES):
            (self.directory / name).unlink(missing_ok=True)
        self.directory.rmdir()

    def finish(self, ranges: Ranges) -> tuple[Path, Measurement]:
        """Analyse, write run.json and samples.parquet, rename into place.

        Raises ValueError if no repeat was completed, OSError if the storage fails.
        """
        if self._windows is not None:
            self._windows.flush()
        table = self._log().table()
        self.__exit__(None, None, None)
        return complete(self.directory, self._header, table, ranges)


def gather(
    header: Header, lines: tuple[RecordLine, ...], table: Any, last_s: float | None = None
) -> tuple[Record, tuple[Trace, ...]]:
    """Record and traces from the files of a run directory."""
    return record(header, lines, samples.sampling(table, header.channels), last_s), samples.traces(
        table, header.channels
    )


def complete(
    directory: Path,
    header: Header,
    table: Any,
    ranges: Ranges,
    extra: tuple[Doubt, ...] = (),
    last_s: float | None = None,
) -> tuple[Path, Measurement]:
    """Turn a partial directory into a finished run.

    The files written during the run stay until the result is complete.
    """
    lines = read_lines(directory)
    finished, traces = gather(header, lines, table, last_s)
    measurement = measure(finished._replace(doubts=finished.doubts + extra), traces, ranges)
    windows = (encode(RecordLine(window=window)) for window in finished.windows)
    samples.write_parquet(directory / PARQUET, table, b"\n".join([encode(header), *windows]))
    temporary = directory / (RUN + ".new")
    temporary.write_text(pretty(measurement), "utf-8")
    os.replace(temporary, directory / RUN)
    final = directory.with_name(directory.name.removeprefix(PARTIAL))
    if final.exists():
        raise BadInput(
            str(final), "exists already", f"move it away; the new run stays in {directory}"
        )
    os.rename(directory, final)
    for name in (HEADER, WINDOWS, SAMPLES):
        (final / name).unlink(missing_ok=True)
    return final, measurement
