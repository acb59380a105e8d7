"""A campaign on a real Slurm: submitted once, whatever its words hold, and collected."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulators.slurm import Cluster
from tests.simulators.slurm.processes import wait_until

pytestmark = pytest.mark.slurm

HEAD = """\
schema = "energybench-campaign/1"
name = "trial"
title = "A trial"
repeats = 2
idle_s = 0
"""
APP = '[cases.app]\ncommand = ["sleep", "0.5"]\n'
FOUR = (
    HEAD
    + """
[cases.short]
command = ["sleep", "0.5"]
[cases.longer]
command = ["sh", "-c", "sleep 1", "it's \\"my\\" $(touch hacked)\\n#SBATCH --time=9"]
[platforms.cpu]
partition = "cpu"
spread = 2
minutes = 3
[platforms.gpu]
partition = "gpu"
gpus_per_node = 4
gpu_type = "a100"
minutes = 3
[[comparisons]]
baseline = "short@cpu"
candidate = "short@gpu"
[[comparisons]]
baseline = "longer@cpu"
candidate = "longer@gpu"
"""
)
HOSTILE_FOLDER = 'it\'s "my" $(touch hacked) #SBATCH --x %j'


@pytest.fixture
def free(slurm: Cluster) -> Iterator[Cluster]:
    yield slurm
    slurm.cancel_all()


def campaign(
    cluster: Cluster, folder: Path, *words: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    command = ["energybench", "campaign", words[0], "trial.toml", *words[1:]]
    return cluster.run(*command, folder=folder, check=check)


def state(folder: Path) -> Any:
    return json.loads((folder / "trial/state.json").read_text())


def states(cluster: Cluster, folder: Path) -> dict[str, str]:
    document = json.loads(campaign(cluster, folder, "status", "--json").stdout)
    return {run["run"]: run["state"] for run in document["runs"]}


def test_four_cases_from_submit_to_report(free: Cluster, tmp_path: Path) -> None:
    """Two cases on two nodes each and on a GPU node: one job a platform, a second submission adds
    nothing, and the report has all of them.
    """
    (tmp_path / "trial.toml").write_text(FOUR)
    campaign(free, tmp_path, "submit")
    jobs = state(tmp_path)["jobs"]
    assert [job["name"] for job in jobs] == ["trial.cpu", "trial.gpu"]
    again = campaign(free, tmp_path, "submit")
    assert "nothing to submit" in again.stderr
    assert state(tmp_path)["jobs"] == jobs
    wait_until(lambda: set(states(free, tmp_path).values()) == {"done"}, "the campaign", 200)
    assert "nothing to submit" in campaign(free, tmp_path, "submit").stderr

    document = json.loads(campaign(free, tmp_path, "collect", "--json").stdout)
    assert document["missing"] == document["refused"] == []
    assert {nodes["run"]: set(nodes["energies_j"]) for nodes in document["nodes"]} == {
        name: {"cpu1", "cpu2"} for name in ("short@cpu", "longer@cpu")
    }
    assert all(nodes["about"] == "these 2 nodes" for nodes in document["nodes"])
    assert len(document["comparisons"]) == 2
    campaign(free, tmp_path, "collect", "--format", "html", "--out", "report.html")
    assert "longer gpu" in (tmp_path / "report.html").read_text()
    assert not list(tmp_path.rglob("hacked"))


def test_slurm_reads_the_directives_as_the_file_states_them(free: Cluster, tmp_path: Path) -> None:
    """`a|b` keeps its meaning; a folder of hostile characters and words of a command become no
    option.
    """
    free.run("scontrol", "update", "NodeName=cpu1", "AvailableFeatures=a", "ActiveFeatures=a")
    free.run("scontrol", "update", "NodeName=cpu2", "AvailableFeatures=b", "ActiveFeatures=b")
    folder = tmp_path / HOSTILE_FOLDER
    folder.mkdir()
    (folder / "trial.toml").write_text(
        HEAD
        + '[cases.app]\ncommand = ["true", "a b", "\\n#SBATCH --nodes=2\\n", "$(touch hacked)"]\n'
        + '[platforms.cpu]\npartition = "cpu"\nconstraint = "a|b"\naccount = "test"\nminutes = 7\n'
        + 'qos = "normal"\nsbatch = ["--comment=x/y", "--begin=now+1hour"]\n'
    )
    campaign(free, folder, "submit")
    (job,) = state(folder)["jobs"]
    shown = free.run("scontrol", "show", "job", job["id"]).stdout
    fields = dict(re.findall(r"^\s*(\w+)=(.*)$", shown, re.MULTILINE))
    assert fields["JobId"] == f"{job['id']} JobName=trial.cpu"
    assert fields["Features"] == "a|b DelayBoot=00:00:00"
    assert "TimeLimit=00:07:00" in shown
    assert fields["NumNodes"].startswith("1")
    assert "Account=test QOS=normal" in shown
    assert fields["Comment"].strip() == "x/y"
    assert "OverSubscribe=NO" in shown
    assert fields["WorkDir"] == str(folder / "trial/output")
    assert not list(tmp_path.rglob("hacked"))


def test_every_key_is_an_option_that_slurm_has(free: Cluster, tmp_path: Path) -> None:
    """Also the clocks, which no job of these nodes needs."""
    keys = 'partition = "gpu"\ngpus_per_node = 2\ngpu_type = "a100"\ntasks_per_node = 2\n'
    keys += "cpus_per_task = 3\nnodes = 2\ngpu_clock_mhz = 1110\ncpu_clock_khz = 2000000\n"
    (tmp_path / "trial.toml").write_text(
        f'{HEAD}{APP}[platforms.gpu]\n{keys}sbatch = ["--begin=now+1hour"]\n'
    )
    campaign(free, tmp_path, "submit")
    (job,) = state(tmp_path)["jobs"]
    shown = free.run("scontrol", "show", "job", job["id"]).stdout
    fields = (
        "NumNodes=2",
        "NumTasks=4",
        "CPUs/Task=3",
        "CPU_max_freq=2000000",
        "TresFreq=gpu:1110",
    )
    assert [field for field in fields if field not in shown] == []
    assert "TresPerNode=gres:gpu:a100:2" in shown


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            'partition = "gpus"',
            "platforms.bad: is refused: sbatch: invalid partition specified: gpus",
        ),
        (
            'partition = "gpu"\ngpus_per_node = 4\ngpu_type = "h100"',
            "configuration is not available",
        ),
        ('partition = "cpu"\nconstraint = "x|y"', "Invalid feature specification"),
        ('partition = "cpu"\nreservation = "nope"', "Requested reservation is invalid"),
        ('account = "nope"', "bad.account: 'nope' is not an account of user root on this cluster"),
        ('account = "test"\nqos = "nope"', "bad.qos: 'nope' is not a QOS on this cluster (have: "),
        ('partition = "cpu"\nsbatch = ["--nosuch=1"]', "unrecognized option '--nosuch=1'"),
    ],
)
def test_nothing_is_submitted_if_slurm_refuses_one_job(
    slurm: Cluster, tmp_path: Path, lines: str, words: str
) -> None:
    """An unknown partition, GPU type, constraint, reservation, account, QOS or option is one line,
    and names its platform. Slurm itself would charge another account: it enforces none here.
    """
    text = HEAD + APP + f'[platforms.good]\npartition = "cpu"\n[platforms.bad]\n{lines}\n'
    (tmp_path / "trial.toml").write_text(text)
    before = slurm.run("squeue", "-h", "-t", "all", "-o", "%A").stdout
    ran = campaign(slurm, tmp_path, "submit", check=False)
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    print(line)
    assert words in line
    assert slurm.run("squeue", "-h", "-t", "all", "-o", "%A").stdout == before
    assert not (tmp_path / "trial/state.json").exists()


def test_a_job_that_slurm_charges_to_another_account_is_cancelled(
    free: Cluster, tmp_path: Path
) -> None:
    """The account exists for another partition alone: Slurm takes the default account."""
    name = free.set_up.name
    for words in ("account other", f"user root account=other partition=gpu cluster={name}"):
        free.run("sacctmgr", "-i", "add", *words.split())
    (tmp_path / "trial.toml").write_text(
        f'{HEAD}{APP}[platforms.cpu]\npartition = "cpu"\naccount = "other"\n'
    )
    ran = campaign(free, tmp_path, "submit", check=False)
    assert ran.returncode == 2
    (job,) = state(tmp_path)["jobs"]
    (line,) = ran.stderr.splitlines()
    assert f"platforms.cpu.account: job {job['id']} has 'root' in place of 'other'" in line
    assert line.endswith("and was cancelled (correct the key, and submit again)")
    assert "JobState=CANCELLED" in free.run("scontrol", "show", "job", job["id"]).stdout
    text = (tmp_path / "trial.toml").read_text().replace('"cpu"', '"gpu"')
    (tmp_path / "trial.toml").write_text(text)
    assert campaign(free, tmp_path, "submit").returncode == 0
    (_, job) = state(tmp_path)["jobs"]
    assert "Account=other" in free.run("scontrol", "show", "job", job["id"]).stdout


def test_variables_of_the_shell_shape_no_job(free: Cluster, tmp_path: Path) -> None:
    """Of sbatch, squeue and of the step in which the campaign is submitted."""
    text = HEAD + APP + '[platforms.cpu]\npartition = "cpu"\nsbatch = ["--begin=now+1hour"]\n'
    (tmp_path / "trial.toml").write_text(text)
    variables = {"SBATCH_PARTITION": "gpu", "SBATCH_ARRAY_INX": "0-1", "SBATCH_JOB_NAME": "other"}
    variables |= {"SQUEUE_PARTITION": "gpu", "SBATCH_ACCOUNT": "test"}
    variables |= {"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "0"}
    words = ("energybench", "campaign", "submit", "trial.toml")
    free.run(*words, folder=tmp_path, env=variables)
    (job,) = state(tmp_path)["jobs"]
    shown = free.run("scontrol", "show", "job", job["id"]).stdout
    assert "JobName=trial.cpu" in shown
    assert "Partition=cpu" in shown
    assert "Account=test" in shown
    assert "ArrayTaskId" not in shown
    again = free.run(*words, folder=tmp_path, env=variables)
    assert "nothing to submit" in again.stderr


def test_a_submission_that_was_cut_off_finds_its_job_again(free: Cluster, tmp_path: Path) -> None:
    """Killed between sbatch and the state file: the next submission looks the job up by name. A
    campaign of the same name in another folder is another campaign.
    """
    text = HEAD + APP + '[platforms.cpu]\npartition = "cpu"\nsbatch = ["--begin=now+1hour"]\n'
    other = tmp_path / "other"
    other.mkdir()
    for folder in (tmp_path, other):
        (folder / "trial.toml").write_text(text)
        campaign(free, folder, "submit")
    written = state(tmp_path)
    (job,) = written["jobs"]
    job_without_number = {**job, "id": None}
    (tmp_path / "trial/state.json").write_text(
        json.dumps({**written, "jobs": [job_without_number]})
    )
    assert "nothing to submit" in campaign(free, tmp_path, "submit").stderr
    assert state(tmp_path)["jobs"] == [job]
    assert states(free, tmp_path) == {"app@cpu": "waiting"}


def test_a_run_of_a_cancelled_job_is_submitted_again(free: Cluster, tmp_path: Path) -> None:
    text = HEAD + APP + '[platforms.cpu]\npartition = "cpu"\nsbatch = ["--begin=now+1hour"]\n'
    (tmp_path / "trial.toml").write_text(text)
    campaign(free, tmp_path, "submit")
    (job,) = state(tmp_path)["jobs"]
    free.run("scancel", job["id"])
    assert states(free, tmp_path) == {"app@cpu": "ended without a result"}
    campaign(free, tmp_path, "submit")
    assert [old["id"] == job["id"] for old in state(tmp_path)["jobs"]] == [True, False]


def test_a_controller_that_cannot_be_reached_is_one_line(slurm: Cluster, tmp_path: Path) -> None:
    (tmp_path / "trial.toml").write_text(HEAD + APP + "[platforms.cpu]\n")
    conf = (slurm.folder / "slurm.conf").read_text()
    lost = re.sub(r"SlurmctldPort=\d+", "SlurmctldPort=1", conf)
    (tmp_path / "slurm.conf").write_text(lost + "MessageTimeout=2\n")
    ran = slurm.run(
        *("energybench", "campaign", "submit", "trial.toml"),
        folder=tmp_path,
        env={"SLURM_CONF": str(tmp_path / "slurm.conf")},
        check=False,
    )
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    print(line)
    assert "platforms.cpu: is refused" in line or "did not answer" in line


SCALING = (
    HEAD
    + """
[cases.app]
command = ["sleep", "2"]
[platforms.wide]
partition = "wide"
nodes = [1, 2, 4]
tasks_per_node = 1
minutes = 3
"""
)


def test_a_table_of_scaling_has_the_energy_of_all_nodes(free: Cluster, tmp_path: Path) -> None:
    """The same case on 1, 2 and 4 nodes: the nodes of every run are in its energy."""
    (tmp_path / "trial.toml").write_text(SCALING)
    campaign(free, tmp_path, "submit")
    wait_until(lambda: set(states(free, tmp_path).values()) == {"done"}, "the campaign", 200)
    document = json.loads(campaign(free, tmp_path, "collect", "--json").stdout)
    (table,) = document["tables"]
    assert (table["by"], table["scaling"]) == ("nodes", "strong")
    assert [row["nodes"] for row in table["rows"]] == [1, 2, 4]
    energies_j = [row["energy_j"]["value"] for row in table["rows"]]
    assert energies_j == sorted(energies_j)
    assert all(row["efficiency"]["value"] < 1 for row in table["rows"][1:])
    everywhere = table["rows"][2]
    power_w = sum(free.truth_j(node, 0.0, 60.0) / 60 for node in free.nodes)
    assert everywhere["energy_j"]["value"] == pytest.approx(
        power_w * everywhere["time_s"]["value"], rel=0.02
    )
