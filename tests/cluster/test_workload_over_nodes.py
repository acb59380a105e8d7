"""`energybench run` with one task a node: one problem on all nodes, the energy of all of them."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from energybench.store.layout import RUN
from tests.cluster.measured import documents, truth_j
from tests.simulators.slurm import Cluster, Job
from tests.simulators.slurm.processes import free_ports, wait_until

pytestmark = pytest.mark.slurm

DEEPCAM = (
    "energybench run deepcam --json --out store --idle 0 --max-warm-up 1 --set threads=1 "
    "--set steps=1 --set batch=1 --set samples=4 --set precision=fp32"
)
MILC = (
    "energybench run milc --json --out store --max-warm-up 1 --set threads=1 "
    "--set kernels=eager --set lattice=4x4x4x16 --set mass=0.1"
)
SRUN = "srun --ntasks-per-node=1"
TORCHRUN = (
    f"{SRUN} torchrun --nnodes 2 --nproc-per-node 1 --rdzv-backend c10d "
    f"--rdzv-endpoint cpu1:{free_ports(1)[0]} --no-python"
)


def result(job: Job) -> Any:
    """The job's only result, which is also its only JSON document on stdout."""
    (document,) = documents(job.folder / "store", f"[0-9]*/{RUN}")
    return document


def parts(job: Job) -> list[Any]:
    return documents(job.folder / "store", f"[0-9]*/node-*/{RUN}")


def codes(document: Any) -> set[str]:
    return {doubt["code"] for doubt in document["doubts"]}


@pytest.mark.parametrize(
    ("launch", "ranks"), [(SRUN, 1), (SRUN, 2), (TORCHRUN, 1)], ids=["srun", "2 ranks", "torchrun"]
)
def test_one_training_on_two_nodes(slurm: Cluster, launch: str, ranks: int) -> None:
    """Energy within 1 % of the truth of both nodes, the work of both stated once."""
    job = slurm.sbatch(
        f"{launch} {DEEPCAM} --repeats 2 --set ranks={ranks} > out.json",
        partition="cpu",
        nodes=2,
        ntasks_per_node=1,
    ).wait(300)
    assert (job.state, job.exit_code) == ("COMPLETED", 0), job.output
    document = result(job)
    assert json.loads((job.folder / "out.json").read_text()) == document
    # torchrun numbers the nodes as they come
    assert {share["node"] for share in document["shares"]} == {"cpu1", "cpu2"}
    assert {share["state"] for share in document["shares"]} == {"measured"}
    true_j = sum(truth_j(slurm, part) for part in parts(job))
    assert document["energy_j"]["value"] == pytest.approx(true_j, rel=0.01)
    # a step of one sample on each process, as often as the repeats are long
    amount = document["work"]["amount"]
    assert amount % (2 * ranks) == 0
    assert document["energy_per_work_j"]["value"] == pytest.approx(
        document["energy_j"]["value"] / amount
    )
    assert all(part["work"]["amount"] == amount / 2 for part in parts(job))
    assert all(check["passed"] for check in document["verification"])
    assert document["workload"]["settings"]["nodes"] == 2
    assert not codes(document) & {"nodes-unread", "counted-again", "node-missing", "node-partial"}


def test_one_solve_on_two_nodes(slurm: Cluster) -> None:
    """The repeats stop by the scatter of the energy of both nodes; idle power of both, too."""
    job = slurm.sbatch(
        f"{SRUN} {MILC} --max-repeats 8 --idle 1", partition="cpu", nodes=2, ntasks_per_node=1
    ).wait(300)
    assert (job.state, job.exit_code) == ("COMPLETED", 0), job.output
    document = result(job)
    assert len(document["repeats"]) == 8
    assert [len(part["repeats"]) for part in parts(job)] == [8, 8]
    true_j = sum(truth_j(slurm, part) for part in parts(job))
    assert document["energy_j"]["value"] == pytest.approx(true_j, rel=0.01)
    assert document["work"]["unit"] == "solve to residual 1e-10"
    assert document["work"]["amount"] == round(document["work"]["amount"])
    assert {"true residual", "hermiticity"} <= {
        check["quantity"] for check in document["verification"] if check["passed"]
    }
    assert document["idle_power_w"] is not None


def test_recover_after_the_first_node_s_process_was_killed(slurm: Cluster) -> None:
    """The other node ends by itself and keeps its part; `recover` merges both."""
    job = slurm.sbatch(
        f"{SRUN} {MILC} --idle 0 --repeats 100", partition="cpu", nodes=2, ntasks_per_node=1
    )
    wait_until(lambda: repeated(job), "the first repeat of both nodes", 300)
    (header,) = (job.folder / "store").glob(".partial-*/job.json")
    os.kill(json.loads(header.read_text())["pid"], signal.SIGKILL)
    job.wait(300)
    assert job.exit_code != 0
    words = ("energybench", "recover", str(header.parent), "--json")
    done = slurm.srun(*words, partition="cpu", nodelist="cpu1", check=True)
    document = json.loads(done.stdout)
    assert document == result(job)
    # samples reach a shared file system now and then: those of the killed process may be lost
    assert document["shares"][1]["state"] == "measured"
    assert document["shares"][0]["state"] == "measured" or "node-missing" in codes(document)
    count = len(document["repeats"])
    assert 1 <= count < 100
    assert document["energy_j"]["value"] > 0
    assert document["work"]["amount"] == round(document["work"]["amount"])


def repeated(job: Job) -> bool:
    """Whether both nodes have checked the first repeat."""
    files = (job.folder / "store").glob(".partial-*/.partial-node-*/windows.jsonl")
    texts = [file.read_text() for file in files]
    return len(texts) == 2 and all('"verification":[' in text for text in texts)


def test_a_worker_that_dies_costs_only_its_repeat(slurm: Cluster) -> None:
    """The repeats before it stand, on both nodes, and the result says which node failed."""
    job = slurm.sbatch(
        f"{SRUN} {DEEPCAM} --repeats 100", partition="cpu", nodes=2, ntasks_per_node=1
    )

    wait_until(lambda: repeated(job), "the first repeat of both nodes", 300)
    os.kill(worker("cpu2", job.folder), signal.SIGKILL)
    job.wait(300)
    assert (job.state, job.exit_code) == ("FAILED", 1), job.output
    document = result(job)
    assert "work-failed" in codes(document)
    assert any("node cpu2" in doubt["message"] for doubt in document["doubts"])
    assert {share["state"] for share in document["shares"]} == {"measured"}
    count = len(document["repeats"])
    assert 1 <= count < 100
    true_j = sum(truth_j(slurm, part) for part in parts(job) if len(part["repeats"]) == count)
    assert document["energy_j"]["value"] == pytest.approx(true_j, rel=0.01)


def worker(node: str, folder: Path) -> int:
    """Process number of the worker of a node, in a job with this working directory."""
    for process in psutil.process_iter():
        try:
            ours = process.cwd() == str(folder) and "energybench.measuring.worker" in (
                process.cmdline()
            )
            if ours and process.environ().get("SLURMD_NODENAME") == node:
                return process.pid
        except psutil.Error:
            continue
    raise AssertionError(f"no worker runs on {node}")


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        (f"{SRUN} energybench run sdpa", "srun -n1"),
        ("srun --ntasks-per-node=2 energybench run deepcam", "--ntasks-per-node=1"),
        (f"{SRUN} energybench run deepcam --variant batch=1 --variant batch=2", "srun -n1"),
    ],
)
def test_copies_are_refused(slurm: Cluster, command: str, remedy: str) -> None:
    job = slurm.sbatch(f"{command} --out store", partition="cpu", nodes=2, ntasks_per_node=2).wait()
    assert (job.state, job.exit_code) == ("FAILED", 2), job.output
    assert "and each would do all of the work for itself" in job.output
    assert remedy in job.output
    assert not (job.folder / "store").exists()
