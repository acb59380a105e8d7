"""Names of runs and where they lie.

results/.partial-2026-11-23T10-15-02Z_milc_cpu_4f2a/   header.json, windows.jsonl, samples.arrows
    while it runs
results/2026-11-23T10-15-02Z_milc_cpu_4f2a/            run.json, samples.parquet
    when done; never changes
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

from energybench.errors import BadInput

STORE = Path("results")
PARTIAL = ".partial-"
HEADER, WINDOWS, SAMPLES = "header.json", "windows.jsonl", "samples.arrows"
RUN, PARQUET = "run.json", "samples.parquet"
INDEX = "study.json"


def new_id(label: str) -> str:
    """'2026-11-23T10-15-02Z_milc_cpu_4f2a': sorts by time, safe on any file system, unlikely to
    meet another.
    """
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    safe = re.sub(r"[^\w.-]+", "_", label).strip("_.")[:60] or "run"
    return f"{stamp}_{safe}_{secrets.token_hex(2)}"


def runs(store: Path) -> list[Path]:
    """Finished runs of a store, oldest first."""
    if not store.is_dir():
        return []
    return sorted(
        path for path in store.iterdir() if not path.name.startswith(".") and (path / RUN).is_file()
    )


def find(name: str, store: Path = STORE) -> Path:
    """A finished run by its directory, its run.json, its id or a part of it that only one run has,
    or 'latest'.

    Raises BadInput where there is none, or more than one.
    """
    if name in ("", "-"):
        raise BadInput(
            repr(name),
            "is no run",
            "name a run directory, its run.json, or a part of its id; stdin is not read here",
        )
    path = Path(name)
    if path.name == RUN and path.is_file():
        return path.parent
    if (path / RUN).is_file():
        return path
    if (path / HEADER).is_file():
        raise BadInput(name, "this run was not finished", f"energybench recover {name}")
    if (path / INDEX).is_file():
        raise BadInput(
            name,
            "is a study, which compares its own variants",
            f"energybench report {name}, or name one of its runs",
        )
    if path.is_dir():
        held = runs(path)
        if len(held) == 1:
            return held[0]
        raise BadInput(
            name,
            f"is no run but a folder with {len(held)} runs",
            "name one of them" if held else f"a run has a {RUN}",
        )
    if path.exists():
        raise BadInput(name, "is no run", f"name a run directory or its {RUN}")
    held = runs(store)
    if name == "latest" and held:
        return held[-1]
    matching = [run for run in held if run.name == name] or [
        run for run in held if name in run.name
    ]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise BadInput(
            name,
            f"fits {len(matching)} runs of {store}/",
            f"write more of it: {', '.join(run.name for run in matching[-3:])}",
        )
    raise BadInput(
        name,
        f"no such run, and none in {store}/ whose id holds it",
        "see `ls` of the store, or give the run's path",
    )
