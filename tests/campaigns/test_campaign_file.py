"""A mistake in a campaign file is one line with file, key and remedy."""

from __future__ import annotations

import pytest

from energybench.campaigns.planned_runs import compared_runs
from energybench.errors import BadInput
from tests.campaigns.examples import HEAD, SMALL, campaign

MISTAKES = [
    # (in the file, in its place, the line)
    (
        "repeats = 4",
        "repeat = 4",
        "trial.toml: unknown key 'repeat' (did you mean repeats?)",
    ),
    ("size =", "siz =", "trial.toml: cases.milc: unknown key 'siz' (did you mean size?)"),
    ('partition = "gpu"', 'partitions = "gpu"', "did you mean partition?"),
    ("baseline =", "base =", "trial.toml: comparisons[1]"),
    ('workload = "milc"', 'workload = "milk"', "'milk' is not installed (did you mean milc?)"),
    ('size = "smoke"', 'size = "huge"', "trial.toml: cases.milc.size: 'huge' is not a size"),
    ("milc@gpu", "milc@gpus", "'milc@gpus' is not a case on a platform (one of milc@cpu"),
    ("[cases.solver]", '[cases."my solver"]', "'my solver' cannot be a name"),
    ("[cases.solver]", '[cases."$(id)"]', "'$(id)' cannot be a name"),
    ('name = "trial"', 'name = "a\\n#SBATCH --x"', "trial.toml: name: "),
    ('name = "trial"', 'name = "it\'s"', "cannot be a name"),
    ('"A trial"', '"A\\ntrial"', "trial.toml: title: holds a line break"),
    ('"A trial"', '"A\\u001b[1mtrial"', "trial.toml: title: holds a line break or another"),
    ('"A trial"', '"A"\nabout = "one\\ntwo"', "trial.toml: about: holds a line break"),
    ('"A trial"', '"A"\nabout = """\none\ntwo"""', "trial.toml: about: holds a line break"),
    ('"m123"', '"m1 --wrap=x"', "platforms.gpu.account: 'm1 --wrap=x' cannot be handed"),
    ('"m123"', '"m1\\n#SBATCH --wrap=x"', "platforms.gpu.account"),
    ('"a100|h100"', '"a100\\" --x"', "platforms.gpu.constraint"),
    ('"regular"', '"$(id)"', "platforms.gpu.qos"),
    ('"regular"', '"`id`"', "platforms.gpu.qos"),
    ('"gpu"\ndevice', '"#SBATCH"\ndevice', "platforms.gpu.partition"),
    ('device = "node"', 'device = "tpu"', "'tpu' is not a device (cpu, cuda, cuda:N or node)"),
    ("minutes = 30", "minutes = 0", "trial.toml: platforms.gpu.minutes"),
    ("gpus_per_node = 4", "gpus_per_node = -4", "platforms.gpu.gpus_per_node: is negative"),
    ("gpus_per_node = 4\n", "", "platforms.gpu.gpu_type: stands without gpus_per_node"),
    ("minutes = 30", 'sbatch = ["--wrap=id"]', "'--wrap=id' cannot stand here"),
    ("minutes = 30", 'sbatch = ["--test-only"]', "'--test-only' cannot stand here"),
    ("minutes = 30", 'sbatch = ["--wait"]', "'--wait' cannot stand here"),
    ("minutes = 30", 'sbatch = ["--clu=other"]', "'--clu=other' cannot stand here"),
    ("minutes = 30", 'sbatch = ["-A x"]', "platforms.gpu.sbatch"),
    ('"module load python"', '"#SBATCH --x"', "is not a line of the shell"),
    ('"module load python"', '"a\\nb"', "is not a line of the shell"),
    ("minutes = 30", "nodes = [2, 2]", "is empty or holds a number twice"),
    ("minutes = 30", "nodes = 2\nspread = 5", "platforms.gpu.spread"),
    ("repeats = 8", 'platforms = ["cpus"]', "no platform is called 'cpus' (did you mean cpu?)"),
    ("repeats = 8", 'size = "S"', "cases.solver.size: belongs to a workload"),
    ("command = [", 'workload = "milc"\ncommand = [', "has a workload and a command"),
    ('title = "A trial"', "title = A trial", "trial.toml: is not TOML"),
    ("repeats = 4", 'repeats = "many"', "trial.toml: repeats"),
    ("energybench-campaign/1", "energybench-campaign/9", "trial.toml: schema"),
]


@pytest.mark.parametrize(("there", "instead", "line"), MISTAKES)
def test_a_mistake_is_one_line(there: str, instead: str, line: str) -> None:
    assert there in SMALL
    with pytest.raises(BadInput) as refused:
        campaign(SMALL.replace(there, instead, 1))
    assert line in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


OF_A_KEY = {
    "partition": ("--partition=x", "--part=x", "-px", "-p x"),
    "constraint": ("--constraint=x", "-C x"),
    "account": ("--account=q", "--acc=q", "-Aq"),
    "qos": ("--qos=q", "-q q"),
    "reservation": ("--reservation=r",),
    "gpus_per_node": (
        *("--gpus-per-node=2", "--gpus=4", "-G4", "--gpus-per-task=1", "--gpus-per-socket=1"),
        *("--gres=gpu:2", "--gres=nvme:1,gpu:a100:2", "--gre=gpu"),
    ),
    "tasks_per_node": ("--ntasks-per-node=4", "--ntasks=4", "-n 4", "--tasks-per-node=2"),
    "cpus_per_task": ("--cpus-per-task=2", "-c2"),
    "exclusive": ("--exclusive", "--exclusive=user", "--oversubscribe", "-s"),
    "nodes": ("--nodes=3", "-N3"),
    "minutes": ("--time=5", "-t5"),
    "gpu_clock_mhz": ("--gpu-freq=high",),
    "cpu_clock_khz": ("--cpu-freq=low",),
}


@pytest.mark.parametrize(
    ("key", "option"), [(key, option) for key, some in OF_A_KEY.items() for option in some]
)
def test_an_option_with_a_key_of_its_own_is_refused_with_the_key(key: str, option: str) -> None:
    """Two directives for one thing: sbatch would follow one of them without a word."""
    with pytest.raises(BadInput) as refused:
        campaign(SMALL.replace("minutes = 30", f'minutes = 30\nsbatch = ["{option}"]'))
    line = str(refused.value)
    assert line.startswith(f"trial.toml: platforms.gpu.sbatch: {option!r} would stand against")
    assert f"the key {key} " in line


@pytest.mark.parametrize("option", ["-J x", "-o x", "-ex", "-D /tmp", "--array=1-3", "-M other"])
def test_an_option_of_the_campaign_itself_is_refused(option: str) -> None:
    with pytest.raises(BadInput, match=r"platforms\.gpu\.sbatch: .* cannot (stand|be handed)"):
        campaign(SMALL.replace("minutes = 30", f'sbatch = ["{option}"]'))


@pytest.mark.parametrize(
    "option",
    [
        *("--switches=1", "--mem=0", "--gres=nvme:1", "--gres-flags=enforce-binding"),
        *("--time-min=5", "--nodelist=n1", "--exclude=n2", "--gpu-bind=closest", "--requeue"),
        *("--ntasks-per-core=1", "--cpus-per-gpu=8", "--signal=B:TERM@60", "--export=ALL"),
    ],
)
def test_an_option_without_a_key_is_accepted(option: str) -> None:
    of = campaign(SMALL.replace("minutes = 30", f'sbatch = ["{option}"]'))
    assert of.platforms["gpu"].sbatch == (option,)


def test_a_side_with_one_run_is_compared_with_every_run_of_the_other() -> None:
    """And of two sides with several, runs on the same number of nodes."""
    text = (
        HEAD
        + """
[cases.app]
command = ["app"]
[platforms.cpu]
nodes = [1, 2]
[platforms.gpu]
nodes = [1, 2, 4]
[platforms.one]
[[comparisons]]
baseline = "app@one"
candidate = "app@gpu"
[[comparisons]]
baseline = "app@cpu"
candidate = "app@gpu"
"""
    )
    pairs = [(a.name, b.name) for a, b in compared_runs(campaign(text), "x")]
    assert pairs == [
        ("app@one", "app@gpu.1-nodes"),
        ("app@one", "app@gpu.2-nodes"),
        ("app@one", "app@gpu.4-nodes"),
        ("app@cpu.1-nodes", "app@gpu.1-nodes"),
        ("app@cpu.2-nodes", "app@gpu.2-nodes"),
    ]


def test_platforms_without_a_common_number_of_nodes_are_refused() -> None:
    text = (
        HEAD
        + """
[cases.app]
command = ["app"]
[platforms.cpu]
nodes = [1, 2]
[platforms.gpu]
nodes = [4, 8]
[[comparisons]]
baseline = "app@cpu"
candidate = "app@gpu"
"""
    )
    with pytest.raises(BadInput, match="same number of nodes"):
        campaign(text)
