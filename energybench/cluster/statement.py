"""`energybench slurm statement`: a line for each job with Slurm's energy, and the meaning of the
energy.

Only some jobs enter the sum: jobs with exclusive nodes, which ended within the time of the
statement, and whose energy was measured once. Otherwise Slurm would count a node several times, or
another user's work. Pure functions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from energybench.cluster.accounts import Row
from energybench.cluster.reconciling import not_measured
from energybench.cluster.row_windows import (
    RowWindow,
    Start,
    lasts_as_long,
    overlap_s,
    slack_s,
    starts,
    window,
)
from energybench.cluster.slurm_configuration import components_of
from energybench.model import Noun

Flag = Literal[
    "exclusive",
    "shared",
    "sharing-unknown",
    "blank",
    "not-measured",
    "overlapping-steps",
    "time-without-step",
    "extern-ended-early",
    "without-gpus",
    "requeued",
    "resized",
    "partial",
]
FLAGS: Mapping[Flag, str] = {
    "exclusive": "all CPUs of its nodes were the job's",
    "shared": "other jobs could use its nodes: their energy is in the figure",
    "sharing-unknown": "its nodes are not known any more",
    "blank": "Slurm states no energy",
    "not-measured": "0 J, or more than the nodes can draw",
    "overlapping-steps": "the figure is a sum of steps that ran at the same time",
    "time-without-step": "the figure is a sum of steps, which ran for a part of the job only",
    "extern-ended-early": "the figure is that of the step extern, which ended before the job",
    "without-gpus": "the job held GPUs, whose energy Slurm's plug-in does not read",
    "requeued": "the job was started several times; the figure is the sum",
    "resized": "nodes left or joined the job while it ran; no row has the energy of all of them",
    "partial": "the job still runs, or ran beyond the time of the statement",
}
# slurmctld reports a job to slurmdbd some seconds after the job began or ended, and keeps the
# messages while slurmdbd does not answer (slurm.conf(5), MaxDBDMsgs).
SETTLED_S = 60
# Flags that keep a job out of the sum.
_NOT_SUMMED: frozenset[Flag] = frozenset(
    {
        *("shared", "sharing-unknown", "blank", "not-measured"),
        *("overlapping-steps", "time-without-step", "extern-ended-early"),
        *("resized", "partial"),
    }
)
Source = Literal["extern", "batch", "steps", "none"]


class Line(Noun, frozen=True, kw_only=True):
    """A job.

    starts        how often it ran
    nodes         of the last start; if they changed, those at its end
    node_s        node-seconds of all starts
    energy_j      Slurm's energy of all starts; None if it was not measured in one of them, or if
                  nodes left or joined the job
    energy_from   rows of the energy: the step extern, the batch step of a job on one node, or the
                  sum of the steps
    """

    job: str
    name: str
    cluster: str
    user: str
    account: str
    partition: str
    state: str
    start_utc: str | None
    end_utc: str | None
    elapsed_s: int
    nodes: int | None
    node_s: float
    starts: int
    energy_j: float | None
    energy_from: Source
    mean_w: float | None
    flags: tuple[Flag, ...]
    summed: bool


class Sums(Noun, frozen=True, kw_only=True):
    """Sums over the jobs that can be added up, and the numbers of other jobs, by flag.

    energy_j      None without summed jobs
    mean_node_w   mean power of a node in the summed jobs; None without summed jobs
    without_gpus  number of summed jobs with GPUs whose energy is missing in the sum
    """

    jobs: int
    without_gpus: int
    energy_j: float | None
    node_s: float
    mean_node_w: float | None
    left_out: dict[str, int]
    left_out_jobs: int


class Statement(Noun, frozen=True, kw_only=True):
    """Slurm's energy of the jobs of a time.

    components  parts of the nodes that the plug-ins read, as far as known
    questions   how often the accounts were asked
    settling    whether the time ends within SETTLED_S before the question: the accounts may still
                lack jobs that began or ended in the last moments
    """

    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["slurm-statement"] = "slurm-statement"
    cluster: str
    version: str | None
    plug_ins: tuple[str, ...]
    components: tuple[str, ...]
    since_utc: str
    until_utc: str
    settling: bool
    account: str | None
    user: str | None
    questions: int
    jobs: tuple[Line, ...]
    sums: Sums


def lines(
    rows: Iterable[Row],
    node_cpus: Mapping[str, int],
    plug_ins: Sequence[str],
    since_s: int,
    until_s: int,
) -> list[Line]:
    """A line for each job that has run. Jobs that never started have no line.

    node_cpus  CPUs available to jobs, by node
    """
    by_job: dict[_Key, list[Start]] = {}
    for start in starts(rows):
        if start.job.start_s is not None and (start.job.elapsed_s or not start.job.ended):
            by_job.setdefault(start.key, []).append(start)
    crowded = _crowded(start for own in by_job.values() for start in own)
    return [
        _line(own, node_cpus, plug_ins, (since_s, until_s), key in crowded)
        for key, own in by_job.items()
    ]


_Key = tuple[str, int, int]  # Start.key


def _crowded(own_starts: Iterable[Start]) -> set[_Key]:
    """Jobs that shared a node with another job of the statement at the same time."""
    spans: dict[tuple[str, str], list[tuple[float, float, _Key]]] = {}
    for start in own_starts:
        for place in start.windows:
            for node in place.nodes:
                span = (place.start_s, place.end_s, start.key)
                spans.setdefault((start.job.cluster, node), []).append(span)
    crowded: set[_Key] = set()
    for on_node in spans.values():
        reach_s, reaching = float("-inf"), on_node[0][2]
        for start_s, end_s, key in sorted(on_node):
            # a job may begin in the second in which another job ends
            if start_s + 1 < reach_s and key != reaching:
                crowded |= {key, reaching}
            if end_s > reach_s:
                reach_s, reaching = end_s, key
    return crowded


def _line(
    own: Sequence[Start],
    node_cpus: Mapping[str, int],
    plug_ins: Sequence[str],
    between_s: tuple[int, int],
    crowded: bool,
) -> Line:
    last = own[-1].job
    energies = [_energy(start, plug_ins) for start in own]
    known = [energy_j for energy_j, _, _ in energies if energy_j is not None]
    energy_j = sum(known) if len(known) == len(own) else None
    node_s = sum(place.node_s for start in own for place in start.windows)
    flags: list[Flag] = ["shared"] if crowded else []
    flags += [_sharing(row, node_cpus) for start in own for row in start.sections]
    flags += [flag for _, _, energy_flags in energies for flag in energy_flags]
    if energy_j is not None and any(start.job.gpus for start in own) and _lacks_gpus(plug_ins):
        flags.append("without-gpus")
    if len(own) > 1:
        flags.append("requeued")
    if any(not _within(start.job, *between_s) for start in own):
        flags.append("partial")
    if len({"exclusive", "shared", "sharing-unknown"} & set(flags)) > 1:
        flags = [flag for flag in flags if flag != "exclusive"]
    ordered: tuple[Flag, ...] = tuple(flag for flag in FLAGS if flag in flags)
    return Line(
        job=last.name,
        name=last.job_name,
        cluster=last.cluster,
        user=last.user,
        account=last.account,
        partition=last.partition,
        state=last.state,
        start_utc=utc(own[0].job.start_s),
        end_utc=utc(last.end_s),
        elapsed_s=sum(start.elapsed_s for start in own),
        nodes=last.nodes,
        node_s=node_s,
        starts=len(own),
        energy_j=energy_j,
        energy_from=energies[-1][1],
        mean_w=energy_j / node_s if energy_j is not None and node_s else None,
        flags=ordered,
        summed=energy_j is not None and not set(ordered) & _NOT_SUMMED,
    )


def _energy(start: Start, plug_ins: Sequence[str]) -> tuple[float | None, Source, list[Flag]]:
    """The energy of one start of a job, the rows of the accounts with this energy, and flags."""
    if start.is_resized:
        # The rows before a change are blank. Of the nodes that are left, the last row may have the
        # energy since the start of the job, or since an unknown time.
        return None, "none", ["resized"]
    place, flags = window(start.job), list[Flag]()
    energy_j = start.job.energy_j
    source: Source = "steps"
    batch = next((step for step in start.steps if step.step == "batch"), None)
    # a step extern that counted nothing leaves the sum of the steps in the job's row
    extern = start.extern if start.extern is not None and start.extern.energy_j else None
    if extern is not None and (place is None or lasts_as_long(extern, place)):
        # the job's own row is blank for a start that ended with a requeue
        energy_j, source = extern.energy_j, "extern"
    elif batch is not None and (place is None or lasts_as_long(batch, place)):
        # on the only node of the job
        energy_j, source = batch.energy_j, "batch"
    elif extern is not None:
        energy_j, source = extern.energy_j, "extern"
        flags.append("extern-ended-early")
    elif place is not None:
        flags += _steps_flags(start, place)
    why = not_measured(energy_j, plug_ins, place.node_s if place is not None else None, None)
    if why:
        return None, "none", ["blank" if energy_j is None else "not-measured"]
    return energy_j, source, flags


def _steps_flags(start: Start, place: RowWindow) -> list[Flag]:
    """Flags of a figure that is a sum of steps."""
    steps = [step_window for step in start.own_steps if (step_window := window(step)) is not None]
    twice_s = overlap_s(steps)
    once_s = sum(step.node_s for step in steps) - twice_s
    flags: list[Flag] = []
    if twice_s > slack_s(place):
        flags.append("overlapping-steps")
    nodes = {node for step in steps for node in step.nodes}
    if once_s < place.node_s - slack_s(place) or not nodes >= set(place.nodes):
        flags.append("time-without-step")
    return flags


def _sharing(job: Row, node_cpus: Mapping[str, int]) -> Flag:
    place = window(job)
    nodes = place.nodes if place is not None else ()
    cpus = [node_cpus.get(node) for node in nodes]
    known = [count for count in cpus if count is not None]
    if job.cpus is None or not nodes or len(known) < len(nodes):
        return "sharing-unknown"
    return "exclusive" if job.cpus >= sum(known) else "shared"


def _lacks_gpus(plug_ins: Sequence[str]) -> bool:
    """Whether the plug-ins are known to read neither the boards nor the whole node."""
    components = components_of(plug_ins)
    return bool(components) and not {"gpu.board", "node"} & set(components)


def _within(job: Row, since_s: int, until_s: int) -> bool:
    """Whether a start of a job lies within the time of the statement."""
    if not job.ended or job.start_s is None or job.end_s is None:
        return False
    return since_s <= job.start_s and job.end_s <= until_s


def sums(jobs: Sequence[Line]) -> Sums:
    summed = [line for line in jobs if line.summed]
    left_out = [line for line in jobs if not line.summed]
    energy_j = sum(line.energy_j or 0.0 for line in summed)
    node_s = sum(line.node_s for line in summed)
    reasons = Counter(flag for line in left_out for flag in line.flags if flag in _NOT_SUMMED)
    return Sums(
        jobs=len(summed),
        without_gpus=sum("without-gpus" in line.flags for line in summed),
        energy_j=energy_j if summed else None,
        node_s=node_s,
        mean_node_w=energy_j / node_s if node_s else None,
        left_out={str(flag): count for flag, count in reasons.items()},
        left_out_jobs=len(left_out),
    )


def utc(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
