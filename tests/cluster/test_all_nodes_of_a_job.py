"""`energybench measure --nodes job` reads every node of a job once, whatever the program does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from energybench.store.layout import RUN
from tests.adapters.files import OUTPUT, SOLVER
from tests.cluster.measured import documents
from tests.simulators.slurm import Cluster, Job

pytestmark = pytest.mark.slurm

MEASURE = "energybench measure --nodes job --out store --json"


def result(job: Job) -> Any:
    """The job's only result."""
    (document,) = documents(job.folder / "store", f"[0-9]*/{RUN}")
    return document


def window_j(
    cluster: Cluster,
    host: Any,
    window: Any,
    node: str | None = None,
    parts: Sequence[str] | None = None,
) -> float:
    """True energy of a node, or of some of its parts, in a window on the clock of a host."""
    zero_s = datetime.fromisoformat(host["started_utc"]).timestamp() - host["started_s"]
    return cluster.truth_j(
        node or host["name"], zero_s + window["start_s"], zero_s + window["end_s"], parts
    )


def truth_j(cluster: Cluster, document: Any) -> float:
    """True mean energy of the repeats on all nodes of the job, at the head node's times."""
    truths = [
        sum(
            window_j(cluster, document["host"], repeat, share["node"])
            for share in document["shares"]
        )
        for repeat in document["repeats"]
    ]
    return sum(truths) / len(truths)


def codes(document: Any) -> set[str]:
    return {doubt["code"] for doubt in document["doubts"]}


def is_complete(document: Any, nodes: list[str]) -> bool:
    """Whether each of the nodes was read for all of the time, once."""
    return [(share["node"], share["state"]) for share in document["shares"]] == [
        (node, "measured") for node in nodes
    ]


@pytest.mark.parametrize(
    ("partition", "nodes", "program"),
    [
        ("cpu", ["cpu1", "cpu2"], "srun --ntasks-per-node=1 sleep 2"),
        ("cpu", ["cpu1", "cpu2"], "srun --ntasks-per-node=4 --overlap sleep 2"),
        ("cpu", ["cpu1", "cpu2"], "mpirun -np 4 sleep 2"),
        ("gpu", ["gpu1", "gpu2"], "srun -n4 --ntasks-per-node=2 --gpus-per-task=2 sleep 2"),
        ("wide", ["cpu1", "cpu2", "gpu1", "gpu2"], "srun --ntasks-per-node=8 sleep 2"),
        ("cpu", ["cpu1"], "srun -n8 sleep 2"),
    ],
)
def test_every_node_is_counted_once(
    slurm: Cluster, partition: str, nodes: list[str], program: str
) -> None:
    job = slurm.sbatch(
        f"{MEASURE} -- {program}",
        partition=partition,
        nodes=len(nodes),
        ntasks_per_node=8,
        **({"gres": "gpu:4"} if partition == "gpu" else {}),
    ).wait()
    assert (job.state, job.exit_code) == ("COMPLETED", 0), job.output
    document = result(job)
    assert is_complete(document, nodes)
    assert document["nodes"] == len(nodes)
    assert document["energy_j"]["value"] == pytest.approx(truth_j(slurm, document), rel=0.01)
    assert not codes(document) & {"nodes-unread", "counted-again", "node-missing", "node-partial"}
    assert document["power_w"]["value"] == pytest.approx(
        document["energy_j"]["value"] / document["time_s"]["value"] / len(nodes), rel=1e-6
    )


def test_exit_code_and_output_are_the_program_s(slurm: Cluster) -> None:
    """A rank that fails decides the code, with and without measuring."""
    program = "srun --ntasks-per-node=2 bash -c 'echo out $SLURM_PROCID; exit $SLURM_PROCID'"
    script = f"{program}; echo code $?\n{MEASURE} -- {program} 2>&1 | cat; echo code $PIPESTATUS"
    job = slurm.sbatch(script.replace(" --json", ""), partition="cpu", nodes=2, ntasks=4).wait()
    text = job.output
    assert text.splitlines().count("code 3") == 2, text
    assert all(text.splitlines().count(f"out {rank}") == 2 for rank in range(4)), text


def test_repeats_and_idle_power_of_all_nodes(slurm: Cluster) -> None:
    job = slurm.sbatch(
        f"{MEASURE} --repeats 3 --idle 1 -- srun --ntasks-per-node=1 sleep 1",
        partition="cpu",
        nodes=2,
        ntasks=2,
    ).wait()
    document = result(job)
    assert len(document["repeats"]) == 3
    assert is_complete(document, ["cpu1", "cpu2"])
    assert document["energy_j"]["value"] == pytest.approx(truth_j(slurm, document), rel=0.01)
    for part in documents(job.folder / "store", f"[0-9]*/node-*/{RUN}"):
        for idle in part["idles"]:
            seconds = idle["end_s"] - idle["start_s"]
            true_w = window_j(slurm, part["host"], idle) / seconds
            assert idle["power_w"]["value"] == pytest.approx(true_w, rel=0.01)
    assert document["idle_power_w"] is not None
    # any other command takes the job's directory as it takes a run
    store = f"{job.folder}/store"
    for command in ("compare latest latest --force", "collect latest --from-samples"):
        again = json.loads(
            slurm.run("energybench", *command.split(), "--store", store, "--json").stdout
        )
        assert again["kind"] in ("comparison", "measurement")
        assert "part-left-out" not in codes(again)
        if again["kind"] == "measurement":
            assert again["energy_j"]["value"] == pytest.approx(document["energy_j"]["value"])
    report = slurm.run("energybench", "report", store)
    assert "2 of 2 nodes (100 % of" in " ".join(report.stdout.split())


def test_a_heterogeneous_job(slurm: Cluster) -> None:
    job = slurm.sbatch(
        f"{MEASURE} -- srun --het-group=0,1 sleep 2",
        *("--nodes=1", "--partition=cpu", ":", "--nodes=1", "--partition=gpu", "--gres=gpu:4"),
    ).wait()
    document = result(job)
    assert is_complete(document, ["cpu1", "gpu1"]), job.output
    assert document["energy_j"]["value"] == pytest.approx(truth_j(slurm, document), rel=0.01)


def test_a_run_on_one_node_of_two_gives_no_verdict(slurm: Cluster) -> None:
    """`measure -- srun` in place of `--nodes job`."""
    script = "energybench measure --repeats 2 --out store -- srun --ntasks-per-node=1 sleep 1"
    job = slurm.sbatch(script, partition="cpu", nodes=2, ntasks=2).wait()
    document = result(job)
    assert "nodes-unread" in codes(document)
    compared = slurm.run(
        *("energybench", "compare", "latest", "latest", "--store", f"{job.folder}/store"),
        *("--json",),
    )
    comparison = json.loads(compared.stdout)
    assert comparison["verdict"] is None
    assert comparison["counted_once"] is False


def test_one_measuring_process_a_rank_is_doubted(slurm: Cluster) -> None:
    # no rank ends before all are measured, however late a process begins on a busy machine
    together = "touch $SLURM_PROCID.begun; until [ -e 0.begun -a -e 1.begun -a -e 2.begun -a -e "
    together += "3.begun ]; do sleep 0.05; done; sleep 1"
    job = slurm.sbatch(
        f"srun --ntasks-per-node=4 energybench measure --out store -- sh -c '{together}'",
        partition="cpu",
        nodes=1,
        ntasks=4,
    ).wait()
    results = documents(job.folder / "store", f"[0-9]*/{RUN}")
    assert len(results) == 4
    for document in results:
        assert "counted-again" in codes(document)


def test_two_jobs_on_a_node_are_doubted(slurm: Cluster) -> None:
    script = "energybench measure --out store -- sleep 4"
    jobs = [
        slurm.sbatch(script, partition="cpu", nodelist="cpu1", ntasks=1, oversubscribe=True)
        for _ in range(2)
    ]
    for job in jobs:
        assert "shared-node" in codes(result(job.wait()))


def test_an_adapter_states_the_work_of_all_nodes(slurm: Cluster, tmp_path: Path) -> None:
    """Energy of all nodes for the work that the program states; its output is its own."""
    adapter = tmp_path / "solver.toml"
    adapter.write_text(SOLVER)
    words = OUTPUT.decode().replace("\n", "\\n")
    program = (
        f"srun --ntasks-per-node=1 bash -c 'sleep 1; [ $SLURM_PROCID = 1 ] || printf \"{words}\"'"
    )
    job = slurm.sbatch(
        f"{MEASURE.replace(' --json', '')} --adapter {adapter} --repeats 2 -- {program} | cat",
        partition="cpu",
        nodes=2,
        ntasks=2,
    ).wait()
    assert job.output.count(OUTPUT.decode()) == 2, job.output
    document = result(job)
    assert is_complete(document, ["cpu1", "cpu2"])
    assert [repeat["work"]["amount"] for repeat in document["repeats"]] == [700, 700]
    per_unit_j = document["energy_j"]["value"] / 700
    assert document["energy_per_work_j"]["value"] == pytest.approx(per_unit_j)
    assert document["work_per_s"]["value"] == pytest.approx(700 / document["time_s"]["value"])
    assert document["record"]["series"][0]["y"] == [2.5, 2.5]
    assert all(check["passed"] for check in document["verification"])
