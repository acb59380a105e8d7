"""Slurm's energy configuration, from the text of `scontrol show config`. Pure functions.

Source of the names: slurm.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from energybench.units import whole_number

_LINE = re.compile(r"([A-Za-z][\w\[\]]*)\s*=\s(.*)")
_VERSION = re.compile(r"(?:^|[ =])(\d{2})\.(\d{2})(?:\.(\d+))?")
# Parts of a node read by the plug-ins of acct_gather_energy (acct_gather.conf(5)): RAPL's packages
# and memory; the boards; the node's own meter, behind its power supply.
_COMPONENTS = {
    "rapl": ("cpu.package", "cpu.dram"),
    "gpu": ("gpu.board",),
    "ipmi": ("node",),
    "xcc": ("node",),
    "ibmaem": ("node",),
    "pm_counters": ("node",),
    "cray_aries": ("node",),
}
# A step takes the node's last reading if the reading is at most this old, s: the plug-ins of Slurm
# 22.05 to 25.05 ask slurmd with a delta of 10 (_get_joules_task in ipmi, xcc and gpu).
OLDEST_READING_S = 10.0


class Version(NamedTuple):
    year: int
    month: int
    patch: int = 0

    @property
    def text(self) -> str:
        return f"{self.year:02}.{self.month:02}.{self.patch}"


class Configuration(NamedTuple):
    """Of a cluster, as far as stated by `scontrol`.

    plug_ins       of AcctGatherEnergyType, without "acct_gather_energy/"; empty for none
    prolog_flags   "Alloc", "Contain", …
    node_period_s  AcctGatherNodeFreq: between two readings of a node; None: only on request
    task_period_s  energy= of JobAcctGatherFrequency; None: not stated
    task_plug_ins  TaskPlugin, with "cgroup" if tasks are constrained
    keeps_accounts False for a cluster without accounting
    submit_plug_ins  JobSubmitPlugins, which may change a job at its submission
    """

    version: Version | None
    cluster: str
    plug_ins: tuple[str, ...]
    prolog_flags: tuple[str, ...]
    node_period_s: float | None
    task_period_s: float | None
    task_plug_ins: tuple[str, ...]
    keeps_accounts: bool
    constrains_devices: bool | None
    submit_plug_ins: tuple[str, ...] = ()

    @property
    def contain(self) -> bool:
        """Whether a job has the step `extern`, whose energy is then the energy of the job."""
        return "contain" in (flag.lower() for flag in self.prolog_flags)

    @property
    def components(self) -> tuple[str, ...]:
        """The parts of a node whose energy Slurm counts; empty if Slurm counts no energy."""
        return components_of(self.plug_ins)

    @property
    def period_s(self) -> float:
        """The greatest age of a reading at the start and at the end of a row."""
        return min(self.node_period_s or OLDEST_READING_S, OLDEST_READING_S)


def components_of(plug_ins: Sequence[str]) -> tuple[str, ...]:
    """The parts of a node that these plug-ins read; empty if no plug-in is known."""
    parts = (part for plug_in in plug_ins for part in _COMPONENTS.get(plug_in, ()))
    return tuple(dict.fromkeys(parts))


def configuration(text: str) -> Configuration:
    """The configuration in the text of `scontrol show config`.

    The text ends with the lines of cgroup.conf if the client may read cgroup.conf; the value of a
    missing line is unknown.
    """
    values = {match[1].lower(): match[2].strip() for match in _LINE.finditer(text)}
    frequency = dict(
        part.partition("=")[::2] for part in values.get("jobacctgatherfrequency", "").split(",")
    )
    constrains = values.get("constraindevices")
    return Configuration(
        version=version(values.get("slurm_version", "")),
        cluster=_stated(values.get("clustername", "")),
        plug_ins=tuple(
            word
            for word in _words(values.get("acctgatherenergytype", ""), "acct_gather_energy/")
            if word != "none"
        ),
        prolog_flags=tuple(_words(values.get("prologflags", ""))),
        node_period_s=_seconds(values.get("acctgathernodefreq", "")),
        task_period_s=_seconds(frequency.get("energy", "")),
        task_plug_ins=tuple(_words(values.get("taskplugin", ""), "task/")),
        keeps_accounts=not values.get("accountingstoragetype", "").endswith("/none")
        and bool(_stated(values.get("accountingstoragetype", ""))),
        constrains_devices=None if constrains is None else constrains.lower() in ("yes", "true"),
        submit_plug_ins=tuple(_words(values.get("jobsubmitplugins", ""), "job_submit/")),
    )


def version(text: str) -> Version | None:
    """The version in "22.05.8", "slurm-wlm 22.05.8" or "slurm 25.05.0-rc1"."""
    match = _VERSION.search(text)
    return Version(int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def _stated(text: str) -> str:
    return "" if text in ("(null)", "N/A", "n/a") else text


def _words(text: str, prefix: str = "") -> list[str]:
    words = [word.strip().removeprefix(prefix) for word in _stated(text).split(",")]
    return [word for word in words if word]


def _seconds(text: str) -> float | None:
    """Of "1 sec" or "30"; None for 0, which turns the readings off, and for any other text."""
    seconds = whole_number(text.split()[0]) if text.split() else None
    return float(seconds) if seconds else None
