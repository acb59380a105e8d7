"""Provenance: the machine and its accelerators. What is not known is None."""

from __future__ import annotations

from energybench.model.base import NonNegative, Noun


class Gpu(Noun, frozen=True, kw_only=True):
    """One accelerator of the node, used or not."""

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


class Host(Noun, frozen=True, kw_only=True):
    """Where it ran.

    Read on the machine that measured, never filled in from the reader's; what is not known is None.
    """

    name: str
    cpu: str | None = None
    sockets: int | None = None
    cores: int | None = None
    threads: int | None = None
    threads_allowed: int | None = None  # by affinity or cgroup
    memory_bytes: int | None = None
    governor: str | None = None
    kernel: str | None = None
    os: str | None = None
    virtual: str | None = None  # hypervisor's name where there is one
    container: str | None = None
    slurm_job: str | None = None
    python: str | None = None
    libraries: dict[str, str] = {}
    gpus: tuple[Gpu, ...] = ()
    started_utc: str | None = (
        None  # wall clock at `started_s` of the monotonic clock: the anchor for merging hosts
    )
    started_s: float | None = None


class Condition(Noun, frozen=True, kw_only=True):
    """State of one device at one time, read about once a second: what a drift of its power would
    come from.
    """

    t_s: float
    device: str  # GPU UUID, "package-0"
    temperature_c: float | None = None
    clock_mhz: float | None = None  # SM clock of a GPU, mean core clock of a package
    throttle: str | None = None  # "none", or the reasons; None: not known


class OtherLoad(Noun, frozen=True, kw_only=True):
    """Somebody else's work on this machine while ours was measured."""

    name: str  # of the program
    pid: int
    device: str  # "cpu", or a GPU's UUID
    # cores it kept busy on average; of a GPU process, whose share is not known: 1 per process
    busy: NonNegative
    start_s: float
    end_s: float
