"""The srun of the readers is stopped in mid-job: energy beyond the program is not counted."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from energybench.store.layout import PARTIAL, RUN
from tests.cluster.measured import documents
from tests.cluster.test_all_nodes_of_a_job import MEASURE, truth_j
from tests.cluster.test_faults_of_a_job import GPUS, witness
from tests.simulators.slurm import Cluster, Job
from tests.simulators.slurm.processes import wait_until

pytestmark = pytest.mark.slurm

# The srun of the readers, on this node alone.
STOP = (
    "for p in $(pgrep -f '[n]ode-reader'); do "
    "[ $(readlink /proc/$p/ns/uts) = $(readlink /proc/self/ns/uts) ] "
    "&& [ $(cat /proc/$p/comm) = srun ] && kill -STOP $p; done"
)


def recovered(cluster: Cluster, job: Job) -> None:
    """Complete what the readers left, once they have heard that the head node's process ended."""
    (folder,) = (job.folder / "store").iterdir()

    def written(node: str) -> Path | None:
        return next(folder.glob(f"node-{node}/{RUN}"), None)

    wait_until(lambda: (written("gpu1") and written("gpu2")) or _old(folder), "the parts", 60)
    if any(folder.glob(f"{PARTIAL}node-*")):
        cluster.run("energybench", "recover", str(folder))
    else:
        cluster.run("energybench", "collect", str(folder))


def _old(folder: Path) -> bool:
    """Whether nothing was written for some seconds; then as if for a minute."""
    newest_s = max(path.stat().st_mtime for path in folder.rglob("*"))
    if time.time() - newest_s < 35:
        return False
    for path in folder.rglob("*"):
        os.utime(path, (0, 0))
    return True


@pytest.mark.parametrize(("repeats", "stopped_in"), [(1, 1), (3, 1), (3, 3)])
def test_a_stopped_step_costs_no_energy_and_adds_none(
    slurm: Cluster, tmp_path: Path, repeats: int, stopped_in: int
) -> None:
    """In the live result the interval holds the truth; after recovery the energy is the truth."""
    seconds = 6 if repeats == 1 else 3
    program = f"srun --ntasks-per-node=1 python {witness(tmp_path)} {seconds}"
    job = slurm.sbatch(
        f"{MEASURE} --repeats {repeats} -- {program}; echo code $?", nodes=2, ntasks=2, **GPUS
    ).wait_for_output("ready", 2 * stopped_in)
    time.sleep(1)
    here = {"overlap": True, "nodelist": "gpu1", "nodes": 1, "ntasks": 1}
    slurm.srun("bash", "-c", STOP, jobid=job.id, **here)
    job.wait()
    assert "code 0" in job.output
    for live in documents(job.folder / "store", f"[!.]*/{RUN}"):
        energy = live["energy_j"]
        assert energy["low"] <= truth_j(slurm, live) <= energy["high"]
    recovered(slurm, job)
    (document,) = documents(job.folder / "store", f"[!.]*/{RUN}")
    energy = document["energy_j"]
    assert energy["low"] <= truth_j(slurm, document) <= energy["high"]
    assert energy["value"] == pytest.approx(truth_j(slurm, document), rel=0.02)
    assert len(document["repeats"]) == repeats
    assert [share["state"] for share in document["shares"]] == ["measured", "measured"]
