"""Power caps of boards: the lines of a job that set a cap and undo the cap, and the records that
contradict a cap.

Slurm itself has no option for a cap of a board. A site gives its users a command, such as
nvidia-smi with the right to change limits.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from energybench.campaigns.campaign import Platform
from energybench.campaigns.planned_runs import PowerSetting
from energybench.model import Measurement

WATTS = "{watts}"  # in the command: the watts of the cap
_SAME_W = 1.0  # nvidia-smi takes whole watts, and NVML states milliwatts


def cap_lines(platform: Platform, watts: int, nodes: int) -> list[str]:
    """Lines of the shell that cap every board of every node, and undo the cap at the end of the
    script, also after a signal. No case runs without the cap.
    """
    step = []
    if nodes > 1:
        tasks = [f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1"]
        step = ["srun", *tasks, "--cpu-bind=none"]
    words = [word.replace(WATTS, str(watts)) for word in platform.gpu_power_command]
    not_undone = shlex.quote("energybench campaign: the power cap may not be undone")
    not_set = shlex.quote(f"energybench campaign: no cap of {watts} W, and no case runs")
    return [
        f"undo_cap() {{ {shlex.join([*step, *platform.gpu_power_undo])} || "
        f"echo {not_undone} >&2; }}",
        "trap undo_cap EXIT",
        f"{shlex.join([*step, *words])} || {{ echo {not_set} >&2; exit 1; }}",
    ]


def limits_w(measured: Measurement) -> list[float]:
    """The different enforced power limits of the boards of the work, from the record of the run;
    empty if the record states none.
    """
    limits = {
        gpu.power_limit_w
        for host in measured.hosts or (measured.host,)
        for gpu in host.gpus_of_work
        if gpu.power_limit_w is not None
    }
    return sorted(limits)


def contradiction(measured: Measurement, setting: PowerSetting) -> str:
    """How the record of a run contradicts the requested power cap; "" for a record that agrees, or
    states no limit.
    """
    cap_w = setting.gpu_power_w
    if cap_w is None:
        return ""
    others = [limit_w for limit_w in limits_w(measured) if abs(limit_w - cap_w) > _SAME_W]
    if not others:
        return ""
    stated = " and ".join(f"{limit_w:g} W" for limit_w in others)
    return f"boards had a power limit of {stated} instead of {cap_w} W"


def as_requested(measured: Sequence[Measurement], setting: PowerSetting) -> list[Measurement]:
    """The measurements whose record does not contradict the requested power cap."""
    return [one for one in measured if not contradiction(one, setting)]
