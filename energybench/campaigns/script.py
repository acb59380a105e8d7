"""The script of a job: a pure function from a campaign to text.

Values of directives hold no character that sbatch interprets (checked by `campaign_file`), and
stand in double quotes so that `a|b` stays a value. Other words go through shlex.quote. Folders
stand in no directive: the script changes to the folders, quoted for the shell.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from energybench.campaigns.campaign import Campaign, Case, Platform
from energybench.campaigns.planned_runs import PlannedJob, PlannedRun
from energybench.campaigns.power_caps import cap_lines
from energybench.launch import CASE
from energybench.measuring.signals import ENDING

# A step of a single task that may use all cores of its node
_ONE_TASK = ["srun", "--nodes=1", "--ntasks=1", "--cpu-bind=none"]

# After a signal bash waits for the current program, which also gets the signal, and begins no
# further program. Slurm ends the programs of a job itself.
_ENDINGS = tuple(
    f"trap 'exit {128 + number}' {number.name.removeprefix('SIG')}" for number in sorted(ENDING)
)


def script(campaign: Campaign, job: PlannedJob, store: Path, *, local: bool = False) -> str:
    """The script of a job.

    store  folder that gets the runs
    local  run on this machine without Slurm: no step, and applications without their launcher
    """
    platform = campaign.platforms[job.platform]
    lines = ["#!/bin/bash"]
    lines += [f"#SBATCH {_directive(option)}" for option in directives(campaign, job)]
    lines += ["", *(_ENDINGS if local else ())]
    lines += [f"cd {shlex.quote(str(campaign.folder))} || exit 2", *platform.setup]
    if job.setting.gpu_power_w is not None and not local:
        lines += cap_lines(platform, job.setting.gpu_power_w, job.nodes * job.spread)
    lines += ["code=0"]
    for run in job.runs:
        lines += ["", f"# {run.name}", f"export {CASE}={shlex.quote(run.key)}"]
        words = command(campaign, run, store, local=local)
        if job.spread > 1 and not local:
            lines += _on_each_node(words)
        else:
            lines.append(f"{shlex.join(words)} || code=$?")
    return "\n".join([*lines, "", 'exit "$code"', ""])


def _on_each_node(words: Sequence[str]) -> list[str]:
    """The same command on every node of the job at once, with a step for each node."""
    step = shlex.join(_ONE_TASK)
    return [
        'steps=""',
        'for node in $(scontrol show hostnames "$SLURM_JOB_NODELIST"); do',
        f'  {step} --nodelist="$node" {shlex.join(words)} &',
        '  steps="$steps $!"',
        "done",
        'for step in $steps; do wait "$step" || code=$?; done',
    ]


# ---------------------------------------------------------------- directives


def directives(campaign: Campaign, job: PlannedJob) -> list[tuple[str, str | None]]:
    """Options of sbatch, by name; None: an option without a value."""
    platform, setting = campaign.platforms[job.platform], job.setting
    gpus = f"{platform.gpu_type}:{platform.gpus_per_node}" if platform.gpu_type else None
    wanted: list[tuple[str, object]] = [
        ("job-name", f"{campaign.name}.{job.name}"),
        ("nodes", job.nodes * job.spread),
        ("time", platform.minutes * len(job.runs)),
        ("partition", platform.partition),
        ("constraint", platform.constraint),
        ("account", platform.account),
        ("qos", platform.qos),
        ("reservation", platform.reservation),
        ("gpus-per-node", gpus or platform.gpus_per_node or None),
        ("ntasks-per-node", platform.tasks_per_node),
        ("cpus-per-task", platform.cpus_per_task),
        ("gpu-freq", setting.gpu_clock_mhz),
        ("cpu-freq", setting.cpu_clock_khz),
    ]
    options: list[tuple[str, str | None]] = [
        (name, str(value)) for name, value in wanted if value is not None
    ]
    options += [("exclusive", None)] if platform.exclusive else []
    for option in platform.sbatch:
        name, given, value = option.removeprefix("--").partition("=")
        options.append((name, value if given else None))
    return options


def _directive(option: tuple[str, str | None]) -> str:
    name, value = option
    return f"--{name}" if value is None else f'--{name}="{value}"'


# ---------------------------------------------------------------- commands


def command(campaign: Campaign, run: PlannedRun, store: Path, *, local: bool = False) -> list[str]:
    """The words of the command that measures a run."""
    case, platform = campaign.cases[run.case], campaign.platforms[run.platform]
    repeats = case.repeats if case.repeats is not None else campaign.repeats
    common = [
        *("--repeats", str(repeats), "--idle", f"{campaign.idle_s:g}"),
        *("--boundary", campaign.boundary, "--label", run.label, "--out", str(store)),
    ]
    if case.workload is None:
        return _application(case, platform, run, common, local)
    return _workload(campaign, case, platform, run, common, local)


def _application(
    case: Case, platform: Platform, run: PlannedRun, common: list[str], local: bool
) -> list[str]:
    words = [*platform.container, *(_for_nodes(word, run) for word in case.command)]
    common += ["--adapter", case.adapter] if case.adapter is not None else []
    if local or platform.spread > 1:
        return [platform.energybench, "measure", *common, "--", *words]
    nodes = ["--nodes", "job"]
    return [platform.energybench, "measure", *nodes, *common, "--", *platform.launch, *words]


def _workload(
    campaign: Campaign,
    case: Case,
    platform: Platform,
    run: PlannedRun,
    common: list[str],
    local: bool,
) -> list[str]:
    words = [platform.energybench, "run", str(case.workload), "--device", platform.device]
    if case.size is not None:
        words += ["--size", _for_nodes(case.size, run)]
    for key, value in case.settings.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        words += ["--set", f"{key}={_for_nodes(text, run)}"]
    for option, seconds in (
        ("--min-window", campaign.min_window_s),
        ("--max-warm-up", campaign.max_warm_up_s),
    ):
        words += [option, f"{seconds:g}"] if seconds is not None else []
    words = [*platform.container, *words, *common]
    if local or platform.spread > 1:
        return words
    if run.nodes > 1:
        # one task a node, for any number of tasks of the applications
        tasks = [f"--nodes={run.nodes}", f"--ntasks={run.nodes}", "--ntasks-per-node=1"]
        return ["srun", *tasks, "--cpu-bind=none", *words]
    # Slurm sets the clock of the cores for programs under srun alone
    return [*_ONE_TASK, *words] if run.setting.cpu_clock_khz is not None else words


def _for_nodes(word: str, run: PlannedRun) -> str:
    return word.replace("{nodes}", str(run.nodes))
