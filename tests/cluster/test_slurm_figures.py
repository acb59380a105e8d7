"""`energybench slurm` on a real Slurm, with and without PrologFlags=Contain and a plug-in."""

from __future__ import annotations

import csv
import io
import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from tests.simulators.slurm import Cluster, Job
from tests.simulators.slurm.processes import wait_until

pytestmark = pytest.mark.slurm

MEASURE = "energybench measure --nodes job --out store --"
OVERLAPPING = "srun --overlap sleep 8 & srun --overlap sleep 8; wait"


def checked(cluster: Cluster, job: Job) -> dict[str, Any]:
    """The rows of `slurm check` by label, once the accounts are complete."""
    cluster.sacct(job)
    done = cluster.run(
        "energybench", "slurm", "check", job.id, "--store", f"{job.folder}/store", "--json"
    )
    document = json.loads(done.stdout)
    assert document["kind"] == "slurm-check"
    rows: dict[str, Any] = {row["label"]: row for row in document["rows"]}
    return rows


def statement(cluster: Cluster, *options: str) -> dict[str, Any]:
    since = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() - 3600))
    done = cluster.run("energybench", "slurm", "statement", "--since", since, *options, "--json")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def within_seconds(cluster: Cluster, row: Any, seconds: float) -> bool:
    """Whether so much of the nodes' mean power is the most that is left unexplained.

    Slurm counts whole seconds, reads once a second, and both are late on a busy machine.
    """
    power_w = sum(
        cluster.nodes[name].mean_w - sum(board.mean_w for board in cluster.nodes[name].boards)
        for name in row["nodes"]
    )
    return bool(abs(row["split"]["unexplained_j"]["value"]) <= seconds * power_w)


def test_rows_beside_our_own_energy(slurm: Cluster) -> None:
    """Job, batch, extern, and the steps; the boards are no part of RAPL's figure."""
    job = slurm.sbatch(f"{MEASURE} srun sleep 8", partition="gpu", nodes=1, gres="gpu:4").wait()
    rows = checked(slurm, job)
    assert set(rows) == {job.id, *(f"{job.id}.{step}" for step in ("batch", "extern", "0", "1"))}
    for row in rows.values():
        assert row["finding"] in ("short", "uncovered"), row["why"]
        assert within_seconds(slurm, row, 3)
        split = row["split"]
        assert split["boundary_j"]["value"] < -1000
        parts = ("window_j", "nodes_j", "boundary_j", "steps_j", "sampling_j", "unexplained_j")
        total_j = sum(split[part]["value"] for part in parts)
        assert total_j == pytest.approx(row["difference_j"], abs=0.01)


def test_a_row_of_a_hundred_seconds_is_reconciled_within_two_percent(slurm: Cluster) -> None:
    job = slurm.sbatch(f"{MEASURE} srun sleep 105", partition="cpu", nodes=2, ntasks=2)
    rows = checked(slurm, job.wait(timeout_s=240))
    for row in rows.values():
        assert abs(row["split"]["unexplained_rel"]) <= 0.02, row
        assert row["finding"] in ("reconciled", "uncovered")
    assert rows[f"{job.id}.1"]["finding"] == "reconciled"


def test_a_sum_of_overlapping_steps(slurm_without_contain: Cluster) -> None:
    """The job's row counts the readers' step and both of the program's: it is named so."""
    cluster = slurm_without_contain
    script = f"{MEASURE} bash -c '{OVERLAPPING}'"
    job = cluster.sbatch(script, partition="cpu", nodes=2, ntasks=2).wait()
    row = checked(cluster, job)[job.id]
    assert row["finding"] in ("sum-of-steps", "uncovered"), row["why"]
    assert row["split"]["steps_j"]["value"] > row["ours_j"]["value"]
    assert within_seconds(cluster, row, 9)  # three steps, each with edges of its own


def test_a_signal_to_the_job_ends_extern_and_is_named(slurm: Cluster) -> None:
    """The job's row then holds a part of its energy; and each row says whose samples stand there,
    and which nodes were not read.
    """
    script = (
        "energybench measure --out store -- sleep 3; "
        "energybench measure --out store -- sleep 1; touch measured; sleep 8"
    )
    job = slurm.sbatch(script, partition="cpu", nodes=2, exclusive=True)
    wait_until((job.folder / "measured").exists, "two runs")
    job.cancel("--signal=USR1")
    rows = checked(slurm, job.wait())
    row = rows[job.id]
    assert row["finding"] == "extern-ended-early", row["why"]
    assert row["unread"] == ["cpu2"]
    first = min(path.name for path in (job.folder / "store").iterdir())
    assert row["results"] == [first]
    (line,) = [each for each in statement(slurm)["jobs"] if each["job"] == job.id]
    assert "extern-ended-early" in line["flags"]
    assert not line["summed"]


def test_no_plug_in_is_no_measurement(slurm_without_energy: Cluster) -> None:
    cluster = slurm_without_energy
    job = cluster.sbatch(f"{MEASURE} srun sleep 1", partition="cpu", nodes=1).wait()
    for row in checked(cluster, job).values():
        assert row["finding"] == "not-measured"
        assert "AcctGatherEnergyType is none" in row["why"]
    document = statement(cluster)
    assert document["sums"]["energy_j"] is None
    assert all(line["energy_j"] is None for line in document["jobs"])


def test_a_job_without_a_result_of_ours(slurm: Cluster) -> None:
    job = slurm.sbatch("srun sleep 1", partition="cpu", array="0-1").wait()
    rows = checked(slurm, job)
    assert {f"{job.id}_0", f"{job.id}_1"} <= set(rows)
    assert {row["finding"] for row in rows.values()} <= {"no-result", "not-measured"}


def test_a_statement_of_exclusive_and_shared_jobs(slurm: Cluster) -> None:
    """One question for all jobs; a sum over the exclusive job alone."""
    alone = slurm.sbatch("srun sleep 2", partition="cpu", nodes=1, exclusive=True, job_name="a|=b")
    shared = slurm.sbatch("srun sleep 2", partition="gpu", ntasks=1)
    for job in (alone, shared):
        slurm.sacct(job.wait())
    # The accounts show a job in the answer for a time a second later than in that for the job.
    shown = {alone.id, shared.id}.issubset
    wait_until(lambda: shown(line["job"] for line in statement(slurm)["jobs"]), "both jobs")
    document = statement(slurm)
    by_job = {line["job"]: line for line in document["jobs"]}
    assert document["questions"] == 1
    assert document["settling"] is True
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() - 120))
    assert statement(slurm, "--until", now)["settling"] is False
    assert by_job[alone.id]["flags"] == ["exclusive"]
    assert by_job[alone.id]["summed"]
    assert by_job[alone.id]["name"] == "a|=b"
    assert by_job[alone.id]["energy_from"] == "extern"
    assert "shared" in by_job[shared.id]["flags"]
    assert not by_job[shared.id]["summed"]
    summed_j = sum(line["energy_j"] for line in document["jobs"] if line["summed"])
    assert document["sums"]["energy_j"] == pytest.approx(summed_j)
    assert statement(slurm, "--account", "nobody")["jobs"] == []

    text = slurm.run("energybench", "slurm", "statement", "--since", "1h", "--csv").stdout
    lines = {line["job"]: line for line in csv.DictReader(io.StringIO(text))}
    assert lines[alone.id]["summed"] == "True"


def test_the_doctor_asks_each_partition(slurm: Cluster) -> None:
    """Sensors, --overlap, clocks and boards by a job; a partition that is full says so."""
    busy = slurm.sbatch("sleep 60", partition="cpu", nodes=2, exclusive=True)
    busy.wait_for("RUNNING")
    options = ("--partition", "gpu", "--partition", "cpu", "--wait", "2", "--json")
    try:
        done = slurm.run("energybench", "slurm", "doctor", *options, check=False)
    finally:
        busy.cancel()
    document = json.loads(done.stdout)
    assert document["counted_with"]["plug_ins"] == ["rapl"]
    boards, full = document["partitions"]
    facts = boards["facts"]
    assert {"nvml", "rapl"} <= set(facts["works"])
    assert facts["overlap"] is True
    assert facts["boards_present"] == 4
    assert boards["boards_asked"] == 1
    assert (full["partition"], full["answer"]) == ("cpu", "none")
    assert full["why"].startswith("srun:")
    assert done.returncode == 0
    queue = slurm.run("squeue", "--noheader", "--format=%j").stdout
    assert "energybench-doctor" not in queue


# ---------------------------------------------------------------- without an answer


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("check", "99999"), "is not in Slurm's accounts"),
        (("check", "a job"), "is not the number of a job"),
        (("doctor", "--partition", "nonsense"), "is not a partition here"),
        (("statement", "--since", "yesterday"), "is not a time"),
    ],
)
def test_bad_input_is_one_line(slurm: Cluster, command: tuple[str, ...], words: str) -> None:
    done = slurm.run("energybench", "slurm", *command, check=False)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [("check", "1"), ("statement", "--since", "1d"), ("doctor",)])
def test_a_controller_without_an_answer(
    slurm: Cluster, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Programs that fail as they do without a controller, in place of Slurm's."""
    for name in ("scontrol", "sacct", "sinfo"):
        program = tmp_path / name
        program.write_text(
            f"#!/bin/sh\necho '{name}: error: Unable to contact slurm' >&2\nexit 1\n"
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    path = f"{tmp_path}:{slurm.environment['PATH']}"
    done = slurm.run("energybench", "slurm", *command, check=False, env={"PATH": path})
    assert done.returncode == 2
    assert "no answer" in done.stderr
    assert len(done.stderr.splitlines()) == 1
