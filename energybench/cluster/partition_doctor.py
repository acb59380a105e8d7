"""`energybench slurm doctor`: a short job in each partition shows the sensors readable by a plain
user. The job's program prints its findings as JSON (`energybench slurm node-facts`).
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from energybench.cluster.clocks import wall_clock
from energybench.cluster.slurm_environment import of_new_job, of_own_step
from energybench.cluster.slurm_programs import NoAnswer, output
from energybench.errors import BadInput, in_one_line
from energybench.model import Noun

_OVERLAP_S = 20
_END_S = 90.0  # for a started job, beyond its waiting time
_BOARDS = "proc/driver/nvidia/gpus"


class Partition(NamedTuple):
    """A partition from `sinfo`."""

    name: str
    up: bool
    nodes: int
    has_boards: bool


class NodeFacts(Noun, frozen=True, kw_only=True):
    """The findings of a plain user's job on a node.

    user_id         number of the user; 0 is root, with more rights than a plain user
    clock_half_s    error of the wall clock as stated by the kernel; None: not disciplined
    overlap         whether a second step beside the first step starts (srun --overlap)
    overlap_why     reason if not; ""
    boards_present  GPUs of NVIDIA on the node; None: no driver
    boards_read     GPUs with a sensor in this job
    """

    node: str
    user_id: int
    clock_half_s: float | None
    overlap: bool | None
    overlap_why: str
    boards_present: int | None
    boards_read: int
    works: tuple[str, ...]
    absent: tuple[tuple[str, str, str], ...]
    parts: tuple[tuple[str, str], ...]


class PartitionFinding(Noun, frozen=True, kw_only=True):
    """The findings of a short job in a partition.

    answer  "facts", or "none" with the reason
    boards_asked  how many GPUs the job asked for
    """

    partition: str
    nodes: int
    boards_asked: int
    answer: Literal["facts", "none"]
    why: str = ""
    facts: NodeFacts | None = None


def partitions(text: str) -> list[Partition]:
    """From `sinfo -h -o "%R|%a|%D|%G"`, with a line for each set of equal nodes."""
    by_name: dict[str, Partition] = {}
    for line in text.splitlines():
        name, up, nodes, generic = [*line.split("|", 3), "", "", ""][:4]
        if not name:
            continue
        known = by_name.get(name, Partition(name, False, 0, False))
        by_name[name] = Partition(
            name,
            known.up or up.strip().lower() == "up",
            known.nodes + (int(nodes) if nodes.strip().isdigit() else 0),
            known.has_boards or re.search(r"(?:^|,)gpu[:(]", generic) is not None,
        )
    return list(by_name.values())


def partition_list() -> list[Partition]:
    """Raises BadInput."""
    try:
        return partitions(output(["sinfo", "--noheader", "--format=%R|%a|%D|%G"]))
    except NoAnswer as why:
        raise BadInput("sinfo", f"Slurm's controller gives no answer: {why}") from None


def asked_for(known: Sequence[Partition], names: Sequence[str]) -> list[Partition]:
    """The partitions with these names, or all partitions that are up. Raises BadInput."""
    by_name = {partition.name: partition for partition in known}
    for name in names:
        if name not in by_name:
            raise BadInput(
                f"--partition {name}", "is not a partition here", ", ".join(sorted(by_name))
            )
    return [by_name[name] for name in names] or [each for each in known if each.up]


def examine(partition: Partition, account: str | None, wait_s: int) -> PartitionFinding:
    """The findings of a job in a partition. Waits for the job's start at most `wait_s`."""
    name = f"energybench-doctor-{os.getpid()}"
    boards = 1 if partition.has_boards else 0
    command = [
        "srun",
        f"--partition={partition.name}",
        f"--job-name={name}",
        f"--immediate={wait_s}",
        *("--nodes=1", "--ntasks=1", "--time=3", "--quiet", "--mpi=none"),
        *([f"--account={account}"] if account else []),
        *([f"--gres=gpu:{boards}"] if boards else []),
        *(sys.executable, "-m", "energybench", "slurm", "node-facts"),
    ]
    finding = PartitionFinding(
        partition=partition.name, nodes=partition.nodes, boards_asked=boards, answer="none"
    )
    try:
        text = output(command, environment=of_new_job(os.environ), patience_s=wait_s + _END_S)
        facts = _facts(text)
    except NoAnswer as why:
        _cancel(name)
        return _with(finding, why=str(why))
    except (ValueError, TypeError, KeyError) as error:
        return _with(finding, why=f"the job printed no findings: {in_one_line(error)}")
    return _with(finding, answer="facts", facts=facts)


def _with(finding: PartitionFinding, **changes: Any) -> PartitionFinding:
    return msgspec.structs.replace(finding, **changes)


def _cancel(name: str) -> None:
    """Take back a job that may still wait."""
    try:
        output(["scancel", f"--name={name}"], environment=of_new_job(os.environ))
    except (NoAnswer, BadInput):
        return


def _facts(text: str) -> NodeFacts:
    """The last line that is a JSON object: a site's prolog may print lines before."""
    line = [line for line in text.splitlines() if line.startswith("{")][-1:]
    return msgspec.convert(json.loads("".join(line)), NodeFacts)


# ---------------------------------------------------------------- inside the job


def node_facts(
    doctor: Callable[[], Mapping[str, Any]], environment: Mapping[str, str], root: Path = Path("/")
) -> NodeFacts:
    """The findings of this node. `doctor`: findings of `energybench doctor`."""
    findings = doctor()
    overlap, why = _overlap(environment)
    boards = sorted((root / _BOARDS).glob("*")) if (root / _BOARDS).is_dir() else None
    read = {
        channel["device"]
        for channel in findings["channels"]
        if channel["component"] == "gpu.board" and channel["reads"] is not None
    }
    return NodeFacts(
        node=environment.get("SLURMD_NODENAME") or platform.node(),
        user_id=os.getuid(),
        clock_half_s=wall_clock().half_s,
        overlap=overlap,
        overlap_why=why,
        boards_present=None if boards is None else len(boards),
        boards_read=len(read),
        works=tuple(findings["works"]),
        absent=tuple(
            (entry["name"], entry["reason"], entry["remedy"]) for entry in findings["absent"]
        ),
        parts=tuple((part.component, part.state) for part in findings["boundary"]["parts"]),
    )


def _overlap(environment: Mapping[str, str]) -> tuple[bool | None, str]:
    """Whether a second step starts, as the readers of `measure --nodes job` need."""
    if "SLURM_JOB_ID" not in environment:
        return None, "this is not a job"
    command = ["srun", "--overlap", "--nodes=1", "--ntasks=1", "--cpu-bind=none", "--mem=0"]
    command += ["--mpi=none", "--quiet", f"--immediate={_OVERLAP_S}", "true"]
    try:
        output(command, environment=of_own_step(environment), patience_s=_OVERLAP_S + 10.0)
    except (NoAnswer, BadInput) as error:
        return False, str(error)
    return True, ""
