"""The script of a job is a pure function of the campaign."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from energybench.campaigns.campaign import Campaign
from energybench.campaigns.campaign_file import parse
from energybench.campaigns.planned_runs import planned_jobs
from energybench.campaigns.script import script
from energybench.errors import BadInput
from tests.campaigns.examples import FOLDER, HEAD, SMALL, campaign

STORE = FOLDER / "trial/runs"
ADAPTER = r"""
schema = "energybench-adapter/1"
name = "toy"
about = "toy"
programs = ["sh"]
[output]
stream = "stdout"
[[values]]
pattern = '(?m)^solved (?P<sites>[0-9]+) sites$'
take = "last"
[work]
amount = "sites"
unit = "site"
[problem]
values = []
"""


def scripts(of: Campaign, *, local: bool = False) -> dict[str, str]:
    """By name of the job, without the digests of the keys."""
    return {
        job.name: "\n".join(
            line.rpartition("/")[0] if line.startswith("export") else line
            for line in script(of, job, STORE, local=local).splitlines()
        )
        for job in planned_jobs(of)
    }


def commands(text: str) -> list[list[str]]:
    """The words of the lines that measure."""
    lines = [line.removesuffix(" || code=$?") for line in text.splitlines() if "--out" in line]
    return [shlex.split(line) for line in lines]


def test_cases_of_a_platform_share_a_job() -> None:
    """One after another; a case that fails does not keep the next from running."""
    assert (
        scripts(campaign())["gpu"]
        == """\
#!/bin/bash
#SBATCH --job-name="trial.gpu"
#SBATCH --nodes="1"
#SBATCH --time="60"
#SBATCH --partition="gpu"
#SBATCH --constraint="a100|h100"
#SBATCH --account="m123"
#SBATCH --qos="regular"
#SBATCH --gpus-per-node="a100:4"
#SBATCH --exclusive

cd '/home/ada/my campaigns' || exit 2
module load python
code=0

# milc@gpu
export ENERGYBENCH_CASE=trial/milc@gpu
energybench run milc --device node --size smoke --set precision=mixed --set mass=0.01 \
--repeats 4 --idle 10 --boundary compute --label 'milc gpu' \
--out '/home/ada/my campaigns/trial/runs' || code=$?

# solver@gpu
export ENERGYBENCH_CASE=trial/solver@gpu
energybench measure --nodes job --repeats 8 --idle 10 --boundary compute --label 'solver gpu' \
--out '/home/ada/my campaigns/trial/runs' -- srun ./solver 'my input.xml' || code=$?

exit "$code\""""
    )


def test_locally_there_is_no_step_and_no_launcher() -> None:
    text = scripts(campaign(), local=True)["gpu"]
    assert "srun" not in text
    assert "--nodes job" not in text
    assert commands(text)[1][-3:] == ["--", "./solver", "my input.xml"]


def test_a_case_on_several_nodes_is_a_job_for_each_number() -> None:
    """Strong and weak scaling: {nodes} in a weak case grows with them."""
    text = (
        HEAD
        + """
[cases.halo]
command = ["./halo", "--planes", "{nodes}00"]
scaling = "weak"
[platforms.cpu]
nodes = [1, 2, 4]
launch = ["mpirun", "-np", "8"]
"""
    )
    jobs = scripts(campaign(text))
    assert list(jobs) == ["cpu.1-nodes", "cpu.2-nodes", "cpu.4-nodes"]
    assert '#SBATCH --nodes="4"' in jobs["cpu.4-nodes"]
    (words,) = commands(jobs["cpu.4-nodes"])
    assert words[-7:] == ["--", "mpirun", "-np", "8", "./halo", "--planes", "400"]
    assert "halo cpu 4-nodes" in words


def test_power_settings_are_options_of_the_job() -> None:
    """A workload runs under srun if the clock of the cores is asked for: Slurm sets it there. A cap
    is a line of the script.
    """
    text = (
        HEAD
        + """
[cases.milc]
workload = "milc"
[platforms.cpu]
cpu_clock_khz = 2000000
[platforms.gpu]
gpus_per_node = 4
gpu_power_w = [200, 400]
gpu_clock_mhz = 1110
"""
    )
    jobs = scripts(campaign(text))
    assert list(jobs) == ["cpu", "gpu.200W.1110MHz", "gpu.400W.1110MHz"]
    assert "\nnvidia-smi --power-limit=200 || {" in jobs["gpu.200W.1110MHz"]
    assert "--power-limit" not in jobs["cpu"]
    assert '#SBATCH --gpu-freq="1110"' in jobs["gpu.200W.1110MHz"]
    assert '#SBATCH --cpu-freq="2000000"' in jobs["cpu"]
    assert commands(jobs["cpu"])[0][0] == "srun"
    assert commands(jobs["gpu.400W.1110MHz"])[0][0] == "energybench"


def test_spread_is_a_step_on_every_node() -> None:
    text = SMALL.replace('partition = "standard"', "spread = 5")
    job = scripts(campaign(text))["cpu"]
    assert '#SBATCH --nodes="5"' in job
    assert 'for node in $(scontrol show hostnames "$SLURM_JOB_NODELIST"); do' in job
    assert 'srun --nodes=1 --ntasks=1 --cpu-bind=none --nodelist="$node" energybench run' in job
    assert "--nodes job" not in job


def test_a_container_stands_before_the_program_that_works() -> None:
    text = SMALL.replace('partition = "standard"', 'container = ["shifter", "--image=my image"]')
    run, measure = commands(scripts(campaign(text))["cpu"])
    assert run[:4] == ["shifter", "--image=my image", "energybench", "run"]
    assert measure[measure.index("--") + 1 :] == [
        *("srun", "shifter", "--image=my image", "./solver", "my input.xml")
    ]


HOSTILE = [
    *("two words", "it's", 'say "hi"', "$(touch hacked)", "`touch hacked`", "a;b", "a\\b", "*"),
    *("line\n#SBATCH --account=other", "-- -x", "#SBATCH --time=9", "&& touch hacked", "{a,b}"),
    *("", "\t", "ä€", "!!", "%j"),
]


def test_words_of_a_command_arrive_as_they_are(tmp_path: Path) -> None:
    """Spaces, quotes, newlines, $( ), #SBATCH: quoted, for the shell."""
    words = ", ".join(f'"{_escaped(word)}"' for word in HOSTILE)
    text = HEAD + f'[cases.app]\ncommand = ["app", {words}]\n[platforms.cpu]\n'
    of = campaign(text)
    # the program of the test prints its arguments
    (tmp_path / "energybench").write_text('#!/bin/bash\nprintf "%s\\0" "$@"\n')
    (tmp_path / "energybench").chmod(0o755)
    (job,) = planned_jobs(of)
    lines = script(of, job, STORE).splitlines()
    assert [line for line in lines if line.startswith("#SBATCH")][-1] != HOSTILE[8]
    body = "\n".join(line for line in lines if not line.startswith("cd "))
    done = subprocess.run(
        ["bash", "-c", body],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    arrived = done.stdout.split("\0")[:-1]
    assert arrived[arrived.index("app") + 1 :] == HOSTILE
    assert not (tmp_path / "hacked").exists()


def _escaped(word: str) -> str:
    """For a basic string of TOML."""
    for plain, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t")):
        word = word.replace(plain, written)
    return word


@pytest.mark.parametrize("key", ["size", "command", "device"])
def test_a_changed_case_is_another_run(key: str) -> None:
    """The key of a run follows all that shapes its result, and nothing else."""
    changes = {
        "size": ('size = "smoke"', 'size = "24"'),
        "command": ("./solver", "./solver2"),
        "device": ('device = "node"', 'device = "cuda"'),
    }
    before = {run.name: run.key for job in planned_jobs(campaign()) for run in job.runs}
    other = campaign(SMALL.replace(*changes[key]))
    after = {run.name: run.key for job in planned_jobs(other) for run in job.runs}
    changed = {name for name, value in after.items() if before[name] != value}
    assert (
        changed
        == {
            "size": {"milc@cpu", "milc@gpu"},
            "command": {"solver@cpu", "solver@gpu"},
            "device": {"milc@gpu", "solver@gpu"},
        }[key]
    )


def test_account_and_time_do_not_shape_a_result() -> None:
    other = campaign(SMALL.replace("m123", "m456").replace("minutes = 30", "minutes = 90"))
    keys = [run.key for job in planned_jobs(other) for run in job.runs]
    assert keys == [run.key for job in planned_jobs(campaign()) for run in job.runs]


def test_an_application_may_have_an_adapter() -> None:
    """Looked up before anything is submitted."""
    text = HEAD + '[cases.hpl]\ncommand = ["hpcc"]\nadapter = "hpcc"\n[platforms.cpu]\n'
    (words,) = commands(scripts(campaign(text))["cpu"])
    assert words[words.index("--adapter") + 1] == "hpcc"
    with pytest.raises(BadInput, match="adapter 'nosuch': no such adapter"):
        campaign(text.replace('adapter = "hpcc"', 'adapter = "nosuch"'))
    with pytest.raises(BadInput, match=r"cases\.hpl\.adapter: belongs to an application"):
        campaign(text.replace('command = ["hpcc"]', 'workload = "milc"'))


@pytest.mark.parametrize("place", ["./toy.toml", "toy"])
def test_a_changed_adapter_is_another_run(tmp_path: Path, place: str) -> None:
    """Beside the campaign or in ./adapters: what it reads is in the key, the description and
    comments are not. A case without the adapter stays the same run.
    """
    file = tmp_path / (place if place.endswith(".toml") else f"adapters/{place}.toml")
    file.parent.mkdir(exist_ok=True)
    cases = f'[cases.app]\ncommand = ["app"]\nadapter = "{place}"\n'
    cases += '[cases.other]\ncommand = ["app"]\n'

    def keys(adapter: str) -> tuple[str, str]:
        file.write_text(adapter)
        of = parse(f"{HEAD}{cases}[platforms.cpu]\n", "trial.toml", tmp_path)
        app, other = (run.key for job in planned_jobs(of) for run in job.runs)
        return app, other

    app, other = keys(ADAPTER)
    assert keys(ADAPTER.replace('about = "toy"', 'about = "A toy."') + "# seen\n") == (app, other)
    changed, unchanged = keys(ADAPTER.replace('amount = "sites"', 'amount = "2 * sites"'))
    assert (changed == app, unchanged == other) == (False, True)


def test_a_workload_on_several_nodes_is_one_task_a_node() -> None:
    """Whatever number of tasks the platform's applications have."""
    text = (
        HEAD + '[cases.milc]\nworkload = "milc"\n[platforms.cpu]\nnodes = 2\ntasks_per_node = 8\n'
    )
    (words,) = commands(scripts(campaign(text))["cpu"])
    assert words[:6] == [
        *("srun", "--nodes=2", "--ntasks=2", "--ntasks-per-node=1", "--cpu-bind=none"),
        "energybench",
    ]
