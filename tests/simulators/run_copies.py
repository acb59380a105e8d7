"""A store of many runs: copies of a recorded run, each with an id, label, host and energies of its
own.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).resolve().parents[2] / "reports/reference/milc-32-h200"


def scaled(value: Any, factor: float, *, inside: bool = False) -> Any:
    """JSON of a run with all energies and powers times a factor, so that totals still fit parts.

    inside  whether the value is (a part of) an energy or power
    """
    if isinstance(value, dict):
        return {
            name: scaled(item, factor, inside=inside or name.endswith(("_j", "_w")))
            if name not in ("confidence", "dof")
            else item
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [scaled(item, factor, inside=inside) for item in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value * factor if inside and is_number else value


def write_store(
    store: Path,
    runs: int,
    change: Callable[[dict[str, Any], int], None] = lambda run, number: None,
    *,
    link: bool = False,
) -> None:
    """Write the copies. The energies of the last are a tenth higher than those of the first.

    change  changes a copy further
    link    whether the samples are hard links to one file
    """
    original = json.loads((SAMPLE / "run.json").read_text("utf-8"))
    samples = SAMPLE / "samples.parquet"
    for number in range(runs):
        run = scaled(original, 1 + number / (10 * runs))
        run["id"] = f"2026-01-01T00-00-00Z_copy-{number:05}_{number:08x}"
        run["label"] = f"milc {number:05}"
        run["host"]["name"] = f"node-{number:05}"
        change(run, number)
        directory = store / run["id"]
        directory.mkdir(parents=True)
        (directory / "run.json").write_text(json.dumps(run), "utf-8")
        copy = directory / "samples.parquet"
        if link and number:
            os.link(samples, copy)
        else:
            shutil.copyfile(samples, copy)
            samples = copy
