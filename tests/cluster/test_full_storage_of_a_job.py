"""A job measured on all nodes whose storage is full or limited."""

from __future__ import annotations

import os
import shutil

import pytest

from energybench.store.layout import RUN
from tests.cluster.measured import documents
from tests.cluster.test_all_nodes_of_a_job import result, truth_j
from tests.simulators import library
from tests.simulators.slurm import Cluster, Job
from tests.simulators.slurm.cluster import SMALL_KIB
from tests.simulators.slurm.processes import wait_until

pytestmark = pytest.mark.slurm


@pytest.mark.parametrize("free_kib", [0, 40])
def test_a_full_disk_costs_the_result_alone(slurm: Cluster, free_kib: int) -> None:
    """One line says which nodes' results were not taken and how to complete them; without room for
    the head node's file nothing is left behind, and the program is not started.
    """
    fill, store = slurm.small / "fill", slurm.small / f"store{free_kib}"
    try:
        script = (
            f"head -c {(SMALL_KIB - free_kib) * 1024} /dev/zero > {fill}; "
            f"energybench measure --nodes job --out {store} -- sh -c 'sleep 2; exit 3'; "
            "echo code $?"
        )
        job = slurm.sbatch(script, partition="cpu", nodes=2, exclusive=True).wait()
        lines = [line for line in job.output.splitlines() if line.startswith("energybench:")]
        if not free_kib:
            assert "code 125" in job.output
            assert not list(store.glob("*"))
            return
        assert "code 3" in job.output
        (line,) = lines
        (folder,) = store.glob(".partial*")
        assert "the storage did not take the results of 2 of 2 nodes (cpu1, cpu2)" in line
        assert f"energybench recover {folder}" in line
        fill.unlink()
        for path in folder.rglob("*"):
            os.utime(path, (0, 0))  # as a minute later, when no reader can be alive
        slurm.run("energybench", "recover", str(folder))
        (document,) = documents(store, f"[0-9]*/{RUN}")
        assert document["verification"][0]["value"] == 3
    finally:
        fill.unlink(missing_ok=True)
        shutil.rmtree(store, ignore_errors=True)


def _job_with_a_quota(slurm: Cluster) -> Job:
    """A job on two nodes, whose storage takes nothing more once there is a file `reached`."""
    program = "trap : USR1; echo ready; until [ -e reached ]; do sleep 0.1; done; exit 3"
    script = f"""
        export QUOTA_FOLDER=$PWD/store QUOTA_REACHED=$PWD/reached
        export LD_PRELOAD={library("quota.so", "quota.c")}/quota.so
        energybench measure --nodes job --out store -- srun --ntasks-per-node=1 bash -c '{program}'
        echo code $?
    """
    job = slurm.sbatch(script, partition="cpu", nodes=2, ntasks=2)
    return job.wait_for_output("ready", 2)


def test_a_quota_before_the_first_samples_leaves_no_promise(slurm: Cluster) -> None:
    job = _job_with_a_quota(slurm)
    (job.folder / "reached").touch()
    job.wait()
    assert "code 3" in job.output, job.output
    (line,) = [line for line in job.output.splitlines() if line.startswith("energybench:")]
    assert "the storage did not take the results of 2 of 2 nodes (cpu1, cpu2)" in line
    assert "no samples and no times reached it either: nothing of this job was saved" in line
    assert "energybench recover" not in line


def test_a_quota_that_is_reached_in_mid_job_costs_the_rest_alone(slurm: Cluster) -> None:
    """Not even a line can be written any more. The samples until then, which a signal had written
    out at once, become the energy of a part of the work.
    """
    job = _job_with_a_quota(slurm)
    (folder,) = (job.folder / "store").iterdir()
    streams = [folder / f".partial-node-cpu{number}/samples.arrows" for number in (1, 2)]
    heads = [stream.stat().st_size for stream in streams]
    job.cancel("--signal=USR1")
    for stream, head in zip(streams, heads, strict=True):
        wait_until(lambda stream=stream, head=head: stream.stat().st_size > head, "a flush")
    (job.folder / "reached").touch()
    job.wait()
    assert "code 3" in job.output, job.output
    (line,) = [line for line in job.output.splitlines() if line.startswith("energybench:")]
    assert "the storage did not take the results of 2 of 2 nodes (cpu1, cpu2)" in line
    for path in folder.rglob("*"):
        os.utime(path, (0, 0))  # as a minute later, when no reader can be alive
    slurm.run("energybench", "recover", str(folder))
    document = result(job)
    assert document["partial"] is True
    assert {share["state"] for share in document["shares"]} <= {"measured", "partial"}
    energy = document["energy_j"]
    assert energy["low"] <= truth_j(slurm, document) <= energy["high"]
