"""Study directories: an index, written anew after each cell, and one run directory a variant of a
cell.

results/study_sdpa-kernel_cpu_1a2b3c4d/study.json     the index: what is planned and what came of
    each cell so far
results/study_sdpa-kernel_cpu_1a2b3c4d/runs/<id>/     run.json, samples.parquet

The name holds a digest of what is planned, so that the same command with the same --out finds its
own study again.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

import msgspec

from energybench.errors import BadInput
from energybench.model import Study, StudyPlan
from energybench.store import strict
from energybench.store.layout import HEADER, INDEX, PARTIAL, RUN
from energybench.store.run import process_started, read_header

RUNS = "runs"


def directory_for(store: Path, workload: str, device: str, boundary: str, plan: StudyPlan) -> Path:
    """Where this very study lies in a store, begun or not."""
    told = msgspec.json.encode(
        [workload, device, boundary, plan.name, plan.cells, plan.repeats, plan.min_window_s],
        order="deterministic",
    )
    name = re.sub(r"[^\w.-]+", "-", f"{workload}-{plan.name}_{device}")
    return store / f"study_{name}_{hashlib.sha256(told).hexdigest()[:8]}"


def is_study(path: Path) -> bool:
    return (path / INDEX).is_file()


def studies(store: Path) -> list[Path]:
    """The study directories of a store."""
    return sorted(path for path in store.iterdir() if is_study(path)) if store.is_dir() else []


def read_study(path: Path) -> Study:
    """A study by its directory or its index. Raises BadInput."""
    index = path if path.name == INDEX else path / INDEX
    value = strict.load(index)
    if not isinstance(value, dict) or value.get("kind") != "study":
        raise BadInput(
            str(index),
            "is no study",
            "name a directory that `energybench study WORKLOAD NAME` has made",
        )
    return strict.convert(value, Study, str(index))


class StudyStore:
    """The directory of one study while it is measured."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.runs = directory, directory / RUNS
        try:
            self.runs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(
                f"--out {directory.parent}",
                f"cannot be written: {error.strerror}",
                "name a folder that can",
            ) from None

    def earlier(self) -> Study | None:
        return read_study(self.directory) if is_study(self.directory) else None

    def save(self, study: Study) -> None:
        """The index, replaced as a whole: whoever reads finds the old one or the new one."""
        temporary = self.directory / (INDEX + ".new")
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(study), indent=1) + b"\n")
        os.replace(temporary, self.directory / INDEX)

    def tidy(self, kept: set[str]) -> None:
        """Remove the runs of cells that were cut off: they are measured anew.

        Raises BadInput while another process is measuring here.
        """
        for path in sorted(self.runs.iterdir()):
            if path.name in kept or not ((path / RUN).is_file() or path.name.startswith(PARTIAL)):
                continue
            if (path / HEADER).is_file() and (pid := _writer(path)) is not None:
                raise BadInput(
                    str(self.directory),
                    f"is being measured by process {pid}",
                    "wait for it, end it, or name another --out",
                )
            shutil.rmtree(path)

    def discard_if_empty(self) -> None:
        """Remove the directory of a study that has come to nothing."""
        if not is_study(self.directory) and not any(self.runs.iterdir()):
            self.runs.rmdir()
            self.directory.rmdir()


def _writer(partial: Path) -> int | None:
    """The process that is writing a run; None where it has ended, or had not written its header
    whole.
    """
    try:
        header = read_header(partial)
    except BadInput:
        return None
    alive = process_started(header.pid)
    return (
        header.pid
        if alive is not None and alive == header.pid_started and header.pid != os.getpid()
        else None
    )
