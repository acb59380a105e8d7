"""What happens to a job that is measured on all of its nodes happens to the program as if nobody
measured, and leaves an honest result.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from energybench.store.layout import RUN
from tests.cluster.measured import documents
from tests.cluster.test_all_nodes_of_a_job import MEASURE, codes, result, truth_j, window_j
from tests.simulators.slurm import Cluster, Job

pytestmark = pytest.mark.slurm

# A program that states the signals that it gets.
WITNESS = """
import os, signal, sys, time
def say(text):
    os.write(1, f"{os.environ['SLURM_PROCID']} {text}\\n".encode())
def got(number, frame):
    say(signal.Signals(number).name)
    if number == signal.SIGTERM:
        sys.exit(7)
for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT):
    signal.signal(number, got)
say("ready")
deadline = time.monotonic() + float(sys.argv[1])
half = deadline - float(sys.argv[1]) / 2
while time.monotonic() < deadline:
    time.sleep(0.05)
    if half and time.monotonic() > half:
        say("half")
        half = None
say("done")
"""


# nodes of one kind: their powers differ by an eighth
GPUS = {"partition": "gpu", "gres": "gpu:4"}


def witness(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "witness.py"
    path.write_text(WITNESS)
    return path


def submitted(cluster: Cluster, tmp_path: Path, seconds: float, **options: Any) -> Job:
    """A job of two nodes with a witness on each, measured on both."""
    program = f"srun --ntasks-per-node=1 python {witness(tmp_path)} {seconds}"
    wanted = {"partition": "cpu", "nodes": 2, "ntasks": 2} | options
    return cluster.sbatch(f"{MEASURE} -- {program} > result.json; echo code $?", **wanted)


def received(text: str, rank: int) -> list[str]:
    """What a rank stated, without its own words."""
    words = [line.split()[1] for line in text.splitlines() if line.startswith(f"{rank} ")]
    return [word for word in words if word not in ("ready", "half", "done")]


def test_a_signal_to_the_steps_reaches_each_rank_once(slurm: Cluster, tmp_path: Path) -> None:
    """scancel --signal goes to every process of every step, the readers' too."""
    job = submitted(slurm, tmp_path, 6).wait_for_output("ready", 2)
    job.cancel("--signal=USR1")
    job.wait()
    text = job.output
    assert [received(text, rank) for rank in (0, 1)] == [["SIGUSR1"], ["SIGUSR1"]], text
    assert "code 0" in text
    document = result(job)
    assert document["energy_j"]["value"] == pytest.approx(truth_j(slurm, document), rel=0.01)
    assert "node-missing" not in codes(document)


def test_a_signal_to_the_batch_script_too(slurm: Cluster, tmp_path: Path) -> None:
    """--full: the batch script and its children get it too, srun and energybench among them. The
    ranks get what they get without measuring.
    """
    counts = []
    for measuring in ("", f"{MEASURE} -- "):
        program = f"srun --ntasks-per-node=1 python {witness(tmp_path)} 6"
        script = f"trap : USR2; {measuring}{program} & wait $!; wait; echo code $?"
        job = slurm.sbatch(script, partition="cpu", nodes=2, ntasks=2)
        job.wait_for_output("ready", 2)
        job.cancel("--signal=USR2", "--full")
        job.wait()
        counts.append([received(job.output, rank) for rank in (0, 1)])
    assert counts[0] == counts[1]


@pytest.mark.parametrize("whole", [0, 1], ids=["only repeat", "second repeat"])
def test_a_script_that_goes_on_after_its_step_was_signalled_is_no_whole_repeat(
    slurm: Cluster, tmp_path: Path, whole: int
) -> None:
    """scancel --signal=TERM ends the step of the program, and the script in front of the step ends
    with 0. The step of the readers got the signal too.
    """
    script = tmp_path / "program.sh"
    script.write_text(f"""mkdir -p begun
count=$(ls begun | wc -l)
touch begun/$count
if [ $count -lt {whole} ]; then
    srun --ntasks-per-node=1 sleep 1
else
    srun --ntasks-per-node=1 python {witness(tmp_path)} 90
fi
echo post-processing
""")
    line = f"{MEASURE} --repeats {whole + 1} -- sh {script} > result.json; echo code $?"
    job = slurm.sbatch(line, partition="cpu", nodes=2, ntasks=2).wait_for_output("ready", 2)
    job.cancel("--signal=TERM")
    job.wait()
    assert job.output.count("post-processing") == whole + 1
    assert "code 0" in job.output
    document = result(job)
    assert all(check["passed"] for check in document["verification"])
    assert document["energy_j"]["value"] == pytest.approx(truth_j(slurm, document), rel=0.01)
    assert len(document["repeats"]) == 1
    assert document.get("partial", False) == (whole == 0)
    assert ("signal-handled" if whole == 0 else "cut-off") in codes(document)


@pytest.mark.parametrize("end", ["scancel", "time limit"])
def test_a_job_that_slurm_ends_leaves_a_partial_result(
    slurm: Cluster, tmp_path: Path, end: str
) -> None:
    limit = {"time": 1} if end == "time limit" else {}  # minutes: no shorter limit is kept
    job = submitted(slurm, tmp_path, 180, **limit).wait_for_output("ready", 2)
    if not limit:
        job.cancel()
    job.wait(timeout_s=300)
    assert job.state == ("TIMEOUT" if limit else "CANCELLED")
    (folder,) = (job.folder / "store").iterdir()
    if folder.name.startswith("."):  # Slurm's patience was over before the result was there
        slurm.run("energybench", "recover", str(folder))
    document = result(job)
    assert document["partial"] is True
    assert document["energy_j"]["value"] == pytest.approx(truth_j(slurm, document), rel=0.02)


def test_a_node_that_dies_is_a_missing_part_with_a_range(slurm: Cluster, tmp_path: Path) -> None:
    job = submitted(slurm, tmp_path, 12, no_kill=True, **GPUS).wait_for_output("half", 2)
    slurm.kill_node("gpu2", tell_controller=True)
    try:
        job.wait()
        (folder,) = (job.folder / "store").iterdir()
        slurm.run("energybench", "recover", str(folder), check=False)
        document = result(job)
        states = {share["node"]: share["state"] for share in document["shares"]}
        assert states["gpu1"] == "measured"
        assert states["gpu2"] in ("partial", "missing")
        assert codes(document) & {"node-partial", "node-missing"}
        energy = document["energy_j"]
        assert energy["low"] <= truth_j(slurm, document) <= energy["high"]
    finally:
        slurm.revive_node("gpu2")


def test_a_killed_reader_costs_its_node_alone(slurm: Cluster, tmp_path: Path) -> None:
    job = submitted(slurm, tmp_path, 6, **GPUS).wait_for_output("ready", 2)
    here = (
        "for p in $(pgrep -f '[n]ode-reader'); do "
        "[ $(readlink /proc/$p/ns/uts) = $(readlink /proc/self/ns/uts) ] && kill -KILL $p; done"
    )
    slurm.srun(
        *("bash", "-c", here),
        jobid=job.id,
        overlap=True,
        nodelist="gpu2",
        nodes=1,
        ntasks=1,
    )
    job.wait()
    assert "code 0" in job.output
    document = result(job)
    assert codes(document) & {"node-partial", "node-missing"}
    energy = document["energy_j"]
    assert energy["low"] <= truth_j(slurm, document) <= energy["high"]


def test_a_store_that_cannot_be_written_is_refused_before_the_program(slurm: Cluster) -> None:
    job = slurm.sbatch(
        "energybench measure --nodes job --out /proc/nowhere -- srun touch ran; echo code $?",
        partition="cpu",
        nodes=2,
        ntasks=2,
    ).wait()
    assert "code 125" in job.output
    assert not (job.folder / "ran").exists()


def test_a_boundary_that_no_node_covers_is_refused_before_the_program(slurm: Cluster) -> None:
    job = slurm.sbatch(
        f"{MEASURE} --boundary node-ac -- srun touch ran; echo code $?",
        partition="cpu",
        nodes=2,
        ntasks=2,
    ).wait()
    assert "code 2" in job.output
    assert "no node meter" in job.output
    assert not (job.folder / "ran").exists()
    assert list((job.folder / "store").iterdir()) == []


def test_nothing_is_left_of_a_job_in_which_nothing_was_measured(slurm: Cluster) -> None:
    """An input that only the first repeat would find, and a signal before the program: readers that
    had begun remove their parts.
    """
    script = f"""
        echo x | {MEASURE} --repeats 2 -- cat; echo code $?
        {MEASURE} --idle 600 -- srun touch ran & measuring=$!
        until [ $(ls store/.partial*/.partial-node*/header.json | wc -l) = 2 ]; do
            sleep 0.1
        done 2> /dev/null
        kill -TERM $measuring; wait $measuring; echo code $?
    """
    job = slurm.sbatch(script, partition="cpu", nodes=2, ntasks=2).wait()
    assert [line for line in job.output.splitlines() if line.startswith("code")] == [
        "code 2",
        "code 143",
    ], job.output
    assert not (job.folder / "ran").exists()
    assert list((job.folder / "store").iterdir()) == []


def test_where_no_step_can_be_had_the_head_node_is_read(slurm: Cluster, tmp_path: Path) -> None:
    """No controller, or a site that grants no steps beside the program's: srun fails. The result is
    that of the head node, with a range for the other, and says why.
    """
    srun = tmp_path / "srun"
    srun.write_text(
        "#!/bin/sh\necho 'srun: error: Unable to contact slurm controller' >&2; exit 1\n"
    )
    srun.chmod(0o755)
    script = f"PATH={tmp_path}:$PATH {MEASURE} -- sleep 3 > result.json; echo code $?"
    job = slurm.sbatch(script, partition="gpu", nodes=2, gres="gpu:4").wait()
    assert "code 0" in job.output
    document = result(job)
    assert [share["state"] for share in document["shares"]] == ["measured", "missing"]
    (doubt,) = [each for each in document["doubts"] if each["code"] == "node-missing"]
    assert "Unable to contact slurm controller" in doubt["message"]
    energy = document["energy_j"]
    assert energy["low"] <= truth_j(slurm, document) <= energy["high"]
    own = document["shares"][0]["energy_j"]["value"]
    (window,) = document["repeats"]
    assert own == pytest.approx(window_j(slurm, document["host"], window, "gpu1"), rel=0.01)


def test_outside_a_job_is_refused(slurm: Cluster) -> None:
    done = slurm.run("energybench", "measure", "--nodes", "job", "--", "true", check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "not a Slurm job" in done.stderr


def test_a_requeued_job_adds_to_its_record(slurm: Cluster, tmp_path: Path) -> None:
    job = submitted(slurm, tmp_path, 5, requeue=True).wait_for_output("ready", 2)
    slurm.run("scontrol", "requeue", job.id)
    job.start_again()
    job.wait()
    finished = sorted((job.folder / "store").glob(f"*/{RUN}"))
    (last,) = [path for path in finished if "-r1" in path.parent.name]
    assert last.parent.name.endswith("-r1")
    (document,) = documents(job.folder / "store", f"[0-9]*-r1/{RUN}")
    assert "requeued" in codes(document)
    assert document["job"]["restart"] == 1


def test_recover_elsewhere_refuses_a_job_that_is_measured(slurm: Cluster, tmp_path: Path) -> None:
    """`recover` on a log-in node in the middle of the job."""
    job = submitted(slurm, tmp_path, 6).wait_for_output("ready", 2)
    (folder,) = (job.folder / "store").iterdir()
    done = slurm.run("energybench", "recover", str(folder), check=False)
    assert done.returncode == 2
    assert "still being measured" in done.stderr or "may be alive" in done.stderr
    job.wait()
    assert result(job)["partial"] is False
