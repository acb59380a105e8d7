"""Power caps of boards: the lines of a job, and records that contradict a cap."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec
import pytest

from energybench.campaigns.campaign_folder import State
from energybench.campaigns.judging import is_done, judge
from energybench.campaigns.planned_runs import planned_jobs
from energybench.campaigns.power_caps import contradiction, limits_w
from energybench.campaigns.script import script
from energybench.campaigns.table_rows import table_rows
from energybench.campaigns.tables import tables
from energybench.errors import BadInput
from energybench.model import Gpu, Measurement
from tests.analysis.runs import run
from tests.campaigns.examples import FOLDER, HEAD, campaign

CAPPED = HEAD + '[cases.app]\ncommand = ["app"]\n[platforms.gpu]\ngpus_per_node = 4\n'
# Stand-ins: each writes its call down. nvidia-smi refuses more than 400 W.
PROGRAMS = {
    "nvidia-smi": """
case "$*" in *query-gpu*) printf '0, 400.00\\n1, 300.00\\n';; *=900) exit 2;; esac
""",
    "energybench": '[ ! -e "$FOLDER/waits" ] || { touch "$FOLDER/begun"; sleep 60; }\n',
    "srun": 'while case "$1" in -*) true;; *) false;; esac; do shift; done; "$@"\n',
}


def capped(*limits: float | None, used: bool = True) -> Measurement:
    """A run whose record states these limits of its boards."""
    measured = run("a")
    boards = tuple(
        Gpu(uuid=f"g{i}", name="A100", used=used, power_limit_w=limit_w)
        for i, limit_w in enumerate(limits)
    )
    return msgspec.structs.replace(
        measured, host=msgspec.structs.replace(measured.host, gpus=boards)
    )


def jobs(lines: str) -> dict[str, str]:
    of = campaign(CAPPED + lines)
    return {job.name: script(of, job, FOLDER / "runs") for job in planned_jobs(of)}


def ran(tmp_path: Path, text: str, *, ended_by: str = "") -> tuple[int, list[str]]:
    """The exit code of a script, and the calls of the programs."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, lines in PROGRAMS.items():
        (programs / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "$FOLDER/calls"\n{lines}')
        (programs / name).chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "FOLDER": str(tmp_path)}
    text = text.replace(f"cd '{FOLDER}'", f"cd {tmp_path}")
    if ended_by:
        (tmp_path / "waits").touch()
        wait = 'while [ ! -e "$FOLDER/begun" ]; do sleep 0.05; done'
        text = f"({wait}; kill -{ended_by} $$) &\n{text}"
    done = subprocess.run(
        ["env", "--default-signal=HUP", "bash", "-c", text],
        env=environment,
        timeout=30,
        check=False,
    )
    lines = (tmp_path / "calls").read_text().splitlines()
    return done.returncode, [line for line in lines if not line.startswith("srun")]


def test_a_cap_is_set_before_the_work_and_undone_after_it(tmp_path: Path) -> None:
    """Each board gets the default limit of its own back. Slurm has no option for a cap."""
    texts = jobs("gpu_power_w = [200, 250]\n")
    assert list(texts) == ["gpu.200W", "gpu.250W"]
    text = texts["gpu.250W"]
    assert "--gpu-power" not in text
    code, calls = ran(tmp_path, text)
    assert code == 0
    assert calls[0] == "nvidia-smi --power-limit=250"
    assert calls[1].startswith("energybench measure")
    assert calls[2].startswith("nvidia-smi --query-gpu=index,power.default_limit")
    restored = [
        f"nvidia-smi --id={i} --power-limit={watts}.00" for i, watts in ((0, 400), (1, 300))
    ]
    assert calls[3:] == restored


def test_no_case_runs_without_the_cap(tmp_path: Path) -> None:
    code, calls = ran(tmp_path, jobs("gpu_power_w = 900\n")["gpu"])
    assert code == 1
    assert not any(call.startswith("energybench") for call in calls)


@pytest.mark.parametrize("name", ["TERM", "HUP"])
def test_a_signal_undoes_the_cap(tmp_path: Path, name: str) -> None:
    """Slurm sends SIGTERM at the time limit and at a cancellation."""
    text = jobs("gpu_power_w = 200\n")["gpu"]
    code, calls = ran(tmp_path, text, ended_by=name)
    assert code != 0
    assert calls[-1] == "nvidia-smi --id=1 --power-limit=300.00"


def test_a_cap_on_several_nodes_is_set_by_a_step_on_each() -> None:
    text = jobs("gpu_power_w = 200\nnodes = 4\n")["gpu"]
    step = "srun --nodes=4 --ntasks=4 --ntasks-per-node=1 --cpu-bind=none"
    assert f"\n{step} nvidia-smi --power-limit=200 ||" in text
    assert f"undo_cap() {{ {step} sh -c " in text


def test_commands_of_the_site() -> None:
    lines = 'gpu_power_w = 200\ngpu_power_command = ["sudo", "cap", "{watts} W"]\n'
    text = jobs(f'{lines}gpu_power_undo = ["sudo", "uncap"]\n')["gpu"]
    assert "sudo cap '200 W' ||" in text
    assert "undo_cap() { sudo uncap ||" in text


def test_the_command_of_a_cap_shapes_no_result() -> None:
    plain = campaign(f"{CAPPED}gpu_power_w = 200\n")
    other = campaign(
        f'{CAPPED}gpu_power_w = 200\ngpu_power_command = ["sudo", "cap", "{{watts}}"]\n'
    )
    assert planned_jobs(plain)[0].runs == planned_jobs(other)[0].runs


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('gpu_power_w = 200\ngpu_power_command = ["cap"]', "gpu_power_command: has no {watts}"),
        ("gpu_power_w = 200\ngpu_power_command = []", "gpu_power_command: has no {watts}"),
        ("gpu_power_w = 200\ngpu_power_undo = []", "gpu_power_undo: is empty"),
        ('gpu_power_undo = ["uncap"]', "gpu_power_undo: stands without gpu_power_w"),
        ('gpu_power_command = ["a", "{watts}"]', "gpu_power_command: stands without gpu_power_w"),
    ],
)
def test_a_command_without_a_cap_is_refused(lines: str, words: str) -> None:
    with pytest.raises(BadInput) as refused:
        campaign(f"{CAPPED}{lines}\n")
    assert words in str(refused.value)


# ---------------------------------------------------------------- records


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        (capped(200.0, 200.0), ""),
        (capped(200.4), ""),
        (capped(400.0, 400.0), "boards had a power limit of 400 W instead of 200 W"),
        (capped(200.0, 300.0), "boards had a power limit of 300 W instead of 200 W"),
        (capped(150.0), "boards had a power limit of 150 W instead of 200 W"),
        (capped(400.0, used=False), ""),
        (capped(None), ""),
        (capped(), ""),
    ],
)
def test_the_record_contradicts_a_cap_that_was_not_taken(measured: Measurement, words: str) -> None:
    """Boards that the work did not use, and boards without a limit, contradict nothing."""
    of = campaign(f"{CAPPED}gpu_power_w = 200\n")
    (job,) = planned_jobs(of)
    assert contradiction(measured, job.setting) == words
    assert is_done(job, [measured], local=False) == (not words)
    judgement = judge(job, job.runs[0], [measured], State(campaign="trial"), local=False)
    assert judgement == (("ended without a result", words) if words else ("done", ""))


def test_the_limits_of_all_nodes_count() -> None:
    head, other = capped(200.0), capped(400.0)
    both = msgspec.structs.replace(head, hosts=(head.host, other.host))
    assert limits_w(both) == [200.0, 400.0]


def test_without_a_cap_every_limit_is_accepted() -> None:
    (job,) = planned_jobs(campaign(CAPPED))
    assert contradiction(capped(123.0), job.setting) == ""


def test_rows_hold_the_limit_of_the_record() -> None:
    """A record without limits says so."""
    of = campaign(f"{CAPPED}gpu_power_w = [200, 300]\n")
    runs = [job.runs[0] for job in planned_jobs(of)]
    (table,) = tables(of, [(runs[0], [capped(200.5)]), (runs[1], [capped(None)])])
    assert [(row.gpu_power_w, row.gpu_limit_w) for row in table.rows] == [(200, 200.5), (300, None)]
    words = [row.split("   ")[0].strip() for row in table_rows(table)[1:]]
    assert words == ["200.5 W", "300 W (requested; no limit in the record)"]
