"""`energybench rank` before each rank: one reader a node, elected by the ranks themselves."""

from __future__ import annotations

from typing import Any

import pytest

from energybench.store.layout import RUN
from tests.cluster.measured import documents
from tests.cluster.test_all_nodes_of_a_job import codes, truth_j
from tests.simulators.slurm import Cluster, Job

pytestmark = pytest.mark.slurm

RANK = "energybench rank --out store --"


def recovered(cluster: Cluster, job: Job) -> Any:
    """The merged result of the job's only launch."""
    (folder,) = (job.folder / "store").iterdir()
    cluster.run("energybench", "recover", str(folder))
    (document,) = documents(job.folder / "store", f"[!.]*/{RUN}")
    return document


@pytest.mark.parametrize(
    ("program", "nodes"),
    [
        (f"srun --ntasks-per-node=4 {RANK} sleep 4", ["cpu1", "cpu2"]),
        (f"mpirun -np 4 --map-by ppr:2:node {RANK} sleep 4", ["cpu1", "cpu2"]),
        (f"srun -N1 -n1 {RANK} sleep 4", ["cpu1"]),
        # one node of two has ranks
        (f"srun -N1 -n2 -w cpu2 {RANK} sleep 4", ["cpu2"]),
        (f"mpirun -np 2 --map-by ppr:2:node {RANK} sleep 4", ["cpu1"]),
    ],
)
def test_each_node_is_read_by_one_of_its_ranks(
    slurm: Cluster, program: str, nodes: list[str]
) -> None:
    job = slurm.sbatch(
        f"{program}; echo code $?", partition="cpu", nodes=2, ntasks_per_node=4
    ).wait()
    assert "code 0" in job.output
    document = recovered(slurm, job)
    shares = document["shares"]
    assert [share["node"] for share in shares] == nodes
    # nodes start apart, as their first ranks do, and a node is not read after its last rank
    assert all(share["covered_s"] > 0 for share in shares), shares
    energy = document["energy_j"]
    assert energy["low"] <= truth_j(slurm, document) <= energy["high"]
    partial = any(share["state"] == "partial" for share in shares)
    assert ("node-partial" in codes(document)) is partial
    assert not codes(document) & {"counted-again", "nodes-unread"}


@pytest.mark.parametrize(
    ("program", "doubted"), [("sleep 3", False), ("srun -N2 -n2 sleep 3", True)]
)
def test_a_program_of_its_own_is_on_one_node(slurm: Cluster, program: str, doubted: bool) -> None:
    """A serial program in a job of two nodes: this node is read, the other one is not missing, and
    the result is whole before the batch script goes on. A program that starts srun is doubted.
    """
    script = f"{RANK} {program}; energybench recover store/.partial*"
    job = slurm.sbatch(script, partition="cpu", nodes=2, ntasks=2).wait()
    (document,) = documents(job.folder / "store", f"[!.]*/{RUN}")
    assert [share["node"] for share in document["shares"]] == ["cpu1"], job.output
    assert document["nodes"] == 1
    assert document["energy_j"]["value"] == pytest.approx(truth_j(slurm, document), rel=0.01)
    found = codes(document)
    assert ("nodes-unread" in found) is doubted
    assert not found & {"node-missing", "node-partial", "counted-again"}


OF_TORCH = """
export RANK=$SLURM_PROCID LOCAL_RANK=$SLURM_LOCALID WORLD_SIZE=$SLURM_NTASKS
until_() { while [ ! -e $1 ]; do sleep 0.1; done; }
export -f until_
case $RANK in
    0) energybench rank --label B --out store -- bash -c "until_ late.$SLURM_STEP_ID" ;;
    1) energybench rank --label B --out store -- true; touch over.$SLURM_STEP_ID ;;
    2) until_ over.$SLURM_STEP_ID
       energybench rank --label B --out store -- bash -c "touch late.$SLURM_STEP_ID; sleep 2" ;;
esac
"""


def test_ranks_that_name_themselves_for_torch_are_those_of_their_step(slurm: Cluster) -> None:
    """One that starts after another has ended belongs to the launch, and a second launch of the
    same label in the same job is another one.
    """
    job = slurm.sbatch(
        f"cat > ranks.sh <<'EOF'{OF_TORCH}EOF\nexport MASTER_ADDR=cpu1 MASTER_PORT=29500\n"
        "for launch in 1 2; do srun -n3 bash ranks.sh; done\n"
        "for folder in store/.partial*; do energybench recover $folder; done",
        partition="cpu",
        nodes=1,
        ntasks=3,
    ).wait()
    found = documents(job.folder / "store", f"[!.]*/{RUN}")
    assert [each["job"]["step"] for each in found] == ["0", "1"], job.output
    assert "not measured" not in job.output
    for document in found:
        assert document["nodes"] == 1
        assert document["energy_j"]["value"] == pytest.approx(truth_j(slurm, document), rel=0.01)
        assert not codes(document) & {"ranks-unread", "node-missing", "counted-again"}


def test_codes_and_output_are_those_of_the_ranks(slurm: Cluster) -> None:
    script = "srun --ntasks-per-node=2 {} bash -c 'echo out $SLURM_PROCID; exit $SLURM_PROCID'"
    job = slurm.sbatch(
        f"{script.format('')}; echo code $?; {script.format(RANK)}; echo code $?",
        partition="cpu",
        nodes=2,
        ntasks=4,
    ).wait()
    lines = job.output.splitlines()
    assert lines.count("code 3") == 2
    assert all(lines.count(f"out {rank}") == 2 for rank in range(4))


def test_a_killed_reader_costs_the_result_alone(slurm: Cluster) -> None:
    kill = "pkill -KILL -f '[n]ode-reader --ranks'; sleep 1; exit $SLURM_PROCID"
    job = slurm.sbatch(
        f'srun --ntasks-per-node=2 {RANK} bash -c "sleep 1; {kill}"; echo code $?'.replace(
            "$SLURM", r"\$SLURM"
        ),
        partition="cpu",
        nodes=1,
        ntasks=2,
    ).wait()
    assert "code 1" in job.output
