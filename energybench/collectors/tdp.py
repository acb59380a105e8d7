"""Thermal design power of a CPU by its name, from codecarbon's table, and what /proc/cpuinfo says
of a machine.

codecarbon itself is not imported: that would start loggers, look for GPUs and cost most of a
second.
"""

from __future__ import annotations

import csv
import math
import re
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

# of a CPU that no table knows: codecarbon's own fallback (core/cpu.py, DEFAULT_POWER_PER_CORE)
W_PER_THREAD = 4.0

# What a maker or a firmware adds to a model's name without making it another model.
_NOISE = (
    r"\((?:r|tm|c)\)",  # "Intel(R) Xeon(R)"
    r"@.*",  # "@ 2.40GHz"
    r"\b\d+(?:st|nd|rd|th) gen\b",  # "11th Gen Intel(R) Core(TM) i7-1165G7"
    r"\b\d+-cores?\b",  # "64-Core Processor"
    r"\bwith radeon\b.*",  # "AMD Ryzen 7 5800H with Radeon Graphics"
    r"\b(?:cpu|processor)\b",
)


class Cpu(NamedTuple):
    """What /proc/cpuinfo says.

    `cores_named`: cores of one socket where the model's name tells ("64-Core Processor").
    """

    name: str
    sockets: int
    threads: int
    virtual: bool
    cores_named: int | None


def cpu(cpuinfo: str) -> Cpu:
    """Parse /proc/cpuinfo. An architecture without model names (Arm) gives "unknown CPU"."""

    def values(key: str) -> list[str]:
        return re.findall(rf"^{key}[ \t]*:[ \t]*(.*?)[ \t]*$", cpuinfo, re.MULTILINE)

    names = values("model name")
    name = " ".join(names[0].split()) if names and names[0] else "unknown CPU"
    flags = values("flags")
    cores = re.search(r"(\d+)-Cores?\b", name)
    return Cpu(
        name=name,
        sockets=max(1, len(set(values("physical id")))),
        threads=max(1, len(values("processor"))),
        virtual=bool(flags) and "hypervisor" in flags[0].split(),
        cores_named=int(cores[1]) if cores else None,
    )


def normal(name: str) -> str:
    """A model name as two sources agree on it: lower case, without marks, clock and core count."""
    name = name.casefold()
    for noise in _NOISE:
        name = re.sub(noise, " ", name)
    return " ".join(name.split())


def table_path() -> Path | None:
    """codecarbon's table where that package is installed. Does not import it."""
    try:
        spec = find_spec("codecarbon")
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "data" / "hardware" / "cpu_power.csv"
    return path if path.is_file() else None


def tdp_w(name: str, table: Path | None) -> float | None:
    """TDP in W of one socket; None for a CPU that the table does not have under exactly this name
    (after `normal`).

    No likeness is tried: "Xeon Gold 6248" and "6248R" differ by 55 W. Rows that hold no positive
    number are passed over (four read like "27.29.5"), and so are names that the table gives two
    values.
    """
    wanted = normal(name)
    if table is None or not re.search(r"\d", wanted):
        return None
    last = wanted.split()[-1]
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if len(row) == 2 and last in row[0].casefold()]
    except OSError:
        return None
    found = {_watts(watts) for model, watts in rows if normal(model) == wanted} - {None}
    return found.pop() if len(found) == 1 else None


def _watts(written: str) -> float | None:
    try:
        watts = float(written)
    except ValueError:
        return None
    return watts if 0 < watts < math.inf else None
