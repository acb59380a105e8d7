"""Study directories: an index, replaced after every cell, and one run per variant of a cell.

results/study_sdpa-kernel_cpu_1a2b3c4d/study.json     the index: the plan, and the result of every
    cell measured so far
results/study_sdpa-kernel_cpu_1a2b3c4d/runs/<id>/     run.json, samples.parquet

The name holds a digest of the plan, so that a repeated command finds its study again in the same
--out.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from energybench.errors import BadInput, StorageFailed
from energybench.launch import job as job_of
from energybench.model import Job, Study, StudyPlan
from energybench.store import contradictions, strict, unknown_fields
from energybench.store.durable import replace_file
from energybench.store.layout import HEADER, INDEX, PARTIAL, RUN, RUNS
from energybench.store.liveness import (
    JobState,
    Lock,
    Writer,
    boot_id,
    process_started,
    refuse_if_alive,
    unknown_state,
)
from energybench.store.run import encode, read_header
from energybench.store.writer import storage_failure

_LOCK = ".writer.json"  # held while a command measures cells of the study


def directory_for(store: Path, workload: str, device: str, boundary: str, plan: StudyPlan) -> Path:
    """Directory of exactly this study in a store, begun or not."""
    identity = msgspec.json.encode(
        [workload, device, boundary, plan.name, plan.cells, plan.repeats, plan.min_window_s],
        order="deterministic",
    )
    name = re.sub(r"[^\w.-]+", "-", f"{workload}-{plan.name}_{device}")
    return store / f"study_{name}_{hashlib.sha256(identity).hexdigest()[:8]}"


def is_study(path: Path) -> bool:
    """Whether a directory has an index, even if the index is damaged or not a file."""
    return os.path.lexists(path / INDEX)


def studies(store: Path) -> list[Path]:
    """The study directories of a store."""
    return sorted(path for path in store.iterdir() if is_study(path)) if store.is_dir() else []


def read_study(path: Path) -> Study:
    """A study by its directory or its index. Raises BadInput."""
    index, value = _index(path)
    study = unknown_fields.convert(value, Study, str(index))
    contradictions.refuse(study, str(index))
    return study


def _index(path: Path) -> tuple[Path, Any]:
    """The index of a study, and its JSON value. Raises BadInput."""
    index = path if path.name == INDEX else path / INDEX
    value = strict.load(index)
    if not isinstance(value, dict) or value.get("kind") != "study":
        raise BadInput(
            str(index),
            "is not a study",
            "name a directory that `energybench study WORKLOAD NAME` has made",
        )
    return index, value


class StudyStore:
    """The directory of a study during its measurement.

    job_state  asks the scheduler about the job of another process in the directory
    """

    def __init__(self, directory: Path, job_state: JobState = unknown_state) -> None:
        self._job_state = job_state
        self.directory, self.runs = directory, directory / RUNS
        try:
            self.runs.mkdir(parents=True, exist_ok=True)
            self._lock = Lock(os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o666))
        except OSError as error:
            raise StorageFailed(
                f"--out {directory.parent}: cannot be written: {error.strerror} (name a folder "
                "that can)"
            ) from None
        try:
            refuse_if_alive(
                str(directory),
                directory,
                self._lock,
                self._last_writer(),
                job=self._last_job(),
                job_state=job_state,
            )
        except BadInput:
            self._lock.close()
            raise
        here = Writer(os.getpid(), process_started(os.getpid()), platform.node(), boot_id())
        content = {**here._asdict(), "job": job_of(os.environ)}
        (directory / _LOCK).write_bytes(msgspec.json.encode(content))

    def _last_writer(self) -> Writer | None:
        """The process that measured in the directory last; None without such a process."""
        stated = self._lock_file()
        stated.pop("job", None)
        try:
            return Writer(**stated)
        except TypeError:
            return None

    def _last_job(self) -> Job | None:
        """The job of the last writer; None: no job, or unknown."""
        try:
            return msgspec.convert(self._lock_file().get("job"), Job | None)
        except msgspec.ValidationError:
            return None

    def _lock_file(self) -> dict[str, Any]:
        """Empty after a command that has ended by itself."""
        try:
            return msgspec.json.decode((self.directory / _LOCK).read_bytes(), type=dict)
        except (OSError, msgspec.DecodeError):
            return {}

    def close(self) -> None:
        """Let other commands measure in the directory."""
        # the file stays: another command may hold the file open, and a new file would be a second
        # lock
        (self.directory / _LOCK).write_bytes(b"")
        self._lock.close()

    def earlier(self) -> Study | None:
        """The study from an earlier call. Raises BadInput.

        The index will be replaced, so an index with fields of a later version is refused.
        """
        if not is_study(self.directory):
            return None
        index, value = _index(self.directory)
        unknown_fields.refuse(
            value, Study, str(index), "go on with the version that wrote it, or name another --out"
        )
        return strict.convert(value, Study, str(index))

    def save(self, study: Study) -> None:
        """The index, replaced as a whole: a reader finds the old index or the new index."""
        text = msgspec.json.format(encode(study), indent=1) + b"\n"
        with storage_failure(self.directory):
            replace_file(self.directory / INDEX, text)

    def tidy(self, finished: set[str]) -> None:
        """Remove the runs of cells that were cut off: cells without a result are measured again.

        Raises BadInput if another process is measuring in the directory.
        """
        for path in sorted(self.runs.iterdir()):
            is_run = (path / RUN).is_file() or path.name.startswith(PARTIAL)
            if path.name in finished or not is_run:
                continue
            if (path / HEADER).is_file():
                self._refuse_if_alive(path)
            shutil.rmtree(path)

    def _refuse_if_alive(self, run: Path) -> None:
        """Raise BadInput if the run is being written, by `energybench recover` for example."""
        writer = job = None  # killed before the header was complete
        with suppress(BadInput):
            header = read_header(run)
            writer, job = header.writer, header.job
        lock = Lock.on(run / HEADER)
        try:
            refuse_if_alive(
                str(self.directory), run, lock, writer, job=job, job_state=self._job_state
            )
        finally:
            lock.close()

    def discard_if_empty(self) -> None:
        """Remove the directory if no cell was measured; else let other commands measure in the
        directory.
        """
        self.close()
        if not is_study(self.directory) and not any(self.runs.iterdir()):
            self.runs.rmdir()
            (self.directory / _LOCK).unlink()
            self.directory.rmdir()
