"""All starts of a job that Slurm has started again, with the sum of their energies.

Each start has a result of its own, and a finished result never changes: the sum is taken when it is
asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from energybench.analysis.uncertainty.effects import scale
from energybench.analysis.uncertainty.propagation import propagate
from energybench.errors import BadInput
from energybench.model import Doubt, Estimate, Job, Measurement, Noun
from energybench.store.job_header import is_job
from energybench.store.layout import RUN, runs
from energybench.store.reader import read_run
from energybench.units import counted


class Start(Noun, frozen=True, kw_only=True):
    """One start of a job.

    restart   0 for the first start
    id        id of the result; "" if no result of this start is in the store
    partial   whether no repeat of the start is known to be whole
    repeats   number of the repeats whose energy counts
    energy_j  of all these repeats; None if it is not known
    time_s    of all these repeats
    """

    restart: int
    id: str = ""
    partial: bool = False
    repeats: int = 0
    energy_j: Estimate | None = None
    time_s: Estimate | None = None


class Starts(Noun, frozen=True, kw_only=True):
    """The starts of a job up to the named one.

    energy_j  sum over the starts, errors of the same sensors combined; None if the energy of a
              start is not known
    """

    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["slurm-starts"] = "slurm-starts"
    job: str
    label: str
    starts: tuple[Start, ...]
    energy_j: Estimate | None
    doubts: tuple[Doubt, ...]


def of_result(result: Measurement, directory: Path) -> Starts:
    """The starts of the job of `result`, as far as their results stand beside its directory.

    Raises BadInput for a result outside of a job, and for the part of one node.
    """
    job, store = result.job, directory.parent
    if is_job(store):
        raise BadInput(str(directory), "is the part of one node of a job", f"name the job: {store}")
    if job is None or job.id is None:
        raise BadInput(result.id, "was not measured in a job of Slurm", "name a run of a job")
    by_restart: dict[int, list[Measurement]] = {}
    for other in _of_job(job, store):
        if other.label == result.label and other.job is not None:
            by_restart.setdefault(other.job.restart, []).append(other)
    by_restart.setdefault(job.restart, [result])
    last = max(by_restart)
    starts = tuple(_start(restart, by_restart.get(restart, ())) for restart in range(last + 1))
    return Starts(
        job=f"{job.cluster or job.launcher}-{job.id}",
        label=result.label,
        starts=starts,
        energy_j=_sum([start.energy_j for start in starts]),
        doubts=_doubts(starts, by_restart),
    )


def _of_job(job: Job, store: Path) -> Iterable[Measurement]:
    """The results of all starts of a job in a store; parts of nodes stand inside them."""
    number = f'"{job.id}"'.encode()
    for directory in runs(store):
        try:
            if number not in (directory / RUN).read_bytes():
                continue
            other = read_run(directory)
        except (OSError, BadInput):
            continue  # `report` names broken runs
        theirs = other.job
        if theirs is None or (theirs.cluster, theirs.id) != (job.cluster, job.id):
            continue
        if directory.name.endswith("_attached"):
            continue  # the same start once more, with the readings of a meter
        yield other


def _start(restart: int, results: Sequence[Measurement]) -> Start:
    """One start; of several results of one start the energy is not known."""
    if len(results) != 1:
        return Start(restart=restart, id=", ".join(result.id for result in results))
    (result,) = results
    count = len(result.repeats) or 1
    return Start(
        restart=restart,
        id=result.id,
        partial=result.partial,
        repeats=count,
        energy_j=_times(result.energy_j, count),
        time_s=_times(result.time_s, count),
    )


def _times(estimate: Estimate | None, count: int) -> Estimate | None:
    return None if estimate is None else scale(estimate, count)


def _sum(energies: Sequence[Estimate | None]) -> Estimate | None:
    known = {str(i): energy for i, energy in enumerate(energies) if energy is not None}
    if len(known) < len(energies):
        return None
    return propagate(lambda x: sum(x[name] for name in known), known)


def _doubts(starts: Sequence[Start], results: dict[int, list[Measurement]]) -> tuple[Doubt, ...]:
    unknown = [str(start.restart + 1) for start in starts if start.energy_j is None]
    if not unknown:
        return ()
    several = any(len(results.get(start.restart, ())) > 1 for start in starts)
    return (
        Doubt(
            code="requeued",
            message=f"the energy of {counted(len(unknown), 'start')} of {len(starts)} is not known "
            f"(number {', '.join(unknown)}): no sum is given",
            remedy="a label of its own for each measured program of the job (--label)"
            if several
            else "`energybench recover`, or name a run in the store that holds all starts",
        ),
    )
