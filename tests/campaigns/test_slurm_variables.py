"""Variables of a user's shell are options of Slurm's programs, and none of a campaign."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from energybench.cluster.slurm_environment import of_new_job, of_own_step, without_options
from tests.campaigns.examples import HEAD
from tests.cli.process import Ran, in_process

ONE = HEAD + '[cases.app]\ncommand = ["app"]\n[platforms.cpu]\npartition = "cpu"\n'
# Each writes its environment down and obeys the variables that the test sets, as Slurm's do.
PROGRAMS = {
    "sbatch": """
env > "$FOLDER/sbatch.env"
case "$*" in *--test-only*) exit 0;; esac
echo "11|${SBATCH_JOB_NAME-trial.cpu}|RUNNING|cpu1|$PWD" >> "$FOLDER/queue"
echo 11
""",
    "squeue": """
env > "$FOLDER/squeue.env"
[ -n "$SQUEUE_PARTITION" ] || cat "$FOLDER/queue"
""",
    "sacct": "exit 1\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, lines in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{lines}")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(programs), os.environ["PATH"]]))
    monkeypatch.setenv("FOLDER", str(tmp_path))
    (tmp_path / "queue").touch()
    (tmp_path / "trial.toml").write_text(ONE)
    return tmp_path


def submit(folder: Path) -> Ran:
    ran = in_process("campaign", "submit", "trial.toml", cwd=folder)
    assert ran.code == 0, ran.err
    return ran


def environment(folder: Path, program: str) -> dict[str, str]:
    lines = (folder / f"{program}.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_a_running_job_is_not_submitted_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable with which squeue shows the jobs of another partition alone hides no job, also
    where Slurm keeps no accounts.
    """
    monkeypatch.setenv("SQUEUE_PARTITION", "gpu")
    submit(folder)
    assert "nothing to submit" in submit(folder).err
    status = in_process("campaign", "status", "trial.toml", "--json", cwd=folder)
    assert [run["state"] for run in json.loads(status.out)["runs"]] == ["running"]


def test_variables_are_no_options_of_a_job(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Partition, array and name are those of the script. The account stands for the platform's,
    which leaves it out.
    """
    for name, value in {
        "SBATCH_PARTITION": "gpu",
        "SBATCH_ARRAY_INX": "0-1",
        "SBATCH_JOB_NAME": "other",
        "SBATCH_ACCOUNT": "m123",
        "SRUN_CPUS_PER_TASK": "2",
        "SLURM_STEP_ID": "0",
        "PMI_SIZE": "2",
    }.items():
        monkeypatch.setenv(name, value)
    submit(folder)
    seen = environment(folder, "sbatch")
    options = ("SBATCH_", "SLURM_", "SRUN_", "PMI_")
    assert [name for name in seen if name.startswith(options)] == ["SBATCH_ACCOUNT"]
    assert (folder / "queue").read_text().split("|")[1] == "trial.cpu"


def test_a_stated_account_stands_against_that_of_the_shell(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SBATCH_ACCOUNT", "m123")
    monkeypatch.setenv("SBATCH_QOS", "debug")
    (folder / "trial.toml").write_text(f'{ONE}account = "m1"\n')
    submit(folder)
    seen = environment(folder, "sbatch")
    assert {name for name in seen if name.startswith("SBATCH_")} == {"SBATCH_QOS"}


@pytest.mark.parametrize(
    "name",
    [
        *("SQUEUE_USERS", "SACCT_LOCAL", "SINFO_PARTITION", "SCANCEL_STATE", "SALLOC_QOS"),
        *("SRUN_X", "SCONTROL_ALL", "SBATCH_TIMELIMIT", "SLURM_TIME_FORMAT", "SLURM_BITSTR_LEN"),
    ],
)
def test_options_of_every_program_are_left_out(name: str) -> None:
    """Variables of Slurm that are no options, and those of others, stay."""
    kept = {"SLURM_CONF": "/etc/slurm.conf", "SLURM_JOB_ID": "7", "SQUEUER": "1", "HOME": "/"}
    assert without_options({**kept, name: "x"}) == kept
    assert name not in of_own_step({name: "x"})
    assert name not in of_new_job({name: "x"})


def test_a_step_of_our_own_knows_its_job_and_a_new_job_does_not() -> None:
    inside = {"SLURM_CONF": "c", "SLURM_MPI_TYPE": "pmix", "SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"}
    inside |= {"OMPI_COMM_WORLD_RANK": "1", "OMPI_MCA_btl": "self", "RANK": "0"}
    assert "SLURM_JOB_ID" in of_own_step(inside)
    assert not {"SLURM_NTASKS", "SLURM_MPI_TYPE"} & set(of_own_step(inside))
    assert set(of_new_job(inside)) == {"SLURM_CONF", "SLURM_MPI_TYPE", "OMPI_MCA_btl"}
