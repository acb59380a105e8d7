"""Rows of Slurm's accounts: the text of `sacct -P` → rows. Pure functions.

The fields are requested by name and in this order; Slurm 22.05 and later have these fields. The
formats differ between versions and sites: energies with a suffix (1.2K) or without, empty cells,
"Unknown" and "None" for times, "CANCELLED by 1000" for a state, and a `|` inside a job's name,
which `sacct -P` does not mark. Source: sacct(1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from energybench.errors import BadInput
from energybench.units import whole_number

# JobName comes last: a `|` in the name then moves no other cell.
FIELDS = (
    *("JobIDRaw", "JobID", "Cluster", "User", "Account", "Partition", "State"),
    *("Submit", "Start", "End", "ElapsedRaw", "NNodes", "NodeList", "AllocTRES"),
    *("ConsumedEnergyRaw", "ConsumedEnergy", "JobName"),
)
# sacct writes times as seconds since 1970 on request: no time zone, no repeated hour.
TIME_FORMAT = {"SLURM_TIME_FORMAT": "%s"}
_SUFFIX = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_QUANTITY = re.compile(r"(\d{1,30}(?:\.\d{1,12})?)([KMGTPE]?)")
_CPUS = re.compile(r"(?:^|,)cpu=(\d{1,9})(?:,|$)")
_GPUS = re.compile(r"(?:^|,)gres/gpu(?::[^=,]+)?=(\d{1,9})(?=,|$)")
# A row of the state RESIZING has ended if it has an end: the job went on with other nodes, and has
# another row.
_UNENDED = frozenset({"PENDING", "RUNNING", "SUSPENDED", "CONFIGURING", "COMPLETING"})


class Row(NamedTuple):
    """A job or a step from the accounts. Missing quantities are None.

    job      number of the job; each task of an array and each component of a heterogeneous job has
             its own number
    name     the number in its usual form: "120_4", "120+1"
    step     "" for the job itself; "batch", "extern", "0", …
    state    without further words: "CANCELLED" for "CANCELLED by 1000"
    start_s  seconds since 1970, whole
    gpus     0 also if the cluster does not write GPUs down (AccountingStorageTRES)
    energy_j as in the row, whether measured or not
    """

    job: int
    name: str
    step: str
    job_name: str
    cluster: str
    user: str
    account: str
    partition: str
    state: str
    submit_s: int | None
    start_s: int | None
    end_s: int | None
    elapsed_s: int | None
    nodes: int | None
    node_list: str
    cpus: int | None
    gpus: int
    energy_j: float | None

    @property
    def label(self) -> str:
        """The row's name as sacct prints it: "120_4.batch"."""
        return f"{self.name}.{self.step}" if self.step else self.name

    @property
    def ended(self) -> bool:
        return self.end_s is not None and self.state not in _UNENDED


def rows(text: str, delimiter: str = "|") -> list[Row]:
    """The rows of `sacct -P --format=FIELDS --delimiter=…`, with its line of heads. Raises
    BadInput.

    A newline in a job's name continues the previous line: such a line has no cells.

    delimiter  between two cells; a name with the delimiter and a newline could pretend to be a row
    """
    heads, *lines = text.split("\n") if text.strip() else [""]
    if [name.lower() for name in heads.split(delimiter)] != [name.lower() for name in FIELDS]:
        raise BadInput(
            "sacct",
            f"printed other columns than were asked for: {heads[:120]!r}",
            "see whether `sacct --helpformat` names them all",
        )
    return [row for cells in _cells(lines, delimiter) if (row := _row(cells)) is not None]


def _cells(lines: Sequence[str], delimiter: str) -> Iterator[list[str]]:
    """The cells of each row; a line without cells belongs to the name in the previous row."""
    cells: list[str] | None = None
    for line in lines:
        of_line = line.split(delimiter, len(FIELDS) - 1)
        if len(of_line) == len(FIELDS) and re.fullmatch(r"\d+(?:\.\w+)?", of_line[0]):
            if cells is not None:
                yield cells
            cells = of_line
        elif cells is not None and line:
            cells[-1] += f" {line}"
    if cells is not None:
        yield cells


def _row(cells: Sequence[str]) -> Row | None:
    """None: the row belongs to no job, such as an array's task that has not started yet."""
    by_name = dict(zip(FIELDS, (cell.strip() for cell in cells), strict=True))
    number, _, step = by_name["JobIDRaw"].partition(".")
    job = whole_number(number)
    if job is None:
        return None
    cpus = _CPUS.search(by_name["AllocTRES"])
    energy_j = quantity(by_name["ConsumedEnergyRaw"])
    return Row(
        job=job,
        name=by_name["JobID"].partition(".")[0],
        step=step,
        job_name=by_name["JobName"],
        cluster=by_name["Cluster"],
        user=by_name["User"],
        account=by_name["Account"],
        partition=by_name["Partition"],
        state=(by_name["State"].split() or [""])[0].rstrip("+"),
        submit_s=time_s(by_name["Submit"]),
        start_s=time_s(by_name["Start"]),
        end_s=time_s(by_name["End"]),
        elapsed_s=whole_number(by_name["ElapsedRaw"]),
        nodes=whole_number(by_name["NNodes"]),
        node_list="" if by_name["NodeList"].startswith("None") else by_name["NodeList"],
        cpus=int(cpus[1]) if cpus else None,
        # "gres/gpu=4,gres/gpu:a100=4": all GPUs, and the GPUs of each type
        gpus=max(map(int, _GPUS.findall(by_name["AllocTRES"])), default=0),
        energy_j=quantity(by_name["ConsumedEnergy"]) if energy_j is None else energy_j,
    )


def quantity(text: str) -> float | None:
    """The number in "1872", "1.83K" or "2.1G"; None for an empty cell and for any other text."""
    match = _QUANTITY.fullmatch(text.strip())
    return float(match[1]) * _SUFFIX[match[2]] if match else None


def time_s(text: str) -> int | None:
    """Seconds since 1970 of "1795943100" or of "2026-11-29T09:05:00", a time of this machine unless
    a zone is named; None for "Unknown", "None", "N/A" and an empty cell.
    """
    seconds = whole_number(text)
    if seconds is not None:
        return seconds or None
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError, OSError):
        return None
