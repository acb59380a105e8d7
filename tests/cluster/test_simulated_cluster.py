"""The cluster of the tests behaves as a real one, and its sensors tell the truth."""

from __future__ import annotations

import pytest

from tests.cluster.measured import documents, truth_j
from tests.simulators.slurm import Cluster, Job, standard_nodes

pytestmark = pytest.mark.slurm

NODES = [node.name for node in standard_nodes()]
# Each rank states where it ran, and which variables Slurm gave it.
RANK = "srun bash -c 'echo rank $SLURM_PROCID on $(hostname)'"
MEASURE = "srun bash -c 'energybench measure --json -- sleep 2 > $SLURMD_NODENAME.json'"
OVERLAPPING = "srun --overlap sleep 5 & srun --overlap sleep 5; wait"


def energies(rows: list[dict[str, str]]) -> dict[str, int]:
    """Slurm's joules of the rows of a job: "" is the job itself, then batch, extern, 0, …"""
    return {row["JobID"].partition(".")[2]: int(row["ConsumedEnergyRaw"]) for row in rows}


def overlapping(slurm: Cluster) -> tuple[Job, list[dict[str, str]]]:
    """A job of two overlapping steps on two nodes, with the joules of all its rows. On a busy
    machine Slurm may leave a row blank for want of a reading in time: the job is then run again.
    """
    for _ in range(3):
        job = slurm.sbatch(OVERLAPPING, partition="cpu", nodes=2).wait()
        rows = slurm.sacct(job)
        if all(row["ConsumedEnergyRaw"] for row in rows):
            break
    return job, rows


def test_four_nodes_come_up(slurm: Cluster) -> None:
    """Each node has a name, identities and boards of its own."""
    script = (
        "echo $(hostname) $(cat /etc/machine-id /proc/sys/kernel/random/boot_id "
        "/sys/class/dmi/id/product_uuid) $(cat /proc/driver/nvidia/gpus/*/information 2>/dev/null "
        "| grep UUID | cut -d: -f2)"
    )
    ran = slurm.srun("bash", "-c", script, partition="wide", nodes=4, check=True)
    lines = [line.split() for line in ran.stdout.splitlines()]
    assert sorted(line[0] for line in lines) == NODES
    assert {line[0]: len(line) - 4 for line in lines} == {
        "cpu1": 0,
        "cpu2": 0,
        "gpu1": 4,
        "gpu2": 4,
    }
    words = [word for line in lines for word in line]
    assert len(set(words)) == len(words)


def test_two_nodes_with_two_ranks_each(slurm: Cluster) -> None:
    job = slurm.sbatch(RANK, partition="cpu", nodes=2, ntasks_per_node=2).wait()
    assert (job.state, job.exit_code) == ("COMPLETED", 0)
    ranks = ["rank 0 on cpu1", "rank 1 on cpu1", "rank 2 on cpu2", "rank 3 on cpu2"]
    assert sorted(job.output.splitlines()) == ranks


def test_a_measurement_on_each_node_tells_the_truth(slurm: Cluster) -> None:
    """Package, memory and boards of each node alone, within 1 %; on a busy machine, where a reading
    may come late, at least within the interval.
    """
    job = slurm.sbatch(MEASURE, partition="wide", nodes=4, ntasks_per_node=1).wait()
    assert job.state == "COMPLETED", job.output
    results = documents(job.folder)
    assert [result["host"]["name"] for result in results] == NODES
    for result in results:
        energy, true_j = result["energy_j"], truth_j(slurm, result)
        close = energy["value"] == pytest.approx(true_j, rel=0.01)
        assert close or energy["low"] <= true_j <= energy["high"]
    ids = [one for result in results for one in result["host"]["ids"]]
    assert len(set(ids)) == len(ids)


def test_the_doctor_finds_all_sensors_of_a_node(slurm: Cluster) -> None:
    ran = slurm.srun("energybench", "doctor", nodelist="gpu2", partition="gpu", check=True)
    for word in ("package-0", "dram", *(slurm.nodes["gpu2"].board_uuid(i) for i in range(4))):
        assert word in ran.stdout


def test_a_task_may_be_shown_its_own_boards_alone(slurm: Cluster) -> None:
    """With `hide_boards` each task sees what a control group of devices would leave it."""
    ran = slurm.srun(
        *("bash", "-c", "echo $SLURM_PROCID $CUDA_VISIBLE_DEVICES; energybench doctor"),
        partition="gpu",
        nodelist="gpu1",
        ntasks=2,
        gpus_per_task=2,
        label=True,
        hide_boards=True,
        check=True,
    )
    for task, boards in (("0", (0, 1)), ("1", (2, 3))):
        lines = [line for line in ran.stdout.splitlines() if line.startswith(f"{task}: ")]
        assert f"{task}: {task} 0,1" in lines
        sensors = [line for line in lines if "power_instant" in line]
        assert len(sensors) == len(boards)
        for line, board in zip(sensors, boards, strict=True):
            assert slurm.nodes["gpu1"].board_uuid(board) in line


def test_a_plain_user_reads_no_counter_of_the_package(slurm: Cluster) -> None:
    """energy_uj belongs to root alone, as in kernels since 5.10."""
    # No Python here: the interpreter of the tests may lie in a folder of root.
    script = "id -u; cat /sys/class/powercap/intel-rapl:0/energy_uj"
    ran = slurm.srun("bash", "-c", script, partition="cpu", uid=65534)
    assert ran.stdout == "65534\n"
    assert "Permission denied" in ran.stderr


def test_slurms_own_joules_with_contain(slurm: Cluster) -> None:
    """The job's row is that of the step `extern`, and near the truth of both nodes."""
    job, rows = overlapping(slurm)
    joules = energies(rows)
    assert set(joules) == {"", "batch", "extern", "0", "1"}, job.output
    assert joules[""] == joules["extern"]
    power_w = sum(slurm.nodes[name].mean_w for name in ("cpu1", "cpu2"))
    # Slurm reads once a second and counts whole seconds
    assert joules[""] == pytest.approx(power_w * int(rows[0]["ElapsedRaw"]), abs=3 * power_w)


def test_slurms_own_joules_without_contain(slurm_without_contain: Cluster) -> None:
    """The job's row is the sum of the steps, which counts overlapping steps twice."""
    job, rows = overlapping(slurm_without_contain)
    joules = energies(rows)
    assert set(joules) == {"", "batch", "0", "1"}, job.output
    assert joules[""] == joules["0"] + joules["1"]


def test_slurm_without_an_energy_plug_in(slurm_without_energy: Cluster) -> None:
    """Joules that were not measured are 0 in the accounts."""
    job = slurm_without_energy.sbatch("srun sleep 1", partition="cpu", nodes=2).wait()
    assert set(energies(slurm_without_energy.sacct(job)).values()) == {0}


def requeued(job: Job) -> None:
    job.start_again()
    job.wait_for_output("restart 1")
    assert "restart 0" in job.output
    assert job.restarts == 1


def test_a_requeued_job_knows_its_restarts(slurm: Cluster) -> None:
    script = """
    echo restart ${SLURM_RESTART_COUNT:-0}
    [ -n "$SLURM_RESTART_COUNT" ] || { scontrol requeue $SLURM_JOB_ID; sleep 60; }
    """
    job = slurm.sbatch(script, partition="cpu")
    requeued(job)
    assert job.wait().state == "COMPLETED"


def test_preemption_requeues_or_cancels(slurm: Cluster) -> None:
    script = "echo restart ${SLURM_RESTART_COUNT:-0}; sleep 60"
    victims = [
        slurm.sbatch(script, partition=partition, nodelist=node, exclusive=True)
        for partition, node in (("requeued", "cpu1"), ("cancelled", "cpu2"))
    ]
    for job in victims:
        job.wait_for_output("restart 0")
    assert slurm.sbatch("true", partition="urgent", nodes=2, exclusive=True).wait().exit_code == 0
    assert victims[1].wait().state == "PREEMPTED"
    requeued(victims[0])
    victims[0].cancel()
    assert victims[0].wait().state == "CANCELLED"


def test_mpirun_starts_ranks_on_two_nodes(slurm: Cluster) -> None:
    rank = "mpirun bash -c 'echo $OMPI_COMM_WORLD_RANK $OMPI_COMM_WORLD_LOCAL_RANK $(hostname)'"
    job = slurm.sbatch(rank, partition="cpu", nodes=2, ntasks_per_node=2).wait()
    assert job.state == "COMPLETED", job.output
    lines = ["0 0 cpu1", "1 1 cpu1", "2 0 cpu2", "3 1 cpu2"]
    assert sorted(line for line in job.output.splitlines() if line.endswith(("1", "2"))) == lines


def test_a_heterogeneous_job(slurm: Cluster) -> None:
    """One job on nodes of both kinds has two rows in the accounts."""
    words = ("--partition=cpu", "--nodes=1", ":", "--partition=gpu", "--nodes=1", "--gres=gpu:2")
    job = slurm.sbatch("srun --het-group=0,1 bash -c 'echo $SLURM_HET_SIZE $(hostname)'", *words)
    assert job.wait().state == "COMPLETED", job.output
    assert sorted(job.output.splitlines()) == ["2 cpu1", "2 gpu1"]
    ids = {row["JobID"].partition(".")[0] for row in slurm.sacct(job)}
    assert ids == {f"{job.id}+0", f"{job.id}+1"}


def test_an_array(slurm: Cluster) -> None:
    """The last task has the number of the whole array as its own."""
    script = "echo $SLURM_ARRAY_TASK_ID $SLURM_ARRAY_JOB_ID $SLURM_JOB_ID"
    job = slurm.sbatch(script, partition="cpu", array="1-3").wait()
    lines = {line.split()[0]: line.split()[1:] for line in job.output.splitlines()}
    assert {array for array, _ in lines.values()} == {job.id}
    assert lines["3"] == [job.id, job.id]


def test_all_processes_of_a_node_die_at_once(slurm: Cluster) -> None:
    """The job fails with its node, and the node comes back with a new boot id."""
    boot = ("cat", "/proc/sys/kernel/random/boot_id")
    before = slurm.srun(*boot, partition="cpu", nodelist="cpu2", check=True).stdout
    script = "srun bash -c 'echo begun; sleep 60'"
    job = slurm.sbatch(script, "--no-requeue", partition="cpu", nodes=2, ntasks_per_node=1)
    job.wait_for_output("begun", count=2)
    slurm.kill_node("cpu2", tell_controller=True)
    assert job.wait().state == "NODE_FAIL"
    slurm.revive_node("cpu2")
    after = slurm.srun(*boot, partition="cpu", nodelist="cpu2", check=True).stdout
    assert len(after) == len(before)
    assert after != before
