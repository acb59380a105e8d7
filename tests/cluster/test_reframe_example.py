"""examples/reframe on a real Slurm: one energy of all nodes of the job."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulators import reframe
from tests.simulators.slurm import Cluster

pytestmark = pytest.mark.slurm

SETTINGS = """\
site_configuration = {
    "systems": [{
        "name": "trial", "hostnames": [".*"],
        "partitions": [{
            "name": "cpu", "scheduler": "slurm", "launcher": "srun",
            "access": ["--partition=cpu", "--exclusive"], "environs": ["plain"],
        }],
    }],
    "environments": [{"name": "plain"}],
}
"""


def test_every_node_of_the_job_is_in_the_energy(slurm: Cluster, tmp_path: Path) -> None:
    settings = tmp_path / "settings.py"
    settings.write_text(SETTINGS)
    words = ["-C", str(settings), "-S", "repeats=2", "-S", "program=sleep 2"]
    words += ["-S", "num_tasks=2", "-S", "num_tasks_per_node=1"]
    done = slurm.run(
        *reframe.command(tmp_path, *words), folder=tmp_path, timeout_s=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = reframe.figures(tmp_path)
    powers_w = [slurm.truth_j(node, 0.0, 60.0) / 60 for node in ("cpu1", "cpu2")]
    assert figures["energy"] == pytest.approx(sum(powers_w) * figures["time"], rel=0.02)
    assert figures["energy_low"] < figures["energy"] < figures["energy_high"]
