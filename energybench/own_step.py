"""Whether the variables of a job step belong to this process.

sbatch and salloc pass their whole environment on: the batch script of a job that was submitted
inside a step, for example in the shell of `srun --pty bash`, has the variables SLURM_STEP_* of the
submitting step, with its nodes and tasks. The real step of a process stands in two places:

- slurmstepd, the process of Slurm above every task, shows job and step as its command line:
  "slurmstepd: [123.batch]".
- With Slurm's control groups, /proc/PID/cgroup has a path with job_123/step_batch.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from energybench.ancestor_processes import PROC, ancestors, words
from energybench.slurm_job import slurm_numbers

_TITLE = re.compile(rb"slurmstepd: \[(\d+)\.(\w+)")
_CONTROL_GROUP = re.compile(rb"/job_(\d+)/step_(\w+)")
# SLURM_STEP_ID of the shell that salloc starts on the first node (slurm.h, SLURM_INTERACTIVE_STEP)
_NAMES = {"4294967290": "interactive"}
# Slurm sets both variables of a pair for the tasks of a step, and only the first variable for a
# batch script.
_PAIRS = (
    ("SLURM_NNODES", "SLURM_STEP_NUM_NODES"),
    ("SLURM_TASKS_PER_NODE", "SLURM_STEP_TASKS_PER_NODE"),
)


class Step(NamedTuple):
    """A job step: Slurm's own number of the job, and "0", "batch", "interactive" or "extern"."""

    job: str
    name: str


def own_environment(
    environment: Mapping[str, str] = os.environ, proc: Path = PROC, pid: int | None = None
) -> Mapping[str, str]:
    """The variables of this process, without the variables of a foreign job step.

    If neither slurmstepd nor a control group is visible, the variables have to agree.
    """
    if "SLURM_STEP_ID" not in environment:
        return environment
    step = step_of(os.getpid() if pid is None else pid, proc)
    if step is None:
        pairs = [(environment.get(one), environment.get(other)) for one, other in _PAIRS]
        own = all(one == other for one, other in pairs if one is not None and other is not None)
    else:
        stated = environment["SLURM_STEP_ID"]
        own = step.job in slurm_numbers(environment) and step.name == _NAMES.get(stated, stated)
    if own:
        return environment
    foreign = ("SLURM_STEP_", "SLURM_STEPID")
    return {name: value for name, value in environment.items() if not name.startswith(foreign)}


def step_of(pid: int, proc: Path = PROC) -> Step | None:
    """The job step of a process; None: invisible, or outside of any step."""
    for ancestor in ancestors(pid, proc):
        title = words(ancestor.pid, "cmdline", proc)
        if title is not None and (match := _TITLE.match(title[0])) is not None:
            return Step(match[1].decode(), match[2].decode())
    groups = words(pid, "cgroup", proc)
    match = _CONTROL_GROUP.search(groups[0]) if groups is not None else None
    return Step(match[1].decode(), match[2].decode()) if match is not None else None
