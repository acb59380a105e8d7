"""Jobs in which the variables of a process, or its own step, name fewer nodes or more than work."""

from __future__ import annotations

from typing import Any

import pytest

from energybench.store.layout import RUN
from tests.cluster.measured import documents
from tests.cluster.test_all_nodes_of_a_job import codes, truth_j
from tests.simulators.slurm import Cluster, Job

pytestmark = pytest.mark.slurm

MEASURE = "energybench measure --out store"
RANK = "energybench rank --out store"
BOTH = "srun --overlap --mem=0 -N2 -n2 sleep 2"


def merged(job: Job) -> Any:
    """The result of the only launch of ranks, which the batch script has merged."""
    (document,) = documents(job.folder / "store", f"[!.]*/{RUN}")
    return document


def test_a_job_that_was_submitted_inside_a_step_has_its_own_nodes(slurm: Cluster) -> None:
    """`sbatch` in the shell of `srun --pty bash`: one node of two is read, and all of them with
    `--nodes job`.
    """
    inner = f"#!/bin/sh\n{MEASURE} -- {BOTH}\n{MEASURE} --nodes job --label all -- {BOTH}\n"
    submit = "sbatch --wait --partition=cpu -N2 -n2 --output=inner.out inner.sh"
    outer = f"cat > inner.sh <<'EOF'\n{inner}EOF\n"
    step = f"srun -N1 -n2 sh -c '[ $SLURM_PROCID = 1 ] || {submit}'"
    job = slurm.sbatch(f"{outer}{step}", partition="gpu", nodes=1, ntasks=2).wait()
    found = {each["label"]: each for each in documents(job.folder / "store", f"[!.]*/{RUN}")}
    assert sorted(found) == ["all", "srun"], (job.folder / "inner.out").read_text()
    one, both = found["srun"], found["all"]
    assert (one["job"]["nodes"], one["job"]["node_names"]) == (2, "cpu[1-2]")
    assert one["job"].get("step") is None
    assert "nodes-unread" in codes(one)
    assert [share["node"] for share in both["shares"]] == ["cpu1", "cpu2"]
    assert "nodes-unread" not in codes(both)


def test_a_step_of_one_node_that_starts_a_step_of_two_is_doubted(slurm: Cluster) -> None:
    step = "srun --overlap --mem=0 -N1 -n1"
    script = (
        f"{step} {MEASURE} --label one -- sleep 1; {step} {MEASURE} --label both -- {BOTH}; "
        f"{step} {RANK} -- {BOTH}; energybench recover store/.partial*"
    )
    job = slurm.sbatch(script, partition="cpu", nodes=2, ntasks=2).wait()
    found = {each["label"]: codes(each) for each in documents(job.folder / "store", f"[!.]*/{RUN}")}
    assert sorted(found) == ["both", "one", "srun"], job.output
    assert "nodes-unread" not in found["one"]
    assert "nodes-unread" in found["both"]
    assert "nodes-unread" in found["srun"]


def test_ranks_in_one_component_have_the_nodes_of_that_component(slurm: Cluster) -> None:
    words = ["--partition=cpu", "--nodes=1", ":", "--partition=gpu", "--nodes=1"]
    script = f"srun --het-group=1 {RANK} -- sleep 2; energybench recover store/.partial*"
    job = slurm.sbatch(script, *words).wait()
    document = merged(job)
    assert [share["node"] for share in document["shares"]] == ["gpu1"], job.output
    assert "node-missing" not in codes(document)
    energy = document["energy_j"]
    assert energy["low"] <= truth_j(slurm, document) <= energy["high"]


def test_no_more_nodes_are_missing_than_the_job_has(slurm: Cluster) -> None:
    """One measured rank on the first node, and four that nobody measures on the second one."""
    ranks = f"mpirun -np 1 --host cpu1 {RANK} -- sleep 3 : -np 4 --host cpu2:4 sleep 3"
    script = f"{ranks}; energybench recover store/.partial*"
    job = slurm.sbatch(script, partition="cpu", nodes=2, ntasks_per_node=4).wait()
    document = merged(job)
    assert document["nodes"] == 2, job.output
    assert "node-missing" in codes(document)
