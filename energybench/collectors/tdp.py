"""Thermal design power of a CPU by the name of its model, and the contents of /proc/cpuinfo.

The table of powers is codecarbon's. codecarbon is not imported: the import would start loggers,
look for GPUs and cost most of a second.
"""

from __future__ import annotations

import csv
import math
import re
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

# power of a CPU outside the table: codecarbon's fallback (core/cpu.py, DEFAULT_POWER_PER_CORE)
W_PER_THREAD = 4.0

# other spellings of one model
_SPELLINGS = (
    (r"\((?:r|tm|c)\)-", "-"),  # "AMD FX(tm)-8350"
    (r"\b(i[3579])(?: cpu)? +(?=\d{3})", r"\1-"),  # "Intel(R) Core(TM) i7 CPU         920"
)
# words that a maker or a firmware adds to the name of a model without a change of the model
_NOISE = (
    r"\((?:r|tm|c)\)",  # "Intel(R) Xeon(R)"
    r"@.*",  # "@ 2.40GHz"
    r"\b\d+(?:st|nd|rd|th) gen\b",  # "11th Gen Intel(R) Core(TM) i7-1165G7"
    r"\b\d+-cores?\b",  # "64-Core Processor"
    r"\b(?:dual|triple|quad|six|eight|twelve|sixteen)-core processor\b",  # "Eight-Core Processor"
    # "AMD Ryzen 7 5800H with Radeon Graphics", "AMD Ryzen AI 9 HX 370 w/ Radeon 890M",
    # "AMD A10-7850K Radeon R7, 12 Compute Cores 4C+8G"
    r"(?:\bapu )?\bw(?:ith|/) *(?:amd )?radeon\b.*",
    r"\bradeon r\d\b.*",
    r"(?<=\be[357]-\d{4}) 0\b",  # "Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz": the first version
    r"(?<=\be[357]-\d{4}[lw]) 0\b",
    r"\b(?:cpu|processor)\b",
)


class Cpu(NamedTuple):
    """Contents of /proc/cpuinfo.

    cores_named  cores of a socket in the name of the model ("64-Core Processor"); None if the name
                 does not hold the number
    """

    name: str
    sockets: int
    threads: int
    virtual: bool
    cores_named: int | None


def cpu(cpuinfo: str) -> Cpu:
    """Parse /proc/cpuinfo. The name is "unknown CPU" on architectures without names (Arm)."""

    def values(key: str) -> list[str]:
        """The values of a field that are not empty."""
        return re.findall(rf"^{key}[ \t]*:[ \t]*(\S.*?)[ \t]*$", cpuinfo, re.MULTILINE)

    names = values("model name")
    name = " ".join(names[0].split()) if names else "unknown CPU"
    flags = values("flags")
    cores = re.search(r"(\d+)-cores?\b", name, re.IGNORECASE)
    return Cpu(
        name=name,
        sockets=max(1, len(set(values("physical id")))),
        threads=max(1, len(values("processor"))),
        virtual=bool(flags) and "hypervisor" in flags[0].split(),
        cores_named=int(cores[1]) if cores else None,
    )


def normal(name: str) -> str:
    """Name of a model for comparison: lower case, without marks, clock and number of cores."""
    name = name.casefold()
    for spelling, usual in _SPELLINGS:
        name = re.sub(spelling, usual, name)
    for noise in _NOISE:
        name = re.sub(noise, " ", name)
    return " ".join(name.split())


def table_path() -> Path | None:
    """Path of codecarbon's table; None if codecarbon is not installed. Does not import it."""
    try:
        spec = find_spec("codecarbon")
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "data" / "hardware" / "cpu_power.csv"
    return path if path.is_file() else None


def tdp_w(name: str, table: Path | None) -> float | None:
    """TDP in W of one socket; None if the table does not hold exactly this name (after `normal`).

    Similar names are not tried: "Xeon Gold 6248" and "6248R" differ by 55 W. Rows without a
    positive number are left out (four rows read like "27.29.5"), and so are names with two
    different values in the table.
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
    values = {_watts(cell) for model, cell in rows if normal(model) == wanted} - {None}
    return values.pop() if len(values) == 1 else None


def _watts(cell: str) -> float | None:
    try:
        watts = float(cell)
    except ValueError:
        return None
    return watts if 0 < watts < math.inf else None
