"""A job of a user who is not root, as nearly all jobs of a cluster are: what can be read is
measured, and what cannot is said. All else in these tests runs as root.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.cluster.test_all_nodes_of_a_job import codes, result, window_j
from tests.simulators.slurm import Cluster
from tests.simulators.slurm.processes import read_pid

pytestmark = pytest.mark.slurm

USER = 65534  # nobody
BOARDS = [f"gpu{i}" for i in range(4)]


def readable_copies(cluster: Cluster) -> str:
    """Mount the interpreter, its packages and this tree where any user may read them, on every node
    (the originals may lie in a folder of root). Returns lines of a shell that use them.
    """
    place = cluster.folder / "readable"
    sources = {
        "python": sys.base_prefix,
        "packages": sysconfig.get_path("purelib"),
        "tree": str(Path(__file__).parents[2]),
    }
    for name in sources:
        (place / name).mkdir(parents=True, exist_ok=True)
    for node in cluster.nodes:
        pid = read_pid(cluster.folder / f"run/slurmd.{node}.pid")
        for name, source in sources.items():
            mount = ["mount", "--bind", source, str(place / name)]
            subprocess.run(["nsenter", f"--target={pid}", "--mount", *mount], check=True)
    interpreter = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return (
        f"export PYTHONPATH={place}/tree:{place}/packages TMPDIR=/tmp\n"
        f"export LD_LIBRARY_PATH={place}/python/lib:$LD_LIBRARY_PATH\n"
        f'energybench() {{ {place}/python/bin/{interpreter} -m energybench "$@"; }}\n'
    )


def test_a_plain_user_measures_the_boards_and_is_told_of_the_counters(slurm: Cluster) -> None:
    """RAPL's counters belong to root (Linux 5.10), the boards are everyone's. A home directory that
    cannot be read costs the profiles alone.
    """
    home = slurm.folder / "private"
    home.mkdir(mode=0o700)
    script = (
        f"{readable_copies(slurm)}export HOME={home}; energybench doctor\n"
        "energybench measure --nodes job --out store -- "
        "srun --ntasks-per-node=1 sh -c 'sleep 2; exit 3'; echo code $? of user $(id -u)\n"
    )
    job = slurm.sbatch(
        script, partition="gpu", nodes=2, ntasks=2, gres="gpu:4", uid=USER, gid=USER
    ).wait()
    text = job.output
    assert f"code 3 of user {USER}" in text, text
    assert "RAPL counters may be read by root only" in text
    (folder,) = (job.folder / "store").iterdir()
    assert folder.stat().st_uid == USER
    document = result(job)
    assert {share["state"] for share in document["shares"]} == {"measured"}, text
    assert document["quality"] == "mixed"  # the boards by their counters, the CPU by a model
    assert codes(document) >= {"estimated-cpu", "profile-broken"}
    (repeat,) = document["repeats"]
    truth_j = sum(
        window_j(slurm, document["host"], repeat, node, BOARDS) for node in ("gpu1", "gpu2")
    )
    assert document["components_j"]["gpu.board"]["value"] == pytest.approx(truth_j, rel=0.02)
