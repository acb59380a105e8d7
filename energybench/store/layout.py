"""Names of runs, and the files of a run directory.

results/.partial-2026-11-23T10-15-02.125Z_milc_cpu_4f2a9c01/   header.json, windows.jsonl,
    samples.arrows while the run is measured
results/2026-11-23T10-15-02.125Z_milc_cpu_4f2a9c01/            run.json, samples.parquet
    when the run is finished; never changes
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
from datetime import UTC, datetime
from pathlib import Path

from energybench.errors import BadInput
from energybench.model.part_of_job import NODE as NODE
from energybench.units import counted

STORE = Path("results")
PARTIAL = ".partial-"
HEADER, WINDOWS, SAMPLES = "header.json", "windows.jsonl", "samples.arrows"
RUN, PARQUET = "run.json", "samples.parquet"
JOB = "job.json"  # of a job that was read on all of its nodes: store/job_files.py
DRAFT = f".{JOB}-"  # beginning of the name of a draft of job.json, by a node of a launch of ranks
INDEX, RUNS = "study.json", "runs"  # of a study: the index, and the folder of its runs
ATTACHED = "_attached"  # ends the id of a run with a meter attached


# Most bytes of a label in a directory's name. File systems allow 255 bytes for the whole name
# (POSIX NAME_MAX), and the name also holds a date, ".partial-" and "_attached".
_LABEL_BYTES = 120
_RANDOM = re.compile(r"_[0-9a-f]{8}$")  # last part of an id


def id_time() -> str:
    """The present time, in the form at the beginning of a run's id. A program may begin several
    runs a second.
    """
    now = datetime.now(UTC)
    return f"{now:%Y-%m-%dT%H-%M-%S}.{now.microsecond // 1000:03}Z"


def new_id(label: str) -> str:
    """'2026-11-23T10-15-02.125Z_milc_cpu_4f2a9c01': sorts by time, safe on any file system, and
    unlikely to occur twice.
    """
    name = re.sub(r"[^\w.-]+", "_", label).strip("_.")[:60]
    safe = name.encode()[:_LABEL_BYTES].decode("utf-8", "ignore") or "run"
    return f"{id_time()}_{safe}_{secrets.token_hex(4)}"


def another_id(taken: str) -> str | None:
    """The same id with a new random part; None for an id without a random part, such as the id of a
    run with an attached meter.
    """
    if not _RANDOM.search(taken):
        return None
    return _RANDOM.sub(f"_{secrets.token_hex(4)}", taken)


def file_word(text: str, most: int = 60) -> str:
    """A word for the name of a job's directory, of ASCII letters, digits, "." and "-"; "job" for a
    text without any.
    """
    return re.sub(r"[^A-Za-z0-9.-]+", "_", text).strip("_.")[:most] or "job"


def is_run(path: Path) -> bool:
    """Whether a directory has a run.json, even if damaged or not a file: the reader then gives the
    reason.
    """
    return os.path.lexists(path / RUN)


def runs(store: Path) -> list[Path]:
    """Finished runs of a store, oldest first."""
    if not store.is_dir():
        return []
    return sorted(
        path for path in store.iterdir() if not path.name.startswith(".") and is_run(path)
    )


def find(name: str, store: Path = STORE) -> Path:
    """A finished run by directory, run.json, id, unique part of an id, or 'latest'.

    Raises BadInput if no run fits, or more than one.
    """
    if name in ("", "-"):
        raise BadInput(
            repr(name),
            "is not a run",
            "name a run directory, its run.json, or a part of its id; stdin is not read here",
        )
    path = Path(name)
    if path.exists():
        return _at(path, name)
    return _by_id(name, store)


def _at(path: Path, name: str) -> Path:
    """The run at an existing path. Raises BadInput with the real kind of the path."""
    if path.name == RUN and path.is_file():
        return path.parent
    if is_run(path):
        return path
    if (path / HEADER).is_file() or (path / JOB).is_file():
        raise BadInput(name, "this run was not finished", f"energybench recover {name}")
    if (path / INDEX).is_file():
        raise BadInput(
            name,
            "is a study, which compares its own variants",
            f"energybench report {name}, or name one of its runs",
        )
    if not path.is_dir():
        raise BadInput(name, "is not a run", f"name a run directory or its {RUN}")
    inside = runs(path)
    if len(inside) == 1:
        return inside[0]
    raise BadInput(
        name,
        f"is not a run but a folder with {counted(len(inside), 'run')}",
        "name one of the runs" if inside else f"a run has a {RUN}",
    )


def _by_id(name: str, store: Path) -> Path:
    """The run of a store with the id `name`, or the only run whose id contains `name`."""
    stored = runs(store)
    if name == "latest" and stored:
        return stored[-1]
    job, _, part = name.partition("/")
    parts = [run / part for run in stored if run.name == job and part.startswith(NODE)]
    if parts and "/" not in part and is_run(parts[0]):
        return parts[0]  # see part_names
    matching = [run for run in stored if run.name == name]
    if not matching:
        matching = [run for run in stored if name in run.name]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise BadInput(
            name,
            f"fits {len(matching)} runs of {store}/",
            f"write more of the id: {', '.join(run.name for run in matching[-3:])}",
        )
    raise BadInput(
        name,
        f"no such run, and no id in {store}/ contains that text",
        "see `ls` of the store, or give the run's path",
    )


def recover_command(directory: Path | str) -> str:
    """The command that completes an unfinished run, or all unfinished runs of a store, for
    copying.
    """
    return f"energybench recover {shlex.quote(str(directory))}"
