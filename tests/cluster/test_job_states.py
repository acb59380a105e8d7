"""A job that Slurm knows as not ended is not completed, cleaned up or merged by another command,
also where no lock of the file system tells that it is alive: a suspended job writes nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from energybench.cluster.job_states import JobStates
from energybench.errors import BadInput
from energybench.measuring.session import ranges
from energybench.model import Job
from energybench.store import empty_directories, job_files, layout, reader
from energybench.store.run import encode
from energybench.store.study import StudyStore
from energybench.store.writer import RunWriter
from tests.cluster.test_all_nodes_of_a_job import MEASURE, result
from tests.simulators.job_directory import Node, open_job
from tests.simulators.slurm import Cluster
from tests.store.filled_runs import fill, header

TWO = ((2.0, 5.0), (6.0, 9.0))
OWN = Job(launcher="slurm", cluster="ebtest", id="71")
ALIVE = ("RUNNING", "SUSPENDED", "COMPLETING", "CONFIGURING", "PENDING", "REQUEUED", "A_NEW_STATE")
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED")
# a command that no lock stops, as on a network file system whose locks are those of each host
WITHOUT_LOCKS = (
    "import fcntl, sys\n"
    "fcntl.flock = lambda *_: None\n"
    "from energybench.cli.main import main\n"
    "sys.exit(main())\n"
)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs before those of the system."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    program(folder, "scontrol", "echo 'ClusterName = ebtest'")
    return folder


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "$@" >> {folder}/{name}.calls\n{script}\n')
    path.chmod(0o755)


def states(folder: Path, *lines: str) -> JobStates:
    program(folder, "squeue", "".join(f"echo {line}\n" for line in lines))
    return JobStates({}, patience_s=20.0)


@pytest.mark.parametrize("state", ALIVE)
def test_every_state_that_is_not_an_end_is_one_of_a_living_job(stand_in: Path, state: str) -> None:
    assert states(stand_in, state)(OWN) == state
    # a component or a task that has ended tells nothing about the others
    assert states(stand_in, "COMPLETED", state)(OWN) == state


@pytest.mark.parametrize("state", ENDED)
def test_a_job_that_has_ended_is_not_alive(stand_in: Path, state: str) -> None:
    assert states(stand_in, state)(OWN) is None
    assert states(stand_in)(OWN) is None


@pytest.mark.parametrize(
    "script", ["echo slurm_load_jobs error >&2; exit 1", "exec sleep 60"], ids=["unknown", "silent"]
)
def test_without_an_answer_nothing_is_known(stand_in: Path, script: str) -> None:
    """A silent controller is asked once, not for every run of a store."""
    program(stand_in, "squeue", script)
    asked = JobStates({}, patience_s=0.5)
    assert [asked(Job(launcher="slurm", id=number)) for number in ("71", "72", "71")] == [None] * 3
    calls = (stand_in / "squeue.calls").read_text().count("--jobs=")
    assert calls == (1 if "sleep" in script else 2)


@pytest.mark.parametrize(
    ("job", "environment"),
    [
        (Job(launcher="slurm", cluster="other", id="71"), {}),
        (Job(launcher="openmpi", id="71"), {}),
        (Job(launcher="slurm", id="71; scancel 72"), {}),
        (OWN, {"SLURM_JOB_ID": "71", "SLURM_CLUSTER_NAME": "ebtest"}),
    ],
    ids=["of another cluster", "not of Slurm", "not a number", "of this process"],
)
def test_jobs_of_which_this_squeue_tells_nothing(
    stand_in: Path, job: Job, environment: dict[str, str]
) -> None:
    """In its own job, which runs, a command completes what an earlier command has left."""
    program(stand_in, "squeue", "echo RUNNING")
    assert JobStates(environment)(job) is None


def test_a_machine_without_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert JobStates({})(OWN) is None


def unlocked_run(store: Path) -> Path:
    with RunWriter(store, header(job=OWN)) as writer:
        fill(writer)
    return writer.directory


def test_no_path_of_the_store_takes_the_run_of_a_suspended_job(
    stand_in: Path, tmp_path: Path
) -> None:
    """Runs, jobs, drafts and the runs of a study: each is refused with the state and stays, and a
    run is taken once the job has ended.
    """
    run = unlocked_run(tmp_path / "store")
    with open_job(tmp_path / "jobs", {"cpu1": Node(finished=False)}, TWO, planned=5) as writer:
        job = writer.directory
    draft = tmp_path / f"drafts/{layout.PARTIAL}x/{layout.DRAFT}cpu1-1"
    draft.parent.mkdir(parents=True)
    draft.write_bytes(encode(writer.header))
    for path in (draft, draft.parent):
        os.utime(path, (1.0, 1.0))
    study = StudyStore(tmp_path / "study")
    unlocked_run(study.runs)
    study.close()
    suspended = states(stand_in, "SUSPENDED")
    calls: list[Callable[[], object]] = [
        lambda: reader.recover(str(run), ranges(), job_state=suspended),
        lambda: job_files.recover_job(job, ranges(), suspended),
        lambda: empty_directories.remove_if_empty(draft.parent, suspended),
        lambda: StudyStore(tmp_path / "study", suspended).tidy(set()),
    ]
    before = files(tmp_path)
    for call in calls:
        with pytest.raises(BadInput, match="state is SUSPENDED") as refused:
            call()
        assert "\n" not in str(refused.value)
        assert files(tmp_path) == before
    reader.recover(str(run), ranges(), job_state=states(stand_in, "COMPLETED"))


def files(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*") if path.suffix != ".calls")


def test_the_command_names_the_state_in_one_line(stand_in: Path, tmp_path: Path) -> None:
    run = unlocked_run(tmp_path / "store")
    states(stand_in, "SUSPENDED")
    words = [sys.executable, "-m", "energybench", "recover", str(run)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "job 71 of Slurm, whose state is SUSPENDED" in done.stderr
    assert (run / layout.HEADER).is_file()


@pytest.mark.slurm
def test_a_suspended_job_keeps_its_samples(slurm: Cluster) -> None:
    """Another host's `recover`, without locks, refuses, and the job ends with its own result."""
    job = slurm.sbatch(f"{MEASURE} -- srun --overlap sh -c 'echo begun; sleep 6'", nodes=2)
    job.wait_for_output("begun", 2)
    slurm.run("scontrol", "suspend", job.id)
    (unfinished,) = (job.folder / "store").glob(f"{layout.PARTIAL}*")
    for path in (unfinished, *unfinished.glob(f"{layout.PARTIAL}*")):
        for file in path.iterdir():
            os.utime(file, (1.0, 1.0))
        recover = (sys.executable, "-c", WITHOUT_LOCKS, "recover", str(path))
        done = slurm.run(*recover, check=False)
        assert (done.returncode, "SUSPENDED" in done.stderr) == (2, True), done.stderr
    slurm.run("scontrol", "resume", job.id)
    job.wait()
    assert {share["state"] for share in result(job)["shares"]} == {"measured"}
