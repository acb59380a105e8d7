"""Provenance: the machine and its accelerators. Unknown quantities are None."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from energybench.model.base import NonNegative, Noun

# Number of sockets, cores or threads; the analysis looks for a sensor of each socket.
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
# UUID of a board as its driver states it. A board without UUID is named by its place in the node,
# such as its PCI address. Boards of other nodes can have the same address.
_BOARD_UUID = re.compile(r"GPU-[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_BOARD = "gpu:"  # kind of an identity


class Gpu(Noun, frozen=True, kw_only=True):
    """An accelerator of the node, used or not.

    used       None if unknown, because no collector reads the accelerator
    uncounted  True if this entry stands for an unknown number of accelerators
    """

    uuid: str
    name: str
    used: bool | None = True
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

    @property
    def is_unique(self) -> bool:
        """Whether no other board in the world has this UUID."""
        return _BOARD_UUID.fullmatch(self.uuid) is not None


def of_work(gpus: Iterable[Gpu]) -> tuple[Gpu, ...]:
    """The accelerators that the work was given. If nobody knows them, the accelerators that the
    work may have used.
    """
    possible = [gpu for gpu in gpus if gpu.used is not False]
    given = [gpu for gpu in possible if gpu.used]
    return tuple(given or possible)


class Host(Noun, frozen=True, kw_only=True):
    """The machine on which a run was measured.

    Read on the measured machine, and never filled in from the machine of a reader.

    ids              identities of the machine, the best first ("stated:…", "dmi:…", "machine:…",
                     "boot:…"); empty in runs of older versions. The name is for people: a container
                     has its own name, and two machines may share a name
    socket_ids       the kernel's numbers of the sockets; empty if not known
    threads_allowed  threads allowed by affinity or a cgroup
    virtual          name of the hypervisor; None on bare metal
    started_utc      wall clock at `started_s` of the monotonic clock, the anchor for merging hosts
    """

    name: str
    ids: tuple[str, ...] = ()
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
    python: str | None = None
    libraries: dict[str, str] = {}
    gpus: tuple[Gpu, ...] = ()
    started_utc: str | None = None
    started_s: float | None = None

    @property
    def gpus_of_work(self) -> tuple[Gpu, ...]:
        """The accelerators that the work was given (`of_work`)."""
        return of_work(self.gpus)

    @property
    def identity(self) -> str:
        """The best identity of the machine, for the keys of its sensors; the name in runs of older
        versions.
        """
        return self.ids[0] if self.ids else self.name

    @property
    def identities(self) -> tuple[str, ...]:
        """All identities of the machine: its boards ("gpu:UUID"), then `ids`."""
        boards = tuple(f"{_BOARD}{gpu.uuid}" for gpu in self.gpus if gpu.is_unique)
        return boards + self.ids

    def same_machine(self, other: Host) -> bool:
        """Whether both hosts are the same machine. Names decide only about runs of older versions
        without identities: a container has its own name.
        """
        if self.ids and other.ids:
            return same_identity(self.identities, other.identities) is True
        return self.name == other.name


def same_identity(first: Sequence[str], second: Sequence[str]) -> bool | None:
    """Whether two lists of identities belong to the same machine; None if the lists share no kind
    of identity.

    A common board proves the same machine; different boards prove nothing, because a container may
    see only some boards. Next, a stated identity decides. Next, a common boot of a kernel proves
    the same machine, and different boots prove nothing. Finally, the best common kind decides.
    """
    if any(name.startswith(_BOARD) for name in set(first) & set(second)):
        return True
    sides = [dict(name.partition(":")[::2] for name in names) for names in (first, second)]
    for kind in ("stated", "boot", "dmi", "machine", "process", "name"):
        values = [side[kind] for side in sides if kind in side]
        if len(values) == 2 and (kind != "boot" or values[0] == values[1]):
            return values[0] == values[1]
    return None


class Condition(Noun, frozen=True, kw_only=True):
    """State of a device at a time, read about once a second.

    A drift of the device's power usually comes from a drift of its state.

    device     GPU UUID, "package-0"
    clock_mhz  SM clock of a GPU, mean core clock of a package
    throttle   "none", or the reasons, separated by ", "; None if unknown
    """

    t_s: float
    device: str
    temperature_c: float | None = None
    clock_mhz: float | None = None
    throttle: str | None = None


class OtherLoad(Noun, frozen=True, kw_only=True):
    """Another user's program at work on this machine during a run.

    name    name of the program
    device  "cpu", or the UUID of a GPU
    busy    mean number of cores kept busy by the program; 1 for a process on a GPU, because its
            share is unknown
    """

    name: str
    pid: int
    device: str
    busy: NonNegative
    start_s: float
    end_s: float
