"""CPU power by a stated model, for machines without a working sensor of the CPU.

P = P_idle + (P_max - P_idle) * load, with the load of the measured process tree. Power linear in
CPU utilisation: Fan, Weber, Barroso, "Power provisioning for a warehouse-sized computer", ISCA
2007. P_max is the TDP of the model. The core opens this collector only if no sensor of the CPU
opened, and calls all results of the model estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from energybench.collectors import absence
from energybench.collectors.host_identity import host_identity
from energybench.collectors.process_tree import ProcessTree
from energybench.collectors.sysfs import text
from energybench.collectors.tdp import W_PER_THREAD, Cpu, cpu, table_path, tdp_w
from energybench.model import Channel, Doubt, Gpu
from energybench.plugins import Clock, Context, Reading, Unavailable

# Idle over full power of x86 servers: 0.6 in 2006, 0.16 at best in 2017, 0.2-0.4 again since
# (Tröpgen et al., "16 years of SPEC Power", CLUSTER Workshops 2024). A value in the middle; the
# ±50 % of the model cover the range.
IDLE_FRACTION = 0.3
# Threads of a core of the CPU behind a virtual machine. On a host without SMT the true share is
# twice the computed share, which is more than the ±50 % cover.
_THREADS_PER_CORE = 2
_RESOLUTION_J = 1e-6


class PowerModel(NamedTuple):
    """P(load) = idle_w + (max_w - idle_w) * load. `words`: source of the numbers."""

    idle_w: float
    max_w: float
    threads: int
    words: str


def power_model(machine: Cpu, tdp: float | None) -> PowerModel:
    """The model of this system's CPUs.

    tdp  W of a socket; None if unknown
    """
    threads, sockets = machine.threads, machine.sockets
    if tdp is None:
        power = W_PER_THREAD * threads
        words = (
            f"TDP of {machine.name!r} not known, {W_PER_THREAD:.0f} W for each of {threads} "
            "threads assumed"
        )
    elif machine.virtual and machine.cores_named is not None:
        per_socket = machine.cores_named * _THREADS_PER_CORE
        power = tdp * threads / per_socket
        words = (
            f"virtual machine: {threads} threads of {per_socket} a socket, so "
            f"{threads}/{per_socket} of the TDP of {tdp:.0f} W ({machine.name}, codecarbon's table)"
        )
    else:
        power = tdp * sockets
        words = f"{sockets} x TDP {tdp:.0f} W ({machine.name}, codecarbon's table)"
        if machine.virtual:
            words += (
                "; a virtual machine whose share of the CPU is not known: the whole TDP is charged"
            )
    idle = IDLE_FRACTION * power
    return PowerModel(idle, power, threads, f"{words}; idle floor {IDLE_FRACTION:.1f} of it")


class CpuEstimate:
    """One counter of modelled joules of all packages.

    The gain is rectangular, ±50 %, and belongs to the model on this host.
    """

    name = "estimate"
    last_resort = True
    about = (
        "CPU packages, if no sensor of the CPU answers: time x assumed power, ±50 %, marked "
        "estimated everywhere. No memory."
    )

    def __init__(self) -> None:
        self._context: Context | None = None
        self._clock: Clock | None = None
        self._tree: ProcessTree | None = None
        self._model: PowerModel | None = None
        self._started_s = 0.0

    def open(self, context: Context) -> Sequence[Channel]:
        self.close()
        self._model = None
        proc = context.root / "proc"
        cpuinfo = text(proc / "cpuinfo")
        if not cpuinfo:
            why = absence.text_fault(proc / "cpuinfo")
            raise Unavailable(
                f"{proc}/cpuinfo cannot be read: {why}",
                "mount /proc as a whole, without masks; the estimate needs the CPU's name and the "
                "processes' CPU times",
            )
        machine = cpu(cpuinfo)
        self._model = power_model(machine, tdp_w(machine.name, table_path()))
        self._context, self._clock = context, context.clock
        self._tree = ProcessTree(proc)
        self._started_s = context.clock.now()
        self._tree.cpu_s(context.work_pid(), self._started_s)
        return [
            Channel(
                collector="estimate",
                device="package-all",
                component="cpu.package",
                kind="counter",
                quantity="energy",
                resolution=_RESOLUTION_J,
                gain=context.gain(
                    "estimate.cpu", f"tdp-model:{machine.name}@{host_identity(context.root)}"
                ),
                quality="estimated",
            )
        ]

    def read(self) -> list[int | Reading | None]:
        if (
            self._context is None
            or self._clock is None
            or self._tree is None
            or self._model is None
        ):
            return []
        t_s = self._clock.now()
        busy_s = self._tree.cpu_s(self._context.work_pid(), t_s)
        model = self._model
        # The model is linear: its integral needs only the cumulated CPU time, which covers the
        # whole time between two reads.
        energy_j = (
            model.idle_w * (t_s - self._started_s)
            + (model.max_w - model.idle_w) * busy_s / model.threads
        )
        return [Reading(int(energy_j / _RESOLUTION_J), t_s)]

    def close(self) -> None:
        self._context = self._clock = self._tree = None

    def gpus(self) -> Sequence[Gpu]:
        return ()

    def doubts(self) -> Sequence[Doubt]:
        """A doubt that states the model in words."""
        if self._model is None:
            return ()
        model = self._model
        message = (
            f"CPU energy is a model, not a measurement: {model.idle_w:.1f} W + "
            f"{model.max_w - model.idle_w:.1f} W x load ±50 %, load = CPU time of the "
            f"work's processes over {model.threads} threads ({model.words})"
        )
        remedy = (
            "`energybench doctor` names the cause for which no sensor of the CPU (RAPL) works "
            "here, and its remedy"
        )
        return (Doubt(code="estimated-cpu", message=message, remedy=remedy, subject="cpu.package"),)
