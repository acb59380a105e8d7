"""The directory of a job that is read on all of its nodes.

results/.partial-2026-11-23T10-15-02.125Z_app_ebtest-71-r0/   job.json, windows.jsonl, and while a
    node is read  .partial-node-cpu1/                      job is measured: the nodes' own runs
results/2026-11-23T10-15-02.125Z_app_ebtest-71-r0/             run.json, job.json, windows.jsonl,
                                                           clocks.json, offsets.json,
                                                           silent.json
    node-cpu1/  node-cpu2/                                 the nodes' own runs; each never changes

A name holds the time, the label and the job (cluster, number, restart), and nothing random: each of
a thousand nodes writes into a directory of its own name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from energybench.analysis.energy.boundary import Ranges
from energybench.errors import BadInput, StorageFailed
from energybench.foreign_text import unicode_text
from energybench.model import (
    REPEAT,
    Doubt,
    Measurement,
    Pause,
    Verification,
    Window,
    Work,
    WorkloadRef,
    WorkRecord,
)
from energybench.registry import secret_settings
from energybench.store import reader
from energybench.store.careful_file import CarefulFile, write_all
from energybench.store.durable import flush_to_disk, replace_file, replace_unflushed
from energybench.store.job_header import JobHeader, is_job, read_job
from energybench.store.job_merging import collect, merged
from energybench.store.job_parts import CLOCKS, OFFSETS, SILENT
from energybench.store.job_record import head_record
from energybench.store.layout import HEADER, JOB, NODE, PARTIAL, RUN, WINDOWS, recover_command
from energybench.store.liveness import (
    QUIET_S,
    JobState,
    Lock,
    boot_id,
    process_started,
    refuse_if_alive,
    refuse_if_job_lives,
    unknown_state,
)
from energybench.store.recovery_doubts import state_recovery
from energybench.store.run import Opening, RecordLine, encode, pretty, read_header
from energybench.store.secrets import without_secret_settings, without_secrets
from energybench.store.unstarted import unstarted


def _without_secret_settings(workload: WorkloadRef | None) -> WorkloadRef | None:
    if workload is None:
        return None
    settings = without_secret_settings(workload.settings, secret_settings(workload.name))
    return msgspec.structs.replace(workload, settings=settings)


class JobWriter:
    """The directory of a job while it is measured, written by the head node. A context manager."""

    def __init__(self, store: Path, header: JobHeader) -> None:
        self.header = msgspec.structs.replace(
            header,
            label=unicode_text(header.label),
            command=without_secrets([unicode_text(word) for word in header.command])
            if header.command is not None
            else None,
            workload=_without_secret_settings(header.workload),
            pid=os.getpid(),
            pid_started=process_started(os.getpid()),
            boot_id=boot_id(),
        )
        self._store = store
        self.directory = store / (PARTIAL + header.id)
        self._lock: Lock | None = None
        self._lines: CarefulFile | None = None

    def __enter__(self) -> JobWriter:
        try:
            self._make_directory()
            descriptor = os.open(self.directory / JOB, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            self._lock = Lock(descriptor)
            write_all(descriptor, pretty(self.header).encode())
            self._lines = CarefulFile(self.directory / WINDOWS)
        except OSError as error:
            with suppress(OSError):
                self.discard()
            self.close()
            raise StorageFailed(
                f"--out {self._store}: cannot be written: {error.strerror} (name a folder that can "
                "be written, on a file system that all nodes share)"
            ) from None
        return self

    def _make_directory(self) -> None:
        """Make the directory. A second command of the same job in the same second gets a number."""
        wanted, number = self.header.id, 1
        while True:
            self.directory = self._store / (PARTIAL + self.header.id)
            try:
                self.directory.mkdir(parents=True)
            except FileExistsError:
                if not self.directory.is_dir():
                    raise
            else:
                if not (self._store / self.header.id).exists():
                    return
                self.directory.rmdir()
            number += 1
            self.header = msgspec.structs.replace(self.header, id=f"{wanted}-{number}")

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._lines is not None:
            self._lines.close()
        if self._lock is not None:
            self._lock.close()
        self._lines = self._lock = None

    def opening(self, start_s: float, repeat: int) -> None:
        """A repeat begins; if no window follows, the run was cut off inside."""
        self._line(RecordLine(opening=Opening(label=REPEAT, start_s=start_s, repeat=repeat)))

    def window(self, window: Window) -> None:
        self._line(RecordLine(window=window))

    def verification(self, checks: tuple[Verification, ...]) -> None:
        self._line(RecordLine(verification=checks))

    def work(self, work: Work, repeat: int) -> None:
        """The work of a repeat, summed over the nodes."""
        self._line(RecordLine(work=work, repeat=repeat))

    def record(self, record: WorkRecord) -> None:
        self._line(RecordLine(record=record))

    def pause(self, pause: Pause) -> None:
        self._line(RecordLine(pause=pause))

    def doubt(self, doubt: Doubt) -> None:
        self._line(RecordLine(doubt=doubt))

    def clocks(self, half_s: dict[str, float], offsets_s: dict[str, float]) -> None:
        """Write down the nodes' clocks less the head node's clock, s, and their errors."""
        with suppress(OSError):  # full storage is told where the result is written
            replace_unflushed(self.directory / CLOCKS, encode(half_s))
            replace_unflushed(self.directory / OFFSETS, encode(offsets_s))

    def _line(self, line: RecordLine) -> None:
        if self._lines is not None:
            self._lines.append(encode(line) + b"\n")

    def discard(self) -> None:
        """Remove the directory of a job without measurements."""
        directory = self.directory
        self.close()
        for name in (JOB, WINDOWS, CLOCKS, OFFSETS):
            (directory / name).unlink(missing_ok=True)
        try:
            directory.rmdir()
        except OSError:
            return  # files of a node remain

    def finish(
        self, silent: Mapping[str, str], ranges: Ranges, *, have_ended: bool
    ) -> tuple[Path, Measurement]:
        """Merge the parts of the nodes, write run.json, rename into place.

        silent      nodes without a result, with the reasons known to the head node
        have_ended  whether all readers have ended: an unfinished part is then completed from its
                    samples

        Raises ValueError if no node gave a result or no repeat was completed, and StorageFailed.
        """
        if self._lines is not None:
            self._lines.close()
            self._lines = None
        try:
            reasons = {**silent, **_recovered(self.directory, ranges, have_ended=have_ended)}
            return complete_job(self.directory, reasons)
        finally:
            self.close()


# ---------------------------------------------------------------- completing


def complete_job(
    directory: Path, silent: dict[str, str], *, times_alone: bool = False
) -> tuple[Path, Measurement]:
    """Write run.json and rename the directory into place. Raises as `merged`, and StorageFailed."""
    _state_clocks(directory)
    measurement = merged(directory, silent, times_alone=times_alone)
    final = directory.with_name(measurement.id)
    try:
        if silent:
            replace_file(directory / SILENT, pretty(silent).encode())
        replace_file(directory / RUN, pretty(measurement).encode())
        if final != directory:
            if final.exists():
                raise BadInput(str(final), "exists already", "move it away")
            os.rename(directory, final)
        flush_to_disk(final.parent)
    except OSError as error:
        raise StorageFailed(
            f"{directory}: cannot be written: {error.strerror or error}; the files so far stay "
            f"(with space again: {recover_command(directory)})"
        ) from None
    return final, measurement


def _state_clocks(directory: Path) -> None:
    """Write a file without clocks if the head node could not write down the clocks: a file that is
    missing later was taken away.
    """
    if read_job(directory).windows_by == "head" and not (directory / CLOCKS).exists():
        with suppress(OSError):  # full storage is told where the result is written
            replace_file(directory / CLOCKS, encode({}))


def recover_job(
    directory: Path, ranges: Ranges, job_state: JobState = unknown_state
) -> tuple[Path, Measurement]:
    """Complete a job whose head node's process was killed: first the nodes' own runs, then the
    whole job.

    job_state  asks the scheduler about the job

    Raises BadInput if the job, or a node of the job, is still measured.
    """
    header = read_job(directory)
    try:
        lock = Lock.on(directory / JOB)
    except OSError as error:
        raise StorageFailed(f"{directory / JOB}: cannot be written: {error.strerror}") from None
    try:
        refuse_if_job_lives(str(directory), header.job, job_state)
        if header.windows_by == "head":
            refuse_if_alive(str(directory), directory, lock, header.writer)
        # without the head node's process a reader writes its result and ends
        _refuse_living_parts(directory)
        if header.windows_by == "head":
            state_recovery(directory, header)
        reasons = {**unstarted(directory, header), **_recovered(directory, ranges)}
        try:
            return complete_job(directory, reasons, times_alone=True)
        except ValueError as error:
            words = "; ".join(f"{node}: {why}" for node, why in list(reasons.items())[:3])
            why = f"{error}{f' ({words})' if words else ''}"
            raise BadInput(str(directory), f"cannot be completed: {why}") from None
    finally:
        lock.close()


def _refuse_living_parts(directory: Path) -> None:
    """Raise BadInput if a node of the job is still read, or may be."""
    for part in _begun(directory):
        lock = Lock.on(part / HEADER)
        try:
            writer = read_header(part).writer
        except BadInput:
            writer = None  # damaged, for example by full storage
        try:
            refuse_if_alive(str(part), part, lock, writer)
        except BadInput as why:
            # no node can see all processes of the other nodes
            remedy = f"wait until the job's readers have ended; or for {QUIET_S:.0f} s"
            raise BadInput(why.where, why.what, remedy) from None
        finally:
            lock.close()


def unfinished_parts(directory: Path) -> list[Path]:
    """Parts of a finished job whose readers ended before they could write their results."""
    if not is_job(directory) or not (directory / RUN).is_file():
        return []
    return _begun(directory)


def refuse_living_job(directory: Path, job_state: JobState) -> None:
    """Raise BadInput if a finished job has an unfinished part whose reader may still write."""
    if unfinished_parts(directory):
        header = head_record(directory).header
        refuse_if_job_lives(str(directory), header.job, job_state)


def recover_parts(
    directory: Path, ranges: Ranges, job_state: JobState = unknown_state
) -> Measurement:
    """Complete the unfinished parts of a finished job from their samples, and merge all parts
    again.

    job_state  asks the scheduler about the job

    Raises BadInput if no part could be completed, for example because the parts are still measured.
    """
    refuse_living_job(directory, job_state)
    begun = _begun(directory)
    reasons = _recovered(directory, ranges)
    if len(_begun(directory)) == len(begun):
        raise BadInput(str(directory), f"no part can be completed: {'; '.join(reasons.values())}")
    return collect(directory, silent=reasons)


def _begun(directory: Path) -> list[Path]:
    parts = sorted(directory.glob(f"{PARTIAL}{NODE}*"))
    return [part for part in parts if (part / HEADER).is_file()]


def _recovered(directory: Path, ranges: Ranges, *, have_ended: bool = False) -> dict[str, str]:
    """Complete the parts that were cut off, as far as possible. Returns words on each part, by its
    node.

    have_ended  whether all readers are known to have ended
    """
    reasons: dict[str, str] = {}
    for part in _begun(directory):
        node = part.name.removeprefix(PARTIAL + NODE)
        try:
            reader.recover(str(part), ranges, has_ended=have_ended)
            reasons[node] = (
                "its reader ended before its result was written (killed, or storage was full), and "
                "the result was completed from its samples"
            )
        except BadInput as why:
            file = f"{Path(why.where).name}: " if Path(why.where) != part else ""
            reasons[node] = f"{file}{why.what}{f' ({why.remedy})' if why.remedy else ''}"
        except StorageFailed as why:
            reasons[node] = str(why)
    return reasons
