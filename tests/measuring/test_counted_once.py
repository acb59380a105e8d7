"""Whether a node is counted once in its job: other measuring processes, other jobs."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from energybench.ancestor_processes import PROC
from energybench.measuring.counted_once import CountedOnce
from energybench.measuring.started_launchers import names_among
from tests.simulators.slurm.processes import wait_until

ROOT = Path("/")
JOB = {"SLURM_JOB_ID": "71", "SLURM_CLUSTER_NAME": "perl", "SLURM_JOB_NUM_NODES": "1"}


@pytest.fixture
def job(request: pytest.FixtureRequest) -> dict[str, str]:
    """A job of this test alone, for other tests may run beside it."""
    return {**JOB, "SLURM_JOB_ID": str(os.getpid()), "SLURM_CLUSTER_NAME": request.node.name}


@contextmanager
def measuring(job: dict[str, str], folder: Path, *, of_us: bool) -> Iterator[None]:
    """Another process that measures this node for a job; `of_us`: a child of this process."""
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from energybench.measuring.counted_once import CountedOnce\n"
        "held = CountedOnce(dict(os.environ), Path('/'))\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    os.mkfifo(folder / "until")
    until = os.open(folder / "until", os.O_RDWR)
    # the child of a shell that has ended descends from nobody here
    shell = 'exec "$0" -c "$1" < until' if of_us else '"$0" -c "$1" < until &'
    child = subprocess.Popen(
        ["sh", "-c", shell, sys.executable, code],
        cwd=folder,
        stdout=subprocess.PIPE,
        env=os.environ | job,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    try:
        yield
    finally:
        os.close(until)
        child.stdout.read()  # until the process has ended
        child.stdout.close()
        child.wait()


def codes(counted: CountedOnce, **options: object) -> list[str]:
    return [doubt.code for doubt in counted.doubts(**options)]  # type: ignore[arg-type]


def test_outside_a_job_nothing_is_looked_for() -> None:
    counted = CountedOnce({}, ROOT)
    counted.look()
    assert codes(counted) == []


@pytest.mark.parametrize("name", ["srun", "salloc", "sbatch", "sleep"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_job_that_is_started_outside_a_job_is_not_read(
    job: dict[str, str], tmp_path: Path, name: str, wrapped: bool
) -> None:
    """On a log-in node: the measured program is srun, or a script that starts it."""
    program = shutil.copy("/bin/sleep", tmp_path / name)
    words = ["sh", "-c", f"{program} 60 & wait"] if wrapped else [program, "60"]
    with subprocess.Popen(words, start_new_session=True) as work:
        try:
            counted = CountedOnce({}, ROOT, lambda: work.pid, words[0])

            def child() -> bool:
                children = Path(f"/proc/{work.pid}/task/{work.pid}/children").read_text().split()
                return any(Path(f"/proc/{pid}/comm").read_text() == f"{name}\n" for pid in children)

            if wrapped:
                wait_until(child, "the child")
            counted.look()
        finally:
            os.killpg(work.pid, signal.SIGKILL)
    assert codes(counted) == ["nodes-unread"] * (name != "sleep")
    # inside a job of one node the program's steps are on this node
    inside = CountedOnce(job, ROOT, lambda: None, words[0])
    assert codes(inside) == []
    inside.close()


STEP = {"SLURM_STEP_ID": "4", "SLURM_STEP_NUM_NODES": "1", "SLURM_STEP_NODELIST": "n1"}


@pytest.mark.parametrize("name", ["srun", "mpirun", "ssh", "sleep"])
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("nodes", [1, 3])
def test_a_step_of_one_node_may_start_work_on_the_others(
    job: dict[str, str], tmp_path: Path, name: str, wrapped: bool, nodes: int
) -> None:
    """`srun -N1 -n1 energybench measure -- srun -N3 app`, and the shell of salloc."""
    program = shutil.copy("/bin/sleep", tmp_path / name)
    words = ["sh", "-c", f"{program} 60 & wait"] if wrapped else [program, "60"]
    environment = {**job, **STEP, "SLURM_JOB_NUM_NODES": str(nodes)}
    with subprocess.Popen(words, start_new_session=True) as work:
        try:
            counted = CountedOnce(environment, ROOT, lambda: work.pid, words[0])
            if wrapped:
                wait_until(lambda: names_among(PROC, [work.pid], frozenset({name})), "the child")
            counted.look()
        finally:
            os.killpg(work.pid, signal.SIGKILL)
    doubts = counted.doubts()
    counted.close()
    assert [doubt.code for doubt in doubts] == ["nodes-unread"] * (name != "sleep" and nodes > 1)
    if doubts:
        assert "of the 3 nodes" in doubts[0].message


@pytest.mark.parametrize("nodes", ["here", "nid[001-002]", "nid001"])
@pytest.mark.parametrize("by", ["salloc", "slurmd"])
def test_the_shell_of_salloc_may_be_on_a_log_in_node(
    job: dict[str, str], nodes: str, by: str
) -> None:
    """`salloc -N1`, and in its shell `energybench measure -- srun app`."""
    here = platform.node().partition(".")[0]
    names = here if nodes == "here" else nodes
    environment = {**job, "SLURM_JOB_NODELIST": names}
    if by == "slurmd":
        environment["SLURMD_NODENAME"] = "nid001"
    counted = CountedOnce(environment, ROOT, lambda: None, "/usr/bin/srun")
    doubts = counted.doubts()
    counted.close()
    outside = by == "salloc" and nodes != "here"
    assert [doubt.code for doubt in doubts] == ["nodes-unread"] * outside
    assert all("outside the job" in doubt.message for doubt in doubts)
    counted = CountedOnce(environment, ROOT, lambda: None, "/usr/bin/python")
    assert codes(counted) == []
    counted.close()


def test_a_second_process_of_the_job_is_seen_even_after_it_ended(
    job: dict[str, str], tmp_path: Path
) -> None:
    counted = CountedOnce(job, ROOT)
    with measuring(job, tmp_path, of_us=False):
        counted.look()
    counted.look()
    (doubt,) = counted.doubts()
    assert doubt.code == "counted-again"
    assert "2 processes" in doubt.message
    counted.close()


def test_a_process_of_another_job_is_none_of_ours(job: dict[str, str], tmp_path: Path) -> None:
    counted = CountedOnce(job, ROOT)
    with measuring({**job, "SLURM_JOB_ID": "72"}, tmp_path, of_us=False):
        counted.look()
    assert codes(counted) == []
    counted.close()


def test_a_measured_program_may_measure_itself(job: dict[str, str], tmp_path: Path) -> None:
    """Its blocks count the same node within the same time, and nobody adds them up."""
    counted = CountedOnce(job, ROOT)
    with measuring(job, tmp_path, of_us=True):
        counted.look()
    assert codes(counted) == []
    counted.close()


@pytest.mark.parametrize("nodes", [2, 3, 1000])
def test_unread_nodes_state_their_factor(job: dict[str, str], nodes: int) -> None:
    counted = CountedOnce({**job, "SLURM_JOB_NUM_NODES": str(nodes)}, ROOT)
    (doubt,) = counted.doubts()
    assert doubt.code == "nodes-unread"
    assert f"about {nodes} times" in doubt.message
    assert codes(counted, reads_one_node=False) == []
    counted.close()


def proc(root: Path, commands: dict[int, bytes], *, first: bool = True) -> Path:
    """A /proc with processes of these command lines; `first`: process 1 can be seen."""
    for pid, command in (({1: b"init"} if first else {}) | commands).items():
        folder = root / f"proc/{pid}"
        folder.mkdir(parents=True)
        (folder / "comm").write_bytes(command.split(b":")[0] + b"\n")
        (folder / "cmdline").write_bytes(command + b"\0")
    return root


def test_other_jobs_on_the_node_are_named(tmp_path: Path, job: dict[str, str]) -> None:
    own = job["SLURM_JOB_ID"].encode()
    steps = {
        7: b"slurmstepd: [" + own + b".batch]",
        8: b"slurmstepd: [" + own + b".0]",
        9: b"slurmstepd: [99.extern]",
        10: b"slurmstepd: [100.4]",
        11: b"bash: [5.0]",
    }
    counted = CountedOnce({**job, "SLURM_CPUS_ON_NODE": "16"}, proc(tmp_path, steps))
    (doubt,) = counted.doubts(threads=64)
    assert doubt.code == "shared-node"
    assert "2 other jobs" in doubt.message
    assert "(99, 100)" in doubt.message
    assert "up to 4 times" in doubt.message
    counted.close()


@pytest.mark.parametrize(("cpus", "doubted"), [("16", True), ("64", False), ("", False)])
def test_where_processes_are_hidden_a_part_of_the_node_is_doubted(
    tmp_path: Path, job: dict[str, str], cpus: str, doubted: bool
) -> None:
    """hidepid: a job with all CPUs of the node has no neighbours."""
    root = proc(tmp_path, {7: b"bash"}, first=False)
    counted = CountedOnce({**job, "SLURM_CPUS_ON_NODE": cpus}, root)
    assert codes(counted, threads=64) == (["shared-node"] if doubted else [])
    counted.close()
