"""Provenance: the machine and its accelerators. A quantity that is not known is None."""

from __future__ import annotations

from typing import Annotated

import msgspec

from energybench.model.base import NonNegative, Noun

# Of sockets, cores or threads; the analysis looks for a sensor of each socket.
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class Gpu(Noun, frozen=True, kw_only=True):
    """One accelerator of the node, used or not.

    uncounted  True if this entry stands for an unknown number of accelerators
    """

    uuid: str
    name: str
    used: bool = True
    driver: str | None = None
    cuda: str | None = None
    pci_bus_id: str | None = None
    serial: str | None = None
    memory_bytes: int | None = None
    power_limit_w: float | None = None
    power_limit_default_w: float | None = None
    power_limit_min_w: float | None = None
    power_limit_max_w: float | None = None
    sm_clock_mhz: int | None = None
    sm_clock_max_mhz: int | None = None
    memory_clock_mhz: int | None = None
    memory_clock_max_mhz: int | None = None
    persistence: bool | None = None
    ecc: bool | None = None
    mig: bool | None = None
    temperature_c: int | None = None
    throttle_reasons: str | None = None
    uncounted: bool = False


class Host(Noun, frozen=True, kw_only=True):
    """The machine on which a run was measured.

    Read on that machine, and never filled in from the machine of a reader.

    socket_ids       the kernel's numbers of the sockets; empty if not known
    threads_allowed  threads that affinity or a cgroup allows
    virtual          name of the hypervisor; None on bare metal
    started_utc      wall clock at `started_s` of the monotonic clock, the anchor for merging hosts
    """

    name: str
    cpu: str | None = None
    sockets: Count | None = None
    socket_ids: tuple[int, ...] = ()
    cores: Count | None = None
    threads: Count | None = None
    threads_allowed: int | None = None
    memory_bytes: int | None = None
    governor: str | None = None
    kernel: str | None = None
    os: str | None = None
    virtual: str | None = None
    container: str | None = None
    slurm_job: str | None = None
    python: str | None = None
    libraries: dict[str, str] = {}
    gpus: tuple[Gpu, ...] = ()
    started_utc: str | None = None
    started_s: float | None = None


class Condition(Noun, frozen=True, kw_only=True):
    """State of one device at one time, read about once a second.

    A drift of the device's power usually comes from a drift of its state.

    device     GPU UUID, "package-0"
    clock_mhz  SM clock of a GPU, mean core clock of a package
    throttle   "none", or the reasons, separated by ", "; None if not known
    """

    t_s: float
    device: str
    temperature_c: float | None = None
    clock_mhz: float | None = None
    throttle: str | None = None


class OtherLoad(Noun, frozen=True, kw_only=True):
    """A program of somebody else at work on this machine during a run.

    name    name of the program
    device  "cpu", or the UUID of a GPU
    busy    mean number of cores that the program kept busy; 1 for a process on a GPU, whose share
            is not known
    """

    name: str
    pid: int
    device: str
    busy: NonNegative
    start_s: float
    end_s: float
