"""`energybench measure --nodes job` before torchrun, in a task of an array, and in a job that Slurm
preempts; and a few launches drawn at random.
"""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from energybench.store.layout import PARTIAL, RUN
from tests.cluster.measured import documents
from tests.cluster.test_all_nodes_of_a_job import MEASURE, codes, is_complete, result, truth_j
from tests.simulators.slurm import Cluster, Job
from tests.simulators.slurm.processes import free_ports

pytestmark = pytest.mark.slurm

ABOUT_COUNTING = {"nodes-unread", "counted-again", "node-missing", "node-partial"}
LAUNCHES = Path(__file__).parents[2] / "benchmarks/random_launches.py"
RANK = "#!/bin/sh\necho $RANK of $WORLD_SIZE $(hostname) >> ranks\nexec sleep 2\n"


@pytest.mark.parametrize(
    ("partition", "nodes", "each"),
    [
        ("cpu", ["cpu1"], 3),
        ("cpu", ["cpu1", "cpu2"], 2),
        ("wide", ["cpu1", "cpu2", "gpu1", "gpu2"], 2),
    ],
    ids=["1 node", "2 nodes", "4 nodes"],
)
def test_every_node_of_torchrun_is_counted_once(
    slurm: Cluster, tmp_path: Path, partition: str, nodes: list[str], each: int
) -> None:
    """An agent of torchrun on each node starts several ranks, as it does for an application."""
    (tmp_path / "rank").write_text(RANK)
    (tmp_path / "rank").chmod(0o755)
    torchrun = (
        f"torchrun --nnodes {len(nodes)} --nproc-per-node {each} --rdzv-backend c10d "
        f"--rdzv-endpoint {nodes[0]}:{free_ports(1)[0]} --no-python ./rank"
    )
    job = slurm.sbatch(
        f"{MEASURE} -- srun --ntasks-per-node=1 {torchrun}",
        partition=partition,
        nodes=len(nodes),
        ntasks_per_node=1,
        exclusive=True,
        folder=tmp_path,
    ).wait()
    assert (job.state, job.exit_code) == ("COMPLETED", 0), job.output
    lines = [line.split() for line in (tmp_path / "ranks").read_text().splitlines()]
    ranks = len(nodes) * each
    assert sorted(int(line[0]) for line in lines) == list(range(ranks))
    assert {line[2] for line in lines} == {str(ranks)}
    assert sorted(line[3] for line in lines) == sorted(nodes * each)
    document = result(job)
    assert is_complete(document, nodes)
    assert document["energy_j"]["value"] == pytest.approx(truth_j(slurm, document), rel=0.01)
    assert not codes(document) & ABOUT_COUNTING


def test_the_last_task_of_an_array_has_a_result_of_its_own(slurm: Cluster) -> None:
    """Two tasks at once, into one store: the last task has the number of the whole array as its
    job's, and neither takes the other's place.
    """
    job = slurm.sbatch(
        f"{MEASURE} --label task-$SLURM_ARRAY_TASK_ID -- sleep 2",
        partition="cpu",
        array="3-4",
        exclusive=True,
    ).wait()
    assert (job.state, job.exit_code) == ("COMPLETED", 0), job.output
    by_task = {
        document["job"]["id"]: document
        for document in documents(job.folder / "store", f"[0-9]*/{RUN}")
    }
    assert set(by_task) == {f"{job.id}_3", f"{job.id}_4"}
    assert [by_task[f"{job.id}_{task}"]["label"] for task in (3, 4)] == ["task-3", "task-4"]
    for identity, document in by_task.items():
        assert f"-{identity}-" in document["id"]
        (part,) = documents(job.folder / "store" / document["id"], f"node-*/{RUN}")
        (share,) = document["shares"]
        assert part["host"]["name"] == share["node"] == document["host"]["name"]
        assert share["state"] == "measured"
        assert document["energy_j"]["value"] == pytest.approx(truth_j(slurm, document), rel=0.01)
        assert not codes(document) & (ABOUT_COUNTING | {"shared-node"})


# ---------------------------------------------------------------- preemption


def preempted(slurm: Cluster, partition: str) -> Job:
    """A measured job on cpu1, interrupted by a job of `urgent`. A second start is short."""
    program = "echo begun; sleep $(( ${SLURM_RESTART_COUNT:-0} ? 2 : 60 ))"
    job = slurm.sbatch(
        f"energybench measure --nodes job --out store -- sh -c '{program}'",
        partition=partition,
        nodelist="cpu1",
        exclusive=True,
    ).wait_for_output("begun")
    urgent = slurm.sbatch("true", partition="urgent", nodelist="cpu1", exclusive=True)
    assert urgent.wait().exit_code == 0
    return job


def start(job: Job, number: int) -> Any:
    """The result of a start of a job; `recover` finishes the run of a killed one."""
    for folder in (job.folder / "store").glob(f"{PARTIAL}*-r{number}"):
        job.cluster.run("energybench", "recover", str(folder))
    (document,) = documents(job.folder / "store", f"[0-9]*-r{number}/{RUN}")
    return document


def is_an_honest_part(slurm: Cluster, document: Any) -> bool:
    """A part of a repeat that says so, with the true energy of its window in its interval."""
    energy_j = document["energy_j"]
    is_true = energy_j["low"] <= truth_j(slurm, document) <= energy_j["high"]
    return document["partial"] and is_true and "cut-off" in codes(document)


def cancelled(slurm: Cluster) -> None:
    job = preempted(slurm, "cancelled")
    assert job.wait().state == "PREEMPTED"
    assert is_an_honest_part(slurm, start(job, 0))


def requeued(slurm: Cluster) -> None:
    job = preempted(slurm, "requeued")
    job.start_again()
    assert job.wait().state == "COMPLETED", job.output
    assert is_an_honest_part(slurm, start(job, 0))
    again = start(job, 1)
    assert (again["partial"], again["job"]["restart"]) == (False, 1)
    assert "requeued" in codes(again)
    assert again["energy_j"]["value"] == pytest.approx(truth_j(slurm, again), rel=0.01)


@pytest.mark.parametrize("case", [cancelled, requeued])
def test_a_preempted_job_leaves_a_partial_result(
    slurm: Cluster, case: Callable[[Cluster], None]
) -> None:
    """The preempted start is a part of a repeat. If Slurm starts the job again, the second start
    has a whole result, which says that the energy of the first start is missing.
    """
    case(slurm)


# ---------------------------------------------------------------- random launches


def random_launches() -> Any:
    """The benchmark, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("random_launches", LAUNCHES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_launches_drawn_at_random_are_never_silently_wrong(slurm: Cluster) -> None:
    """The first launches of benchmarks/random_launches.py: mpirun, torchrun, and srun in a task of
    an array, each measured in a way that was drawn, too.
    """
    launches, draw = random_launches(), random.Random(1)
    for _ in range(3):
        launch = launches.drawn(draw)
        job = launches.submitted(slurm, launch, 2.0).wait(timeout_s=300)
        answer = launches.answer(slurm, job, launch)
        assert answer.verdict in ("within 1 %", "in its interval", "flagged"), launch.words
