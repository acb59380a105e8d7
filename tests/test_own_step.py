"""Variables of a job step that another job passed on are not those of this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.launch import job, tasks
from energybench.own_step import Step, own_environment, step_of

# of the batch script of job 71, which was submitted inside step 0 of job 70
INHERITED = {
    "HOME": "/root",
    "SLURM_JOB_ID": "71",
    "SLURM_JOB_NUM_NODES": "2",
    "SLURM_JOB_NODELIST": "cpu[1-2]",
    "SLURM_NNODES": "2",
    "SLURM_TASKS_PER_NODE": "1(x2)",
    "SLURM_NODEID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_STEPID": "0",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_NODES": "1",
    "SLURM_STEP_NODELIST": "gpu1",
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_STEP_TASKS_PER_NODE": "2",
}
OWN = INHERITED | {"SLURM_NNODES": "1", "SLURM_TASKS_PER_NODE": "2"}


def tree(root: Path, title: str | None, group: str = "/") -> Path:
    """A /proc: this process, 12, in a shell, 11, of the process with this title, 10."""
    commands = {10: title or "sshd", 11: "/bin/bash", 12: "python"}
    for pid, command in commands.items():
        folder = root / str(pid)
        folder.mkdir(parents=True)
        fields = " ".join(["S", str(pid - 1), *["0"] * 17, "500", "0"])
        (folder / "stat").write_text(f"{pid} (a) b) {fields}\n")
        (folder / "cmdline").write_bytes(command.encode() + b"\0\0\0")
    (root / "12/cgroup").write_text(f"9:pids:/\n0::{group}\n")
    return root


@pytest.mark.parametrize(
    ("title", "group", "step"),
    [
        ("slurmstepd: [71.batch]", "/", Step("71", "batch")),
        ("slurmstepd: [71.0]   ", "/job_5/step_2", Step("71", "0")),  # a cluster inside a job
        (None, "/system.slice/slurmstepd.scope/job_71/step_3/user/task_0", Step("71", "3")),
        (None, "/slurm/uid_0/job_71/step_batch/task_0", Step("71", "batch")),
        (None, "/", None),
    ],
)
def test_the_step_of_a_process(
    tmp_path: Path, title: str | None, group: str, step: Step | None
) -> None:
    assert step_of(12, tree(tmp_path, title, group)) == step


@pytest.mark.parametrize(
    ("title", "environment", "own"),
    [
        ("slurmstepd: [71.batch]", INHERITED, False),
        ("slurmstepd: [71.batch]", OWN, False),
        ("slurmstepd: [71.0]", OWN, True),
        ("slurmstepd: [71.1]", OWN, False),
        ("slurmstepd: [70.0]", OWN, False),  # salloc in a step of another job
        # the shell of salloc on the first node
        ("slurmstepd: [71.interactive]", OWN | {"SLURM_STEP_ID": "4294967290"}, True),
        (None, OWN, True),
        (None, INHERITED, False),
        (None, OWN | {"SLURM_NNODES": "2"}, False),
        (None, OWN | {"SLURM_TASKS_PER_NODE": "1"}, False),
    ],
)
def test_variables_of_another_step_are_left_out(
    tmp_path: Path, title: str | None, environment: dict[str, str], own: bool
) -> None:
    kept = own_environment(environment, tree(tmp_path, title), 12)
    found = job(kept)
    assert found is not None
    if own:
        assert kept == environment
        assert (found.nodes, found.node_names, found.ranks) == (1, "gpu1", 2)
    else:
        assert not [name for name in kept if name.startswith("SLURM_STEP")]
        assert kept["HOME"] == "/root"
        assert (found.nodes, found.node_names, found.step) == (2, "cpu[1-2]", None)
        assert tasks(kept) is None


def test_a_component_of_a_heterogeneous_job_has_its_own_number(tmp_path: Path) -> None:
    """Its tasks have the number of the first component as SLURM_JOB_ID."""
    groups = {"SLURM_HET_SIZE": "2", "SLURM_JOB_ID_HET_GROUP_0": "71"}
    environment = OWN | groups | {"SLURM_JOB_ID_HET_GROUP_1": "72"}
    proc = tree(tmp_path, "slurmstepd: [72.0]")
    assert own_environment(environment, proc, 12) == environment
