"""The devices and CPUs of a solve's processes: a process for every GPU or NUMA domain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from energybench.errors import BadInput
from energybench_workloads.common import cpus, shares
from energybench_workloads.milc.lattice import Lattice
from energybench_workloads.team import gpu_names

if TYPE_CHECKING:
    import torch

LEAST_SLICES = 4  # time slices of one process


def devices(
    device: torch.device, ranks: int, lattice: Lattice
) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """The device and the CPUs of every process; no CPUs if processes are not bound to CPUs.

    `ranks`: the setting `ranks`, 0 if not set. Raises BadInput if the time slices of the lattice
    cannot be shared evenly among the processes, or if there are too few GPUs.
    """
    names: tuple[str, ...]
    places: tuple[tuple[int, ...], ...] = ()
    if device.type == "cuda":
        names = gpu_names(device, ranks)
    else:
        domains = numa_domains()
        count = ranks or _most_processes(lattice.t, len(domains))
        names = ("cpu",) * count
        places = domains if count == len(domains) and count > 1 else shares(count)
    if not _even_share(lattice.t, len(names)):
        raise BadInput(
            f"ranks {len(names)}",
            f"the {lattice.t} time slices of the lattice cannot be shared evenly: every process "
            f"needs the same even number of slices, at least {LEAST_SLICES}",
            "--set ranks=N, or a lattice with more time slices",
        )
    return names, places


def _even_share(slices: int, processes: int) -> bool:
    return slices % (2 * processes) == 0 and slices // processes >= LEAST_SLICES


def _most_processes(slices: int, domains: int) -> int:
    """The largest number of processes, up to the number of NUMA domains, with even shares of the
    time slices.
    """
    return next(count for count in range(domains, 0, -1) if _even_share(slices, count))


def numa_domains(root: Path = Path("/sys/devices/system/node")) -> tuple[tuple[int, ...], ...]:
    """The CPUs of every NUMA domain, limited to CPUs that this process may use.

    If the kernel lists no domains, the node counts as a single domain.
    """
    allowed = cpus()
    domains = []
    for folder in sorted(root.glob("node[0-9]*"), key=lambda path: int(path.name[4:])):
        usable = tuple(cpu for cpu in cpu_list((folder / "cpulist").read_text()) if cpu in allowed)
        if usable:
            domains.append(usable)
    return tuple(domains) or (allowed,)


def cpu_list(text: str) -> tuple[int, ...]:
    """'0-3,8' as (0, 1, 2, 3, 8)."""
    numbers: list[int] = []
    for part in text.strip().split(","):
        if part:
            first, _, last = part.partition("-")
            numbers += range(int(first), int(last or first) + 1)
    return tuple(numbers)
