"""Boards of a node that the driver hides from this process: the device control group of a Slurm job
or task, or a container, shows a process some of the boards only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from energybench import data
from energybench.collectors.accelerators import Accelerator, Cause, doubts
from energybench.model import Doubt, DoubtCode

_RANGE = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?")
_ASK = "the site can tell whether it hides boards (ConstrainDevices of cgroup.conf)"


class Hiding(NamedTuple):
    """Why the boards of a maker are hidden, and whether they may belong to the measured job."""

    cause: Cause
    may_be_own: bool


_OF_A_CONTAINER = Hiding(
    Cause(
        "the driver shows the other boards alone: a container or a control group hides these",
        "start the container with all boards (docker run --gpus all); a meter of the node includes "
        "hidden boards (--boundary node-dc)",
    ),
    may_be_own=False,
)


def boards_of_job(environment: Mapping[str, str]) -> int | None:
    """Boards that a Slurm job holds on this node, by the largest number that Slurm states; None:
    Slurm states none, or parts of boards.

    Source: srun(1) and sbatch(1), "Output environment variables".
    """
    count = environment.get("SLURM_GPUS_ON_NODE", "")
    numbers = [int(count)] if count.isascii() and count.isdigit() and len(count) < 5 else []
    lists = [environment.get(name, "") for name in ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS")]
    lengths = [_length(entries) for entries in lists if entries]
    return max([*numbers, *(length for length in lengths if length is not None)], default=None)


def hiding(listed: int, read: int, environment: Mapping[str, str]) -> Hiding | None:
    """Why a part of a maker's boards is not shown to this process; None: nothing shows that boards
    are hidden.

    listed  boards of the maker on the node, by the kernel
    read    those that the driver shows, by their addresses or UUIDs
    """
    if not environment.get("SLURM_JOB_ID"):
        return _OF_A_CONTAINER if read else None
    own = boards_of_job(environment)
    if own is None and not read:
        reason = (
            "no collector that was opened reads them, and this job asked Slurm for no board: its "
            "device control group may hide the boards of other jobs"
        )
        remedy = (
            f"{_whole_node(listed)}; `energybench doctor` names the collectors that do not work"
        )
        return Hiding(Cause(reason, remedy), may_be_own=False)
    if not read:
        return None  # boards that the job holds are not read for another reason
    if own is not None and own <= read:
        reason = (
            f"this job holds {own} of the node's {listed} boards, and its device control group "
            "hides the others"
        )
        return Hiding(Cause(reason, _whole_node(listed)), may_be_own=False)
    number = f"the job holds {own} of them" if own is not None else "Slurm states no number for it"
    reason = (
        f"a device control group shows this process {read} of the node's {listed} boards, and "
        f"{number}: hidden boards may be the job's own"
    )
    remedy = (
        "`energybench measure --nodes job` in the batch script reads all boards of the job; so "
        f"does a step without --gpus-per-task (srun --gpus-per-node={own or listed}); {_ASK}"
    )
    return Hiding(Cause(reason, remedy), may_be_own=True)


def hidden_doubts(
    boards: Sequence[Accelerator], listed: int, read: int, hidden: Hiding
) -> list[Doubt]:
    """Doubts about hidden boards: how much their power and their number may cost.

    boards  the hidden boards of a maker
    """
    code: DoubtCode = "boards-hidden" if hidden.may_be_own else "gpu-unreadable"
    _, most_w, _ = data.stated_ranges()["gpu_w"]
    cost = f"they may draw {len(boards) * most_w:.0f} W"
    if read:
        cost += f", and all boards {listed / read:.3g} times the energy of those that are read"
    cause = hidden.cause._replace(reason=f"{hidden.cause.reason}; {cost}")
    return doubts(boards, cause, code)


def _whole_node(boards: int) -> str:
    return f"`sbatch --exclusive` or `--gpus-per-node={boards}` gives a job all boards; {_ASK}"


def _length(entries: str) -> int | None:
    """Number of boards in "0,2-3" or in a list of UUIDs; None: the list names parts of boards."""
    count = 0
    for entry in entries.split(","):
        match = _RANGE.fullmatch(entry.strip())
        if match is None and not entry.strip().startswith("GPU-"):
            return None
        last = int(match[2] or match[1]) if match is not None else 0
        count += last - int(match[1]) + 1 if match is not None else 1
    return count
