"""A store of many runs: copies of a recorded run, each with an id, label, host and numbers of its
own, as the runs of a real store.
"""

from __future__ import annotations

import json
import os
import random
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


# Fields of a run by the end of their name, each with its power of energy and of time.
_ENERGY_AND_TIME = {"_per_s": (0, -1), "_j": (1, 0), "_w": (1, -1), "_s": (0, 1)}
_MEASURED_DIGITS = 9  # a number of fewer digits is a setting or a constant of the machine
_STATED = ("confidence", "dof", "settings", "tolerance")  # not measured
_NOISE = 1e-8  # relative; less than a reader of runs allows between a total and its parts


def varied(run: dict[str, Any], seed: int) -> dict[str, Any]:
    """JSON of the run with all its measured numbers changed: energies by a common factor, times by
    another, powers by the quotient, and each number by a noise of its own in the last digits, so
    that no digit of a run follows from another run. Numbers that are equal in the run stay equal.
    """
    noise = random.Random(seed)
    energy, time = noise.uniform(0.9, 1.1), noise.uniform(0.99, 1.01)
    changed: dict[tuple[float, float], float] = {}

    def of(value: Any, factor: float) -> Any:
        if isinstance(value, dict):
            return {
                name: item if name in _STATED else of(item, _factor(name, factor))
                for name, item in value.items()
            }
        if isinstance(value, list):
            return [of(item, factor) for item in value]
        measured = isinstance(value, float) and not value.is_integer()
        if not measured or len(repr(value)) <= _MEASURED_DIGITS:
            return value
        if (value, factor) not in changed:
            changed[value, factor] = value * factor * (1 + noise.uniform(-_NOISE, _NOISE))
        return changed[value, factor]

    def _factor(name: str, inherited: float) -> float:
        for end, (of_energy, of_time) in _ENERGY_AND_TIME.items():
            if name.endswith(end):
                return energy**of_energy * time**of_time
        return inherited

    result: dict[str, Any] = of(run, 1.0)
    return result


def write_store(
    store: Path,
    runs: int,
    change: Callable[[dict[str, Any], int], None] = lambda run, number: None,
    *,
    link: bool = False,
) -> None:
    """Write the copies.

    change  changes a copy further
    link    whether the samples are hard links to one file
    """
    original = json.loads((SAMPLE / "run.json").read_text("utf-8"))
    samples = SAMPLE / "samples.parquet"
    for number in range(runs):
        run = varied(original, number)
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
